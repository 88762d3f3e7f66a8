import { expect, test } from "vitest"
import { keptHeapOctets, slicedPath } from "../../../test/support/kept-heap.ts"
import { LogLines } from "../../../test/support/log-lines.ts"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { templateEnvironment } from "../../../test/support/stream-record.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import { defaultContinuity } from "../../config/defaults.ts"
import type { ContinuityConfig } from "../../config/model.ts"
import type { CursorFields } from "./continuity-plan.ts"
import { ReflectedPlans } from "./reflected-plans.ts"
import type { PhaseContext, PhasedCall } from "./route.ts"

const FIELDS = { from: [4], into: [6] }

/** Plans, calls that come, and what their backends answer. */
function bed(changes: Partial<ContinuityConfig> = {}) {
  const config = { cursorFrom: "token", cursorInto: "after", modes: ["cursor" as const] }
  const plans = new ReflectedPlans({ ...defaultContinuity(), ...config, ...changes })
  const clock = new ManualClock()
  const { log, ...lines } = new LogLines()
  const asked: { path: string; answer: (found: CursorFields | string) => void }[] = []
  const deadlines = new TimerWheel(clock)
  const context = {
    env: templateEnvironment({ clock }),
    deadlines,
    log,
    reflectedFields: {
      find: ({ record }: PhasedCall, from: string, into: string) =>
        new Promise<CursorFields | string>((answer) => {
          expect([from, into]).toEqual(["token", "after"])
          asked.push({ path: record.head.path, answer })
        }),
    },
  } as unknown as PhaseContext
  /** What became of a call so far. */
  const come = (path: string, isGrpc = true) => {
    const verdict = plans.learn({ record: { head: { path } }, isGrpc } as PhasedCall, context)
    const call = { became: verdict === null ? "passed" : "waits", leave: () => {} }
    if (verdict?.kind === "wait")
      call.leave = verdict.begin((said) => (call.became = `went on ${JSON.stringify(said)}`))
    return call
  }
  const answer = async (found: CursorFields | string): Promise<void> => {
    for (const one of asked.splice(0)) one.answer(found)
    await new Promise(setImmediate)
  }
  const pass = (ms: number): void => clock.advance(ms)
  return { plans, clock, asked, lines, come, answer, pass, deadlines }
}

test("the first calls of a method wait for its fields, and are asked for once", async () => {
  const { plans, asked, come, answer, deadlines } = bed()
  const calls = [come("/s/List"), come("/s/List")]
  expect([calls.map(({ became }) => became), asked.map(({ path }) => path)]).toEqual([
    ["waits", "waits"],
    ["/s/List"],
  ])
  await answer(FIELDS)
  expect(calls.map(({ became }) => became)).toEqual(["went on null", "went on null"])
  expect(plans.planOf("/s/List")!.cursor).toEqual(FIELDS)
  expect([come("/s/List").became, asked, deadlines.size]).toEqual(["passed", [], 0])
})

test("a call waits two seconds, and goes on by the other modes", async () => {
  const { plans, come, answer, pass } = bed({ modes: ["resume", "cursor"] })
  const call = come("/s/List")
  pass(1_990)
  expect(call.became).toBe("waits")
  pass(20)
  expect(call.became).toBe("went on null")
  expect(plans.planOf("/s/List")).toMatchObject({ cursor: null, offer: "resume" })
  await answer(FIELDS)
  expect(call.became).toBe("went on null")
  expect(plans.planOf("/s/List")).toMatchObject({ cursor: FIELDS, offer: "resume" })
})

test("a client that leaves is told nothing", async () => {
  const { come, answer, pass, deadlines } = bed()
  const call = come("/s/List")
  call.leave()
  pass(3_000)
  await answer(FIELDS)
  expect([call.became, deadlines.size]).toEqual(["waits", 0])
})

test("where there are none it is said why, and asked again after a minute, for which no call waits", async () => {
  const { plans, asked, come, answer, pass, lines } = bed()
  come("/s/List")
  await answer("no server reflection")
  expect(plans.planOf("/s/List")).toBe(null)
  expect(lines.lines).toMatchObject([{ path: "/s/List", why: "no server reflection" }])
  pass(59_000)
  expect([come("/s/List").became, asked]).toEqual(["passed", []])
  pass(1_001)
  expect([come("/s/List").became, come("/s/List").became, asked.length]).toEqual(["passed", "passed", 1])
  await answer(FIELDS)
  expect(plans.planOf("/s/List")!.cursor).toEqual(FIELDS)
})

test("calls that ask for it wait for nothing, and those that are not gRPC", () => {
  const { asked, come } = bed()
  const path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
  expect([come(path).became, come("/s/List", false).became, asked]).toEqual(["passed", "passed", []])
})

test("of as many methods as a client may think of, a thousand are known", async () => {
  const { plans, come, answer, asked } = bed()
  come("/s/First")
  await answer(FIELDS)
  for (let at = 0; at < 1000; at++) come(`/s/${at}`)
  await answer("none")
  expect(plans.planOf("/s/First")).toBe(null)
  expect([come("/s/0").became, asked.length]).toEqual(["passed", 0])
})

test("of a method's path that is known, what it was cut from is not kept", async () => {
  const { plans, come, answer } = bed()
  const kept = await keptHeapOctets(async () => {
    for (let i = 0; i < 500; i++) {
      come(slicedPath(i, 50_000)).leave()
      await answer(FIELDS)
    }
  })
  expect(plans.planOf("/a/path/of/a/call/0")!.cursor).toEqual(FIELDS)
  expect(kept).toBeLessThan(5_000_000)
})
