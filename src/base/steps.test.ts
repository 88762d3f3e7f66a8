import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { atOnce, inSlices, type Steps, sortInSteps } from "./steps.ts"

function* count(to: number, done: number[]): Steps<string> {
  for (let i = 1; i <= to; i++) {
    done.push(i)
    yield
  }
  return "whole"
}

/** A clock by which each look takes so long. */
const slow = (stepMs: number) => {
  let nowMs = 0
  return { now: () => (nowMs += stepMs) }
}

describe("long work", () => {
  test.for([
    { what: "steps of 0.2 ms: three in a turn", stepMs: 0.2, first: [1, 2, 3] },
    { what: "steps longer than a slice: one in a turn", stepMs: 9, first: [1] },
    { what: "no time at all: all in one", stepMs: 0, first: [1, 2, 3, 4, 5, 6, 7] },
  ])("$what", async ({ stepMs, first }) => {
    const done: number[] = []
    const whole = inSlices(count(7, done), slow(stepMs))
    expect(done).toEqual(first)
    expect(await whole).toBe("whole")
    expect(done).toEqual([1, 2, 3, 4, 5, 6, 7])
  })

  test("how long each slice took is told", async () => {
    const took: number[] = []
    await inSlices(count(5, []), slow(1), (ms) => took.push(ms))
    expect(took).toEqual([1, 1, 1, 1, 1, 1])
  })

  test("a turn of the event loop lies between two slices", async () => {
    const done: number[] = []
    const seen: number[] = []
    let isOver = false
    const look = (): void => {
      seen.push(done.length)
      if (!isOver) setImmediate(look)
    }
    setImmediate(look)
    await inSlices(count(5, done), slow(1)).then(() => (isOver = true))
    expect(seen).toEqual([1, 2, 3, 4, 5])
  })

  test("at once it is the same", () => {
    const done: number[] = []
    expect(atOnce(count(3, done))).toBe("whole")
    expect(done).toEqual([1, 2, 3])
  })
})

describe("sorting in steps", () => {
  const numbers = fc.array(fc.nat(300), { maxLength: 3_000 })

  test("of numbers", () => {
    fc.assert(
      fc.property(numbers, (list) => {
        const sorted = atOnce(sortInSteps(Float64Array.from(list)))
        expect([...sorted]).toEqual([...list].sort((one, other) => one - other))
      }),
      { numRuns: 40 },
    )
  })

  test("of what numbers stand for: those that tie stay as they were", () => {
    fc.assert(
      fc.property(numbers, (list) => {
        const compare = (one: number, other: number) => list[one]! - list[other]!
        const order = Float64Array.from(list, (_, at) => at)
        expect([...atOnce(sortInSteps(order, compare))]).toEqual([...list.keys()].sort(compare))
      }),
      { numRuns: 40 },
    )
  })

  test("no step compares more than a few thousand times", () => {
    let compared = 0
    const compare = (one: number, other: number): number => {
      compared++
      return one - other
    }
    const values = Float64Array.from({ length: 20_000 }, (_, at) => (at * 7919) % 20_011)
    const work = sortInSteps(values, compare)
    let most = 0
    while (work.next().done !== true) {
      most = Math.max(most, compared)
      compared = 0
    }
    expect(most).toBeGreaterThan(0)
    expect(most).toBeLessThan(4_000)
  })
})
