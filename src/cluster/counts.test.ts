import { expect, test } from "vitest"
import { OwnStreamCounts } from "./counts.ts"

test("each slot has a count of its own, always the same", () => {
  const counts = new OwnStreamCounts()
  const third = counts.countOf(2)
  third.tryAdd(9)
  expect([0, 1, 2, 3].map((slot) => counts.countOf(slot).open)).toEqual([0, 0, 1, 0])
  expect(counts.countOf(2)).toBe(third)
})

test("one more is refused where there are as many as there may be", () => {
  const count = new OwnStreamCounts().countOf(0)
  expect([count.tryAdd(1), count.tryAdd(1), count.open]).toEqual([true, false, 1])
})
