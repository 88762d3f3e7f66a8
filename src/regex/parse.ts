/** PCRE's syntax, as nginx reads it: octets, not characters; ASCII alone has cases, digits and words. */
import { readClass } from "./char-class.ts"
import { Cursor } from "./cursor.ts"
import { failEscape, octalEscape, octetEscape, setEscape } from "./escape.ts"
import { applyFlags, type Flags, noFlags } from "./flags.ts"
import { type AssertionKind, choice, emptyNode, type ParsedRegex, type RegexNode, sequence } from "./node.ts"
import { anyOctet, notNewline, setOf, single } from "./octet-set.ts"

/** PCRE's own bound on parentheses within each other. */
const DEPTH_MAX = 250
/** PCRE's own bound on what stands between braces. */
const REPEAT_MAX = 65_535
const NAME = "[A-Za-z_][A-Za-z0-9_]{0,31}"

/** Errors: throws RegexSyntaxError. */
export function parseRegex(pattern: string, isCaseless: boolean): ParsedRegex {
  return new Parser(pattern, { ...noFlags, isCaseless }).run()
}

/** A reference to a group that may come later in the pattern. */
interface LateReference {
  readonly groups: number[]
  readonly wanted: string | number
  readonly offset: number
}

class Parser {
  readonly #cursor: Cursor
  #flags: Flags
  #groups = 0
  #depth = 0
  /** Within lookaround, where PCRE takes no `\K`. */
  #looks = 0
  readonly #names = new Map<string, number[]>()
  readonly #references: LateReference[] = []

  constructor(pattern: string, flags: Flags) {
    this.#cursor = new Cursor(pattern)
    this.#flags = flags
  }

  run(): ParsedRegex {
    const cursor = this.#cursor
    const verb = cursor.take(/\(\*[A-Z]/y)
    if (verb !== null) cursor.unsupported(cursor.pattern.slice(0, 20).replace(/\).*$/s, ")"), 0)
    const node = this.#choice()
    if (!cursor.isAtEnd) cursor.fail("unmatched )")
    for (const { groups, wanted, offset } of this.#references) {
      const found = typeof wanted === "number" ? [wanted] : (this.#names.get(wanted) ?? [])
      if (found.length === 0 || found.some((group) => group < 1 || group > this.#groups))
        cursor.fail(`there is no group ${wanted}`, offset)
      groups.push(...found)
    }
    return { node, groups: this.#groups, names: this.#names }
  }

  /** Branches up to a `)` or the end. Flags set within hold to the end of the group, later branches included. */
  #choice(): RegexNode {
    const branches = [this.#sequence()]
    while (!this.#cursor.isQuoted && this.#cursor.takeText("|")) branches.push(this.#sequence())
    return choice(branches)
  }

  #sequence(): RegexNode {
    const nodes: RegexNode[] = []
    const cursor = this.#cursor
    for (;;) {
      this.#skip()
      if (cursor.isAtEnd || (!cursor.isQuoted && (cursor.here === "|" || cursor.here === ")"))) break
      const start = cursor.at
      const node = this.#atom()
      if (node !== null) nodes.push(this.#quantified(node, start))
    }
    return sequence(nodes)
  }

  /** `\Q` and `\E`, comments, and with `(?x)` blanks. */
  #skip(): void {
    const cursor = this.#cursor
    for (;;) {
      if (cursor.takeText("\\E")) cursor.isQuoted = false
      else if (cursor.isQuoted) return
      else if (cursor.takeText("\\Q")) cursor.isQuoted = true
      else if (cursor.takeText("(?#")) {
        if (cursor.take(/[^)]*\)/y) === null) cursor.fail(") is missing after (?# comment")
      } else if (this.#flags.extended === 0 || cursor.take(/[\t-\r ]+|#[^\n]*\n?/y) === null) return
    }
  }

  /** Null: something that matches nothing by itself, as `(?i)`, and takes no quantifier. */
  #atom(): RegexNode | null {
    const cursor = this.#cursor
    if (cursor.isQuoted) return this.#literal(cursor.pattern.charCodeAt(cursor.at++))
    const character = cursor.here
    cursor.at++
    switch (character) {
      case "(":
        return this.#group()
      case "[":
        return { kind: "set", set: readClass(cursor, this.#flags) }
      case "\\":
        return this.#escape()
      case ".":
        return { kind: "set", set: this.#flags.isDotAll ? anyOctet : notNewline }
      case "^":
        return assertion(this.#flags.isMultiline ? "line start" : "start")
      case "$":
        return assertion(this.#flags.isMultiline ? "line end" : "end or last newline")
      case "*":
      case "+":
      case "?":
        return cursor.fail(`${character} follows nothing that it could repeat`, cursor.at - 1)
    }
    cursor.at--
    if (cursor.take(/\{\d+(?:,\d*)?\}/y) !== null) cursor.fail("{ follows nothing that it could repeat")
    cursor.at++
    return this.#literal(character.charCodeAt(0))
  }

  #literal(octet: number): RegexNode {
    return { kind: "set", set: single(octet, this.#flags.isCaseless) }
  }

  // ---- Quantifiers --------------------------------------------------------------------------------------------

  #quantified(node: RegexNode, start: number): RegexNode {
    const cursor = this.#cursor
    this.#skip()
    const at = cursor.at
    const bounds = cursor.isQuoted ? null : this.#bounds()
    if (bounds === null) return node
    if (node.kind === "keep" || node.kind === "assertion")
      cursor.fail(`${cursor.pattern.slice(start, at)} cannot be repeated`, start)
    // PCRE looks past blanks and comments for `+` and `?` too.
    this.#skip()
    const mode = cursor.isQuoted ? "" : (cursor.take(/[+?]/y)?.[0] ?? "")
    const isLazy = mode !== "+" && (mode === "?") !== this.#flags.isUngreedy
    const repeat: RegexNode = { kind: "repeat", node, ...bounds, isLazy }
    return mode === "+" ? { kind: "atomic", node: repeat } : repeat
  }

  #bounds(): { min: number; max: number } | null {
    const cursor = this.#cursor
    const start = cursor.at
    const short = cursor.take(/[*+?]/y)?.[0]
    if (short !== undefined) return { min: short === "+" ? 1 : 0, max: short === "?" ? 1 : Infinity }
    // From 10.43 on PCRE reads it as {0,n}, before as itself.
    if (cursor.take(/\{\s*,\s*\d+\s*\}/y) !== null)
      cursor.unsupported(cursor.pattern.slice(start, cursor.at), start)
    const braces = cursor.take(/\{(\d+)(?:(,)(\d*))?\}/y)
    if (braces === null) return null
    const [, least, comma, most] = braces
    const min = Number(least)
    const max = comma === undefined ? min : most === "" ? Infinity : Number(most)
    if (min > REPEAT_MAX || (max !== Infinity && max > REPEAT_MAX))
      cursor.fail(`more than ${REPEAT_MAX} repeats`, start)
    if (max < min) cursor.fail("the bounds of { } are out of order", start)
    return { min, max }
  }

  // ---- Groups -------------------------------------------------------------------------------------------------

  /** After `(`. */
  #group(): RegexNode | null {
    const cursor = this.#cursor
    const start = cursor.at - 1
    if (++this.#depth > DEPTH_MAX) cursor.fail(`more than ${DEPTH_MAX} parentheses within each other`, start)
    const flags = this.#flags
    const node = this.#groupOf(start)
    // Flags that stand alone hold on after their own parenthesis.
    if (node !== null) this.#flags = flags
    this.#depth--
    return node
  }

  #groupOf(start: number): RegexNode | null {
    const cursor = this.#cursor
    if (cursor.take(/\*/y) !== null) cursor.unsupported("(*", start)
    if (!cursor.takeText("?")) {
      if (this.#flags.isNoCapture) return this.#body(start)
      return this.#capture(null, start)
    }
    const name = cursor.take(new RegExp(`P?<(${NAME})>|'(${NAME})'`, "y"))
    if (name !== null) return this.#capture(name[1] ?? name[2]!, start)
    const kind = cursor.take(/<[=!]|[:|>=!]/y)?.[0]
    switch (kind) {
      case ":":
        return this.#body(start)
      case ">":
        return { kind: "atomic", node: this.#body(start) }
      case "|":
        return this.#branchReset(start)
      case "=":
      case "!":
      case "<=":
      case "<!":
        return this.#look(kind.startsWith("<"), kind.endsWith("!"), start)
    }
    const reference = cursor.take(new RegExp(`P=(${NAME})\\)`, "y"))
    if (reference !== null) return this.#reference(reference[1]!, start)
    if (cursor.takeText("(")) return this.#condition(start)
    return this.#setFlags(start)
  }

  /** The rest of a group, its `)` taken. */
  #body(start: number): RegexNode {
    const node = this.#choice()
    if (!this.#cursor.takeText(")")) this.#cursor.fail(") is missing", start)
    return node
  }

  #capture(name: string | null, start: number): RegexNode {
    const index = ++this.#groups
    if (name !== null) this.#name(name, index, start)
    return { kind: "capture", index, node: this.#body(start) }
  }

  #name(name: string, index: number, start: number): void {
    const numbers = this.#names.get(name) ?? []
    if (numbers.length > 0 && !numbers.includes(index) && !this.#flags.mayRepeatNames)
      this.#cursor.fail(`two groups are named ${name}`, start)
    if (!numbers.includes(index)) numbers.push(index)
    this.#names.set(name, numbers)
  }

  /** `(?|`: each branch numbers its groups anew. */
  #branchReset(start: number): RegexNode {
    const before = this.#groups
    let most = before
    const branches: RegexNode[] = []
    do {
      this.#groups = before
      branches.push(this.#sequence())
      most = Math.max(most, this.#groups)
    } while (this.#cursor.takeText("|"))
    this.#groups = most
    if (!this.#cursor.takeText(")")) this.#cursor.fail(") is missing", start)
    return choice(branches)
  }

  #look(isBehind: boolean, isNegative: boolean, start: number): RegexNode {
    this.#looks++
    const node = this.#body(start)
    this.#looks--
    return { kind: "look", node, isBehind, isNegative }
  }

  /** After `(?(`. */
  #condition(start: number): RegexNode {
    const cursor = this.#cursor
    const look = cursor.take(/\?(<?)([=!])/y)
    const group = look === null ? this.#conditionGroup(start) : null
    const condition = look === null ? null : this.#look(look[1] !== "", look[2] === "!", start)
    const groups = group === null ? [] : this.#later(group, start)
    const body = this.#body(start)
    const branches = body.kind === "choice" ? body.nodes : [body]
    if (branches.length > 2) cursor.fail("a condition has two branches at most", start)
    const [whenSet, whenNot = emptyNode] = branches as [RegexNode, RegexNode?]
    if (condition?.kind !== "look") return { kind: "condition", groups, whenSet, whenNot }
    const not: RegexNode = { ...condition, isNegative: !condition.isNegative }
    return choice([sequence([condition, whenSet]), sequence([not, whenNot])])
  }

  /** `1)`, `-1)`, `name)`, `<name>)`. */
  #conditionGroup(start: number): string | number {
    const cursor = this.#cursor
    const number = cursor.take(/([+-]?)(\d+)\)/y)
    if (number !== null) {
      const [, sign, digits] = number
      if (sign === "+") return this.#groups + Number(digits)
      return sign === "-" ? this.#groups + 1 - Number(digits) : Number(digits)
    }
    const name = cursor.take(
      new RegExp(`(?!R(?:\\d|&|\\))|DEFINE\\))(?:(${NAME})|<(${NAME})>|'(${NAME})')\\)`, "y"),
    )
    return name === null ? cursor.unsupported("(?(", start) : (name[1] ?? name[2] ?? name[3])!
  }

  /** `(?i)`, `(?i-s:`, `(?^:`. */
  #setFlags(start: number): RegexNode | null {
    const cursor = this.#cursor
    const written = cursor.take(/(\^?)((?:xx|[imsxnUJ])*)(?:-((?:xx|[imsxnUJ])*))?([:)])/y)
    if (written === null) {
      const what = cursor.take(/(?:R|[+-]?\d+|&\w*|P>\w*|C\d*|P?[<']?.?)\)?/sy)?.[0] ?? ""
      if (cursor.isAtEnd && what === "") cursor.fail(") is missing", start)
      return cursor.unsupported(`(?${what}`, start)
    }
    const [, caret, on = "", off = "", end] = written
    const reset = {
      ...noFlags,
      mayRepeatNames: this.#flags.mayRepeatNames,
      isUngreedy: this.#flags.isUngreedy,
    }
    const flags = applyFlags(applyFlags(caret === "" ? this.#flags : reset, on, true), off, false)
    this.#flags = flags
    return end === ")" ? null : this.#body(start)
  }

  // ---- Escapes ------------------------------------------------------------------------------------------------

  /** After a backslash. */
  #escape(): RegexNode {
    const cursor = this.#cursor
    const start = cursor.at - 1
    const set = setEscape(cursor)
    if (set !== null) return { kind: "set", set }
    const what = ASSERTIONS[cursor.here]
    if (what !== undefined) {
      cursor.at++
      return assertion(what)
    }
    if (cursor.take(/N(?!\{(?!\d+(?:,\d*)?\}))/y) !== null) return { kind: "set", set: notNewline }
    if (cursor.takeText("C")) return { kind: "set", set: anyOctet }
    if (cursor.takeText("R")) return { kind: "atomic", node: anyNewline }
    if (cursor.takeText("K")) {
      if (this.#looks > 0) cursor.fail("\\K has no meaning in lookaround", start)
      return { kind: "keep" }
    }
    const reference = this.#escapedReference(start)
    if (reference !== null) return reference
    const octet = octetEscape(cursor) ?? octalEscape(cursor)
    return octet === null ? failEscape(cursor) : this.#literal(octet)
  }

  /** `\1`, `\g{-1}`, `\k<name>`. Null: octal digits, or no reference at all. */
  #escapedReference(start: number): RegexNode | null {
    const cursor = this.#cursor
    const digits = cursor.take(/[1-9]\d*/y)?.[0]
    if (digits !== undefined) {
      const number = Number(digits)
      if (number < 10 || /^[89]/.test(digits) || number <= this.#groups) return this.#reference(number, start)
      cursor.at -= digits.length
      return null
    }
    const relative = cursor.take(/g(?:\{\s*([+-]?\d+)\s*\}|([+-]?\d+))/y)
    if (relative !== null) {
      const written = (relative[1] ?? relative[2])!
      const number = Number(written)
      if (!/^[+-]/.test(written)) return this.#reference(number, start)
      return this.#reference(number < 0 ? this.#groups + 1 + number : this.#groups + number, start)
    }
    const named = cursor.take(
      new RegExp(`k(?:<(${NAME})>|'(${NAME})'|\\{(${NAME})\\})|g\\{(${NAME})\\}`, "y"),
    )
    if (named === null) return null
    return this.#reference((named[1] ?? named[2] ?? named[3] ?? named[4])!, start)
  }

  #reference(wanted: string | number, start: number): RegexNode {
    return { kind: "reference", groups: this.#later(wanted, start), isCaseless: this.#flags.isCaseless }
  }

  #later(wanted: string | number, offset: number): number[] {
    const groups: number[] = []
    this.#references.push({ groups, wanted, offset })
    return groups
  }
}

const ASSERTIONS: Readonly<Record<string, AssertionKind>> = {
  A: "start",
  G: "start",
  z: "end",
  Z: "end or last newline",
  b: "word boundary",
  B: "no word boundary",
}

function assertion(what: AssertionKind): RegexNode {
  return { kind: "assertion", what }
}

/** `\R` takes CR and LF together, and does not give them back. */
const anyNewline: RegexNode = choice([
  sequence([
    { kind: "set", set: single(13, false) },
    { kind: "set", set: single(10, false) },
  ]),
  { kind: "set", set: setOf((octet) => (octet >= 10 && octet <= 13) || octet === 0x85) },
])
