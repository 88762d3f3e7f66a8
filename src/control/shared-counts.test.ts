import { expect, test } from "vitest"
import { SharedNumbers } from "../balancer/thread/shared-numbers.ts"
import { SharedCounts } from "./shared-counts.ts"

const FOREVER = Number.POSITIVE_INFINITY

function countsFor(slots: number): SharedCounts {
  const counts = new SharedCounts(2)
  for (let slot = 0; slot < slots; slot++) counts.add(slot)
  return counts
}

test("an endpoint's streams are found among more endpoints than a segment holds", () => {
  const counts = countsFor(5000)
  expect(counts.memory.streams).toHaveLength(2)
  const numbers = new SharedNumbers(counts.memory, 0)
  for (const slot of [0, 4095, 4096, 4999]) numbers.countOf(slot).tryAdd(FOREVER)
  expect([0, 1, 4095, 4096, 4097, 4999].map((slot) => counts.at(slot))).toEqual([1, 0, 1, 1, 0, 1])
  expect(counts.streamsOpen).toBe(4)
})

test("memory that came later is used, and what was there before stays", () => {
  const counts = countsFor(1)
  const numbers = new SharedNumbers(counts.memory, 0)
  numbers.countOf(0).tryAdd(FOREVER)
  for (let slot = 1; slot <= 4096; slot++) counts.add(slot)
  numbers.use(counts.memory)
  numbers.countOf(4096).tryAdd(FOREVER)
  expect([numbers.countOf(0).open, numbers.countOf(4096).open, counts.streamsOpen]).toEqual([1, 1, 2])
})

test("the streams of a thread that died are taken out of the totals, those of others stay", () => {
  const counts = countsFor(2)
  const first = new SharedNumbers(counts.memory, 0).countOf(0)
  const second = new SharedNumbers(counts.memory, 1).countOf(0)
  for (let i = 0; i < 3; i++) first.tryAdd(FOREVER)
  second.tryAdd(FOREVER)
  expect([first.open, second.open, counts.streamsOpen]).toEqual([4, 4, 4])
  counts.subtract(0)
  expect([second.open, counts.streamsOpen]).toEqual([1, 1])
  // The one that takes its place counts from nothing.
  counts.subtract(0)
  expect(second.open).toBe(1)
})

test("outcomes are those of all threads; any success ends failures in a row", () => {
  const counts = countsFor(2)
  const [first, second] = [0, 1].map((index) => new SharedNumbers(counts.memory, index).outcomesOf(3))
  for (let i = 0; i < 3; i++) first!.failed()
  second!.failed()
  first!.succeeded()
  second!.failed()
  second!.succeeded()
  first!.failed()
  expect(counts.outcomesAt(3)).toEqual({ successes: 2, failures: 6, consecutiveFailures: 1 })
  expect(counts.outcomesAt(2)).toEqual({ successes: 0, failures: 0, consecutiveFailures: 0 })
})
