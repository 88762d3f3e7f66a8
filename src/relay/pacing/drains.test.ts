import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import { failure } from "../../record/failure.ts"
import { Drains } from "./drains.ts"
import type { PacedStream, Pacer, TurnReason } from "./pacer.ts"
import { TakeoverPace } from "./takeover-pace.ts"

function bedOf(many: number) {
  const clock = new ManualClock()
  const deadlines = new TimerWheel(clock)
  const given: { stream: PacedStream; reason: TurnReason; afterMs: number; withinMs: number }[] = []
  const pacer = {
    add: (stream: PacedStream, reason: TurnReason, afterMs: number, withinMs: number) =>
      given.push({ stream, reason, afterMs, withinMs }),
  } as unknown as Pacer
  let streams = Array.from({ length: many }, () => ({}) as PacedStream)
  const drains = new Drains(deadlines, pacer)
  const order = { graceMs: 1000, what: failure("drained", "we go"), streams: () => [...streams] }
  return { clock, deadlines, drains, given, order, empty: () => (streams = []) }
}

describe("a drain", () => {
  test("gives streams their turn within a fifth of the grace either way", () => {
    const { clock, drains, given, order } = bedOf(2)
    drains.begin("a", order)
    clock.advance(799)
    expect(given).toEqual([])
    clock.advance(9)
    expect(given).toMatchObject(
      Array(2).fill({ afterMs: 0, withinMs: 400, reason: { cause: "drain", isWithdrawn: false } }),
    )
    expect(given[0]!.reason.what).toMatchObject({ kind: "drained", message: "we go" })
  })

  test("looks again until none is left", () => {
    const { clock, deadlines, drains, given, order, empty } = bedOf(1)
    drains.begin("a", order)
    clock.advance(810)
    clock.advance(4980)
    expect(given).toHaveLength(1)
    clock.advance(20)
    expect(given).toHaveLength(2)
    empty()
    clock.advance(5010)
    expect([given.length, deadlines.size]).toEqual([2, 0])
  })

  test("gives no more than 500 at once", () => {
    const { clock, drains, given, order } = bedOf(1200)
    drains.begin("a", order)
    clock.advance(804)
    expect(given.length).toBe(500)
    clock.advance(100)
    expect(given.length).toBe(1200)
    expect(new Set(given.map(({ stream }) => stream)).size).toBe(1200)
  })

  test("that is withdrawn lets its streams go on", () => {
    const { clock, deadlines, drains, given, order } = bedOf(1)
    drains.begin("a", order)
    drains.withdraw("a")
    drains.withdraw("a")
    clock.advance(5000)
    expect([given.length, deadlines.size]).toEqual([0, 0])
    drains.begin("a", order)
    clock.advance(810)
    drains.withdraw("a")
    expect(given[0]!.reason.isWithdrawn).toBe(true)
    clock.advance(60_000)
    expect(given).toHaveLength(1)
  })

  test("of the same name takes the place of the first; others go on", () => {
    const { clock, drains, given, order } = bedOf(1)
    drains.begin("a", order)
    drains.begin("b", order)
    clock.advance(500)
    drains.begin("a", order)
    clock.advance(310)
    expect(given).toHaveLength(1)
    clock.advance(500)
    expect(given).toHaveLength(2)
    drains.close()
    expect(given.every(({ reason }) => reason.isWithdrawn)).toBe(true)
  })
})

describe("how fast an endpoint is given streams whose backend is gone", () => {
  const { limits } = resolveLimits({ takeoversPerSecond: 100 })

  test("the first of its pace at once, then one by one", () => {
    const clock = new ManualClock()
    clock.advance(1000)
    const pace = new TakeoverPace({ clock, limits })
    const [one, other] = [{}, {}]
    // 50 ms of the pace, and the one that is due now.
    expect(Array.from({ length: 8 }, () => pace.take(one))).toEqual([0, 0, 0, 0, 0, 0, 10, 20])
    expect(pace.take(other)).toBe(0)
    clock.advance(25)
    expect(pace.take(one)).toBe(5)
  })

  test("what was not used is saved up for 50 ms, no longer", () => {
    const clock = new ManualClock()
    clock.advance(1000)
    const pace = new TakeoverPace({ clock, limits })
    const one = {}
    for (let at = 0; at < 6; at++) pace.take(one)
    clock.advance(10_000)
    expect(Array.from({ length: 7 }, () => pace.take(one))).toEqual([0, 0, 0, 0, 0, 0, 10])
  })
})

describe("an order", () => {
  test("to end streams, and not to move them, says so to each", () => {
    const { clock, drains, given, order } = bedOf(1)
    drains.begin("a", { ...order, isEnd: true })
    clock.advance(900)
    expect(given[0]!.reason.isEnd).toBe(true)
    drains.begin("b", order)
    clock.advance(900)
    expect(given.at(-1)!.reason).not.toHaveProperty("isEnd")
  })

  test("that found no stream left is over: one of its name begins anew", () => {
    const { clock, deadlines, drains, given, order, empty } = bedOf(1)
    empty()
    drains.begin("a", order)
    clock.advance(900)
    expect([given.length, deadlines.size]).toEqual([0, 0])
    drains.withdraw("a")
    expect(deadlines.size).toBe(0)
  })
})
