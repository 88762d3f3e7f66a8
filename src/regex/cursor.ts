import { RegexSyntaxError } from "./syntax-error.ts"

/** A place in a pattern that is read. */
export class Cursor {
  readonly pattern: string
  at = 0
  /** Within `\Q`, until `\E`. */
  isQuoted = false

  constructor(pattern: string) {
    this.pattern = pattern
  }

  get isAtEnd(): boolean {
    return this.at >= this.pattern.length
  }

  /** The octet here, as a character; empty at the end. */
  get here(): string {
    return this.pattern.charAt(this.at)
  }

  /** What `sticky` matches here, taken; null: nothing. */
  take(sticky: RegExp): RegExpExecArray | null {
    sticky.lastIndex = this.at
    const found = sticky.exec(this.pattern)
    if (found !== null) this.at = sticky.lastIndex
    return found
  }

  /** Takes `text` if it is here. */
  takeText(text: string): boolean {
    if (!this.pattern.startsWith(text, this.at)) return false
    this.at += text.length
    return true
  }

  fail(message: string, offset = this.at): never {
    throw new RegexSyntaxError(message, offset)
  }

  /** PCRE knows what is here, this engine does not. */
  unsupported(what: string, offset = this.at): never {
    throw new RegexSyntaxError(`"${what}" is not supported in a regex`, offset)
  }
}
