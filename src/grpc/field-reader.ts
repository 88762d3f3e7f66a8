import type { FieldPath, FieldValue } from "./field-path.ts"
import { WireType } from "./wire-type.ts"

const FIELD_MAX = 2 ** 29 - 1
/** Of a tag and of a length, which have 32 bits. */
const SHORT_VARINT_OCTETS = 5
const VARINT_OCTETS = 10
/** Groups within groups. Nothing else nests here: of embedded messages only those on the path are looked into. */
const GROUPS_MAX = 64
const NO_OCTETS = Buffer.alloc(0)

type Reading = "tag" | "length" | "varint" | "octets"

/** Where the last message of a field on the path lies, in octets from the beginning of the message. */
export interface Level {
  /** Where its length stands. */
  readonly lengthAt: number
  readonly contentAt: number
  readonly end: number
}

/**
 * Finds one field in protobuf messages that pass by, cut anywhere, by numbers and without a schema. As a parser with a
 * schema does it, the last occurrence counts, embedded messages of one field are one, and what has another wire type than
 * is possible there is another field. An empty value, or 0, is none. Keeps nothing but the value.
 *
 * Cost: linear, each octet looked at once; strings are jumped over. Source: protobuf.dev/programming-guides/encoding.
 */
export class FieldReader {
  /** The messages of fields on the path that hold, or would hold, the field: from the outermost inward. */
  readonly levels: Level[] = []
  readonly #path: FieldPath
  readonly #mostOctets: number
  #length = 0
  #at = 0
  #isBroken = false
  #value: FieldValue | null = null
  #reading: Reading = "tag"
  /** Embedded messages that are open, of those on the path; the others are jumped over. */
  #open = 0
  readonly #groups: number[] = []
  #field = 0
  #wireType = 0
  #varint = 0
  #varintOctets = 0
  /** Where the length of the present field stands. */
  #lengthAt = 0
  /** Octets of the present field that are to come. */
  #left = 0
  /** Of the field that is looked for, while it comes. */
  #kept: Buffer | null = null
  #keptOctets = 0

  /** `mostOctets`: of a value. A message with a larger one cannot be read. */
  constructor(path: FieldPath, mostOctets: number) {
    this.#path = path
    this.#mostOctets = mostOctets
  }

  /** A message of so many octets begins. */
  begin(length: number): void {
    this.levels.length = 0
    this.#groups.length = 0
    this.#length = length
    this.#at = 0
    this.#open = 0
    this.#isBroken = false
    this.#value = null
    this.#kept = null
    this.#expect("tag")
  }

  push(octets: Buffer, start: number, end: number): void {
    let at = start
    while (at < end && !this.#isBroken) {
      if (this.#reading === "octets") {
        const part = Math.min(this.#left, end - at)
        this.#kept?.set(octets.subarray(at, at + part), this.#keptOctets)
        this.#keptOctets += part
        this.#left -= part
        this.#at += part
        at += part
        if (this.#left === 0) this.#fieldOver()
      } else {
        this.#at++
        this.#octetOfVarint(octets[at++]!)
      }
    }
  }

  /** The message is whole. `undefined`: it cannot be read; null: it has no such field. */
  finish(): FieldValue | null | undefined {
    const isWhole = this.#reading === "tag" && this.#varintOctets === 0 && this.#groups.length === 0
    if (this.#isBroken || !isWhole || this.#at !== this.#length) return undefined
    return this.#value
  }

  #expect(reading: Reading): void {
    this.#reading = reading
    this.#varint = 0
    this.#varintOctets = 0
  }

  /** Where the innermost open message ends. */
  get #end(): number {
    return this.#open === 0 ? this.#length : this.levels[this.#open - 1]!.end
  }

  #octetOfVarint(octet: number): void {
    const index = this.#varintOctets++
    const isShort = this.#reading !== "varint"
    if (isShort) this.#varint += (octet & 0x7f) * 2 ** (7 * index)
    else if (this.#kept !== null) this.#kept[index] = octet
    const isLast = octet < 0x80
    const isTooLong = index + 1 >= (isShort ? SHORT_VARINT_OCTETS : VARINT_OCTETS)
    if ((!isLast && (isTooLong || this.#at >= this.#end)) || this.#varint > 0xffffffff) this.#isBroken = true
    else if (isLast) this.#varintOver()
  }

  #varintOver(): void {
    if (this.#reading === "tag") return this.#tag(this.#varint)
    if (this.#reading === "length") return this.#sized(this.#varint)
    this.#keptOctets = this.#varintOctets
    this.#fieldOver()
  }

  #tag(tag: number): void {
    this.#field = Math.floor(tag / 8)
    this.#wireType = tag % 8
    if (this.#field === 0 || this.#field > FIELD_MAX) this.#isBroken = true
    switch (this.#wireType) {
      case WireType.VARINT:
        if (this.#isWanted) this.#keep(VARINT_OCTETS)
        return this.#expectWithin("varint")
      case WireType.FIXED64:
        return this.#sized(8)
      case WireType.FIXED32:
        return this.#sized(4)
      case WireType.LENGTH:
        this.#lengthAt = this.#at
        return this.#expectWithin("length")
      case WireType.START_GROUP:
        this.#groups.push(this.#field)
        if (this.#groups.length > GROUPS_MAX) this.#isBroken = true
        return this.#fieldOver()
      case WireType.END_GROUP:
        if (this.#groups.pop() !== this.#field) this.#isBroken = true
        return this.#fieldOver()
      default:
        this.#isBroken = true
    }
  }

  /** Another octet of the present field must follow. */
  #expectWithin(reading: Reading): void {
    this.#expect(reading)
    if (this.#at >= this.#end) this.#isBroken = true
  }

  /** The field, or an embedded message on the way to it. */
  get #isOnPath(): boolean {
    return this.#groups.length === 0 && this.#field === this.#path[this.#open]
  }

  get #isWanted(): boolean {
    return this.#isOnPath && this.#open === this.#path.length - 1
  }

  /** What follows of the present field are `octets`. */
  #sized(octets: number): void {
    const end = this.#at + octets
    if (end > this.#end) {
      this.#isBroken = true
    } else if (this.#isWanted) {
      if (octets > this.#mostOctets) this.#isBroken = true
      else this.#octets(octets, true)
    } else if (this.#isOnPath && this.#wireType === WireType.LENGTH) {
      this.levels.length = this.#open++
      this.levels.push({ lengthAt: this.#lengthAt, contentAt: this.#at, end })
      this.#expect("tag")
      this.#leave()
    } else this.#octets(octets, false)
  }

  #octets(octets: number, isKept: boolean): void {
    if (isKept) this.#keep(octets)
    this.#left = octets
    this.#reading = "octets"
    if (octets === 0) this.#fieldOver()
  }

  #keep(octets: number): void {
    this.#kept = octets === 0 ? NO_OCTETS : Buffer.alloc(octets)
    this.#keptOctets = 0
  }

  #fieldOver(): void {
    if (this.#kept !== null) {
      const octets = this.#kept.subarray(0, this.#keptOctets)
      const isNone = isNothing(this.#wireType, octets)
      this.#value = isNone ? null : { wireType: this.#wireType, octets }
      this.#kept = null
    }
    this.#expect("tag")
    this.#leave()
  }

  /** Out of the embedded messages that end here. */
  #leave(): void {
    while (this.#open > 0 && this.#at === this.#end) {
      if (this.#groups.length > 0) this.#isBroken = true
      this.#open--
    }
  }
}

/** Empty, or a number that is 0. */
function isNothing(wireType: number, octets: Buffer): boolean {
  if (wireType === WireType.LENGTH) return octets.length === 0
  return octets.every((octet) => (octet & (wireType === WireType.VARINT ? 0x7f : 0xff)) === 0)
}
