/**
 * How often a value fell where: one number for each bound, for what is above all of them, and the sum of all values, side
 * by side in a row of numbers that others read.
 */
export interface Buckets {
  /** Largest value of each bucket, rising. */
  readonly bounds: readonly number[]
  /** So many of a value are a second. */
  readonly perSecond: number
  /** By how much a value may be below the truth: it is in no bucket that the truth might be above. */
  readonly slack: number
}

/** How many numbers of a row it takes. */
export function bucketColumns({ bounds }: Buckets): number {
  return bounds.length + 2
}

/** Counts `value` `many` times, from column `at` on. Cost: as many comparisons as there are bounds below it. */
export function countValue(
  row: Float64Array,
  at: number,
  { bounds, slack }: Buckets,
  value: number,
  many: number,
): void {
  let bucket = 0
  while (bucket < bounds.length && value + slack > bounds[bucket]!) bucket++
  row[at + bucket]! += many
  row[at + bounds.length + 1]! += value * many
}

/** A histogram as Prometheus has it. */
export interface HistogramValue {
  /** By its bound in seconds, how many values are not larger. */
  readonly cumulative: readonly (readonly [bound: number, count: number])[]
  readonly count: number
  /** Seconds. */
  readonly sum: number
}

/** Reads what `countValue` has counted. */
export function readHistogram(row: Float64Array, at: number, { bounds, perSecond }: Buckets): HistogramValue {
  let count = 0
  const cumulative = bounds.map((bound, bucket) => {
    count += row[at + bucket]!
    return [bound / perSecond, count] as const
  })
  count += row[at + bounds.length]!
  return { cumulative, count, sum: row[at + bounds.length + 1]! / perSecond }
}
