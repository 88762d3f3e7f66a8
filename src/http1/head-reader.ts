import { latin1 } from "../http2/hpack/latin1.ts"
import { tokenOctets, valueOctets } from "./grammar.ts"

const LF = 0x0a
const CR = 0x0d
const COLON = 0x3a
const SPACE = 0x20
const TAB = 0x09
const UPPER = 2
/**
 * V8 keeps what is put together of pieces as a tree of them, 32 octets for each, so that a line that comes octet by octet
 * would take many times what it is charged.
 */
const PIECES_MAX = 64
const REMEMBERED_OCTETS_MAX = 4096

/** Why no more is read of a head. `reason`: one clause. */
export interface HeadFault {
  readonly kind: "malformed" | "too_large" | "too_many_fields"
  readonly reason: string
}

export interface HeadBounds {
  /** Of start line and fields, with their line ends. */
  readonly octetsMax: number
  readonly fieldsMax: number
}

export interface HeadReaderOptions {
  readonly bounds: HeadBounds
  /** What is wrong with a start line, which holds no control characters. Left out: there is none, as in trailers. */
  readonly startLineProblem?: (line: string) => string | null
  /** Empty lines before a request are none of it: RFC 9112 §2.2. They count as octets of its head. */
  readonly skipsEmptyLines?: boolean
  /**
   * A head that comes in one piece and is the same as the one before is not judged again: it gives the very same `fields`.
   * None of more than 4 KiB is kept for that, as much as HPACK keeps for a connection.
   */
  readonly remembersLast?: boolean
}

/** A head that was whole, and had no fault. */
interface KnownHead {
  readonly lines: string
  readonly startLine: string
  readonly fields: string[]
}

/**
 * Reads start line and fields of one message after the other, as octets come. A line is judged once its end is there.
 * Strict: lines end by CRLF, no space before a colon, no folded lines, no control characters in values, and beside a length
 * or a transfer coding no tabs, which other parsers take for a part of it.
 *
 * Source: RFC 9112 §2.2, §5; RFC 9110 §5.5, §5.6.2.
 */
export class HeadReader {
  startLine = ""
  /** Names in lower case and values without blanks at their ends, in turn; one octet per character. */
  fields: string[] = []
  isWhole = false
  fault: HeadFault | null = null
  /** Read of this head. */
  octets = 0
  readonly #options: HeadReaderOptions
  #isAtStart: boolean
  /** A line whose end has not come. */
  #partial = ""
  /** That lines were put together of. */
  #pieces = 0
  #last: KnownHead | null = null

  constructor(options: HeadReaderOptions) {
    this.#options = options
    this.#isAtStart = options.startLineProblem !== undefined
  }

  /** What comes next is another head. `fields` is the last one's reader's to keep. */
  reset(): void {
    this.startLine = ""
    this.fields = []
    this.isWhole = false
    this.fault = null
    this.octets = 0
    this.#isAtStart = this.#options.startLineProblem !== undefined
    this.#partial = ""
  }

  /** No other head comes. */
  forget(): void {
    this.#last = null
  }

  /** Reads on. Returns where it stopped: at `end`, unless the head is whole or has a fault. */
  read(octets: Buffer, start: number, end: number): number {
    const { octetsMax } = this.#options.bounds
    const stop = Math.min(end, start + octetsMax - this.octets)
    let at = start
    while (at < stop && !this.isWhole && this.fault === null) {
      const cut = this.#endOfLines(octets, at, stop)
      const lines = this.#partial + latin1(octets, at, cut < 0 ? stop : cut)
      this.octets += (cut < 0 ? stop : cut) - at
      at = cut < 0 ? stop : cut
      this.#partial = cut < 0 ? this.#kept(lines) : ""
      if (cut >= 0 && !this.#isKnown(lines)) this.#readLines(lines)
    }
    if (at < end && !this.isWhole && this.fault === null) {
      if (this.#isAtStart) this.startLine = this.#partial
      this.fault = { kind: "too_large", reason: `it has more than ${octetsMax} octets` }
    }
    return at
  }

  #kept(line: string): string {
    if (++this.#pieces % PIECES_MAX !== 0) return line
    return Buffer.from(line, "latin1").toString("latin1")
  }

  /** Takes a head from memory. */
  #isKnown(lines: string): boolean {
    if (this.#options.remembersLast !== true || this.octets !== lines.length) return false
    const last = this.#last
    if (last?.lines !== lines) return false
    this.startLine = last.startLine
    this.fields = last.fields
    this.isWhole = true
    return true
  }

  /** Behind the last line that ends before `stop`, or behind the first one that is empty; -1: none ends. */
  #endOfLines(octets: Buffer, start: number, stop: number): number {
    let lineStart = start - this.#partial.length
    let cut = -1
    for (let i = start; i < stop; i++) {
      if (octets[i] !== LF) continue
      cut = i + 1
      // Two octets: an empty line, or one that is found to be malformed.
      if (cut - lineStart <= 2) break
      lineStart = cut
    }
    return cut
  }

  /** Lines with their ends. */
  #readLines(lines: string): void {
    for (let at = 0; at < lines.length && this.fault === null; ) {
      const next = lines.indexOf("\n", at) + 1
      const end = next - 2
      if (end < at || lines.charCodeAt(end) !== CR) {
        if (this.#isAtStart) this.startLine = lines.slice(at, next - 1)
        return this.#malformed("a line ends by LF alone")
      }
      if (end > at) this.#readLine(lines, at, end)
      else if (!this.#isAtStart) this.#whole(lines)
      else if (this.#options.skipsEmptyLines !== true) return this.#malformed("it begins by an empty line")
      at = next
    }
  }

  #whole(lines: string): void {
    const { startLine, fields } = this
    this.isWhole = true
    if (this.#options.remembersLast !== true || lines.length > REMEMBERED_OCTETS_MAX) return
    if (this.octets === lines.length) this.#last = { lines, startLine, fields }
  }

  #readLine(lines: string, start: number, end: number): void {
    if (!this.#isAtStart) return this.#readField(lines, start, end)
    this.#isAtStart = false
    this.startLine = lines.slice(start, end)
    const wrong = wrongOctet(lines, start, end)
    if (wrong >= 0) return this.#malformed(`its first line has octet 0x${wrong.toString(16)}`)
    const problem = this.#options.startLineProblem!(this.startLine)
    if (problem !== null) this.#malformed(problem)
  }

  #readField(lines: string, start: number, end: number): void {
    let colon = start
    let hasUpper = false
    for (; colon < end; colon++) {
      const kind = tokenOctets[lines.charCodeAt(colon)]!
      if (kind === 0) break
      if (kind === UPPER) hasUpper = true
    }
    if (colon === end || lines.charCodeAt(colon) !== COLON || colon === start)
      return this.#malformed(nameProblem(lines, start, colon, end))
    let from = colon + 1
    let to = end
    while (from < to && isBlank(lines.charCodeAt(from))) from++
    while (to > from && isBlank(lines.charCodeAt(to - 1))) to--
    const name = lines.slice(start, colon)
    if (to < end || from !== colon + 2 || lines.charCodeAt(colon + 1) === TAB) {
      const beside = lines.slice(colon + 1, from) + lines.slice(to, end)
      if (beside.includes("\t") && /^(content-length|transfer-encoding)$/i.test(name))
        return this.#malformed(`the value of ${name} has a tab beside it`)
    }
    const wrong = wrongOctet(lines, from, to)
    if (wrong >= 0) return this.#malformed(`the value of ${name} has octet 0x${wrong.toString(16)}`)
    const { fieldsMax } = this.#options.bounds
    if (this.fields.length >= 2 * fieldsMax) {
      this.fault = { kind: "too_many_fields", reason: `it has more than ${fieldsMax} fields` }
      return
    }
    this.fields.push(hasUpper ? name.toLowerCase() : name, lines.slice(from, to))
  }

  #malformed(reason: string): void {
    this.fault = { kind: "malformed", reason }
  }
}

function isBlank(octet: number): boolean {
  return octet === SPACE || octet === TAB
}

/** The first octet that no value may hold; -1: there is none. */
function wrongOctet(lines: string, start: number, end: number): number {
  for (let i = start; i < end; i++) {
    const octet = lines.charCodeAt(i)
    if (valueOctets[octet] === 0) return octet
  }
  return -1
}

function nameProblem(lines: string, start: number, at: number, end: number): string {
  const octet = lines.charCodeAt(at)
  if (at === start && isBlank(octet)) return "a field is folded, or begins by a blank"
  if (at === start && octet === COLON) return "a field name is empty"
  if (at === end) return "a field has no colon"
  return `a field name has octet 0x${octet.toString(16)}`
}
