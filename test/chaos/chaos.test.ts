import { expect, test } from "vitest"
import { seededRandom } from "../../src/base/random.ts"
import type { Scenario } from "./scenario.ts"
import { handedOff, resumed } from "./scenarios/continuity.ts"
import { dnsChanges } from "./scenarios/dns-changes.ts"
import { kill } from "./scenarios/kill.ts"
import { manyReloads } from "./scenarios/many-reloads.ts"
import { reload } from "./scenarios/reload.ts"
import { upgrade } from "./scenarios/upgrade.ts"

async function holds(scenario: Scenario): Promise<void> {
  const checks = await scenario.run({ random: seededRandom(1), seconds: 2, streams: 100 })
  expect(checks.filter(({ held }) => !held)).toEqual([])
}

// The short version of `npm run chaos`: real processes, few streams.
test.concurrent.each<[string, Scenario]>([
  ["a backend is killed and comes back, again and again", kill],
  ["the configuration is reloaded under load", reload],
  ["the configuration is reloaded again and again", manyReloads],
  ["the addresses of a name change again and again", dnsChanges],
])("%s", (_, scenario) => holds(scenario))

// By itself: processes that start take the cores from the others, and a balancer that is late refuses calls.
test("the program is replaced under load", () => holds(upgrade))

test.each<[string, Scenario]>([
  ["a backend is killed, and streams with continuity go on", resumed],
  ["backends are restarted, and streams with continuity go on", handedOff],
])("%s", (_, scenario) => holds(scenario))
