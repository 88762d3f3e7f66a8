import { octetText } from "../../base/octet-text.ts"
import { POSIX_CLASSES } from "./posix-classes.ts"

/**
 * A PCRE pattern as JavaScript spells it, or why there is none.
 *
 * `(?P<name>`, a leading `(?i)`, which is `ignoreCase`, POSIX classes, a `]` that begins a class, octal numbers and escapes
 * such as `\A`, `\h` and `\R` are translated. Whatever else JavaScript would read otherwise is refused: possessive
 * quantifiers, atomic groups, recursion, `(?i:`, `\p`, `\g`, `\x{`, references to groups that are not there, and escapes it
 * would take for letters.
 */
export function translateRegex(
  pattern: string,
): { pattern: string; ignoreCase: boolean } | { error: string } {
  try {
    const [inner, ignoreCase] = pattern.startsWith(CASELESS)
      ? [pattern.slice(CASELESS.length), true]
      : [pattern, false]
    const translated = new Translation(inner).run()
    new RegExp(octetText(translated))
    return { pattern: translated, ignoreCase }
  } catch (error) {
    if (error instanceof Refused) return { error: `"${error.message}" is not supported in a regex` }
    return { error: (error as Error).message.replace(/^Invalid regular expression: /, "invalid regex ") }
  }
}

/** V8 has this for groups as well, but forgets classes in it: /(?i:b|[A])/ does not match "a" (13.6). */
const CASELESS = "(?i)"

/** Thrown with the piece of the pattern that has no translation. */
class Refused extends Error {}

/** What stands between the brackets of a class, by the name that PCRE has for it. */
const NAMED_CLASSES: ReadonlyMap<string, string> = new Map([
  ...POSIX_CLASSES,
  ["word", "\\w"],
  ["ascii", "\\x00-\\x7f"],
])

/** The same by the letter of an escape; its capital is the complement. JavaScript's `\s` and `\v` are others. */
const ESCAPED_CLASSES: ReadonlyMap<string, string> = new Map([
  ["s", "\\t-\\r "],
  ["h", "\\t \\xa0"],
  ["v", "\\n-\\r\\x85"],
])

/** Escapes that stand for one octet. */
const OCTETS: ReadonlyMap<string, string> = new Map([
  ...["f", "n", "r", "t"].map((letter) => [letter, `\\${letter}`] as const),
  ["a", "\\x07"],
  ["e", "\\x1b"],
])

/** Escapes that have a meaning outside of classes only. */
const OUTSIDE: ReadonlyMap<string, string> = new Map([
  ["A", "^"],
  ["z", "$"],
  ["Z", "$"],
  ["b", "\\b"],
  ["B", "\\B"],
  ["N", "[^\\n]"],
  ["R", "(?:\\r\\n|[\\n-\\r\\x85])"],
])

/** One pass over a pattern. */
class Translation {
  readonly #pattern: string
  readonly #groups: number
  #at = 0

  constructor(pattern: string) {
    this.#pattern = pattern
    this.#groups = countGroups(pattern)
  }

  run(): string {
    let out = ""
    while (this.#at < this.#pattern.length) out += this.#step()
    return out
  }

  #step(): string {
    this.#refuse(/[*+?}]\+|\{,\d+\}|\(\*|\[([:.=])[^\\[\]]*\1\]/y)
    const group = this.#take(/\(\?/y)
    if (group !== undefined) return this.#group()
    if (this.#take(/\[/y) !== undefined) return this.#class()
    if (this.#take(/\\/y) === undefined) return this.#pattern[this.#at++]!
    const escaped = this.#classOfEscape() ?? this.#escape(OUTSIDE)
    return typeof escaped === "string" ? escaped : `[${escaped.isNegated ? "^" : ""}${escaped.set}]`
  }

  /** After `(?`. */
  #group(): string {
    const name = this.#take(/P?<([A-Za-z_]\w*)>|'([A-Za-z_]\w*)'/y)
    if (name !== undefined) return `(?<${name[1] ?? name[2]}>`
    const kind = this.#take(/[:=!]|<[=!]|s:/y)
    return kind === undefined ? this.#fail("(?", /[P<]?./sy) : `(?${kind[0]}`
  }

  /** After `[`. */
  #class(): string {
    let out = this.#take(/\^/y) === undefined ? "[" : "[^"
    if (this.#take(/\]/y) !== undefined) out += "\\]"
    let isHyphen = false
    while (this.#at < this.#pattern.length) {
      if (this.#take(/\]/y) !== undefined) return `${out}]`
      const set = this.#classSet()
      if (set === undefined) {
        const character = this.#classCharacter()
        isHyphen = character === "-"
        out += character
        continue
      }
      // Before and after a class a hyphen is itself; what stands for the class must not make it a range.
      out = (isHyphen ? `${out.slice(0, -1)}\\-` : out) + set
      if (this.#take(/-(?!\])/y) !== undefined) out += "\\-"
      isHyphen = false
    }
    return out
  }

  /** A class within a class, as what stands for it between the brackets. Undefined when there is none here. */
  #classSet(): string | undefined {
    const posix = this.#take(/\[([:.=])(\^?)([^\\[\]]*)\1\]/y)
    if (posix !== undefined) {
      const [whole, colon, negated, name] = posix
      const set = colon === ":" ? NAMED_CLASSES.get(name!) : undefined
      // Without regard to case these two are all letters, of which the complement below knows nothing.
      const isBothCases = negated !== "" && (name === "upper" || name === "lower")
      if (set === undefined || isBothCases) throw new Refused(whole)
      return negated === "" ? set : complement(set)
    }
    if (!/\\[dDwWsShHvV]/y.test(this.#pattern.slice(this.#at, this.#at + 2))) return undefined
    this.#at++
    const escaped = this.#classOfEscape()!
    if (typeof escaped === "string") return escaped
    return escaped.isNegated ? complement(escaped.set) : escaped.set
  }

  #classCharacter(): string {
    if (this.#take(/\\/y) === undefined) return this.#pattern[this.#at++]!
    return this.#take(/b/y) === undefined ? this.#escape(new Map()) : "\\b"
  }

  /** After a backslash: an escape for a class of octets. A string where JavaScript has the same. */
  #classOfEscape(): string | { set: string; isNegated: boolean } | undefined {
    const same = this.#take(/[dDwW]/y)
    if (same !== undefined) return `\\${same[0]}`
    const letter = this.#take(/[sShHvV]/y)?.[0]
    if (letter === undefined) return undefined
    const lower = letter.toLowerCase()
    return { set: ESCAPED_CLASSES.get(lower)!, isNegated: letter !== lower }
  }

  /** After a backslash: one octet, a reference, or one of `others`. */
  #escape(others: ReadonlyMap<string, string>): string {
    const isOutside = others === OUTSIDE
    const reference = isOutside ? this.#take(/[1-9]\d*/y) : undefined
    if (reference !== undefined) {
      if (Number(reference[0]) <= this.#groups) return `\\${reference[0]}`
      if (!/^[1-7][0-7]{1,2}$/.test(reference[0])) throw new Refused(`\\${reference[0]}`)
      this.#at -= reference[0].length
    }
    const octal = this.#take(/[0-7]{1,3}/y)
    if (octal !== undefined && Number.parseInt(octal[0], 8) > 255) throw new Refused(`\\${octal[0]}`)
    if (octal !== undefined) return hex(Number.parseInt(octal[0], 8))
    const named = isOutside ? this.#take(/k<([A-Za-z_]\w*)>/y) : undefined
    if (named !== undefined) {
      const group = new RegExp(`\\(\\?P?[<']${named[1]}[>']`)
      if (group.test(this.#pattern)) return `\\${named[0]}`
      throw new Refused(`\\${named[0]}`)
    }
    const same = this.#take(/x[0-9A-Fa-f]{2}|c[A-Za-z]|[^A-Za-z0-9]/sy)
    if (same !== undefined) return `\\${same[0]}`
    const letter = this.#pattern[this.#at] ?? ""
    const translated = OCTETS.get(letter) ?? others.get(letter)
    if (translated === undefined) this.#fail("\\", /[A-Za-z0-9]?\{?/y)
    this.#at++
    return translated
  }

  /** What `sticky` matches here, taken. */
  #take(sticky: RegExp): RegExpExecArray | undefined {
    sticky.lastIndex = this.#at
    const found = sticky.exec(this.#pattern)
    if (found === null) return undefined
    this.#at = sticky.lastIndex
    return found
  }

  #refuse(sticky: RegExp): void {
    const found = this.#take(sticky)
    if (found !== undefined) throw new Refused(found[0])
  }

  /** @param before what stands before the place, for the message */
  #fail(before: string, sticky: RegExp): never {
    throw new Refused(before + (this.#take(sticky)?.[0] ?? ""))
  }
}

/** Groups that capture. */
function countGroups(pattern: string): number {
  const bare = pattern.replace(/\\./gs, "").replace(/\[\^?\]?(?:\[:\^?\w+:\]|[^\]])*\]/g, "")
  return bare.match(/\((?!\?)|\(\?(?:P?<[A-Za-z_]|')/g)?.length ?? 0
}

function hex(octet: number): string {
  return `\\x${octet.toString(16).padStart(2, "0")}`
}

/** The octets that are not in a set, as what stands between the brackets of a class. */
function complement(set: string): string {
  const inSet = new RegExp(`[${set}]`)
  const others = Array.from({ length: 256 }, (_, octet) => octet).filter(
    (octet) => !inSet.test(String.fromCharCode(octet)),
  )
  let out = ""
  for (const [index, octet] of others.entries()) {
    if (others[index - 1] === octet - 1) continue
    let last = octet
    while (others.includes(last + 1)) last++
    out += last === octet ? hex(octet) : `${hex(octet)}-${hex(last)}`
  }
  return out
}
