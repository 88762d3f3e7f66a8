import { number } from "../report/format.ts"
import type { Table } from "../report/table.ts"
import type { CaseFigures } from "./account.ts"
import type { ChurnCase } from "./cases.ts"
import type { CaseResult } from "./run-case.ts"

/** The table of one case. */
export function caseRows({ hasVictim }: ChurnCase, results: readonly CaseResult[]): Table {
  const there = hasVictim ? ["streams lost there", "lost elsewhere"] : ["streams lost"]
  const stalls = hasVictim ? ["longest stall there", "elsewhere"] : ["longest stall"]
  const head = [
    "peer",
    ...there,
    "calls failed",
    "imbalance",
    ...stalls,
    "messages wrong",
    "streams at the end",
  ]
  return [head, ...results.map((result) => row(hasVictim, result, head.length))]
}

function row(hasVictim: boolean, { peer, figures, failure, wrong }: CaseResult, columns: number): string[] {
  if (figures === null)
    return [peer, failure === "" ? "cannot" : "no figure", ...new Array<string>(columns - 2).fill("")]
  return [
    peer,
    ...(hasVictim ? [`${figures.lostThere} of ${figures.there}`] : []),
    String(figures.lostElsewhere),
    `${figures.callsFailed} of ${figures.calls}`,
    imbalance(figures),
    ...(hasVictim ? [milliseconds(figures.stallThereMs)] : []),
    milliseconds(figures.stallElsewhereMs),
    String(wrong),
    figures.live.join(" "),
  ]
}

function imbalance({ imbalanceSeconds, isStillImbalanced }: CaseFigures): string {
  return isStillImbalanced ? `> ${imbalanceSeconds} s` : `${imbalanceSeconds} s`
}

function milliseconds(ms: number): string {
  return ms >= 1000 ? `${number(ms / 1000)} s` : `${ms.toFixed(0)} ms`
}

/** What has to be said of a case beside its table. */
export function caseNotes(results: readonly CaseResult[]): string[] {
  const quiet = results
    .filter(({ figures }) => figures !== null)
    .map(({ peer, figures }) => `${peer} ${milliseconds(figures!.quietStallMs)}`)
  return [
    ...(quiet.length > 0 ? [`Longest stall in the second before: ${quiet.join(", ")}.`] : []),
    ...results
      .filter(({ failure }) => failure !== "")
      .map(({ peer, failure }) => `No figure for ${peer}: ${failure}.`),
    ...results
      .filter(({ figures }) => figures !== null && figures.lostElsewhere > 0)
      .map(({ peer, figures }) => `${peer}, streams lost: ${figures!.reason}.`),
    ...results
      .filter(({ figures }) => figures !== null && figures.callReason !== "")
      .map(({ peer, figures }) => `${peer}, calls failed, most of them: ${figures!.callReason}.`),
    ...results
      .filter(({ firstWrong }) => firstWrong !== "")
      .map(({ peer, firstWrong }) => `${peer}, messages wrong: ${firstWrong}.`),
  ]
}
