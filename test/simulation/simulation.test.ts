import { execFile } from "node:child_process"
import { stripTypeScriptTypes } from "node:module"
import { fileURLToPath } from "node:url"
import { promisify } from "node:util"
import { describe, expect, test } from "vitest"
import { Balancer } from "../../src/balancer/balancer.ts"
import { HeaderList } from "../../src/http2/header-list.ts"
import { campaign, isBalancing } from "./campaign.ts"
import { shrinkFailure, tell } from "./failure.ts"
import { makePlan } from "./generate.ts"
import type { World } from "./mutation.ts"
import { mutations } from "./mutations.ts"
import { regressions } from "./regressions.ts"
import { Chronicle } from "./story.ts"
import { mutate } from "./subject.ts"
import { run, type Subject } from "./world.ts"

const subject: Subject = { Balancer, HeaderList }

const BLOCK = 15
const blocks = Array.from({ length: 20 }, (_, at) => 1 + at * BLOCK)

/** A failing run becomes a story that says how to have it again. */
async function mustHold(seed: number, runs: number, world?: World): Promise<void> {
  const { failure } = await campaign({ subject, world, seed, runs })
  if (failure === null) return
  const { plan, violation } = failure
  if (!isBalancing(plan))
    throw new Error(`${violation.rule}: ${violation.message}\n\n${JSON.stringify(plan)}`)
  const { smallest } = await shrinkFailure(plan, violation, subject)
  const again = `npm run simulate:faults -- --seed ${plan.seed} --replay`
  throw new Error(
    `${violation.rule}: ${violation.message}\n\n${await tell(smallest, subject)}\n\nAgain: ${again}`,
  )
}

describe("the balancer in the simulator", () => {
  // In small tests, of which mutation testing runs those that reach a mutant.
  test.for(blocks)("every rule holds in the known runs from %i on", (seed) => mustHold(seed, BLOCK))

  test("every rule holds in 100 new runs", () => mustHold(Math.floor(Math.random() * 100_000_000), 100))

  test.for(blocks)(
    "every rule holds in the known runs of streams that outlive their backends, from %i on",
    (seed) => mustHold(seed, BLOCK, "continuity"),
  )

  test("a run that carries much in small frames goes round in no circle", () =>
    mustHold(84_943_885, 1, "continuity"))

  test("a message longer than what is kept, of which more comes while its next leg waits for a place", () =>
    mustHold(61_028_551, 1, "continuity"))

  test("every rule holds in 100 new runs of those", () =>
    mustHold(Math.floor(Math.random() * 100_000_000), 100, "continuity"))

  test.for(blocks.slice(0, 8))(
    "every rule holds in the known runs of clusters that are kept in balance, from %i on",
    (seed) => mustHold(seed, BLOCK, "rebalance"),
  )

  for (const { what, plan } of regressions)
    test(what, async () => {
      const { violation } = await run(plan, subject)
      expect(violation?.message).toBeUndefined()
    })
})

describe("the simulator", () => {
  test("runs one seed the same way every time, whatever ran before", async () => {
    const story = async (seed: number): Promise<string[]> => {
      const chronicle = new Chronicle()
      await run(makePlan(seed), subject, chronicle)
      return chronicle.lines
    }
    const seeds = [7, 8, 9, 10]
    const forward = new Map<number, string[]>()
    for (const seed of seeds) forward.set(seed, await story(seed))
    for (const seed of seeds.toReversed()) expect(await story(seed)).toEqual(forward.get(seed))
  })

  test.for(mutations)("can plant $name", async (mutation) => {
    const text = mutate(mutation)
    expect(text).toContain(mutation.replace)
    // What the module imports is not to be found from there, but before that is said the whole of it is compiled.
    const source = encodeURIComponent(stripTypeScriptTypes(text))
    const problem = await import(`data:text/javascript,${source}`).catch((error: unknown) => error)
    expect(problem).not.toBeInstanceOf(SyntaxError)
  })

  test("routes without continuity send the octets that a balancer without its code sends", async () => {
    const main = fileURLToPath(new URL("main.ts", import.meta.url))
    const child = promisify(execFile)(process.execPath, [main, "--differential", "--runs", "25"])
    const { stdout } = (await child.catch((error: unknown) => error)) as { stdout: string }
    expect(stdout).toMatch(/^25 runs, \d{4,} frames: every octet as without/)
  })

  test("finds in each run that once broke a rule the bug that did it", async () => {
    const main = fileURLToPath(new URL("main.ts", import.meta.url))
    const child = promisify(execFile)(process.execPath, [main, "--regressions"])
    const { stdout } = (await child.catch((error: unknown) => error)) as { stdout: string }
    const { length } = regressions.filter(({ mutation }) => mutation !== null)
    expect(stdout).toMatch(new RegExp(`^${length} of ${length} found$`, "m"))
  })

  test("finds a planted bug and tells its story", async () => {
    const main = fileURLToPath(new URL("main.ts", import.meta.url))
    const child = promisify(execFile)(process.execPath, [
      main,
      "--mutation",
      "trailers-dropped",
      "--seed",
      "1",
    ])
    const { code, stdout } = (await child.catch((error: unknown) => error)) as {
      code: number
      stdout: string
    }
    expect(code).toBe(1)
    expect(stdout).toMatch(/breaks a rule: wrong ending/)
    expect(stdout).toMatch(
      /Again: npm run simulate:faults -- --seed \d+ --replay --mutation trailers-dropped/,
    )
  })
})
