/**
 * Words, `;`, `{` and `}` of nginx.conf, with nginx's own rules and none of its leniency lost: quotes count only at
 * the start of a word, `}` too, `#` too; a backslash keeps any next character from ending a word; `${` opens no block.
 */
import type { Span, Word } from "./ast.ts"
import { endOfLua } from "./lua.ts"
import type { Report } from "./report.ts"

export type Token =
  | { kind: "word"; word: Word }
  | { kind: ";" | "{" | "}"; span: Span }
  /** A word that was reported; what it belongs to must not be read further. */
  | { kind: "broken"; span: Span }

/** Longest word, in UTF-8 octets as written: nginx's buffer less what it must see behind the word. */
const WORD_OCTETS_MAX = 4095
const QUOTED_OCTETS_MAX = 4094

/** Most lines of a map: two words in which no character means anything. */
const PLAIN_LINE = /([^\s;{}"'\\\ufffd#][^\s;{"'\\\ufffd]*)([ \t]+)([^\s;{}"'\\\ufffd#][^\s;{"'\\\ufffd]*);/y

const SPACE = new Set([" ", "\t", "\r", "\n"])

export class Lexer {
  readonly #text: string
  readonly #file: string
  readonly #report: Report
  #at = 0
  #line = 1
  #lineStart = 0

  constructor(text: string, file: string, report: Report) {
    this.#text = text
    this.#file = file
    this.#report = report
    if (text.startsWith("\ufeff")) {
      report.warning(
        this.#span(0, 1),
        "a byte order mark starts this file; nginx refuses it, here it is skipped",
      )
      this.#at = 1
    }
  }

  /** The next token, or null at the end of the file. */
  next(): Token | null {
    this.#skipSpaceAndComments()
    const character = this.#text[this.#at]
    if (character === undefined) return null
    if (character === ";" || character === "{" || character === "}") {
      const span = this.#span(this.#at, 1)
      this.#at++
      return { kind: character, span }
    }
    return character === '"' || character === "'" ? this.#quoted(character) : this.#bare()
  }

  /** `key value;` in one go; null: what comes next is none, or must be looked at octet for octet. */
  plainLine(): [key: Word, value: Word] | null {
    this.#skipSpaceAndComments()
    PLAIN_LINE.lastIndex = this.#at
    const found = PLAIN_LINE.exec(this.#text)
    if (found === null || found[0].length > QUOTED_OCTETS_MAX / 3) return null
    const [whole, key, between, value] = found as unknown as [string, string, string, string]
    const word = (text: string, at: number): Word => ({ text, span: this.#span(at, text.length) })
    const words: [Word, Word] = [word(key, this.#at), word(value, this.#at + key.length + between.length)]
    this.#at += whole.length
    return words
  }

  /** Passes over a block of Lua, whose `{` was the last token. False: it does not end, and the file is over. */
  skipLua(): boolean {
    const end = endOfLua(this.#text, this.#at)
    const to = end < 0 ? this.#text.length : end + 1
    while (this.#at < to) this.#advance()
    return end >= 0
  }

  /** Where the file ends. */
  end(): Span {
    return this.#span(this.#text.length, 1)
  }

  #skipSpaceAndComments(): void {
    for (;;) {
      const character = this.#text[this.#at]
      if (character === "#") {
        const newline = this.#text.indexOf("\n", this.#at)
        this.#at = newline < 0 ? this.#text.length : newline
      } else if (character !== undefined && SPACE.has(character)) this.#advance()
      else return
    }
  }

  #bare(): Token {
    const start = this.#at
    const span = this.#span(start, 1)
    let afterDollar = false
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined) break
      if (character === "{" && afterDollar) {
        this.#advance()
        continue
      }
      if (character === ";" || character === "{" || SPACE.has(character)) break
      afterDollar = character === "$"
      this.#advance()
      if (character === "\\" && this.#at < this.#text.length) this.#advance()
    }
    return this.#word(span, start, WORD_OCTETS_MAX)
  }

  #quoted(quote: string): Token {
    const span = this.#span(this.#at, 1)
    this.#advance()
    const start = this.#at
    let afterDollar = false
    for (;;) {
      const character = this.#text[this.#at]
      if (character === undefined) {
        this.#report.error(span, `missing terminating ${quote} character`)
        return { kind: "broken", span }
      }
      if (character === quote) break
      afterDollar = character === "$" || (character === "{" && afterDollar)
      this.#advance()
      if (character === "\\" && this.#at < this.#text.length) this.#advance()
    }
    const token = this.#word(span, start, QUOTED_OCTETS_MAX)
    this.#advance()
    if (span.line === this.#line) span.length = this.#at - this.#lineStart - span.column + 1
    return this.#endsQuoted() ? token : this.#junkAfterQuote()
  }

  /** After a closing quote nginx wants space, `;`, `{` or `)`. */
  #endsQuoted(): boolean {
    const next = this.#text[this.#at]
    return next === undefined || next === ";" || next === "{" || next === ")" || SPACE.has(next)
  }

  #junkAfterQuote(): Token {
    const span = this.#span(this.#at, 1)
    const character = String.fromCodePoint(this.#text.codePointAt(this.#at)!)
    this.#report.error(span, `unexpected "${character}" after a closing quote`)
    while (this.#at < this.#text.length && !this.#endsQuoted()) this.#advance()
    return { kind: "broken", span }
  }

  #word(span: Span, start: number, octetsMax: number): Token {
    const end = this.#at
    const raw = this.#text.slice(start, end)
    span.length = span.line === this.#line ? end - this.#lineStart - span.column + 1 : lineLength(raw)
    if (raw.length > octetsMax / 3 && Buffer.byteLength(raw) > octetsMax) {
      const hint = raw.includes("\n") ? "is a closing quote missing?" : null
      this.#report.error(span, `too long parameter, more than ${octetsMax} octets`, hint)
      return { kind: "broken", span }
    }
    if (raw.includes("\ufffd")) {
      this.#report.error(span, "not valid UTF-8")
      return { kind: "broken", span }
    }
    return { kind: "word", word: { text: undoEscapes(raw), span } }
  }

  #advance(): void {
    if (this.#text[this.#at++] === "\n") {
      this.#line++
      this.#lineStart = this.#at
    }
  }

  #span(offset: number, length: number): Span {
    return { file: this.#file, line: this.#line, column: offset - this.#lineStart + 1, length }
  }
}

/** `\"`, `\'` and `\\` lose their backslash, `\t`, `\r`, `\n` become what they name; any other keeps it. */
function undoEscapes(raw: string): string {
  if (!raw.includes("\\")) return raw
  return raw.replace(/\\(["'\\trn])/g, (_, character: string) => ESCAPES[character] ?? character)
}

const ESCAPES: Record<string, string> = { t: "\t", r: "\r", n: "\n" }

function lineLength(raw: string): number {
  const newline = raw.indexOf("\n")
  return Math.max(1, newline < 0 ? raw.length : newline)
}
