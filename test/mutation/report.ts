import { describeChange, type Mutant } from "./instrument.ts"
import type { Verdict } from "./runner.ts"

/** What became of a mutant. `equivalent`: it is in the reviewed list and was not run. */
export type Fate =
  | Verdict
  | { readonly outcome: "not reached" }
  | { readonly outcome: "equivalent"; readonly why: string }

export interface Result {
  readonly mutant: Mutant
  readonly fate: Fate
}

export interface Score {
  readonly killed: number
  readonly survived: number
  readonly notReached: number
  readonly equivalent: number
  /** Of those that are not equivalent, the killed ones: 0 to 100. */
  readonly percent: number
}

export function scoreOf(results: readonly Result[]): Score {
  const count = (...outcomes: Fate["outcome"][]): number =>
    results.filter(({ fate }) => outcomes.includes(fate.outcome)).length
  const killed = count("killed", "timed out")
  const survived = count("survived")
  const notReached = count("not reached")
  const all = killed + survived + notReached
  return {
    killed,
    survived,
    notReached,
    equivalent: count("equivalent"),
    percent: all === 0 ? 100 : (100 * killed) / all,
  }
}

/** The results by file, each file's in the order of its text. */
export function byFile(results: readonly Result[]): Map<string, Result[]> {
  const files = Map.groupBy(results, ({ mutant }) => mutant.file)
  return new Map([...files].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** One line for each mutant that no test found. */
export function survivorsOf(results: readonly Result[]): string[] {
  return results
    .filter(({ fate }) => fate.outcome === "survived" || fate.outcome === "not reached")
    .map(({ mutant, fate }) => {
      const mark = fate.outcome === "not reached" ? " (no test comes here)" : ""
      return `${mutant.file}:${mutant.line}  ${mutant.kind}  ${describeChange(mutant)}${mark}`
    })
}

const HEAD = ["file", "mutants", "killed", "survived", "not reached", "equivalent", "score"] as const

/** The table of docs/testing.md. */
export function tableOf(results: readonly Result[]): string {
  const row = (name: string, of: readonly Result[]): string => {
    const { killed, survived, notReached, equivalent, percent } = scoreOf(of)
    const cells = [name, of.length, killed, survived, notReached, equivalent, `${percent.toFixed(1)} %`]
    return `| ${cells.join(" | ")} |`
  }
  const rows = [...byFile(results)].map(([file, of]) => row(`\`${file}\``, of))
  return [
    `| ${HEAD.join(" | ")} |`,
    `| --- |${" ---: |".repeat(HEAD.length - 1)}`,
    ...rows,
    row("all", results),
  ].join("\n")
}
