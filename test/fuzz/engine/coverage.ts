/** More blocks than all of src has. */
const BLOCKS_MAX = 65_536

/**
 * How often each block of the instrumented code ran since the last `reset`. One array for the whole thread: modules
 * that the instrumentor has changed find it under this name in `globalThis`, and their numbers are places in it.
 */
export const COUNTS_NAME = "__fuzzCounts"
const counts = new Uint32Array(BLOCKS_MAX)
Object.assign(globalThis, { [COUNTS_NAME]: counts })

/** As AFL has it: 1, 2, 3, 4–7, 8–15, 16–31, 32–127 and more are different things to have happened. */
function bucketOf(count: number): number {
  if (count < 4) return 1 << (count - 1)
  if (count < 8) return 8
  if (count < 16) return 16
  if (count < 32) return 32
  return count < 128 ? 64 : 128
}

/** What all runs so far have reached, and whether one more reached something new. */
export class Coverage {
  /** Blocks that ran in some run. */
  blocksSeen = 0
  #blocks = 0
  readonly #buckets = new Uint8Array(BLOCKS_MAX)

  /** Blocks that the instrumentor has made. */
  get blocks(): number {
    return this.#blocks
  }

  /** The next block's number. */
  newBlock(): number {
    if (this.#blocks === BLOCKS_MAX) throw new Error(`more than ${BLOCKS_MAX} blocks`)
    return this.#blocks++
  }

  /** Before a run. */
  reset(): void {
    counts.fill(0, 0, this.#blocks)
  }

  /** Blocks run since `reset`, repeats counted: how much work it was. */
  get steps(): number {
    let sum = 0
    for (let block = 0; block < this.#blocks; block++) sum += counts[block]!
    return sum
  }

  /** Takes a run in. "block": one ran that never had; "count": one ran another number of times; null: all was known. */
  merge(): "block" | "count" | null {
    let found: "block" | "count" | null = null
    for (let block = 0; block < this.#blocks; block++) {
      const count = counts[block]!
      if (count === 0) continue
      const bucket = bucketOf(count)
      const known = this.#buckets[block]!
      if ((known & bucket) !== 0) continue
      this.#buckets[block] = known | bucket
      if (known === 0) this.blocksSeen++
      found = known === 0 ? "block" : (found ?? "count")
    }
    return found
  }

  /** The blocks of the last run. */
  *ran(): Iterable<number> {
    for (let block = 0; block < this.#blocks; block++) if (counts[block]! > 0) yield block
  }
}
