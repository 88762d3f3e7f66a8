import { readFileSync, writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { wrapProse } from "../../scripts/wrap-prose.ts"
import type { Cores } from "../measure/child.ts"
import type { Machine } from "../measure/results.ts"
import { plainTable } from "../report/table.ts"
import { OPTIONS } from "./options.ts"
import { optionsPage } from "./page.ts"
import { joinRows, killRows, type OptionResult, steadyRows } from "./rows.ts"
import { LOAD, QUICK_TIMES, runOption, TIMES } from "./run-option.ts"

export const OPTION_NAMES: readonly string[] = OPTIONS.map(({ name }) => name)

export interface OptionsRun {
  /** Names of the options to run. */
  cases: readonly string[]
  cores: Cores | null
  machine: Machine
  /** A short run that shows it works. */
  quick: boolean
  /** Write docs/options.md. */
  docs: boolean
}

/** Runs the options one after the other and prints what was measured. */
export async function runOptions({ cases, cores, machine, quick, docs }: OptionsRun): Promise<void> {
  const loadBefore = loadavg()[0]!
  const results: OptionResult[] = []
  const times = quick ? QUICK_TIMES : TIMES
  for (const option of OPTIONS.filter(({ name }) => cases.includes(name))) {
    try {
      results.push({ option, figures: await runOption(option, { times, load: LOAD, cores }), failure: "" })
    } catch (error) {
      results.push({ option, figures: null, failure: (error as Error).message })
    }
    const [last] = results.slice(-1)
    const figures = [steadyRows, joinRows, killRows].map((rows) => plainTable(rows([last!])))
    console.log(`\n${option.title}\n${last!.failure === "" ? figures.join("\n") : last!.failure}`)
  }
  if (!docs) return
  const date = new Date().toISOString().slice(0, 10)
  const fileOf = (name: string): string => readFileSync(new URL(`conf/${name}`, import.meta.url), "utf8")
  const page = optionsPage({ date, machine, loadBefore, load: LOAD, times, results }, fileOf)
  writeFileSync(new URL("../../docs/options.md", import.meta.url), wrapProse(page))
}
