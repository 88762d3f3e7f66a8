/**
 * Just enough HPACK: fields written without compression, blocks read in full. Independent of src/hpack on purpose.
 * Source: RFC 7541.
 */
export type Field = readonly [name: string, value: string]

/** A literal field, not indexed, no Huffman: RFC 7541 §6.2.2. Any octets will do, legal or not. */
export function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0), text(name), text(value)])
}

/** A literal field that enters the dynamic table as index 62: RFC 7541 §6.2.1. */
export function inserted(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.of(0x40), text(name), text(value)])
}

/** An indexed field: one octet below 127. RFC 7541 §6.1. */
export const indexed = (index: number): Buffer => integer(index, 7, 0x80)

export const block = (fields: readonly Field[]): Buffer =>
  Buffer.concat(fields.map(([name, value]) => literal(name, value)))

/** RFC 7541 §5.1. `pattern` holds the bits above the prefix. */
export function integer(value: number, prefixBits: number, pattern: number): Buffer {
  const full = 2 ** prefixBits - 1
  if (value < full) return Buffer.of(pattern | value)
  const octets = [pattern | full]
  let rest = value - full
  for (; rest >= 128; rest = Math.floor(rest / 128)) octets.push((rest % 128) | 128)
  octets.push(rest)
  return Buffer.from(octets)
}

function text(value: string): Buffer {
  const octets = Buffer.from(value, "latin1")
  return Buffer.concat([integer(octets.length, 7, 0), octets])
}

/** Decodes one peer's blocks, in the order they come. Throws on what is not HPACK. */
export class Decoder {
  readonly #dynamic: Field[] = []
  #octets = 0
  #capacity = 4096

  decode(bytes: Uint8Array): Field[] {
    const fields: Field[] = []
    const cursor = { bytes, at: 0 }
    while (cursor.at < bytes.length) {
      const first = bytes[cursor.at]!
      if (first & 0x80) fields.push(this.#field(readInteger(cursor, 7)))
      else if ((first & 0xe0) === 0x20) this.#resize(readInteger(cursor, 5))
      else {
        const insert = (first & 0x40) !== 0
        const index = readInteger(cursor, insert ? 6 : 4)
        const name = index === 0 ? readText(cursor) : this.#field(index)[0]
        const field: Field = [name, readText(cursor)]
        fields.push(field)
        if (insert) this.#insert(field)
      }
    }
    return fields
  }

  #field(index: number): Field {
    const field =
      index <= staticTable.length ? staticTable[index - 1] : this.#dynamic[index - staticTable.length - 1]
    if (field === undefined) throw new Error(`HPACK index ${index} is empty`)
    return field
  }

  #insert(field: Field): void {
    this.#dynamic.unshift(field)
    this.#octets += sizeOf(field)
    this.#evict()
  }

  #resize(capacity: number): void {
    this.#capacity = capacity
    this.#evict()
  }

  #evict(): void {
    while (this.#octets > this.#capacity) this.#octets -= sizeOf(this.#dynamic.pop()!)
  }
}

const sizeOf = ([name, value]: Field): number => name.length + value.length + 32

interface Cursor {
  bytes: Uint8Array
  at: number
}

function readInteger(cursor: Cursor, prefixBits: number): number {
  const full = 2 ** prefixBits - 1
  let value = next(cursor) & full
  if (value < full) return value
  for (let factor = 1; ; factor *= 128) {
    const octet = next(cursor)
    value += (octet & 127) * factor
    if (value > 2 ** 31) throw new Error("HPACK integer too large")
    if (octet < 128) return value
  }
}

function readText(cursor: Cursor): string {
  const huffman = (cursor.bytes[cursor.at] ?? 0) & 0x80
  const length = readInteger(cursor, 7)
  const end = cursor.at + length
  if (end > cursor.bytes.length) throw new Error("HPACK string past the end of its block")
  const octets = cursor.bytes.subarray(cursor.at, end)
  cursor.at = end
  return huffman ? unhuffman(octets) : Buffer.from(octets).toString("latin1")
}

function next(cursor: Cursor): number {
  const octet = cursor.bytes[cursor.at++]
  if (octet === undefined) throw new Error("HPACK block ends in the middle of a field")
  return octet
}

/** RFC 7541 Appendix B is a canonical code, so the lengths give it all: `A` is 5 bits, `B` 6 … `Z` 30; EOS is last. */
const codeLengths =
  "ISXXXXXXXTZXXZXXXXXXXXZXXXXXXXXXBFFHIBDGFFDGDBBBAAABBBBBBBCDKBHF" +
  "IBCCCCCCCCCCCCCCCCCCCCCCDCDIOIJBKABABABBBACCBBBABCBAABCCCCCKGJIX" +
  "PRPPRRRSRSSSSSTSTTRSTSSSSQRSRSSTRQPRRSSQSRRTQRSSQQRQSRSSPRRRSRRS" +
  "VVPORSRUVVVWWVTUOQVWWVWTQQVVXWWWPTPQRQQSRRUUTTVSVWVVWWWWWXWWWWWV" +
  "Z"

/** Code with a leading 1 (so that its length shows) to symbol. */
const symbols = canonicalCode()

function canonicalCode(): Map<number, number> {
  const lengthOf = (symbol: number) => codeLengths.charCodeAt(symbol) - 60
  const order = Array.from(codeLengths, (_, symbol) => symbol).sort(
    (a, b) => lengthOf(a) - lengthOf(b) || a - b,
  )
  const codes = new Map<number, number>()
  let code = 0
  let length = 0
  for (const symbol of order) {
    code *= 2 ** (lengthOf(symbol) - length)
    length = lengthOf(symbol)
    codes.set(2 ** length + code, symbol)
    code += 1
  }
  return codes
}

function unhuffman(octets: Uint8Array): string {
  let out = ""
  let code = 1
  for (const octet of octets) {
    for (let bit = 7; bit >= 0; bit--) {
      code = code * 2 + ((octet >> bit) & 1)
      const symbol = symbols.get(code)
      if (symbol === undefined) continue
      out += String.fromCharCode(symbol)
      code = 1
    }
  }
  return out
}

/** RFC 7541 Appendix A, as `name|value`. */
const staticTable: Field[] = `
:authority|
:method|GET
:method|POST
:path|/
:path|/index.html
:scheme|http
:scheme|https
:status|200
:status|204
:status|206
:status|304
:status|400
:status|404
:status|500
accept-charset|
accept-encoding|gzip, deflate
accept-language|
accept-ranges|
accept|
access-control-allow-origin|
age|
allow|
authorization|
cache-control|
content-disposition|
content-encoding|
content-language|
content-length|
content-location|
content-range|
content-type|
cookie|
date|
etag|
expect|
expires|
from|
host|
if-match|
if-modified-since|
if-none-match|
if-range|
if-unmodified-since|
last-modified|
link|
location|
max-forwards|
proxy-authenticate|
proxy-authorization|
range|
referer|
refresh|
retry-after|
server|
set-cookie|
strict-transport-security|
transfer-encoding|
user-agent|
vary|
via|
www-authenticate|
`
  .trim()
  .split("\n")
  .map((line) => line.split("|") as [string, string])
