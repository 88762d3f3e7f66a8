import { MessageFault } from "./fault.ts"
import { positionOf } from "./json-scanner.ts"
import type { Output } from "./output.ts"

const BACKSLASH = 0x5c
const SIMPLE: Readonly<Record<string, number>> = {
  '"': 0x22,
  "\\": 0x5c,
  "/": 0x2f,
  b: 0x08,
  f: 0x0c,
  n: 0x0a,
  r: 0x0d,
  t: 0x09,
}
const HEX = /^[0-9a-fA-F]{4}$/
/** What an escape costs, in octets gone through. */
const PER_ESCAPE = 16

/** Copies the inside of a JSON string, its escapes undone, in steps. Errors: `MessageFault`, malformed. */
export class StringCopy {
  readonly use: "value" | "key" | "base64"
  /** Where in the output it begins. */
  readonly outputStart: number
  readonly #from: Buffer
  readonly #end: number
  readonly #to: Output
  #at: number

  constructor(from: Buffer, start: number, end: number, to: Output, use: StringCopy["use"]) {
    this.#from = from
    this.#at = start
    this.#end = end
    this.#to = to
    this.use = use
    this.outputStart = to.length
  }

  get isThrough(): boolean {
    return this.#at >= this.#end
  }

  /** Goes on for about `octets`. Returns how many that came to. */
  step(octets: number): number {
    let work = 0
    while (this.#at < this.#end && work < octets) {
      const backslash = this.#from.indexOf(BACKSLASH, this.#at)
      const runEnd = Math.min(backslash < 0 ? this.#end : backslash, this.#end)
      const cut = Math.min(runEnd, this.#at + octets)
      this.#to.copy(this.#from, this.#at, cut)
      work += cut - this.#at + PER_ESCAPE
      this.#at = cut
      if (cut === backslash && cut < this.#end) this.#escape()
    }
    return work
  }

  #escape(): void {
    const letter = String.fromCharCode(this.#from[this.#at + 1]!)
    const simple = SIMPLE[letter]
    if (simple !== undefined) {
      this.#to.octet(simple)
      this.#at += 2
      return
    }
    const first = letter === "u" ? this.#unit(this.#at) : -1
    if (first < 0) throw this.#fault("an escape that JSON does not have")
    this.#at += 6
    if (first < 0xd800 || first > 0xdfff) return this.#to.utf8(String.fromCharCode(first))
    const second = this.#unit(this.#at)
    if (first > 0xdbff || second < 0xdc00 || second > 0xdfff) throw this.#fault("half a surrogate pair")
    this.#at += 6
    this.#to.utf8(String.fromCharCode(first, second))
  }

  /** The UTF-16 unit of an escape; -1: there is none. */
  #unit(at: number): number {
    if (at + 6 > this.#end || this.#from[at] !== BACKSLASH || this.#from[at + 1] !== 0x75) return -1
    const digits = this.#from.toString("latin1", at + 2, at + 6)
    return HEX.test(digits) ? Number.parseInt(digits, 16) : -1
  }

  #fault(what: string): MessageFault {
    return new MessageFault("malformed", `${what} at position ${positionOf(this.#from, this.#at)}`)
  }
}
