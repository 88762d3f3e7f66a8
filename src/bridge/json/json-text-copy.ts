import type { Output } from "./output.ts"

/** 1 for each octet that JSON has an escape for within strings: RFC 8259 §7. */
const NEEDS_ESCAPE = new Uint8Array(256)
NEEDS_ESCAPE.fill(1, 0, 0x20)
NEEDS_ESCAPE[0x22] = 1
NEEDS_ESCAPE[0x5c] = 1
/** Octets that become one piece of base64: whole groups of three. */
const BASE64_PIECE = 12_288

/** Copies octets into a JSON string, in steps: UTF-8 with what needs it escaped, or anything in base64. */
export class JsonTextCopy {
  readonly #from: Buffer
  readonly #end: number
  readonly #isBase64: boolean
  #at: number

  constructor(from: Buffer, start: number, end: number, isBase64: boolean) {
    this.#from = from
    this.#at = start
    this.#end = end
    this.#isBase64 = isBase64
  }

  get isThrough(): boolean {
    return this.#at >= this.#end
  }

  /** Goes on for about `octets`. Returns how many that came to. */
  step(to: Output, octets: number): number {
    const from = this.#at
    const end = Math.min(this.#end, from + Math.max(1, octets))
    if (!this.#isBase64) {
      this.#at = end
      copyEscaped(to, this.#from, from, end)
      return end - from
    }
    while (this.#at < end) {
      const pieceEnd = Math.min(this.#end, this.#at + BASE64_PIECE)
      to.ascii(this.#from.toString("base64", this.#at, pieceEnd))
      this.#at = pieceEnd
    }
    return this.#at - from
  }
}

function copyEscaped(to: Output, octets: Buffer, start: number, end: number): void {
  let runStart = start
  for (let at = start; at < end; at++) {
    if (NEEDS_ESCAPE[octets[at]!] === 0) continue
    if (at > runStart) to.copy(octets, runStart, at)
    to.ascii(JSON.stringify(String.fromCharCode(octets[at]!)).slice(1, -1))
    runStart = at + 1
  }
  if (end > runStart) to.copy(octets, runStart, end)
}
