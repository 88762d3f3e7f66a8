import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { streamRecord } from "../../../test/support/stream-record.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import type { StreamRecord } from "../../record/record.ts"
import { RequestState } from "../../record/request-state.ts"
import type { Pacer, TurnReason } from "../pacing/pacer.ts"
import type { Route } from "../route/route.ts"
import { makeCallTimer, type TimedLeg } from "./call-timer.ts"

/** A call whose one timer is armed, and what it found each time that it was due. */
function bedOf({
  expirySeconds = 0,
  maxStreamAgeMs = null as number | null,
  changes = {} as Partial<StreamRecord>,
} = {}) {
  const clock = new ManualClock(0)
  clock.advance(10_000)
  const deadlines = new TimerWheel(clock)
  const given: TurnReason[] = []
  const pacer = { add: (_: unknown, reason: TurnReason) => given.push(reason) } as unknown as Pacer
  const state = Object.assign(new RequestState("/"), { expirySeconds })
  const record = streamRecord({ startMs: 10_000, deadlineMs: 0, state, ...changes })
  const found: string[] = []
  const side = { queuedOctets: 0, remoteEnded: false }
  const leg = { address: "a", upstream: side } as unknown as TimedLeg & { upstream: typeof side | null }
  const call = {
    record,
    onTimer: () => {
      found.push(`${clock.now()}: ${timer!.check(leg, side)?.message ?? "nothing"}`)
      timer!.arm()
    },
  }
  const route = { hasStreamTimeouts: false, settings: { maxStreamAgeMs } } as unknown as Route
  const timer = makeCallTimer({ clock, deadlines, pacer, env: { random: () => 0.5 } }, call, route)
  timer?.arm()
  return { clock, deadlines, found, given, leg, record, timer, state }
}

describe("a stream that a token has let in", () => {
  test("ends with the token, not before", () => {
    const { clock, found } = bedOf({ expirySeconds: 13 })
    clock.advance(2999)
    expect(found).toEqual([])
    clock.advance(10)
    expect(found[0]).toMatch(/^130\d\d: the token that let this stream in has expired$/)
  })

  test("whose time is over when it begins ends at once", () => {
    const { clock, found } = bedOf({ expirySeconds: 5 })
    clock.advance(10)
    expect(found[0]).toContain("has expired")
  })

  test("is looked at once a minute, since clocks may be set", () => {
    const { clock, found } = bedOf({ expirySeconds: 1000 })
    clock.advance(59_900)
    expect(found).toEqual([])
    clock.advance(200)
    expect(found).toHaveLength(1)
    clock.advance(60_100)
    expect(found.map((line) => line.split(": ")[1])).toEqual(["nothing", "nothing"])
  })

  test("one without an end goes on", () => {
    expect(bedOf().timer).toBe(null)
    expect(bedOf({ changes: { state: null } }).timer).toBe(null)
    const { clock, found } = bedOf({ maxStreamAgeMs: 1e9 })
    clock.advance(1e6)
    expect(found).toEqual([])
  })
})

describe("a stream that is as old as streams may get", () => {
  test("has its turn, and another ten seconds later where it is still there", () => {
    const { clock, given } = bedOf({ maxStreamAgeMs: 5000 })
    clock.advance(4999)
    expect(given).toEqual([])
    clock.advance(10)
    expect(given).toMatchObject([
      {
        cause: "age",
        isWithdrawn: false,
        what: { message: "the stream is as old as streams may get here (5000 ms)" },
      },
    ])
    clock.advance(9980)
    expect(given).toHaveLength(1)
    clock.advance(40)
    expect(given).toHaveLength(2)
  })

  test("without a leg it has none", () => {
    const { clock, given, leg } = bedOf({ maxStreamAgeMs: 5000 })
    ;(leg as { upstream: unknown }).upstream = null
    clock.advance(6000)
    expect(given).toEqual([])
  })

  test("its deadline comes first where that is sooner, and nothing is due once it is disarmed", () => {
    const { clock, deadlines, found, timer } = bedOf({
      maxStreamAgeMs: 5000,
      changes: { deadlineMs: 12_001 },
    })
    clock.advance(2015)
    expect(found[0]).toContain("the deadline of 2000 ms passed")
    timer!.disarm()
    expect(deadlines.size).toBe(0)
  })
})
