import type { HeaderList } from "../../../src/http2/header-list.ts"
import { encodeHuffman } from "../../../src/http2/hpack/huffman.ts"
import type { HpackDecoder } from "../../../src/http2/hpack/index.ts"
import { writeInteger } from "../../../src/http2/hpack/integer.ts"
import { STATIC_NAMES, STATIC_VALUES } from "../../../src/http2/hpack/static-table.ts"

/** Small ones, so that short blocks reach them. */
export const LIMITS = { maxFields: 8, maxOctets: 400 }
export const TABLE_OCTETS = 200

/** What a block holds. */
export interface Expected {
  fields: string[]
  never: number[]
  overflowed: boolean
}

/** Whether our decoder said the same. `list` is what it returned. */
export function agree(list: HeaderList | null, expected: Expected | null, decoder: HpackDecoder): boolean {
  if (list === null || expected === null) return list === null && expected === null && decoder.fault !== ""
  return (
    list.fields.length === expected.fields.length &&
    list.fields.every((text, i) => text === expected.fields[i]) &&
    [...(list.neverIndexed ?? [])].join() === expected.never.join() &&
    decoder.overflowed === expected.overflowed &&
    decoder.fault === "" &&
    list.octets <= LIMITS.maxOctets &&
    list.fields.length <= LIMITS.maxFields * 2
  )
}

export function report(
  block: Uint8Array,
  list: HeaderList | null,
  expected: Expected | null,
  decoder: HpackDecoder,
): string {
  const ours = list === null ? decoder.fault : { fields: list.fields, overflowed: decoder.overflowed }
  return `${Buffer.from(block).toString("hex")}: ${JSON.stringify(ours)}, not ${JSON.stringify(expected)}`
}

/** An HPACK integer: RFC 7541 §5.1. */
export function integer(pattern: number, mask: number, value: number): number[] {
  const target = new Uint8Array(8)
  return [...target.subarray(0, writeInteger(target, 0, pattern, mask, value))]
}

/** An HPACK string, Huffman-coded or not. */
export function string(text: string, coded: boolean): number[] {
  const target = new Uint8Array(text.length * 4 + 8)
  const octets = coded
    ? target.subarray(0, encodeHuffman(text, target, 0, text.length * 4))
    : Buffer.from(text, "latin1")
  return [...integer(coded ? 0x80 : 0, 0x7f, octets.length), ...octets]
}

class Fault extends Error {}

/** RFC 7541 word by word: arrays, no tables but the static one, no cleverness. */
export class PlainDecoder {
  #table: [name: string, value: string][] = []
  #advertised: number
  #maximum: number
  #required: number | null = null
  #octets: Uint8Array = new Uint8Array()
  #position = 0

  constructor(octets: number) {
    this.#advertised = this.#maximum = octets
  }

  setMaxTableOctets(octets: number): void {
    this.#advertised = octets
    if (octets < (this.#required ?? this.#maximum)) this.#required = octets
  }

  decode(block: Uint8Array): Expected | null {
    this.#octets = block
    this.#position = 0
    try {
      return this.#block()
    } catch (error) {
      if (error instanceof Fault) return null
      throw error
    }
  }

  #block(): Expected {
    const result: Expected = { fields: [], never: [], overflowed: false }
    let room = LIMITS.maxOctets
    let updatesAllowed = true
    while (this.#position < this.#octets.length || this.#required !== null) {
      const first = BITS[this.#octets[this.#position]!] ?? ""
      if (first.startsWith("001") && updatesAllowed) {
        this.#update()
        continue
      }
      if (first.startsWith("001") || this.#required !== null) throw new Fault()
      updatesAllowed = false
      const [name, value] = first.startsWith("1") ? this.#entry(this.#integer(7)) : this.#literal(first)
      room -= name.length + value.length + 32
      if (room < 0 || result.fields.length === LIMITS.maxFields * 2) result.overflowed = true
      if (result.overflowed) continue
      if (first.startsWith("0001")) result.never.push(result.fields.length / 2)
      result.fields.push(name, value)
    }
    return result
  }

  #update(): void {
    const octets = this.#integer(5)
    if (octets > this.#advertised || octets > (this.#required ?? octets)) throw new Fault()
    this.#required = null
    this.#maximum = octets
    this.#evict()
  }

  #literal(first: string): [string, string] {
    const indexed = first.startsWith("01")
    const index = this.#integer(indexed ? 6 : 4)
    const name = index === 0 ? this.#string() : this.#entry(index)[0]
    const value = this.#string()
    if (indexed) this.#table.unshift([name, value])
    this.#evict()
    return [name, value]
  }

  #evict(): void {
    const size = () => this.#table.reduce((sum, [name, value]) => sum + name.length + value.length + 32, 0)
    while (size() > this.#maximum) this.#table.pop()
  }

  #entry(index: number): [string, string] {
    if (index === 0 || index > 61 + this.#table.length) throw new Fault()
    return index <= 61 ? [STATIC_NAMES[index]!, STATIC_VALUES[index]!] : this.#table[index - 62]!
  }

  #octet(): number {
    const octet = this.#octets[this.#position++]
    if (octet === undefined) throw new Fault()
    return octet
  }

  #integer(prefixBits: number): number {
    const mask = 2 ** prefixBits - 1
    let value = this.#octet() & mask
    if (value < mask) return value
    for (let i = 0; i < 5; i++) {
      const octet = this.#octet()
      value += (octet % 128) * 128 ** i
      if (value >= 2 ** 28) throw new Fault()
      if (octet < 128) return value
    }
    throw new Fault()
  }

  #string(): string {
    const coded = (this.#octets[this.#position] ?? 0) >= 128
    const length = this.#integer(7)
    const octets = this.#octets.subarray(this.#position, (this.#position += length))
    if (octets.length < length) throw new Fault()
    if (!coded) return String.fromCharCode(...octets)
    let text = ""
    let code = 1
    for (const octet of octets) {
      for (let bit = 7; bit >= 0; bit--) {
        code = code * 2 + ((octet >> bit) & 1)
        if (code === EOS) throw new Fault()
        const symbol = SYMBOLS.get(code)
        if (symbol === undefined) continue
        text += symbol
        code = 1
      }
    }
    if (!PADDINGS.includes(code)) throw new Fault()
    return text
  }
}

const BITS = Array.from({ length: 256 }, (_, octet) => octet.toString(2).padStart(8, "0"))
/** Codes as numbers: a one, then the code's bits. */
const SYMBOLS = new Map<number, string>()
const EOS = 2 ** 31 - 1
const PADDINGS = Array.from({ length: 8 }, (_, bits) => 2 ** (bits + 1) - 1)
for (let octet = 0; octet < 256; octet++) {
  const symbol = String.fromCharCode(octet)
  const octetsOf = (text: string) => string(text, true).slice(1)
  const bits = octetsOf(symbol).map((octet) => BITS[octet])
  // Eight codes in a row take as many octets as one takes bits.
  const code = bits.join("").slice(0, octetsOf(symbol.repeat(8)).length)
  SYMBOLS.set(Number.parseInt(`1${code}`, 2), symbol)
}
