/** Below this, a bucket per microsecond; above, `STEPS` buckets per doubling (an error under 0.8 %). */
const FINE = 256
const STEPS = 128
const FINE_BITS = 8
const BUCKETS = FINE + STEPS * 23

/** Times in microseconds, up to 2^31. Fixed size, no allocation per value. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS)
  #total = 0

  get total(): number {
    return this.#total
  }

  add(microseconds: number): void {
    this.#counts[bucketOf(Math.max(0, Math.round(microseconds)))]!++
    this.#total++
  }

  clear(): void {
    this.#counts.fill(0)
    this.#total = 0
  }

  /** The smallest value that `share` (0 to 1) of all values do not exceed; NaN when there are none. */
  quantile(share: number): number {
    if (this.#total === 0) return Number.NaN
    const rank = Math.max(1, Math.ceil(share * this.#total))
    let seen = 0
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      seen += this.#counts[bucket]!
      if (seen >= rank) return lowerEdge(bucket)
    }
    return lowerEdge(BUCKETS - 1)
  }
}

function bucketOf(value: number): number {
  if (value < FINE) return value
  const doubling = 31 - Math.clz32(value) - FINE_BITS
  const step = Math.floor(value / 2 ** (doubling + 1)) - STEPS
  return Math.min(BUCKETS - 1, FINE + doubling * STEPS + step)
}

/** The lower edge of a bucket. */
function lowerEdge(bucket: number): number {
  if (bucket < FINE) return bucket
  const doubling = Math.floor((bucket - FINE) / STEPS)
  return (STEPS + ((bucket - FINE) % STEPS)) * 2 ** (doubling + 1)
}
