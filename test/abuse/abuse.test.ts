import { afterAll, beforeAll, describe, expect, test } from "vitest"
import { attacks } from "./attacks/index.ts"
import type { Backends } from "./backend.ts"
import { Neighbour } from "./neighbour.ts"
import { runAttacks, startBackends, type Verdict } from "./suite.ts"
import { peerTarget } from "./targets.ts"

/** A quick choice: one attack of each kind. `npm run abuse` runs them all. */
const quick = [
  "rapid-reset",
  "made-to-reset-window-zero",
  "continuation-flood",
  "hpack-bomb",
  "ping-flood",
  "path-confusion",
  "smuggling",
  "json-bomb",
  "up-continuation-flood",
  "up-refuse-all",
]

test("the suite's own client and backend understand each other with nothing between them", async () => {
  const backends = await startBackends([])
  try {
    const neighbour = await Neighbour.start({ host: "127.0.0.1", port: backends.echo.port })
    const report = await neighbour.stop()
    expect(report.harm).toBe("")
    expect(report.echoes).toBeGreaterThanOrEqual(4)
  } finally {
    backends.echo.close()
  }
})

const target = peerTarget("sluice")
if (typeof target === "string") console.warn(`attacks on Sluice are skipped: ${target}`)

describe.skipIf(typeof target === "string")("Sluice holds", () => {
  const chosen = attacks.filter((attack) => quick.includes(attack.name))
  const verdicts: Verdict[] = []
  let backends: Backends

  beforeAll(async () => {
    backends = await startBackends(chosen)
    if (typeof target !== "string")
      await runAttacks(target, chosen, backends, (verdict) => verdicts.push(verdict))
  }, 120_000)

  afterAll(() => {
    backends.echo.close()
    for (const backend of backends.hostile.values()) backend.close()
  })

  test.each(quick)("%s", (name) => {
    const ofThis = verdicts.filter((verdict) => verdict.attack === name)
    expect(ofThis.length).toBeGreaterThan(0)
    // Memory is the suite's to judge: on a busy machine a short run says little about it.
    for (const { reasons } of ofThis)
      expect(reasons.filter((reason) => !reason.startsWith("memory"))).toEqual([])
  })
})
