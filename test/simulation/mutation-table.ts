import { readFileSync, writeFileSync } from "node:fs"
import { campaign } from "./campaign.ts"
import type { Mutation } from "./mutation.ts"
import { mutations } from "./mutations.ts"
import { loadMutant } from "./subject.ts"
import type { Rule } from "./violation.ts"

const DOCS = new URL("../../docs/simulation.md", import.meta.url)
const BEGIN = "<!-- planted bugs: written by npm run simulate:faults -- --mutations --write -->"
const END = "<!-- end of planted bugs -->"
/** So far apart that no search meets another's runs. */
const BETWEEN_SEARCHES = 1_000_000

/** How long it took to find one planted bug: a search for each first seed, null where it was not found. */
export interface Search {
  readonly mutation: Mutation
  readonly runs: readonly (number | null)[]
  /** The rules that found it. */
  readonly rules: readonly Rule[]
}

/** Looks for every bug of `planted`, `searches` times each with other seeds, in at most `runsMax` runs a time. */
export async function searchAll(
  planted: readonly Mutation[],
  seed: number,
  searches: number,
  runsMax: number,
  onSearch: (search: Search) => void,
): Promise<Search[]> {
  const found: Search[] = []
  for (const mutation of planted) {
    const subject = await loadMutant(mutation)
    const runs: (number | null)[] = []
    const rules = new Set<Rule>()
    for (let at = 0; at < searches; at++) {
      const { world } = mutation
      const result = await campaign({ subject, world, seed: seed + at * BETWEEN_SEARCHES, runs: runsMax })
      runs.push(result.failure === null ? null : result.runs)
      if (result.failure !== null) rules.add(result.failure.violation.rule)
    }
    const search = { mutation, runs, rules: [...rules] }
    found.push(search)
    onSearch(search)
  }
  return found
}

export function isFound({ runs }: Search): boolean {
  return runs.every((count) => count !== null)
}

/** One line for the terminal. */
export function describeSearch({ mutation, runs, rules }: Search): string {
  const counts = runs.map((count) => count ?? "not found").join(", ")
  return `${mutation.name.padEnd(28)} ${counts.padEnd(24)} ${rules.join(", ")}`
}

/** Puts what was measured into docs/simulation.md. Of bugs that were not looked for their rows stay. */
export function writeDocs(searches: readonly Search[]): void {
  const text = readFileSync(DOCS, "utf8")
  const [before, rest] = text.split(BEGIN)
  const after = rest?.split(END)[1]
  if (before === undefined || after === undefined)
    throw new Error("docs/simulation.md has no place for the table")
  const known = text.split("\n")
  const rows = mutations.flatMap(({ name, bug }) => {
    const begin = `| \`${name}\` | `
    const search = searches.find(({ mutation }) => mutation.name === name)
    if (search === undefined) return known.filter((row) => row.startsWith(begin))
    const counts = search.runs.map((count) => count ?? "not found").join(", ")
    return [`${begin}${bug} | ${counts} | ${search.rules.join(", ")} |`]
  })
  const table = [
    "| name | the bug | runs until it was found | rules that found it |",
    "| --- | --- | --- | --- |",
    ...rows,
  ]
  writeFileSync(DOCS, `${before}${BEGIN}\n\n${table.join("\n")}\n\n${END}${after}`)
}
