import { MessageFault } from "./fault.ts"

/** What stands in a JSON text: RFC 8259 §2. */
export const Token = {
  /** The step's work is used up within a token. */
  PAUSED: 0,
  END: 1,
  OPEN_OBJECT: 2,
  CLOSE_OBJECT: 3,
  OPEN_ARRAY: 4,
  CLOSE_ARRAY: 5,
  COMMA: 6,
  COLON: 7,
  STRING: 8,
  NUMBER: 9,
  TRUE: 10,
  FALSE: 11,
  NULL: 12,
} as const

/** Longest number. No double needs as many digits. */
const NUMBER_OCTETS_MAX = 4096
/** What a token costs beside its octets, in octets gone through. */
const PER_TOKEN = 16

const QUOTE = 0x22
const BACKSLASH = 0x5c
/** Octets of numbers: `+`, `-`, `.`, digits, `E`, `e`. */
const IN_NUMBER = new Uint8Array(256)
for (const character of "+-.0123456789Ee") IN_NUMBER[character.charCodeAt(0)] = 1
/** Octets that end a run within a string: the quote, the backslash, and control characters, which may not stand there. */
const ENDS_RUN = new Uint8Array(256)
ENDS_RUN.fill(1, 0, 0x20)
ENDS_RUN[QUOTE] = 1
ENDS_RUN[BACKSLASH] = 1

const SIMPLE = new Uint8Array(256)
SIMPLE["{".charCodeAt(0)] = Token.OPEN_OBJECT
SIMPLE["}".charCodeAt(0)] = Token.CLOSE_OBJECT
SIMPLE["[".charCodeAt(0)] = Token.OPEN_ARRAY
SIMPLE["]".charCodeAt(0)] = Token.CLOSE_ARRAY
SIMPLE[",".charCodeAt(0)] = Token.COMMA
SIMPLE[":".charCodeAt(0)] = Token.COLON

/** Reads the tokens of a JSON text, which is UTF-8, in steps of bounded work. Errors: `MessageFault`, malformed. */
export class JsonScanner {
  readonly octets: Buffer
  /** Work that may still be done in this step, in octets gone through. */
  left = 0
  /** Where the last token begins and ends. */
  start = 0
  end: number
  /** The last string has escapes. */
  hasEscapes = false
  /** Within a string, where a step ended; -1: not so. */
  #resumeAt = -1

  constructor(octets: Buffer, at = 0) {
    this.octets = octets
    this.end = at
  }

  next(): number {
    const { octets } = this
    if (this.#resumeAt >= 0) return this.#string(this.#resumeAt)
    let at = this.end
    let octet = octets[at]!
    while (octet === 0x20 || octet === 0x0a || octet === 0x0d || octet === 0x09) {
      octet = octets[++at]!
      if (this.left-- <= 0) {
        this.end = at
        return Token.PAUSED
      }
    }
    this.start = at
    this.left -= PER_TOKEN
    if (at >= octets.length) {
      this.end = at
      return Token.END
    }
    const simple = SIMPLE[octet]!
    if (simple !== 0) {
      this.end = at + 1
      return simple
    }
    if (octet === QUOTE) {
      this.hasEscapes = false
      return this.#string(at + 1)
    }
    if (octet === 0x2d || (octet >= 0x30 && octet <= 0x39)) return this.#number(at)
    if (octet === 0x74) return this.#literal("true", Token.TRUE)
    if (octet === 0x66) return this.#literal("false", Token.FALSE)
    if (octet === 0x6e) return this.#literal("null", Token.NULL)
    throw this.unexpected()
  }

  /** The last token is not what may stand there. */
  unexpected(): MessageFault {
    const at = positionOf(this.octets, this.start)
    if (this.start >= this.octets.length) return new MessageFault("malformed", `it ends at position ${at}`)
    const character = String.fromCodePoint(
      this.octets.toString("utf8", this.start, this.start + 4).codePointAt(0) ?? 0,
    )
    return new MessageFault("malformed", `unexpected ${JSON.stringify(character)} at position ${at}`)
  }

  /** The last token as it stands, cut where it is long. */
  get excerpt(): string {
    const text = this.octets.toString("utf8", this.start, Math.min(this.end, this.start + 40))
    return this.end - this.start > 40 ? `${text}…` : text
  }

  /** What the last string says, escapes undone. Errors: `MessageFault`. */
  get text(): string {
    return unescaped(this.octets, this.start, this.end, this.hasEscapes)
  }

  #string(from: number): number {
    const { octets } = this
    const last = Math.min(octets.length, from + Math.max(this.left, 1))
    let at = from
    while (at < last) {
      const octet = octets[at]!
      if (ENDS_RUN[octet] === 0) at++
      else if (octet === QUOTE) {
        this.left -= at - from
        this.end = at + 1
        this.#resumeAt = -1
        return Token.STRING
      } else if (octet === BACKSLASH) {
        this.hasEscapes = true
        at += 2
      } else {
        this.start = at
        throw this.unexpected()
      }
    }
    if (at >= octets.length) {
      this.start = octets.length
      throw this.unexpected()
    }
    this.left = 0
    this.#resumeAt = at
    return Token.PAUSED
  }

  #number(from: number): number {
    const { octets } = this
    let at = from
    while (IN_NUMBER[octets[at]!] === 1) at++
    this.end = at
    this.left -= at - from
    if (at - from > NUMBER_OCTETS_MAX)
      throw new MessageFault("malformed", `a number of more than ${NUMBER_OCTETS_MAX} characters`)
    // `-`, `01`, `1.`: what else is wrong is found where the number is read.
    const first = octets[from] === 0x2d ? from + 1 : from
    const isLeadingZero = octets[first] === 0x30 && octets[first + 1]! >= 0x30 && octets[first + 1]! <= 0x39
    if (first === at || isLeadingZero || octets[at - 1]! < 0x30 || octets[at - 1]! > 0x39)
      throw this.unexpected()
    return Token.NUMBER
  }

  #literal(word: string, token: number): number {
    const end = this.start + word.length
    if (this.octets.toString("latin1", this.start, end) !== word) throw this.unexpected()
    this.end = end
    return token
  }
}

/** In characters from the start of the text, as editors and JavaScript count them. */
export function positionOf(octets: Buffer, at: number): number {
  return octets.toString("utf8", 0, at).length
}

/** What a string says whose quotes are at `start` and before `end`. Errors: `MessageFault`. */
export function unescaped(octets: Buffer, start: number, end: number, hasEscapes: boolean): string {
  if (!hasEscapes) return octets.toString("utf8", start + 1, end - 1)
  let text: string
  try {
    text = JSON.parse(octets.toString("utf8", start, end)) as string
  } catch {
    throw new MessageFault(
      "malformed",
      `an escape that JSON does not have at position ${positionOf(octets, start)}`,
    )
  }
  if (!text.isWellFormed())
    throw new MessageFault("malformed", `half a surrogate pair at position ${positionOf(octets, start)}`)
  return text
}
