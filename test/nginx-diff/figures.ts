/** The figures of a run, for docs/nginx.md. */
import { wrapProse } from "../../scripts/wrap-prose.ts"
import type { NamedDifference } from "./differences.ts"
import type { Result } from "./run.ts"

const BEGIN = "<!-- nginx:diff -->"
const END = "<!-- /nginx:diff -->"

/** The text with what stands between the marks made anew. */
export function withFigures(
  text: string,
  results: readonly Result[],
  differences: readonly NamedDifference[],
): string {
  const from = text.indexOf(BEGIN)
  const to = text.indexOf(END)
  if (from < 0 || to < from) throw new Error(`no ${BEGIN} in it`)
  return `${text.slice(0, from + BEGIN.length)}\n\n${figures(results, differences)}\n${text.slice(to)}`
}

function figures(results: readonly Result[], differences: readonly NamedDifference[]): string {
  const probes = results.reduce((sum, result) => sum + result.probes, 0)
  const unnamed = results.reduce((sum, result) => sum + result.unnamed.length, 0)
  const counts = new Map<string, number>()
  for (const { named } of results)
    for (const [name, count] of named) counts.set(name, (counts.get(name) ?? 0) + count)
  const lines = [
    `The last run: ${results.length} files, ${probes} probes, ${unnamed} of them with a difference that has no name, ${counts.size} differences with one:`,
    "",
    ...differences
      .filter(({ name }) => counts.has(name))
      .map(
        ({ name, sentence }) =>
          `- ${name[0]!.toUpperCase()}${name.slice(1)} (${counts.get(name)} probes): ${sentence}`,
      ),
    "",
  ]
  return wrapProse(lines.join("\n"))
}
