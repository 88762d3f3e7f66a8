import type { Config } from "../model.ts"
import { type Problem, sortProblems } from "../problem.ts"
import type { Fault, Path } from "./faults.ts"
import { type Located, parseLocated, type Span } from "./located.ts"
import { settle } from "./normalize.ts"

/**
 * Reads sluice.yaml.
 *
 * @param file how problems name the file
 * Errors: none are thrown. All problems are told at once, each at its line and column; `config` is null when one of
 * them is an error.
 */
export function loadYaml(text: string, file: string): { config: Config | null; problems: Problem[] } {
  const { root, faults: syntax } = parseLocated(text)
  const place = (span: Span) => placeIn(text, span)
  const problems: Problem[] = syntax.map(({ message, ...span }) => {
    return { severity: "error", file, ...place(span), message, hint: null }
  })
  if (root === null || root.value === null) {
    if (problems.length === 0) problems.push(emptyFile(file))
    return { config: null, problems }
  }
  const { config, faults } = settle(root.value)
  const told = new Set(syntax.map(({ start }) => start))
  for (const fault of faults) {
    const { severity, path, message, hint } = fault
    const span = spanOf(fault, root, text)
    // An alias without anchor has no value: that it is then missing is no news.
    if (told.has(span.start)) continue
    problems.push({
      severity,
      file,
      ...place(span),
      message: pathFree(message, path),
      hint,
    })
  }
  return { config: syntax.length > 0 ? null : config, problems: sortProblems(problems) }
}

function emptyFile(file: string): Problem {
  const hint = 'it needs "listeners" and "clusters"; docs/configuration.md begins with an example'
  return { severity: "error", file, line: 0, column: 0, length: 1, message: "the file is empty", hint }
}

/** The place is told by the line; only a value without a name of its own needs words. */
function pathFree(message: string, path: Path): string {
  return path.length === 0 ? message : message.replace(/^"[^"]*\[\d+\]" /, "this ")
}

/** What to underline: the key for what is wrong with a key or a whole map or list, else the value. */
function spanOf(fault: Fault, root: Located, text: string): Span {
  let here = root
  for (const step of fault.path) {
    const next = here.children.get(step)
    if (next === undefined) return headOf(here)
    here = next
  }
  if (fault.at === "key" && here.key !== null) return here.key
  if (here.children.size > 0) return headOf(here)
  if (fault.within !== undefined) return withinOf(here.span, fault.within, String(here.value), text)
  return here.span.end > here.span.start ? here.span : (here.key ?? here.span)
}

/** The name under which a map or list stands; for one in a list, its first key. */
function headOf({ key, children, span }: Located): Span {
  if (key !== null) return key
  const [first] = children.values()
  return first?.key ?? { start: span.start, end: span.start + 1 }
}

/** A part of a text, where the file spells it as it is; else all of it. */
function withinOf(
  span: Span,
  { offset, length }: { offset: number; length: number },
  value: string,
  text: string,
): Span {
  for (const quote of [0, 1]) {
    const start = span.start + quote
    if (text.startsWith(value, start)) return { start: start + offset, end: start + offset + length }
  }
  return span
}

function placeIn(text: string, { start, end }: Span): { line: number; column: number; length: number } {
  const lineStart = text.lastIndexOf("\n", start - 1) + 1
  const line = countLines(text, lineStart)
  const newline = text.indexOf("\n", start)
  const lineEnd = newline < 0 ? text.length : newline
  return { line, column: start - lineStart + 1, length: Math.max(1, Math.min(end, lineEnd) - start) }
}

function countLines(text: string, before: number): number {
  let line = 1
  for (let at = text.indexOf("\n"); at >= 0 && at < before; at = text.indexOf("\n", at + 1)) line++
  return line
}
