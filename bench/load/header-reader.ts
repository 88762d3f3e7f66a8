import { BACKEND_FIELD } from "./calls.ts"
import { decodeHuffman } from "./huffman.ts"
import { STATIC_TABLE } from "./static-table.ts"

/** The fields the load looks at. Empty: not in the block. */
export interface Fields {
  status: string
  grpcStatus: string
  grpcMessage: string
  path: string
  backend: string
}

const ENTRY_OVERHEAD_OCTETS = 32
const TABLE_OCTETS = 4096
const REMEMBERED_BLOCKS = 64
const FIELD_KEYS: ReadonlyMap<string, keyof Fields> = new Map([
  [":status", "status"],
  ["grpc-status", "grpcStatus"],
  ["grpc-message", "grpcMessage"],
  [":path", "path"],
  [BACKEND_FIELD, "backend"],
])

/**
 * Reads header blocks: HPACK in full, Huffman and dynamic table included.
 * A block that changed no table is remembered until the table next changes. Throws on a block it cannot read.
 * Source: RFC 7541.
 */
export class HeaderReader {
  /** Newest first. */
  #table: [name: string, value: string][] = []
  #tableOctets = 0
  #tableLimit = TABLE_OCTETS
  #remembered = new Map<string, Fields>()
  #changed = false
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0

  read(bytes: Buffer, from: number, to: number): Fields {
    const key = bytes.toString("latin1", from, to)
    const known = this.#remembered.get(key)
    if (known !== undefined) return known
    const fields: Fields = { status: "", grpcStatus: "", grpcMessage: "", path: "", backend: "" }
    this.#bytes = bytes
    this.#at = from
    this.#end = to
    this.#changed = false
    while (this.#at < to) this.#field(fields)
    if (this.#changed || this.#remembered.size >= REMEMBERED_BLOCKS) this.#remembered.clear()
    if (!this.#changed) this.#remembered.set(key, fields)
    return fields
  }

  #field(fields: Fields): void {
    const first = this.#bytes[this.#at]!
    if ((first & 0x80) !== 0) {
      const [name, value] = this.#entry(this.#integer(7))
      this.#note(fields, name, value)
    } else if ((first & 0xe0) === 0x20) {
      this.#tableLimit = this.#integer(5)
      this.#evict()
      this.#changed = true
    } else {
      const indexed = (first & 0x40) !== 0
      const index = this.#integer(indexed ? 6 : 4)
      const name = index === 0 ? this.#string() : this.#entry(index)[0]
      const value = this.#string()
      if (indexed) this.#insert(name, value)
      this.#note(fields, name, value)
    }
  }

  #note(fields: Fields, name: string, value: string): void {
    const key = FIELD_KEYS.get(name)
    if (key !== undefined) fields[key] = value
  }

  #insert(name: string, value: string): void {
    this.#table.unshift([name, value])
    this.#tableOctets += name.length + value.length + ENTRY_OVERHEAD_OCTETS
    this.#changed = true
    this.#evict()
  }

  #evict(): void {
    while (this.#tableOctets > this.#tableLimit) {
      const [name, value] = this.#table.pop()!
      this.#tableOctets -= name.length + value.length + ENTRY_OVERHEAD_OCTETS
    }
  }

  #entry(index: number): readonly [string, string] {
    const entry =
      index <= STATIC_TABLE.length ? STATIC_TABLE[index - 1] : this.#table[index - STATIC_TABLE.length - 1]
    if (entry === undefined) throw new Error(`HPACK index ${index} is not in the table`)
    return entry
  }

  #octet(): number {
    if (this.#at >= this.#end) throw new Error("HPACK block is cut short")
    return this.#bytes[this.#at++]!
  }

  #integer(prefixBits: number): number {
    const most = (1 << prefixBits) - 1
    let value = this.#octet() & most
    if (value < most) return value
    for (let shift = 0; shift < 28; shift += 7) {
      const octet = this.#octet()
      value += (octet & 0x7f) << shift
      if (octet < 0x80) return value
    }
    throw new Error("HPACK integer is too long")
  }

  #string(): string {
    const huffman = (this.#bytes[this.#at]! & 0x80) !== 0
    const length = this.#integer(7)
    const from = this.#at
    if (from + length > this.#end) throw new Error("HPACK string is cut short")
    this.#at = from + length
    return huffman
      ? decodeHuffman(this.#bytes, from, this.#at)
      : this.#bytes.toString("latin1", from, this.#at)
  }
}
