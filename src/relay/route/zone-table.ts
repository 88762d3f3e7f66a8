import { type ZoneConfig, zoneKindOf } from "../../config/shared-model.ts"

const HEAD_CELLS = 4
const FIELDS = 4
/** Entries of one bucket; a key is in one bucket alone. */
const WAYS = 8
/** Tries for the lock of a bucket, after which its owner is taken for dead. */
const SPINS_MAX = 1_000_000

/** What two zones must have in common for the one to be the other after a reload. */
export function zoneKey(zone: Pick<ZoneConfig, "name" | "octets" | "rate" | "ofMessages">): string {
  return `${zoneKindOf(zone)} ${zone.octets} ${zone.name}`
}

/** How much memory a zone of `octets` takes; at least one bucket. */
export function zoneOctets(octets: number, threads: number): number {
  const bucket = 1 + WAYS * (FIELDS + threads)
  const buckets = Math.max(1, Math.floor((octets / 4 - HEAD_CELLS) / bucket))
  return 4 * (HEAD_CELLS + buckets * bucket)
}

/**
 * Keys and what is counted of each, in memory that all data threads share: nginx's zones. A key is its 64-bit hash, with
 * a seed that no client knows. Full buckets give up the entry that was used longest ago, but none that counts streams.
 *
 * Layout, 32-bit cells: two seeds, threads, unused; then buckets: a lock, and entries of hash (2), time, excess, and how
 * many streams each thread has open.
 */
export class ZoneTable {
  readonly #cells: Int32Array
  readonly #thread: number
  readonly #threads: number
  readonly #buckets: number

  /** @param seeds two numbers by chance; they count where the memory is new */
  constructor(memory: ArrayBufferLike, thread: number, threads: number, seeds: () => number) {
    this.#cells = new Int32Array(memory)
    this.#thread = thread
    this.#threads = threads
    this.#buckets = Math.floor((this.#cells.length - HEAD_CELLS) / this.#bucketCells)
    for (const cell of [0, 1]) Atomics.compareExchange(this.#cells, cell, 0, (seeds() * 2 ** 32) | 1)
  }

  get #bucketCells(): number {
    return 1 + WAYS * this.#entryCells
  }

  get #entryCells(): number {
    return FIELDS + this.#threads
  }

  /**
   * The requests of `key` beyond its rate, in thousandths, if one more came now: nginx's leaky bucket.
   *
   * @param rate requests a second, in thousandths
   * @param isCounted that one has come
   */
  excess(key: string, rate: number, nowMs: number, isCounted: boolean): number {
    return this.#locked(key, isCounted, (entry, isNew) => {
      const cells = this.#cells
      if (entry < 0) return 0
      const now = nowMs | 0
      if (isNew) {
        cells[entry + 2] = now
        cells[entry + 3] = 0
        return 0
      }
      const passed = elapsed(now, cells[entry + 2]!)
      // Else who is over the limit would be until the clock is where it was: only what is counted moves the time.
      if (isSetBack(now, cells[entry + 2]!)) cells[entry + 2] = now
      const excess = Math.max(0, cells[entry + 3]! - Math.floor((rate * passed) / 1000) + 1000)
      if (isCounted) {
        cells[entry + 3] = Math.min(excess, 0x7fff_ffff)
        if (passed > 0) cells[entry + 2] = now
      }
      return excess
    })
  }

  /**
   * Takes `units` for `key`, unless more than `most` are there already: those that were taken less what time has let
   * through.
   *
   * @param rate units a second
   * @returns 0, or in how many milliseconds to ask again
   */
  take(key: string, units: number, rate: number, most: number, nowMs: number): number {
    return this.#locked(key, true, (entry, isNew) => {
      if (entry < 0) return 0
      const cells = this.#cells
      const now = nowMs | 0
      if (isNew) cells[entry + 2] = now
      let passed = (now - cells[entry + 2]!) | 0
      // A clock that was set back, or a long while: time begins anew.
      if (passed < 0) passed = 0
      const before = cells[entry + 3]!
      const through = Math.floor((rate * passed) / 1000)
      const level = Math.max(0, before - through)
      // What is left of a unit is not lost.
      cells[entry + 2] =
        level === 0 || passed === 0 ? now : (now - passed + Math.floor((through * 1000) / rate)) | 0
      const isOver = level > most
      cells[entry + 3] = isOver ? level : Math.min(level + units, 0x7fff_ffff)
      return isOver ? Math.ceil(((level - most) * 1000) / rate) : 0
    })
  }

  giveBack(key: string, units: number): void {
    this.#locked(key, false, (entry) => {
      if (entry >= 0) this.#cells[entry + 3] = Math.max(0, this.#cells[entry + 3]! - units)
    })
  }

  /** One more stream of `key`. False: it has `most`, or there is no place left to count it. */
  tryAdd(key: string, most: number, nowMs: number): boolean {
    return this.#locked(key, true, (entry) => {
      if (entry < 0 || this.#open(entry) >= most) return false
      this.#cells[entry + 2] = nowMs | 0
      this.#cells[entry + FIELDS + this.#thread]!++
      return true
    })
  }

  subtract(key: string): void {
    this.#locked(key, false, (entry) => {
      if (entry >= 0 && this.#cells[entry + FIELDS + this.#thread]! > 0)
        this.#cells[entry + FIELDS + this.#thread]!--
    })
  }

  /** The streams that a thread that has died had open are no longer. */
  forget(thread: number): void {
    for (let bucket = 0; bucket < this.#buckets; bucket++)
      for (let way = 0; way < WAYS; way++) this.#cells[this.#entry(bucket, way) + FIELDS + thread] = 0
  }

  #open(entry: number): number {
    let sum = 0
    for (let thread = 0; thread < this.#threads; thread++) sum += this.#cells[entry + FIELDS + thread]!
    return sum
  }

  #entry(bucket: number, way: number): number {
    return HEAD_CELLS + bucket * this.#bucketCells + 1 + way * this.#entryCells
  }

  /** @param use is given -1 where there is no such entry and none is to be made, or the bucket is full of streams */
  #locked<T>(key: string, isMade: boolean, use: (entry: number, isNew: boolean) => T): T {
    const cells = this.#cells
    const high = hash(key, cells[0]!)
    const low = hash(key, cells[1]!) | 1
    const bucket = (high >>> 0) % this.#buckets
    const lock = HEAD_CELLS + bucket * this.#bucketCells
    for (let spins = 0; Atomics.compareExchange(cells, lock, 0, 1) !== 0 && spins < SPINS_MAX; spins++);
    try {
      const found = this.#find(bucket, high, low)
      if (found >= 0) return use(found, false)
      return use(isMade ? this.#make(bucket, high, low) : -1, true)
    } finally {
      Atomics.store(cells, lock, 0)
    }
  }

  #find(bucket: number, high: number, low: number): number {
    for (let way = 0; way < WAYS; way++) {
      const entry = this.#entry(bucket, way)
      if (this.#cells[entry] === high && this.#cells[entry + 1] === low) return entry
    }
    return -1
  }

  #make(bucket: number, high: number, low: number): number {
    const cells = this.#cells
    let oldest = -1
    for (let way = 0; way < WAYS; way++) {
      const entry = this.#entry(bucket, way)
      if (cells[entry + 1] === 0) {
        oldest = entry
        break
      }
      if (this.#open(entry) > 0) continue
      if (oldest < 0 || elapsed(cells[oldest + 2]!, cells[entry + 2]!) > 0) oldest = entry
    }
    if (oldest < 0) return -1
    cells.fill(0, oldest, oldest + this.#entryCells)
    cells[oldest] = high
    cells[oldest + 1] = low
    return oldest
  }
}

/** Threads may be so far apart. */
const SKEW_MS = 1000

/** A clock that was set back does not make time run backwards. */
function elapsed(now: number, last: number): number {
  return Math.max(0, (now - last) | 0)
}

/** The same after 24 days in which a key was not used: 32 bits hold no more. */
function isSetBack(now: number, last: number): boolean {
  return ((now - last) | 0) < -SKEW_MS
}

/** MurmurHash3's mixing over the characters of a key. */
function hash(key: string, seed: number): number {
  let h = seed
  for (let i = 0; i < key.length; i++) {
    h = Math.imul(h ^ key.charCodeAt(i), 0xcc9e2d51)
    h = (h << 15) | (h >>> 17)
  }
  h ^= key.length
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return h ^ (h >>> 16)
}
