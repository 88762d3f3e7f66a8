import { octetText } from "../../octet-text.ts"

/**
 * A PCRE pattern as JavaScript spells it, or why there is none.
 *
 * `(?P<name>`, a leading `(?i)`, `\A`, `\z`, `\Z`, `\h` and POSIX classes are translated; possessive quantifiers, atomic
 * groups, recursion and the other escapes that JavaScript would silently take for letters are refused.
 */
export function translateRegex(pattern: string): { pattern: string } | { error: string } {
  let translated = pattern.replace(/\(\?P([<=>])/g, "(?$1").replace(/\[:(\^?)(\w+):\]/g, posixClass)
  const unknown = /(?<!\\)(?:\\\\)*\\([AzZhHRKQEGXaeCN])/g
  let refused: string | null = null
  translated = translated.replace(unknown, (whole, letter: string) => {
    const replacement = ESCAPES[letter]
    if (replacement === undefined) refused ??= `\\${letter}`
    return whole.slice(0, -2) + (replacement ?? whole.slice(-2))
  })
  refused ??= /\(\?(?:[>|R&+\d]|P?=\w|[C#])|[*+?}]\+|\(\*/.exec(translated.replace(/\\./g, "__"))?.[0] ?? null
  if (refused !== null) return { error: `"${refused}" is not supported in a regex` }
  const caseless = /^\(\?i\)/.exec(translated)
  if (caseless !== null) translated = `(?i:${translated.slice(caseless[0].length)})`
  try {
    new RegExp(octetText(translated))
    return { pattern: translated }
  } catch (error) {
    return { error: (error as Error).message.replace(/^Invalid regular expression: /, "invalid regex ") }
  }
}

const ESCAPES: Record<string, string> = { A: "^", z: "$", Z: "$", h: "[ \\t]", a: "\\x07", e: "\\x1b" }

const POSIX_CLASSES: Record<string, string> = {
  alpha: "a-zA-Z",
  digit: "0-9",
  alnum: "a-zA-Z0-9",
  upper: "A-Z",
  lower: "a-z",
  space: "\\s",
  xdigit: "0-9a-fA-F",
  word: "\\w",
}

function posixClass(whole: string, negated: string, name: string): string {
  return negated === "" ? (POSIX_CLASSES[name] ?? whole) : whole
}
