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

/** The table of docs/testing.md: by file, then by folder. */
export function tableOf(results: readonly Result[]): string {
  const row = (name: string, of: readonly Result[]): string => {
    const { killed, survived, notReached, equivalent, percent } = scoreOf(of)
    const cells = [name, of.length, killed, survived, notReached, equivalent, `${percent.toFixed(1)} %`]
    return `| ${cells.join(" | ")} |`
  }
  const rows = [...byFile(results)].map(([file, of]) => row(`\`${file}\``, of))
  const folders = [...byFolder(results)].map(([folder, of]) => row(`all of \`${folder}\``, of))
  return [
    `| ${HEAD.join(" | ")} |`,
    `| --- |${" ---: |".repeat(HEAD.length - 1)}`,
    ...rows,
    ...(folders.length > 1 ? folders : []),
    row("all", results),
  ].join("\n")
}

/** By the folder that a file stands in. */
function byFolder(results: readonly Result[]): Map<string, Result[]> {
  const folders = Map.groupBy(results, ({ mutant }) => mutant.file.replace(/\/[^/]*$/, ""))
  return new Map([...folders].sort(([a], [b]) => (a < b ? -1 : 1)))
}

/** What a table of `results` tells of all mutants that they were drawn from: a sentence, with Wilson's interval of 95 %. */
export function sampleNote(results: readonly Result[], all: number, seed: number): string {
  const { killed, survived, notReached } = scoreOf(results)
  const [low, high] = interval(killed, killed + survived + notReached)
  const drawn = `${results.length} of ${all} mutants, drawn by seed ${seed}`
  return `${drawn}: the share that is killed of all of them lies between ${low} and ${high} % (95 %).`
}

function interval(killed: number, counted: number): [low: string, high: string] {
  const z = 1.96
  const share = killed / counted
  const middle = (share + z ** 2 / (2 * counted)) / (1 + z ** 2 / counted)
  const spread = Math.sqrt((share * (1 - share)) / counted + z ** 2 / (4 * counted ** 2))
  const half = (z * spread) / (1 + z ** 2 / counted)
  return [(100 * (middle - half)).toFixed(1), (100 * (middle + half)).toFixed(1)]
}
