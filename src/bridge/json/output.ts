import { isUtf8 } from "node:buffer"
import type { MessageBounds } from "./fault.ts"
import { tooMuchGrowth } from "./fault.ts"

/** What is begun with: most translations end early or are small, and what was not needed would wait to be collected. */
const FIRST_OCTETS = { least: 256, most: 64 * 1024 }

/** Octets of a translation as they come about. Errors: `MessageFault`, past the bound. */
export class Output {
  octets: Buffer
  length = 0
  readonly #bounds: MessageBounds

  constructor(bounds: MessageBounds, expectedOctets: number) {
    this.#bounds = bounds
    const octets = Math.min(expectedOctets, bounds.octetsMax, FIRST_OCTETS.most)
    this.octets = Buffer.allocUnsafe(Math.max(FIRST_OCTETS.least, octets))
  }

  /** Room for so many more, which the caller writes to `octets` itself. */
  reserve(octets: number): void {
    const needed = this.length + octets
    if (needed <= this.octets.length) return
    const { octetsMax } = this.#bounds
    if (needed > octetsMax) throw tooMuchGrowth(this.#bounds)
    const larger = Buffer.allocUnsafeSlow(Math.min(octetsMax, Math.max(needed, 2 * this.octets.length)))
    this.octets.copy(larger, 0, 0, this.length)
    this.octets = larger
  }

  octet(octet: number): void {
    if (this.length === this.octets.length) this.reserve(1)
    this.octets[this.length++] = octet
  }

  copy(from: Uint8Array, start: number, end: number): void {
    const length = end - start
    this.reserve(length)
    const { octets } = this
    const at = this.length
    // Of short ones a loop is faster than a call.
    if (length < 32) for (let i = 0; i < length; i++) octets[at + i] = from[start + i]!
    else octets.set(from.subarray(start, end), at)
    this.length += length
  }

  /** ASCII. */
  ascii(text: string): void {
    this.reserve(text.length)
    const { octets } = this
    const at = this.length
    for (let i = 0; i < text.length; i++) octets[at + i] = text.charCodeAt(i)
    this.length += text.length
  }

  utf8(text: string): void {
    this.reserve(3 * text.length)
    this.length += this.octets.write(text, this.length)
  }

  varint32(value: number): void {
    let rest = value >>> 0
    for (; rest > 0x7f; rest >>>= 7) this.octet((rest & 0x7f) | 0x80)
    this.octet(rest)
  }

  /** Both unsigned. */
  varint64(low: number, high: number): void {
    let restLow = low
    let restHigh = high
    while (restHigh > 0) {
      this.octet((restLow & 0x7f) | 0x80)
      restLow = ((restLow >>> 7) | (restHigh << 25)) >>> 0
      restHigh >>>= 7
    }
    this.varint32(restLow)
  }

  fixed32(value: number): void {
    this.reserve(4)
    this.length = this.octets.writeUInt32LE(value >>> 0, this.length)
  }

  float(value: number): void {
    this.reserve(4)
    this.length = this.octets.writeFloatLE(value, this.length)
  }

  double(value: number): void {
    this.reserve(8)
    this.length = this.octets.writeDoubleLE(value, this.length)
  }

  /** What was written. No more may be. */
  finish(): Buffer {
    return this.octets.subarray(0, this.length)
  }
}

/** Where octets stop being UTF-8; -1 when they never do. */
export function firstNonUtf8(octets: Uint8Array): number {
  if (isUtf8(octets)) return -1
  let start = 0
  let end = octets.length
  // Halves what may hold it, each time cut where a character begins.
  while (end - start > 8) {
    let middle = (start + end) >>> 1
    for (let back = 0; back < 3 && middle > start + 1 && (octets[middle]! & 0xc0) === 0x80; back++) middle--
    if (isUtf8(octets.subarray(start, middle))) start = middle
    else end = middle
  }
  while (start < end) {
    const first = octets[start]!
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    if (start + length > octets.length || !isUtf8(octets.subarray(start, start + length))) return start
    start += length
  }
  return start
}
