import type { Problem, Sources } from "../problem.ts"
import type { Directive, Word } from "./ast.ts"
import type { Report } from "./report.ts"
import type { Variables } from "./variables.ts"

/** Names as the environment has them, and nginx has not: `${PORT}`, `$BACKEND_HOST`. */
const PLACEHOLDER = /\$(?:\{([A-Z_][A-Z0-9_]+)\}|([A-Z_][A-Z0-9_]+))/g

const HINT = "fill it in first, for instance with envsubst < nginx.conf.template > nginx.conf"

/** A directive of a template that is nothing but what is filled in. */
export function isPlaceholder(name: string): boolean {
  return name.search(PLACEHOLDER) === 0
}

/** What to say of a directive's name that a template would have replaced; null: it is none. */
export function templateHint(name: string): string | null {
  return /^\$(?:\w|\{\w+\})/.test(name) ? `is this a template? ${HINT}` : null
}

/** Of Go, Jinja and Handlebars; of Jinja; of ERB. */
const BRACKETS = /\{\{.*?\}\}|\{%.*?%\}|<%.*?%>/g

/**
 * The one error of a file in which another program's brackets stand for what it fills in; null: there is no such file. An
 * error in a line with any of them shows that they are not meant as they are, as what is quoted may be.
 */
export function bracketsNotFilledIn(problems: readonly Problem[], sources: Sources): Problem | null {
  const errors = problems.filter(({ severity }) => severity === "error")
  for (const file of new Set(errors.map((error) => error.file))) {
    const text = sources.get(file) ?? ""
    if (!/\{\{|\{%|<%/.test(text)) continue
    const lines = text.split("\n")
    const isTold = (error: Problem): boolean =>
      error.file === file && (lines[error.line - 1] ?? "").search(BRACKETS) >= 0
    if (errors.some(isTold)) return templateError(file, lines)
  }
  return null
}

function templateError(file: string, lines: readonly string[]): Problem {
  const found = lines.flatMap((line, index) =>
    Array.from(line.replace(/^\s*#.*/, "").matchAll(BRACKETS), ([text]) => ({ text, line: index + 1 })),
  )
  const [{ text, line }] = found as [(typeof found)[number]]
  const more = found.length > 1 ? `, and ${found.length - 1} more` : ""
  return {
    severity: "error",
    file,
    line,
    column: lines[line - 1]!.indexOf(text) + 1,
    length: text.length,
    message: `"${text}" is not filled in${more}: this is a template`,
    hint: "let what it is written for fill it in, for instance helm template, Ansible or consul-template",
  }
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
    if (unterminated && isPlaceholder(name.text))
      found.push({ word: name, placeholder: name.text.match(PLACEHOLDER)![0] })
    else collectIn(name, variables, found)
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
