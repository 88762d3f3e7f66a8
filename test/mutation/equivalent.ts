import { readFileSync } from "node:fs"
import { describeChange, type Mutant } from "./instrument.ts"

/** A change that no test can see, and why. */
export interface Equivalent {
  /** Relative to `src`. */
  readonly file: string
  /** A piece of the line, trimmed, that tells it from the file's other lines. */
  readonly line: string
  /** What changes and what it becomes, as the report prints it; `*`: whatever is changed on that line. */
  readonly change: string
  readonly why: string
}

export const equivalents: readonly Equivalent[] = []

/** The reasons by the mutants' numbers, and the entries about `sources` that match nothing, as sentences. */
export function matchEquivalents(
  mutants: readonly Mutant[],
  sources: readonly string[],
  list: readonly Equivalent[] = equivalents,
  lineOf: (mutant: Mutant) => string = readLine,
): { reasons: Map<number, string>; unmatched: string[] } {
  const reasons = new Map<number, string>()
  const unmatched: string[] = []
  for (const { file, line, change, why } of list) {
    const path = `src/${file}`
    if (!sources.includes(path)) continue
    const matching = mutants.filter(
      (mutant) =>
        mutant.file === path &&
        lineOf(mutant).includes(line) &&
        (change === "*" || change === describeChange(mutant)),
    )
    for (const { id } of matching) reasons.set(id, why)
    if (matching.length === 0) unmatched.push(`${path}: no mutant matches ${JSON.stringify(line)}, ${change}`)
  }
  return { reasons, unmatched }
}

const lines = new Map<string, string[]>()

function readLine({ file, line }: Mutant): string {
  if (!lines.has(file))
    lines.set(file, readFileSync(new URL(`../../${file}`, import.meta.url), "utf8").split("\n"))
  return lines.get(file)![line - 1]!
}
