import { expect, test } from "vitest"
import { bucketColumns, countValue, readHistogram } from "./histogram.ts"

const BUCKETS = { bounds: [1, 5, 25], perSecond: 10, slack: 0 }

test.for([
  { value: 0, cumulative: [1, 1, 1] },
  { value: 1, cumulative: [1, 1, 1] },
  { value: 2, cumulative: [0, 1, 1] },
  { value: 25, cumulative: [0, 0, 1] },
  { value: 26, cumulative: [0, 0, 0] },
])("$value is counted in every bucket that is not below it", ({ value, cumulative }) => {
  const row = new Float64Array(2 + bucketColumns(BUCKETS))
  countValue(row, 2, BUCKETS, value, 1)
  const read = readHistogram(row, 2, BUCKETS)
  expect(read.cumulative.map(([, count]) => count)).toEqual(cumulative)
  expect(read.cumulative.map(([bound]) => bound)).toEqual([0.1, 0.5, 2.5])
  expect(read.count).toBe(1)
  expect(read.sum).toBe(value / 10)
  expect([...row.subarray(0, 2)]).toEqual([0, 0])
})

test("a value may come many times at once", () => {
  const row = new Float64Array(bucketColumns(BUCKETS))
  countValue(row, 0, BUCKETS, 2, 3)
  countValue(row, 0, BUCKETS, 100, 2)
  expect(readHistogram(row, 0, BUCKETS)).toEqual({
    cumulative: [
      [0.1, 0],
      [0.5, 3],
      [2.5, 3],
    ],
    count: 5,
    sum: 20.6,
  })
})

test("a value that was rounded down is in no bucket that the truth may be above", () => {
  const ticks = { ...BUCKETS, slack: 1 }
  const row = new Float64Array(bucketColumns(ticks))
  countValue(row, 0, ticks, 4, 1)
  countValue(row, 0, ticks, 5, 1)
  const { cumulative, sum } = readHistogram(row, 0, ticks)
  expect(cumulative.map(([, count]) => count)).toEqual([0, 1, 2])
  expect(sum).toBe(0.9)
})
