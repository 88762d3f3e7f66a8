import type { Directive, Word } from "./ast.ts"
import type { Report } from "./report.ts"
import type { Variables } from "./variables.ts"

/** Names as the environment has them, and nginx has not: `${PORT}`, `$BACKEND_HOST`. */
const PLACEHOLDER = /\$(?:\{([A-Z_][A-Z0-9_]+)\}|([A-Z_][A-Z0-9_]+))/g

const HINT = "fill it in first, for instance with envsubst < nginx.conf.template > nginx.conf"

/** What to say of a word that a template would have replaced; null: it is none. */
export function templateHint(word: string): string | null {
  return /^\$\{[A-Z_][A-Z0-9_]+\}/.test(word) ? `is this a template? ${HINT}` : null
}

/**
 * True when the file is a template whose placeholders are not filled in: nothing else that could be said of it would
 * help. It is one error, at the first of them.
 */
export function reportTemplate(
  directives: readonly Directive[],
  variables: readonly Variables[],
  report: Report,
): boolean {
  const found: { word: Word; placeholder: string }[] = []
  collect(directives, variables, found)
  const [first] = found
  if (first === undefined) return false
  const more = found.length > 1 ? `, and ${found.length - 1} more` : ""
  report.error(first.word.span, `"${first.placeholder}" is not filled in${more}: this is a template`, HINT)
  return true
}

function collect(
  directives: readonly Directive[],
  variables: readonly Variables[],
  found: { word: Word; placeholder: string }[],
): void {
  for (const { name, args, block, unterminated } of directives) {
    // The parser has said so.
    if (unterminated && templateHint(name.text) !== null) continue
    collectIn(name, variables, found)
    for (const word of args) collectIn(word, variables, found)
    if (block !== null) collect(block, variables, found)
  }
}

function collectIn(
  word: Word,
  variables: readonly Variables[],
  found: { word: Word; placeholder: string }[],
): void {
  if (!word.text.includes("$")) return
  for (const [placeholder, braced, bare] of word.text.matchAll(PLACEHOLDER))
    if (!variables.some((each) => each.isKnown((braced ?? bare)!))) found.push({ word, placeholder })
}
