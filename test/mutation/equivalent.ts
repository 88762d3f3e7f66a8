import { readFileSync } from "node:fs"
import { type Equivalents, equivalents } from "./equivalents.ts"
import { describeChange, type Mutant } from "./instrument.ts"

/** The reasons by the mutants' numbers, and the entries about `sources` that match nothing, as sentences. */
export function matchEquivalents(
  mutants: readonly Mutant[],
  sources: readonly string[],
  list: readonly Equivalents[] = equivalents,
  lineOf: (mutant: Mutant) => string = readLine,
): { reasons: Map<number, string>; unmatched: string[] } {
  const reasons = new Map<number, string>()
  const unmatched: string[] = []
  for (const { file, why, at } of list) {
    const path = `src/${file}`
    if (!sources.includes(path)) continue
    const ofFile = mutants.filter((mutant) => mutant.file === path)
    for (const [line, changes] of Object.entries(at)) {
      const onLine = ofFile.filter((mutant) => lineOf(mutant).includes(line))
      for (const change of changes === "*" ? ["*"] : changes) {
        const matching = onLine.filter((mutant) => change === "*" || change === describeChange(mutant))
        for (const { id } of matching) reasons.set(id, why)
        if (matching.length === 0)
          unmatched.push(`${path}: no mutant matches ${JSON.stringify(line)}, ${change}`)
      }
    }
  }
  return { reasons, unmatched }
}

const lines = new Map<string, string[]>()

function readLine({ file, line }: Mutant): string {
  if (!lines.has(file))
    lines.set(file, readFileSync(new URL(`../../${file}`, import.meta.url), "utf8").split("\n"))
  return lines.get(file)![line - 1]!
}
