import { readFileSync } from "node:fs"
import { Session } from "node:inspector/promises"
import { fileURLToPath } from "node:url"
import { COPY_QUERY, SOURCES } from "./subject.ts"

/** A piece of code that did not run. */
export interface Unreached {
  /** Relative to `src`. */
  readonly file: string
  readonly line: number
  /** Its first line. */
  readonly text: string
}

interface Range {
  readonly startOffset: number
  readonly endOffset: number
  readonly count: number
}

/**
 * Which blocks of the balancer's copy of the code ran, as V8 counts them: functions, either way of an `if` or `?:`, what
 * stands behind `&&`, `||` or `??`, bodies of loops, cases. Begins before the copy is loaded, or V8 knows functions alone.
 */
export class Coverage {
  readonly #session = new Session()

  async start(): Promise<void> {
    this.#session.connect()
    await this.#session.post("Profiler.enable")
    await this.#session.post("Profiler.startPreciseCoverage", { callCount: true, detailed: true })
  }

  /** What has not run in the files under src whose path begins with one of `paths`; a block within such a block is not told. */
  async unreached(paths: readonly string[]): Promise<Unreached[]> {
    const { result } = await this.#session.post("Profiler.takePreciseCoverage")
    this.#session.disconnect()
    const found: Unreached[] = []
    for (const { url, functions } of result) {
      const [path = "", copy] = url.split(COPY_QUERY)
      const file = path.slice(SOURCES.length)
      if (copy === undefined || !paths.some((start) => file.startsWith(start))) continue
      const text = readFileSync(fileURLToPath(path), "utf8")
      const holes = outermost(functions.flatMap(({ ranges }) => ranges).filter(({ count }) => count === 0))
      found.push(
        ...holes.flatMap(({ startOffset, endOffset }) => describe(file, text, startOffset, endOffset)),
      )
    }
    return found.sort((a, b) => (a.file === b.file ? a.line - b.line : a.file < b.file ? -1 : 1))
  }
}

function outermost(ranges: readonly Range[]): Range[] {
  const sorted = ranges.toSorted((a, b) => a.startOffset - b.startOffset || b.endOffset - a.endOffset)
  const outer: Range[] = []
  for (const range of sorted) {
    const last = outer.at(-1)
    if (last === undefined || range.endOffset > last.endOffset) outer.push(range)
  }
  return outer
}

/** Types are blanks when V8 sees the file, so its positions are those of the text. Ends of blocks are left out. */
function describe(file: string, text: string, start: number, end: number): Unreached[] {
  const piece = text.slice(start, end)
  const skipped = piece.length - piece.replace(/^[\s{}()&|?:]+/, "").length
  const first = piece.slice(skipped).split("\n")[0]!.trim()
  if (first === "") return []
  return [{ file, line: text.slice(0, start + skipped).split("\n").length, text: first }]
}

/** For the terminal: a line for each, and how many there are. */
export function describeUnreached(unreached: readonly Unreached[], paths: readonly string[]): string {
  const lines = unreached.map(({ file, line, text }) => `  src/${file}:${line}  ${text}`)
  const where = paths.map((path) => `src/${path}`).join(" and ")
  return [`Never reached in ${where}: ${unreached.length} blocks`, ...lines].join("\n")
}
