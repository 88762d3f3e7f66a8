import type { Cursor } from "./cursor.ts"
import { octalEscape, octetEscape, setEscape } from "./escape.ts"
import type { Flags } from "./flags.ts"
import { addAll, addRange, complement, emptySet, foldCase, type OctetSet, posixSets } from "./octet-set.ts"

/** After `[`: the class, its `]` taken. */
export function readClass(cursor: Cursor, flags: Flags): OctetSet {
  const start = cursor.at - 1
  refusePosixOutside(cursor, start)
  const isNegated = cursor.takeText("^")
  const set = emptySet()
  // A `]` that comes first is itself.
  let isFirst = true
  for (; ; isFirst = false) {
    skipMarks(cursor, flags)
    if (cursor.isAtEnd) cursor.fail("] is missing", start)
    if (!isFirst && !cursor.isQuoted && cursor.takeText("]")) break
    readItem(cursor, flags, set)
  }
  const folded = flags.isCaseless ? foldCase(set) : set
  return isNegated ? complement(folded) : folded
}

function readItem(cursor: Cursor, flags: Flags, set: OctetSet): void {
  const inner = innerSet(cursor, flags)
  if (inner !== null) {
    addAll(set, inner)
    return
  }
  const { at } = cursor
  const first = octetHere(cursor)
  skipMarks(cursor, flags)
  const hyphen = cursor.at
  const isRange = !cursor.isQuoted && cursor.here === "-"
  if (isRange) {
    cursor.at++
    skipMarks(cursor, flags)
    const isItself = cursor.isAtEnd || (!cursor.isQuoted && cursor.pattern[cursor.at] === "]")
    // Before a class a hyphen is itself too.
    if (!isItself && innerSetIsNext(cursor)) cursor.at = hyphen
    else if (!isItself) {
      const last = octetHere(cursor)
      if (last < first) cursor.fail("the range is out of order", at)
      addRange(set, first, last)
      return
    } else cursor.at = hyphen
  }
  set[first] = 1
}

/** `\Q`, `\E`, and with `(?xx)` blanks: none of them is a member. */
function skipMarks(cursor: Cursor, { extended }: Flags): void {
  for (;;) {
    if (cursor.takeText("\\E")) cursor.isQuoted = false
    else if (!cursor.isQuoted && cursor.takeText("\\Q")) cursor.isQuoted = true
    else if (!cursor.isQuoted && extended === 2 && cursor.take(/[ \t]/y) !== null) continue
    else return
  }
}

const POSIX = /\[([:.=])(\^?)([^\]\\]*?)\1\]/y
const SET_ESCAPE = /\\[dDwWsShHvVpP]/y

function innerSetIsNext(cursor: Cursor): boolean {
  if (cursor.isQuoted) return false
  const { at } = cursor
  const isNext = cursor.take(POSIX) !== null || cursor.take(SET_ESCAPE) !== null
  cursor.at = at
  return isNext
}

/** `[:alpha:]` or `\d`. Null: neither is here. */
function innerSet(cursor: Cursor, { isCaseless }: Flags): OctetSet | null {
  if (cursor.isQuoted || !innerSetIsNext(cursor)) return null
  if (cursor.here === "\\") {
    cursor.at++
    return setEscape(cursor)
  }
  const start = cursor.at
  const [whole, kind, not, name] = cursor.take(POSIX)!
  // Without regard to case, upper and lower are all letters, also where they are negated.
  const isCase = isCaseless && (name === "lower" || name === "upper")
  const set = kind === ":" ? posixSets.get(isCase ? "alpha" : name!) : undefined
  if (set === undefined) cursor.fail(`unknown class ${whole}`, start)
  return not === "" ? set : complement(set)
}

function octetHere(cursor: Cursor): number {
  if (cursor.isQuoted || cursor.here !== "\\") return cursor.pattern.charCodeAt(cursor.at++)
  cursor.at++
  if (cursor.takeText("b")) return 8
  const octet = octetEscape(cursor) ?? octalEscape(cursor)
  if (octet !== null) return octet
  const digit = cursor.take(/[89]/y)
  if (digit !== null) return digit[0].charCodeAt(0)
  return cursor.fail(`\\${cursor.here} has no meaning in a class`, cursor.at - 1)
}

/** `[:alpha:]` outside of a class: PCRE refuses what is hardly meant. */
function refusePosixOutside(cursor: Cursor, start: number): void {
  const found = /^\[([:.=])[^\]\\[]*\1\]/.exec(cursor.pattern.slice(start, start + 32))
  if (found !== null) cursor.fail(`${found[0]} must be within a class: [${found[0]}]`, start)
}
