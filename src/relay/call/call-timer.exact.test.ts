import { describe, expect, test } from "vitest"
import { streamRecord } from "../../../test/support/stream-record.ts"
import type { TimerWheel } from "../../base/timer-wheel.ts"
import { RequestState } from "../../record/request-state.ts"
import type { Pacer } from "../pacing/pacer.ts"
import type { Route } from "../route/route.ts"
import { CallTimer, isAtDeadline, makeCallTimer, type TimedLeg } from "./call-timer.ts"

/** The timer of a call at one moment: what it is set to, to the millisecond, and what has run out. */
function timerAt(
  nowMs: number,
  { wallMs = 0, expirySeconds = 0, deadlineMs = 0, maxAgeMs = null as number | null, hasState = true } = {},
) {
  const time = { nowMs, wallMs }
  let setMs = -1
  let turns = 0
  const context = {
    clock: { now: () => time.nowMs, wallMs: () => time.wallMs },
    deadlines: { set: (_: unknown, ms: number) => (setMs = ms) } as unknown as TimerWheel,
    pacer: { add: () => turns++ } as unknown as Pacer,
    env: { random: () => 0.5 },
  }
  const state = hasState ? Object.assign(new RequestState("/"), { expirySeconds }) : null
  const record = streamRecord({ startMs: 0, deadlineMs, state })
  const call = { record, onTimer: () => {} }
  const timer = new CallTimer(context as never, call, null, maxAgeMs)
  const side = { queuedOctets: 0, remoteEnded: false }
  const leg = { address: "a", upstream: side } as unknown as TimedLeg
  const check = (one: TimedLeg | null = leg): string => timer.check(one, side)?.kind ?? "nothing"
  const set = (): number => {
    setMs = -1
    timer.arm()
    return setMs
  }
  return { time, timer, check, set, turns: () => turns, context, call, leg }
}

describe("a token's end", () => {
  test.each([
    ["is waited for to the millisecond", { wallMs: 10_000, expirySeconds: 13 }, 3000],
    ["rounded up", { wallMs: 10_000, expirySeconds: 10.0005 }, 1],
    ["a minute at most, since clocks may be set", { wallMs: 0, expirySeconds: 100 }, 60_000],
    ["no time at all where it has passed", { wallMs: 20_000, expirySeconds: 13 }, 0],
    ["that of the first second too", { wallMs: 0, expirySeconds: 1 }, 1000],
    ["not where the token has none", { wallMs: 0, expirySeconds: 0 }, -1],
    ["nor where there is no token", { wallMs: 0, hasState: false }, -1],
  ])("%s", (_, how, expected) => {
    expect(timerAt(500, how).set()).toBe(expected)
  })

  test.each([
    ["at its very moment", 13_000, "unauthenticated"],
    ["not a millisecond before", 12_999, "nothing"],
  ])("is there %s", (_, wallMs, expected) => {
    expect(timerAt(0, { wallMs, expirySeconds: 13 }).check()).toBe(expected)
  })
})

describe("a deadline", () => {
  test("that has passed is due at once", () => {
    expect(timerAt(500, { deadlineMs: 400 }).set()).toBe(0)
    expect(timerAt(500, { deadlineMs: 700 }).set()).toBe(200)
  })

  test("of the first millisecond is one", () => {
    expect(timerAt(1, { deadlineMs: 1 }).check()).toBe("deadline")
    expect(isAtDeadline(streamRecord({ deadlineMs: 1 }), 0)).toBe(true)
  })

  test("or a token's end, at whichever time, is what a timer is made for", () => {
    const { context, call } = timerAt(0, { deadlineMs: 1 })
    const route = { hasStreamTimeouts: false, settings: { maxStreamAgeMs: null } } as unknown as Route
    expect(makeCallTimer(context as never, call, route)).not.toBe(null)
    const token = timerAt(0, { expirySeconds: 1 })
    expect(makeCallTimer(token.context as never, token.call, route)).not.toBe(null)
    const none = timerAt(0, { hasState: false })
    expect(makeCallTimer(none.context as never, none.call, route)).toBe(null)
  })
})

describe("the age of a stream", () => {
  test("has come at its very millisecond, and is looked at again ten seconds later", () => {
    const { time, check, set, turns } = timerAt(0, { maxAgeMs: 1000 })
    expect(set()).toBe(1000)
    time.nowMs = 999
    check()
    expect(turns()).toBe(0)
    time.nowMs = 1000
    check()
    expect([turns(), set()]).toEqual([1, 10_000])
    time.nowMs = 10_999
    check()
    expect(turns()).toBe(1)
    time.nowMs = 11_000
    check()
    expect(turns()).toBe(2)
  })

  test("gives no turn to a call without a leg, or whose leg is over", () => {
    const { time, check, turns, leg } = timerAt(0, { maxAgeMs: 1000 })
    time.nowMs = 2000
    expect(check(null)).toBe("nothing")
    time.nowMs = 20_000
    check({ ...leg, upstream: null })
    expect(turns()).toBe(0)
  })
})
