import { writeFileSync } from "node:fs"
import { loadavg } from "node:os"
import { wrapProse } from "../../scripts/wrap-prose.ts"
import type { Cores } from "../measure/child.ts"
import type { Machine } from "../measure/results.ts"
import type { Missing, Peer } from "../peers/peer.ts"
import { plainTable } from "../report/table.ts"
import { CASES } from "./cases.ts"
import { type ChurnReport, churnPage, churnPicture, PICTURE } from "./page.ts"
import { caseNotes, caseRows } from "./rows.ts"
import { type CaseResult, runCase } from "./run-case.ts"
import { SETUPS } from "./setups.ts"

/** Peers that the suite knows how to set up. */
export const CHURN_PEERS: readonly string[] = Object.keys(SETUPS)
export const CHURN_CASES: readonly string[] = CASES.map(({ name }) => name)

export interface ChurnOptions {
  peers: readonly Peer[]
  missing: readonly Missing[]
  /** Names of the cases to run. */
  cases: readonly string[]
  streams: number
  cores: Cores | null
  machine: Machine
  /** Write docs/benchmarks-churn.md. */
  docs: boolean
}

/** Runs the cases one after the other, each with every peer, and prints their tables. */
export async function runChurn(options: ChurnOptions): Promise<ChurnReport> {
  const { peers, missing, streams, cores, machine } = options
  const report: ChurnReport & { cases: { which: (typeof CASES)[number]; results: CaseResult[] }[] } = {
    date: new Date().toISOString().slice(0, 10),
    machine,
    streams,
    loadBefore: loadavg()[0]!,
    peers,
    missing,
    cases: [],
  }
  for (const which of CASES.filter(({ name }) => options.cases.includes(name))) {
    const results: CaseResult[] = []
    for (const peer of peers) results.push(await runCase(which, peer, SETUPS[peer.name]!, { streams, cores }))
    report.cases.push({ which, results })
    const notes = caseNotes(results).join("\n")
    console.log(`\n${which.title}: ${which.says}\n${plainTable(caseRows(which, results))}\n${notes}`)
  }
  if (options.docs) {
    const docs = new URL("../../docs/", import.meta.url)
    writeFileSync(new URL("benchmarks-churn.md", docs), wrapProse(churnPage(report)))
    writeFileSync(new URL(`benchmarks/${PICTURE}`, docs), churnPicture(report))
  }
  return report
}
