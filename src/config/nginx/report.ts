import type { Problem, Severity } from "../problem.ts"
import type { Span } from "./ast.ts"

/** Problems kept per run: a file that is nonsense all through needs no more to be seen for it. */
const PROBLEMS_MAX = 1000

/** Collects problems. The same one at the same place is kept once: an inherited directive is read at every level. */
export class Report {
  readonly problems: Problem[] = []
  /** How many of them are errors; those past the bound count too. */
  errors = 0
  readonly #seen = new Set<string>()

  error(at: Span, message: string, hint: string | null = null): void {
    this.#add("error", at, message, hint)
  }

  warning(at: Span, message: string, hint: string | null = null): void {
    this.#add("warning", at, message, hint)
  }

  /** `subject` is what many notes of one message differ in: mostly a directive's name. */
  note(at: Span, subject: string, message: string): void {
    this.#add("note", at, message, null, subject)
  }

  /** True when no more are kept: time spent on a good message would be lost. */
  get isFull(): boolean {
    return this.problems.length >= PROBLEMS_MAX
  }

  #add(severity: Severity, at: Span, message: string, hint: string | null, subject?: string): void {
    if (severity === "error") this.errors++
    const key = `${severity} ${at.file}:${at.line}:${at.column} ${subject} ${message}`
    if (this.isFull || this.#seen.has(key)) return
    this.#seen.add(key)
    const { file, line, column, length } = at
    this.problems.push({
      severity,
      file,
      line,
      column,
      length: Math.max(1, length),
      message,
      hint,
      ...(subject === undefined ? {} : { subject }),
    })
  }
}
