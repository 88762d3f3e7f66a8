import type { OutcomeCount, OutcomeCounts, StreamCount } from "../../cluster/counts.ts"

/** Endpoints in one segment. A segment takes 4 octets for each of them and each thread. */
export const SLOTS_PER_SEGMENT = 4096

export function makeSegment(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((threads + 1) * SLOTS_PER_SEGMENT * Int32Array.BYTES_PER_ELEMENT)
}

export function makeOutcomeSegment(threads: number): SharedArrayBuffer {
  return new SharedArrayBuffer((2 * threads + 1) * SLOTS_PER_SEGMENT * Uint32Array.BYTES_PER_ELEMENT)
}

/** Where the count of `slot` is in its segment: in the row of thread `index`; -1: in the total row. */
export function cellOf(slot: number, index: number): number {
  return (index + 1) * SLOTS_PER_SEGMENT + (slot % SLOTS_PER_SEGMENT)
}

export function segmentOf(slot: number): number {
  return Math.floor(slot / SLOTS_PER_SEGMENT)
}

/** The streams of one endpoint, counted by thread `index` of several. `cells`: of the segment that has the slot. */
export function streamCount(cells: Int32Array, slot: number, index: number, threads: number): StreamCount {
  return threads === 1 ? new SoleStreamCount(cells, slot) : new SharedStreamCount(cells, slot, index)
}

/**
 * Where several threads count.
 * Cost: one atomic operation for each stream that begins or ends, some 17 ns. A look is a plain load: only `tryAdd` decides.
 */
export class SharedStreamCount implements StreamCount {
  readonly #cells: Int32Array
  readonly #total: number
  readonly #own: number

  /** `cells`: of the segment that has the slot. */
  constructor(cells: Int32Array, slot: number, index: number) {
    this.#cells = cells
    this.#total = cellOf(slot, -1)
    this.#own = cellOf(slot, index)
  }

  get open(): number {
    return this.#cells[this.#total]!
  }

  tryAdd(most: number): boolean {
    const cells = this.#cells
    const total = this.#total
    if (most === Number.POSITIVE_INFINITY) Atomics.add(cells, total, 1)
    else if (!this.#addUpTo(most)) return false
    cells[this.#own]!++
    return true
  }

  #addUpTo(most: number): boolean {
    const cells = this.#cells
    const total = this.#total
    for (;;) {
      const open = Atomics.load(cells, total)
      if (open >= most) return false
      if (Atomics.compareExchange(cells, total, open, open + 1) === open) return true
    }
  }

  subtract(): void {
    this.#cells[this.#own]!--
    Atomics.sub(this.#cells, this.#total, 1)
  }
}

/** Where one thread counts and others only read: nothing is atomic. */
class SoleStreamCount implements StreamCount {
  readonly #cells: Int32Array
  readonly #total: number
  readonly #own: number

  constructor(cells: Int32Array, slot: number) {
    this.#cells = cells
    this.#total = cellOf(slot, -1)
    this.#own = cellOf(slot, 0)
  }

  get open(): number {
    return this.#cells[this.#total]!
  }

  tryAdd(most: number): boolean {
    if (this.open >= most) return false
    this.#cells[this.#total]!++
    this.#cells[this.#own]!++
    return true
  }

  subtract(): void {
    this.#cells[this.#total]!--
    this.#cells[this.#own]!--
  }
}

/**
 * The outcomes at one endpoint, counted by one thread of several. Failures in a row are those of all threads: they decide.
 * Cost: a success is an addition and a load; only after a failure it writes where others do.
 */
export class SharedOutcomeCount implements OutcomeCount {
  readonly #cells: Uint32Array
  readonly #consecutive: number
  readonly #successes: number
  readonly #failures: number

  /** `cells`: of the segment that has the slot. */
  constructor(cells: Uint32Array, slot: number, index: number) {
    this.#cells = cells
    this.#consecutive = cellOf(slot, -1)
    this.#successes = cellOf(slot, 2 * index)
    this.#failures = cellOf(slot, 2 * index + 1)
  }

  succeeded(): void {
    this.#cells[this.#successes]!++
    if (this.#cells[this.#consecutive]! > 0) Atomics.store(this.#cells, this.#consecutive, 0)
  }

  failed(): void {
    this.#cells[this.#failures]!++
    Atomics.add(this.#cells, this.#consecutive, 1)
  }
}

/** What all threads have counted at the endpoint in `slot`; `cells`: of the segment that has it. */
export function outcomesAt(cells: Uint32Array, threads: number, slot: number): OutcomeCounts {
  let successes = 0
  let failures = 0
  for (let index = 0; index < threads; index++) {
    successes += cells[cellOf(slot, 2 * index)]!
    failures += cells[cellOf(slot, 2 * index + 1)]!
  }
  const consecutiveFailures = Atomics.load(cells, cellOf(slot, -1))
  return { successes: successes >>> 0, failures: failures >>> 0, consecutiveFailures }
}
