import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { makeDeadline, TimerWheel } from "./timer-wheel.ts"

const ROUND_MS = 4 * 1024

function wheel() {
  const clock = new ManualClock()
  const deadlines = new TimerWheel(clock)
  const due: [name: string, atMs: number][] = []
  const add = (name: string, delayMs: number) => {
    const deadline = makeDeadline(() => due.push([name, clock.now()]))
    deadlines.set(deadline, delayMs)
    return deadline
  }
  return { clock, deadlines, due, add }
}

describe("deadlines", () => {
  test.each([0, 1, 3, 4, 5, 100, 1000, ROUND_MS - 1, ROUND_MS, ROUND_MS + 1, 60_000, 600_000, 86_400_000])(
    "%i ms: not before, and no more than two ticks after",
    (delayMs) => {
      const { clock, due, add } = wheel()
      clock.advance(7)
      add("x", delayMs)
      clock.advance(Math.max(0, delayMs - 1))
      expect(due).toEqual([])
      clock.advance(9)
      expect(due).toHaveLength(1)
      expect(due[0]![1] - 7).toBeGreaterThanOrEqual(delayMs)
    },
  )

  test("set again: only the last counts", () => {
    const { clock, deadlines, due, add } = wheel()
    const one = add("x", 100)
    deadlines.set(one, 500)
    clock.advance(400)
    deadlines.set(one, 50)
    expect(deadlines.size).toBe(1)
    clock.advance(60)
    expect(due).toHaveLength(1)
    clock.advance(10_000)
    expect(due).toHaveLength(1)
  })

  test("cancelled: never; cancelled twice: still never", () => {
    const { clock, deadlines, due, add } = wheel()
    const one = add("x", 100)
    add("y", 100)
    deadlines.cancel(one)
    deadlines.cancel(one)
    expect(deadlines.size).toBe(1)
    clock.advance(1000)
    expect(due.map(([name]) => name)).toEqual(["y"])
  })

  test("one may cancel another that is due with it, and set itself anew", () => {
    const clock = new ManualClock()
    const deadlines = new TimerWheel(clock)
    const due: string[] = []
    const victim = makeDeadline(() => due.push("victim"))
    let times = 0
    const killer = makeDeadline(() => {
      due.push("killer")
      deadlines.cancel(victim)
      if (++times < 3) deadlines.set(killer, 10)
    })
    deadlines.set(victim, 10)
    deadlines.set(killer, 10)
    clock.advance(1000)
    expect(due).toEqual(["killer", "killer", "killer"])
    expect(deadlines.size).toBe(0)
  })

  test("a timer runs while there is one, and none a round after the last", () => {
    const { clock, deadlines, add } = wheel()
    expect(clock.timersOpen).toBe(0)
    const one = add("x", 1000)
    add("y", 2000)
    expect(clock.timersOpen).toBe(1)
    deadlines.cancel(one)
    clock.advance(2100 + ROUND_MS)
    expect(clock.timersOpen).toBe(0)
  })

  test("100,000 of an hour are looked at once a round, not once a tick", () => {
    const clock = new ManualClock()
    const deadlines = new TimerWheel(clock)
    let due = 0
    for (let i = 0; i < 100_000; i++)
      deadlines.set(
        makeDeadline(() => due++),
        3_600_000,
      )
    clock.advance(3_599_000)
    expect(due).toBe(0)
    clock.advance(1_100)
    expect(due).toBe(100_000)
  })

  test("whatever is set, moved and cancelled: each falls due once, in time, if it is to", () => {
    const operation = fc.record({
      which: fc.nat(9),
      delayMs: fc.oneof(fc.nat(50), fc.nat(20_000)),
      kind: fc.constantFrom("set", "set", "cancel", "wait"),
    })
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
        const clock = new ManualClock()
        const deadlines = new TimerWheel(clock)
        const expected = new Map<number, number>()
        const late: number[] = []
        const all = Array.from({ length: 10 }, (_, which) =>
          makeDeadline(() => {
            const atMs = expected.get(which)
            if (atMs === undefined || clock.now() < atMs || clock.now() > atMs + 8) late.push(which)
            expected.delete(which)
          }),
        )
        for (const { which, delayMs, kind } of operations) {
          if (kind === "wait") clock.advance(delayMs)
          else if (kind === "cancel") {
            deadlines.cancel(all[which]!)
            expected.delete(which)
          } else {
            deadlines.set(all[which]!, delayMs)
            expected.set(which, clock.now() + delayMs)
          }
        }
        clock.advance(30_000)
        expect([late, expected.size, deadlines.size, clock.timersOpen]).toEqual([[], 0, 0, 0])
      }),
      { numRuns: 500 },
    )
  })
})

test("what one deadline throws does not keep the others, or the wheel, from going on", () => {
  const clock = new ManualClock()
  const deadlines = new TimerWheel(clock)
  const called: string[] = []
  const bug = makeDeadline(() => {
    throw new Error("a bug")
  })
  deadlines.set(bug, 10)
  deadlines.set(
    makeDeadline(() => void called.push("beside")),
    10,
  )
  deadlines.set(
    makeDeadline(() => void called.push("later")),
    50,
  )
  expect(() => clock.advance(30)).toThrow("a bug")
  expect(called).toEqual(["beside"])
  clock.advance(60)
  expect(called).toEqual(["beside", "later"])
})
