/**
 * What is wrong with a configuration, and where: the one shape in which nginx.conf and sluice.yaml report, and how
 * it is shown to people.
 */

/** `error`: will not run. `warning`: runs, but hardly as meant. `note`: read and understood, has no effect here. */
export type Severity = "error" | "warning" | "note"

export interface Problem {
  severity: Severity
  /** As it is to be shown; also the key into `Sources`. */
  file: string
  /** From 1. 0: the file as a whole, for instance when it cannot be read. */
  line: number
  /** From 1, in UTF-16 code units, as editors count. 0 when `line` is. */
  column: number
  /** How many columns the caret underlines; at least 1. Never past the end of the line when shown. */
  length: number
  /** One sentence without a full stop, lower case first. */
  message: string
  /** What a note is about, when many notes share one message; shown before it. */
  subject?: string
  /** What to do about it, for instance `did you mean "listen"?`. */
  hint: string | null
}

/** The text of every file that was read, by the name used in `Problem.file`. */
export type Sources = ReadonlyMap<string, string>

/** In the order people fix them: by file as met, then by place. Does not change its argument. */
export function sortProblems(problems: readonly Problem[]): Problem[] {
  const order = new Map<string, number>()
  for (const { file } of problems) if (!order.has(file)) order.set(file, order.size)
  return problems.toSorted(
    (a, b) => order.get(a.file)! - order.get(b.file)! || a.line - b.line || a.column - b.column,
  )
}

/** Why a configuration with these problems is not run. */
export function whyNot(problems: readonly Problem[]): string {
  const hasErrors = problems.some(({ severity }) => severity === "error")
  return `the configuration has ${hasErrors ? "errors" : "warnings, and --strict lets none pass"}`
}

/** `file:line:col`, shortened for problems of a whole file. */
export function placeOf({ file, line, column }: Problem): string {
  return line === 0 ? file : `${file}:${line}:${column}`
}

/** The whole sentence: `"sendfile": files are read in slices`. */
export function messageOf({ subject, message }: Problem): string {
  return subject === undefined ? message : `"${subject}": ${message}`
}

/** So many problems fit into a line of the log. */
const PROBLEMS_SHOWN = 10

/** `nginx.conf:6:10: unknown directive "lsten"`, errors first. */
export function problemLines(problems: readonly Problem[]): string[] {
  const told = withoutNotes(problems).sort(
    (a, b) => Number(b.severity === "error") - Number(a.severity === "error"),
  )
  const lines = told.slice(0, PROBLEMS_SHOWN).map((problem) => `${placeOf(problem)}: ${messageOf(problem)}`)
  return told.length > lines.length ? [...lines, `and ${told.length - lines.length} more`] : lines
}

/** In the order people fix them; notes are for `sluice check`. */
export function withoutNotes(problems: readonly Problem[]): Problem[] {
  return sortProblems(problems).filter(({ severity }) => severity !== "note")
}

/**
 * The lines a terminal shows for one problem: place and message, the source line, a caret, the hint.
 * Control characters of the source are shown as `·`, so that a file cannot drive the terminal.
 */
export function renderProblem(problem: Problem, sources: Sources, options: { color: boolean }): string {
  const paint = options.color ? painted : plain
  const color = problem.severity === "error" ? RED : problem.severity === "warning" ? YELLOW : CYAN
  const lines = [
    `${paint(BOLD, `${printable(placeOf(problem))}:`)} ${paint(color, `${problem.severity}:`)} ${paint(BOLD, printable(messageOf(problem)))}`,
  ]
  const text = problem.line > 0 ? lineOf(sources.get(problem.file), problem.line) : undefined
  if (text !== undefined) {
    const excerpt = excerptOf(text, problem.column - 1, problem.length)
    const gutter = String(problem.line).padStart(5)
    lines.push(`${gutter} | ${excerpt.text}`)
    lines.push(`${" ".repeat(gutter.length)} | ${excerpt.pad}${paint(color, excerpt.caret)}`)
  }
  if (problem.hint !== null) lines.push(`      = ${printable(problem.hint)}`)
  return lines.join("\n")
}

/** So many letters in common at the beginning are no accident. */
const BEGINNING = 5

/**
 * The candidate that `word` was most likely meant to be, or null when none is close: within a third of its length,
 * counting a swap of neighbours as one mistake; else the one nearest in length that begins as it does, one within the other, as
 * `token` of `tokenFile`. Cost: O(candidates x length²), for words under 64 characters.
 */
export function nearest(word: string, candidates: Iterable<string>): string | null {
  if (word.length === 0 || word.length > 64) return null
  const allowed = Math.max(1, Math.floor(word.length / 3))
  let best: string | null = null
  let bestDistance = allowed + 1
  let beginning: string | null = null
  for (const candidate of candidates) {
    const isWithin = word.startsWith(candidate) || candidate.startsWith(word)
    if (
      isWithin &&
      Math.min(word.length, candidate.length) >= BEGINNING &&
      (beginning === null || lengthBetween(word, candidate) < lengthBetween(word, beginning))
    )
      beginning = candidate
    if (lengthBetween(word, candidate) >= bestDistance) continue
    const distance = editDistance(word, candidate)
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best ?? beginning
}

function lengthBetween(a: string, b: string): number {
  return Math.abs(a.length - b.length)
}

/** `did you mean "listen"?`, or null when nothing is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string | null {
  const candidate = nearest(word, candidates)
  return candidate === null ? null : `did you mean "${candidate}"?`
}

/** Optimal string alignment: insertions, deletions, substitutions and swaps of neighbours. */
function editDistance(a: string, b: string): number {
  let before: number[] = []
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i++) {
    const current = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      let least = Math.min(previous[j]! + 1, current[j - 1]! + 1, substitution)
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, before[j - 2]! + 1)
      }
      current.push(least)
    }
    before = previous
    previous = current
  }
  return previous[b.length]!
}

function lineOf(source: string | undefined, line: number): string | undefined {
  if (source === undefined) return undefined
  let start = 0
  for (let at = 1; at < line; at++) {
    const newline = source.indexOf("\n", start)
    if (newline < 0) return undefined
    start = newline + 1
  }
  const end = source.indexOf("\n", start)
  return source.slice(start, end < 0 ? source.length : end).replace(/\r$/, "")
}

/** Longest source excerpt shown, in columns; a minified file must not flood the screen. */
const EXCERPT_COLUMNS = 110

function excerptOf(
  text: string,
  offset: number,
  length: number,
): { text: string; pad: string; caret: string } {
  const from = offset > EXCERPT_COLUMNS - 30 ? offset - 40 : 0
  const shown = text.slice(from, from + EXCERPT_COLUMNS)
  const before = printable(shown.slice(0, offset - from))
  const marked = printable(shown.slice(offset - from, offset - from + Math.max(1, length)))
  const caret = `^${"~".repeat(Math.max(0, columnsOf(marked) - 1))}`
  const head = from > 0 ? "…" : ""
  const tail = from + EXCERPT_COLUMNS < text.length ? "…" : ""
  const pad = (head + before).replace(/[^\t]/gu, (character) => " ".repeat(columnsOf(character)))
  return { text: head + printable(shown) + tail, pad, caret }
}

/** Characters that terminals draw two columns wide. */
const WIDE =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{1f300}-\u{1faff}]/u
const ZERO_WIDTH = /[\p{Mn}\p{Me}\p{Cf}]/u

function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += WIDE.test(character) ? 2 : ZERO_WIDTH.test(character) ? 0 : 1
  return columns
}

function printable(text: string): string {
  return text.replace(/(?!\t)[\p{Cc}\u202a-\u202e\u2066-\u2069\ufeff]/gu, "·")
}

const BOLD = 1
const RED = 31
const YELLOW = 33
const CYAN = 36

function painted(code: number, text: string): string {
  return `\u001b[${code}m${text}\u001b[0m`
}

function plain(_code: number, text: string): string {
  return text
}
