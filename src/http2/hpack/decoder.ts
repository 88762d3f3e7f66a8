import { cutPercentEncoded } from "../../base/octet-text.ts"
import { HeaderList } from "../header-list.ts"
import { BlockMemory, hashOctets, MAX_BLOCK_OCTETS, sameOctets, seenKeys } from "./block-memory.ts"
import { DynamicTable, ENTRY_OVERHEAD_OCTETS } from "./dynamic-table.ts"
import type { FirstBlocks } from "./first-blocks.ts"
import { decodeHuffman, HUFFMAN_EOS, mostHuffmanSymbols } from "./huffman.ts"
import { INTEGER_TRUNCATED, readInteger } from "./integer.ts"
import type { KnownLists } from "./known-lists.ts"
import { latin1 } from "./latin1.ts"
import { STATIC_LENGTH, STATIC_NAMES, STATIC_VALUES } from "./static-table.ts"

/** How much one block may stand for. Octets are counted as in RFC 9113 §6.5.2: name, value and 32 per field. */
export interface DecodeLimits {
  readonly maxFields: number
  readonly maxOctets: number
}

/** The SETTINGS_HEADER_TABLE_SIZE that all start with: RFC 9113 §6.5.2. */
export const DEFAULT_TABLE_OCTETS = 4096
const NONE = -1
/** Fields that say how a message is to be answered, or how a call ended: of a list that overflows they are still told. */
const LATE: ReadonlySet<string> = new Set(["content-type", "grpc-status", "grpc-message"])
/** The longest of these names. */
const LATE_NAME_OCTETS = 12
/** As long as one is told. Of a message the beginning is. */
const LATE_OCTETS = 1024

/** The fault of a block that resizes the table above what was advertised. */
export const TABLE_EXCEEDED = "table size update above the advertised size"
/** Huffman code that is longer is decoded only where there is room for what it stands for. */
const LONG_CODE_OCTETS = 16_384
const NO_FIELDS: readonly string[] = []
const NO_LIMITS: DecodeLimits = { maxFields: 0, maxOctets: 0 }

/** Where Huffman code is decoded to, and where a list's strings are gathered. Decoding is synchronous: one for all. */
let scratch = new Uint8Array(8192)
const MAX_KEPT_SCRATCH_OCTETS = 1 << 18
const gathered: string[] = []

const seenBlocks = seenKeys()

/**
 * The receiving side of HPACK: one per connection and direction, fed every header block in order.
 *
 * Errors: `decode` gives null on what RFC 7541 calls a decoding error, with the reason in `fault`. The connection must
 * end with COMPRESSION_ERROR then; the decoder is of no further use.
 * Bounds: the table by `maxTableOctets`; the list by the limits given, checked while decoding; remembered blocks by
 * `BlockMemory`.
 * Source: RFC 7541.
 */
export class HpackDecoder {
  #table: DynamicTable
  readonly #memory: BlockMemory
  /** Of connections that begin as this one does; null: none are known. */
  readonly #firsts: FirstBlocks | null
  #maxTableOctets: number
  /** The next block must start with an update to this size or less; or NONE. */
  #requiredUpdate = NONE

  // What is known of the block being decoded.
  #position = 0
  #limits = NO_LIMITS
  #strings = 0
  #octets = 0
  #neverIndexed: Set<number> | null = null
  #tableChanged = false

  /** Why the last `decode` gave null, in one phrase; else empty. */
  fault = ""
  /**
   * Whether the last block passed the limits. Its list then holds the fields before that; those after it were decoded
   * for the table's sake only, and never gathered.
   */
  overflowed = false
  /** Of a list that overflowed: those of `LATE` that stood behind what was too much, or were too large themselves. Flat. */
  late: readonly string[] = NO_FIELDS

  /**
   * @param maxTableOctets the SETTINGS_HEADER_TABLE_SIZE that both sides start with. HTTP/2 has them start with 4096
   *   and change it by SETTINGS: see `setMaxTableOctets`.
   * @param firsts what is known of other connections of the same side, where they all start with that
   * @param lists what connections of the same side send alike
   */
  constructor(
    maxTableOctets = DEFAULT_TABLE_OCTETS,
    firsts: FirstBlocks | null = null,
    lists: KnownLists | null = null,
  ) {
    this.#firsts = firsts
    this.#memory = new BlockMemory(seenBlocks, lists)
    this.#maxTableOctets = maxTableOctets
    this.#table = new DynamicTable(maxTableOctets)
  }

  /** Octets in the dynamic table, at most what was advertised. */
  get tableOctets(): number {
    return this.#table.octets
  }

  /**
   * The peer has acknowledged our SETTINGS_HEADER_TABLE_SIZE. When that is less than the table's present maximum, the
   * next block must start with a size update: RFC 7541 §4.2.
   */
  setMaxTableOctets(octets: number): void {
    this.#maxTableOctets = octets
    const present = this.#requiredUpdate === NONE ? this.#table.maxOctets : this.#requiredUpdate
    if (octets < present) this.#requiredUpdate = octets
  }

  /** Decodes the header block `block[start, end)`. Null is COMPRESSION_ERROR. */
  decode(block: Uint8Array, start: number, end: number, limits: DecodeLimits): HeaderList | null {
    this.fault = ""
    this.overflowed = false
    this.late = NO_FIELDS
    let key = NONE
    if (this.#requiredUpdate === NONE && end - start <= MAX_BLOCK_OCTETS) {
      key = hashOctets(block, start, end)
      const known = this.#memory.get(key)
      if (known !== undefined && sameOctets(known.block, block, start, end) && within(known.list, limits)) {
        return known.list
      }
    }
    const firsts = key !== NONE && this.#isAtStart && !isSizeUpdate(block[start]!) ? this.#firsts : null
    const first = firsts?.find(key, block, start, end)
    if (first !== undefined && within(first.list, limits)) {
      this.#table = first.table.copy()
      this.#memory.forget()
      return first.list
    }
    this.#position = start
    this.#limits = limits
    this.#strings = 0
    this.#octets = 0
    this.#neverIndexed = null
    this.#tableChanged = false
    if (!this.#readSizeUpdates(block, end)) return null
    while (this.#position < end) {
      if (block[this.#position]! > 0x80 && !this.overflowed) this.#readIndexedRun(block, end)
      if (this.#position < end && !this.#readField(block, end)) return null
    }
    const list = new HeaderList(gathered.slice(0, this.#strings), this.#neverIndexed)
    if (!this.overflowed) firsts?.offer(key, block, start, end, list, this.#table)
    if (this.#tableChanged) this.#memory.forget()
    else if (key !== NONE && !this.overflowed) this.#memory.offer(key, block, start, end, list)
    return list
  }

  /** The table is as it was when the connection began. */
  get #isAtStart(): boolean {
    return this.#table.isNew && this.#table.maxOctets === DEFAULT_TABLE_OCTETS
  }

  #fail(fault: string): false {
    this.fault = fault
    return false
  }

  /** Size updates stand before the first field only: RFC 7541 §4.2. */
  #readSizeUpdates(block: Uint8Array, end: number): boolean {
    while (this.#position < end && isSizeUpdate(block[this.#position]!)) {
      const octets = this.#readInteger(block, end, 0x1f)
      if (octets < 0) return false
      if (octets > this.#maxTableOctets) return this.#fail(TABLE_EXCEEDED)
      if (this.#requiredUpdate !== NONE && octets > this.#requiredUpdate) {
        return this.#fail("first table size update above the lowered size")
      }
      this.#requiredUpdate = NONE
      this.#table.setMaxOctets(octets)
      this.#tableChanged = true
    }
    if (this.#requiredUpdate === NONE) return true
    return this.#fail("no table size update after the advertised size was lowered")
  }

  /**
   * Reads one-octet indexed fields as far as they go, and leaves whatever is special to `#readField`. Most of a request
   * is made of them: with this loop a request of ten fields takes 320 ns where it took 420.
   */
  #readIndexedRun(block: Uint8Array, end: number): void {
    const table = this.#table
    const past = Math.min(0xff, 0x80 + STATIC_LENGTH + 1 + table.length)
    const { maxOctets } = this.#limits
    const maxStrings = this.#limits.maxFields * 2
    let position = this.#position
    let count = this.#strings
    let octets = this.#octets
    for (; position < end && count < maxStrings; position++) {
      const octet = block[position]!
      if (octet <= 0x80 || octet >= past) break
      const distance = octet - 0x80 - STATIC_LENGTH
      const name = distance <= 0 ? STATIC_NAMES[octet - 0x80]! : table.nameAt(distance)
      const value = distance <= 0 ? STATIC_VALUES[octet - 0x80]! : table.valueAt(distance)
      const sum = octets + name.length + value.length + ENTRY_OVERHEAD_OCTETS
      if (sum > maxOctets) break
      octets = sum
      gathered[count] = name
      gathered[count + 1] = value
      count += 2
    }
    this.#position = position
    this.#strings = count
    this.#octets = octets
  }

  /** Reads one field representation: RFC 7541 §6. */
  #readField(block: Uint8Array, end: number): boolean {
    const octet = block[this.#position]!
    if (octet >= 0x80) {
      const index = this.#readInteger(block, end, 0x7f)
      if (index < 0) return false
      if (index === 0) return this.#fail("index 0")
      if (index > STATIC_LENGTH + this.#table.length) return this.#fail("index past the table")
      this.#add(this.#nameOf(index), this.#valueOf(index), false)
      return true
    }
    if (octet >= 0x40) return this.#readLiteral(block, end, 0x3f, true, false)
    if (octet >= 0x20) return this.#fail("table size update after the first field")
    return this.#readLiteral(block, end, 0x0f, false, octet >= 0x10)
  }

  #readLiteral(block: Uint8Array, end: number, mask: number, indexed: boolean, never: boolean): boolean {
    // A string is made only if it has room in the list or in the table; otherwise it is checked and passed over.
    const listRoom = this.overflowed ? NONE : this.#limits.maxOctets - this.#octets - ENTRY_OVERHEAD_OCTETS
    const tableRoom = indexed ? this.#table.maxOctets - ENTRY_OVERHEAD_OCTETS : NONE
    const room = Math.max(listRoom, tableRoom)
    const nameRoom = Math.max(room, LATE_NAME_OCTETS)
    const index = this.#readInteger(block, end, mask)
    if (index < 0) return false
    if (index > STATIC_LENGTH + this.#table.length) return this.#fail("index past the table")
    const name = index === 0 ? this.#readString(block, end, nameRoom) : this.#nameOf(index)
    if (name === null) return false
    const isLate = name !== undefined && LATE.has(name)
    // A message of any length is decoded, for its beginning is told.
    const lateRoom = isLate ? (name === "grpc-message" ? Number.MAX_SAFE_INTEGER : LATE_OCTETS) : NONE
    const valueRoom = name === undefined ? NONE : Math.max(lateRoom, room - name.length)
    const value = this.#readString(block, end, valueRoom)
    if (value === null) return false
    if (indexed) this.#tableChanged = true
    if (name === undefined || value === undefined) {
      // Too large for the table, which RFC 7541 §4.4 has empty it; and too large for the list.
      if (indexed) this.#table.clear()
      this.overflowed = true
      return true
    }
    if (indexed) this.#table.insert(name, value)
    this.#add(name, value, never)
    return true
  }

  #add(name: string, value: string, never: boolean): void {
    const octets = this.#octets + name.length + value.length + ENTRY_OVERHEAD_OCTETS
    const count = this.#strings
    if (this.overflowed || octets > this.#limits.maxOctets || count === this.#limits.maxFields * 2) {
      this.overflowed = true
      if (LATE.has(name)) this.#addLate(name, value)
      return
    }
    if (never) (this.#neverIndexed ??= new Set()).add(count >>> 1)
    gathered[count] = name
    gathered[count + 1] = value
    this.#strings = count + 2
    this.#octets = octets
  }

  /** The first of its name. */
  #addLate(name: string, value: string): void {
    for (let i = 0; i < this.late.length; i += 2) if (this.late[i] === name) return
    this.late = [...this.late, name, cutPercentEncoded(value, LATE_OCTETS)]
  }

  #nameOf(index: number): string {
    return index <= STATIC_LENGTH ? STATIC_NAMES[index]! : this.#table.nameAt(index - STATIC_LENGTH)
  }

  #valueOf(index: number): string {
    return index <= STATIC_LENGTH ? STATIC_VALUES[index]! : this.#table.valueAt(index - STATIC_LENGTH)
  }

  /** The integer at the position, which moves past it; or a negative number, with `fault` set. */
  #readInteger(block: Uint8Array, end: number, mask: number): number {
    const read = readInteger(block, this.#position, end, mask)
    if (read < 0) {
      this.fault = read === INTEGER_TRUNCATED ? "block ends inside an integer" : "integer too large"
      return read
    }
    this.#position += read & 7
    return read >>> 3
  }

  /** The string at the position; undefined when it is longer than `most`; null, with `fault` set, when it is wrong. */
  #readString(block: Uint8Array, end: number, most: number): string | undefined | null {
    const isHuffman = this.#position < end && block[this.#position]! >= 0x80
    const octets = this.#readInteger(block, end, 0x7f)
    if (octets < 0) return null
    const start = this.#position
    if (octets > end - start) {
      this.fault = "block ends inside a string"
      return null
    }
    this.#position = start + octets
    if (!isHuffman) return octets > most ? undefined : latin1(block, start, start + octets)
    // Too much work for what is longer in any case: no symbol takes more than 30 bits, and the padding less than 8.
    if (octets > LONG_CODE_OCTETS && octets * 8 - 7 > 30 * (most + 1)) return undefined
    const target = scratchFor(mostHuffmanSymbols(octets))
    const length = decodeHuffman(block, start, start + octets, target)
    if (length < 0) {
      this.fault = length === HUFFMAN_EOS ? "EOS in a Huffman string" : "Huffman padding is not EOS"
      return null
    }
    return length > most ? undefined : latin1(target, 0, length)
  }
}

/** Which is allowed or not by what the connection has agreed on. */
function isSizeUpdate(octet: number): boolean {
  return (octet & 0xe0) === 0x20
}

function within(list: HeaderList, limits: DecodeLimits): boolean {
  return list.octets <= limits.maxOctets && list.fields.length <= limits.maxFields * 2
}

/** Room for a decoded string. It grows with the largest that came, within reason. */
function scratchFor(octets: number): Uint8Array {
  if (octets <= scratch.length) return scratch
  if (octets > MAX_KEPT_SCRATCH_OCTETS) return new Uint8Array(octets)
  scratch = new Uint8Array(octets)
  return scratch
}
