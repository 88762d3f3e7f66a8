import type { HeaderList } from "../header-list.ts"
import { copyUnpooled } from "../own-octets.ts"
import type { KnownLists } from "./known-lists.ts"

/** Most blocks that one decoder or encoder remembers. */
const MAX_BLOCKS = 32
/** Most octets of blocks that one decoder or encoder remembers. */
const MAX_OCTETS = 8192
/** A longer block is not worth its place. */
export const MAX_BLOCK_OCTETS = 2048

const SEEN_SLOTS = 256
/** When more blocks repeat than there is room for, only one offer in so many replaces the oldest: copying is not free. */
const OFFERS_PER_REPLACEMENT = 16

/**
 * What makes a repeated call cheap: blocks, and the lists they stand for.
 *
 * A block that changed no table means the same until a table changes, and most calls repeat one of a few blocks. So the
 * decoder remembers block -> list by a hash of the octets, the encoder list -> block by the list's id, and both forget
 * everything when their dynamic table changes.
 *
 * Only what comes twice is remembered: a call with a field of its own (a timeout, a trace id) copies nothing.
 */
export class BlockMemory {
  /** Null while nothing is remembered: of many connections each may see a block or two, none of them twice. */
  #byKey: Map<number, RememberedBlock> | null = null
  readonly #seen: Int32Array
  readonly #lists: KnownLists | null
  #octets = 0
  #offersRefused = 0

  /**
   * @param seen keys that came once, by their low bits, from `seenKeys`. All memories of a kind may share it: it is a
   *   hint, and a wrong one only remembers something a call early or late.
   * @param lists those that are remembered are shared by it; null: they stay as they are
   */
  constructor(seen: Int32Array, lists: KnownLists | null = null) {
    this.#seen = seen
    this.#lists = lists
  }

  get(key: number): RememberedBlock | undefined {
    return this.#byKey?.get(key)
  }

  /** Remembers a copy of `source[start, end)` if `key` comes again, letting the oldest blocks go to make room. */
  offer(key: number, source: Uint8Array, start: number, end: number, list: HeaderList): void {
    const slot = key & (SEEN_SLOTS - 1)
    if (this.#seen[slot] !== (key | 0)) {
      this.#seen[slot] = key
      return
    }
    const octets = end - start
    if (octets > MAX_BLOCK_OCTETS) return
    if (!this.#hasRoom(octets) && ++this.#offersRefused < OFFERS_PER_REPLACEMENT) return
    this.#offersRefused = 0
    this.#drop(key)
    this.#byKey ??= new Map()
    for (const oldest of this.#byKey.keys()) {
      if (this.#hasRoom(octets)) break
      this.#drop(oldest)
    }
    const shared = this.#lists === null ? list : this.#lists.share(list)
    this.#byKey.set(key, { block: copyUnpooled(source, start, end), list: shared })
    this.#octets += octets
  }

  /** To be called whenever the dynamic table changes. */
  forget(): void {
    this.#byKey = null
    this.#octets = 0
  }

  #hasRoom(octets: number): boolean {
    return (this.#byKey?.size ?? 0) < MAX_BLOCKS && this.#octets + octets <= MAX_OCTETS
  }

  #drop(key: number): void {
    const remembered = this.#byKey?.get(key)
    if (remembered === undefined) return
    this.#octets -= remembered.block.length
    this.#byKey?.delete(key)
  }
}

export interface RememberedBlock {
  readonly block: Buffer
  readonly list: HeaderList
}

export function seenKeys(): Int32Array {
  return new Int32Array(SEEN_SLOTS)
}

/** A hash of 30 bits, four octets a step. Collisions cost a comparison, no more. */
export function hashOctets(source: Uint8Array, start: number, end: number): number {
  let hash = end - start
  let i = start
  for (; i + 3 < end; i += 4) {
    const word = source[i]! | (source[i + 1]! << 8) | (source[i + 2]! << 16) | (source[i + 3]! << 24)
    hash = Math.imul(hash ^ word, 0x9e3779b1)
    hash ^= hash >>> 15
  }
  for (; i < end; i++) hash = Math.imul(hash ^ source[i]!, 0x9e3779b1)
  return (hash ^ (hash >>> 13)) & 0x3fffffff
}

/** Whether `block` equals `source[start, end)`. */
export function sameOctets(block: Uint8Array, source: Uint8Array, start: number, end: number): boolean {
  if (block.length !== end - start) return false
  for (let i = 0; i < block.length; i++) if (block[i] !== source[start + i]) return false
  return true
}
