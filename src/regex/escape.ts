import type { Cursor } from "./cursor.ts"
import { complement, escapedSets, type OctetSet } from "./octet-set.ts"
import { propertySet } from "./unicode-property.ts"

/** Escapes that stand for one octet, by their letter. */
const OCTETS: Readonly<Record<string, number>> = { a: 7, e: 27, f: 12, n: 10, r: 13, t: 9 }

/** After the backslash, in a class or outside: an octet. Null: it is something else, and nothing was taken. */
export function octetEscape(cursor: Cursor): number | null {
  const start = cursor.at
  const letter = cursor.here
  if (letter === "") cursor.fail("\\ at the end of the pattern")
  if (!/[A-Za-z0-9]/.test(letter)) {
    cursor.at++
    return letter.charCodeAt(0)
  }
  const octet = OCTETS[letter]
  if (octet !== undefined) {
    cursor.at++
    return octet
  }
  const hex = cursor.take(/x\{([0-9A-Fa-f]+)\}|x(?!\{)([0-9A-Fa-f]{0,2})/y)
  if (hex !== null) return octetOf(cursor, Number.parseInt(`0${hex[1] ?? hex[2]}`, 16), start)
  const octal = cursor.take(/o\{([0-7]+)\}/y) ?? cursor.take(/(0[0-7]{0,2})/y)
  if (octal !== null) return octetOf(cursor, Number.parseInt(octal[1]!, 8), start)
  const control = cursor.take(/c([ -~])/y)
  if (control !== null) return control[1]!.toUpperCase().charCodeAt(0) ^ 0x40
  if (letter === "x" || letter === "o" || letter === "c")
    cursor.fail(`\\${letter} is not followed as it must be`)
  return null
}

/** After the backslash: a set of octets. Null: none, and nothing was taken. */
export function setEscape(cursor: Cursor): OctetSet | null {
  const start = cursor.at - 1
  const property = cursor.take(/([pP])(?:\{(\^?)([A-Za-z&]+)\}|([A-Z]))/y)
  if (property !== null) {
    const [whole, letter, not, long, short] = property
    const set = propertySet(long ?? short!)
    if (set === null) cursor.unsupported(`\\${whole}`, start)
    return (letter === "P") === (not === "^") ? set : complement(set)
  }
  const letter = cursor.take(/[dDwWsShHvV]/y)?.[0]
  if (letter === undefined) return null
  const set = escapedSets.get(letter.toLowerCase())!
  return letter === letter.toLowerCase() ? set : complement(set)
}

/** Octal digits that are no reference: `\101`, and in a class `\1`. Null: none. */
export function octalEscape(cursor: Cursor): number | null {
  const start = cursor.at
  const digits = cursor.take(/[0-7]{1,3}/y)
  return digits === null ? null : octetOf(cursor, Number.parseInt(digits[0], 8), start)
}

function octetOf(cursor: Cursor, value: number, start: number): number {
  if (value > 255) cursor.fail(`\\${cursor.pattern.slice(start, cursor.at)} is more than one octet`, start)
  return value
}

/** Says what an escape is that has no meaning here. */
export function failEscape(cursor: Cursor): never {
  const start = cursor.at - 1
  const known = cursor.take(/[pPXCE](?:\{[^}]*\})?|[gk](?:\{[^}]*\}|<[^>]*>|'[^']*')?/y)
  if (known !== null) cursor.unsupported(`\\${known[0]}`, start)
  return cursor.fail(`\\${cursor.here} is no escape`, start)
}
