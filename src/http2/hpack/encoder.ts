import type { HeaderList } from "../header-list.ts"
import { BlockMemory, seenKeys } from "./block-memory.ts"
import { ENTRY_OVERHEAD_OCTETS } from "./dynamic-table.ts"
import { encodeHuffman, octetAt } from "./huffman.ts"
import { isVolatile } from "./indexing.ts"
import { writeInteger } from "./integer.ts"
import { SearchableTable } from "./searchable-table.ts"
import { STATIC_BY_NAME } from "./static-table.ts"

/** What every connection starts with, until either side says otherwise. RFC 9113 §6.5.2. */
const FIRST_TABLE_OCTETS = 4096
/** With so many values of one name in the table, no further one is worth an entry; so no search is longer. */
const MAX_VALUES_PER_NAME = 16
/**
 * Once the table is full, a new field replaces old ones no more often than once in so many blocks (remembered ones not
 * counted). Fields that vary without end then neither push the steady ones out nor make what is remembered stale at
 * every call.
 */
const BLOCKS_PER_EVICTION = 32

const NONE = -1
const INDEXED = 0x80
const WITH_INDEXING = 0x40
const SIZE_UPDATE = 0x20
const NEVER_INDEXED = 0x10
const WITHOUT_INDEXING = 0x00

/** Where blocks are written. Encoding is synchronous and the caller copies: one for all. */
let scratch: Buffer = Buffer.allocUnsafeSlow(8192)
const MAX_KEPT_SCRATCH_OCTETS = 1 << 18
/** `scratch.subarray(0, n)` by n: to make a view costs more than to encode a small block. */
let views: Buffer[] = []
const MAX_VIEWS = 512

const seenLists = seenKeys()
/** Blocks that owe nothing to a table mean the same on every connection. */
const blocksWithoutTable = new BlockMemory(seenKeys())

/**
 * The sending side of HPACK: one per connection and direction. Every block must be sent, in the order of the calls.
 *
 * Bounds: the table by our size and the peer's setting; remembered blocks by `BlockMemory`.
 * Source: RFC 7541; what goes into the table is said in `indexing.ts`.
 */
export class HpackEncoder {
  readonly #maxTableOctets: number
  readonly #table = new SearchableTable(FIRST_TABLE_OCTETS)
  readonly #memory = new BlockMemory(seenLists)
  /** The least and the last size set since the last block; NONE when it did not change. */
  #leastOctets = NONE
  #lastOctets = NONE
  #blocksSinceEviction = 0
  #withoutTableLeft: number
  #tableChanged = false

  /**
   * @param maxTableOctets our table is never larger, whatever the peer allows
   * @param withoutTable so many blocks put nothing into it: those of a connection with a single call would do so in vain
   */
  constructor(maxTableOctets = FIRST_TABLE_OCTETS, withoutTable = 0) {
    this.#maxTableOctets = maxTableOctets
    this.#withoutTableLeft = withoutTable
    this.setPeerMaxTableOctets(FIRST_TABLE_OCTETS)
  }

  /** Octets in the dynamic table. */
  get tableOctets(): number {
    return this.#table.octets
  }

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. What changes by it is signalled at the start of the next block. */
  setPeerMaxTableOctets(octets: number): void {
    const size = Math.min(octets, this.#maxTableOctets)
    if (this.#lastOctets === NONE && size === this.#table.maxOctets) return
    this.#leastOctets = this.#leastOctets === NONE ? size : Math.min(size, this.#leastOctets)
    this.#lastOctets = size
  }

  /**
   * Encodes a list as one header block.
   *
   * @returns its octets. They stay valid until the next call, on this encoder or any other: copy them.
   */
  encode(list: HeaderList): Buffer {
    const usesTable = this.#withoutTableLeft === 0
    const memory = usesTable ? this.#memory : blocksWithoutTable
    if (!usesTable) this.#withoutTableLeft--
    if (this.#lastOctets === NONE) {
      const known = memory.get(list.id)
      if (known !== undefined) return known.block
    }
    // Name, value and 32 octets for each field: more than its two lengths, its index and a too long try of Huffman take.
    const target = scratchFor(list.octets + 32)
    this.#tableChanged = false
    this.#blocksSinceEviction++
    let position = this.#writeSizeUpdates(target)
    const { fields, neverIndexed } = list
    for (let i = 0; i < fields.length; i += 2) {
      const never = neverIndexed?.has(i >>> 1) ?? false
      position = this.#writeField(target, position, fields[i]!, fields[i + 1]!, never, usesTable)
    }
    if (this.#tableChanged) this.#memory.forget()
    else memory.offer(list.id, target, 0, position, list)
    return viewOf(target, position)
  }

  /** The smallest size of the interval, then the final one: RFC 7541 §4.2. */
  #writeSizeUpdates(target: Uint8Array): number {
    if (this.#lastOctets === NONE) return 0
    let position = 0
    if (this.#leastOctets < this.#lastOctets) {
      this.#table.setMaxOctets(this.#leastOctets)
      position = writeInteger(target, position, SIZE_UPDATE, 0x1f, this.#leastOctets)
    }
    this.#table.setMaxOctets(this.#lastOctets)
    position = writeInteger(target, position, SIZE_UPDATE, 0x1f, this.#lastOctets)
    this.#leastOctets = NONE
    this.#lastOctets = NONE
    this.#tableChanged = true
    return position
  }

  #writeField(
    target: Uint8Array,
    position: number,
    name: string,
    value: string,
    never: boolean,
    usesTable: boolean,
  ): number {
    const found = this.#table.find(name, value)
    if (found > 0 && !never) return writeInteger(target, position, INDEXED, 0x7f, found)
    let nameIndex = Math.abs(found)
    const known = STATIC_BY_NAME.get(name)
    if (known !== undefined) {
      nameIndex = known.index
      const { values } = known
      for (let i = 0; i < values.length && !never; i++) {
        if (values[i] === value) return writeInteger(target, position, INDEXED, 0x7f, nameIndex + i)
      }
    }
    if (never) return writeLiteral(target, position, NEVER_INDEXED, 0x0f, nameIndex, name, value)
    if (!usesTable || !this.#mayIndex(name, value, nameIndex !== 0)) {
      return writeLiteral(target, position, WITHOUT_INDEXING, 0x0f, nameIndex, name, value)
    }
    const after = writeLiteral(target, position, WITH_INDEXING, 0x3f, nameIndex, name, value)
    this.#table.insert(name, value)
    this.#tableChanged = true
    return after
  }

  /** Whether a field that is in no table is to go into ours. */
  #mayIndex(name: string, value: string, nameIsKnown: boolean): boolean {
    const table = this.#table
    const octets = name.length + value.length + ENTRY_OVERHEAD_OCTETS
    // A large field would push out most others.
    if (octets > table.maxOctets / 2) return false
    // A volatile value goes in once, where its name has no index: from then on the name costs an octet.
    if (nameIsKnown && isVolatile(name, value)) return false
    if (table.valuesSeen >= MAX_VALUES_PER_NAME) return false
    if (table.octets + octets <= table.maxOctets) return true
    if (this.#blocksSinceEviction < BLOCKS_PER_EVICTION) return false
    this.#blocksSinceEviction = 0
    return true
  }
}

function writeLiteral(
  target: Uint8Array,
  position: number,
  pattern: number,
  prefixMask: number,
  nameIndex: number,
  name: string,
  value: string,
): number {
  position = writeInteger(target, position, pattern, prefixMask, nameIndex)
  if (nameIndex === 0) position = writeString(target, position, name)
  return writeString(target, position, value)
}

/** Writes a string, in Huffman code when that is shorter. RFC 7541 §5.2. */
function writeString(target: Uint8Array, position: number, text: string): number {
  const start = position + 1
  const end = encodeHuffman(text, target, start, text.length - 1)
  if (end < 0) {
    position = writeInteger(target, position, 0x00, 0x7f, text.length)
    for (let i = 0; i < text.length; i++) target[position++] = octetAt(text, i)
    return position
  }
  const octets = end - start
  // The length was taken to fit in one octet. Where it does not, the code moves up: the length is tried out behind it.
  const lengthOctets = writeInteger(target, end, 0x80, 0x7f, octets) - end
  if (lengthOctets > 1) target.copyWithin(position + lengthOctets, start, end)
  writeInteger(target, position, 0x80, 0x7f, octets)
  return position + lengthOctets + octets
}

function scratchFor(octets: number): Buffer {
  if (octets <= scratch.length) return scratch
  if (octets > MAX_KEPT_SCRATCH_OCTETS) return Buffer.allocUnsafeSlow(octets)
  scratch = Buffer.allocUnsafeSlow(octets)
  views = []
  return scratch
}

function viewOf(target: Buffer, octets: number): Buffer {
  if (octets >= MAX_VIEWS || target !== scratch) return target.subarray(0, octets)
  return (views[octets] ??= target.subarray(0, octets))
}
