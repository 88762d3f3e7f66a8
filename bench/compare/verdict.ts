/**
 * Whether a row costs more than it did, from rounds that two programs took in turn: the ratio of each pair of rounds, so
 * that a slow minute of the machine, which both of a pair share, is no difference.
 */
import type { TimedReport } from "../measure/results.ts"

/** Half of what must be noticed: a true 5 % lies clearly beyond it, and what a noisy machine makes of 0 % seldom does. */
const NOTICED = 0.025

export interface RowVerdict {
  readonly shape: string
  /** CPU per message of this checkout through that of the other: median, and the middle half of the rounds. */
  readonly ratio: number
  readonly low: number
  readonly high: number
  readonly verdict: "costs more" | "costs less" | "same" | "no figure"
}

/** @param one and other the names of two peers of the report */
export function compareRow(report: TimedReport, one: string, other: string): RowVerdict {
  const roundsOf = (name: string) => {
    const found = report.results.find(({ peer }) => peer === name)
    return found === undefined || found.failure !== "" ? [] : found.cpuUsOfRounds
  }
  const others = roundsOf(other)
  const ratios = roundsOf(one)
    .slice(0, others.length)
    .map((cost, round) => cost / others[round]!)
    .toSorted((a, b) => a - b)
  const [low, ratio, high] = [0.25, 0.5, 0.75].map((share) => quantile(ratios, share)) as [
    number,
    number,
    number,
  ]
  return { shape: report.shape.name, ratio, low, high, verdict: verdictOf(ratio, low, high) }
}

function verdictOf(ratio: number, low: number, high: number): RowVerdict["verdict"] {
  if (Number.isNaN(ratio)) return "no figure"
  if (ratio > 1 + NOTICED && low > 1) return "costs more"
  if (ratio < 1 - NOTICED && high < 1) return "costs less"
  return "same"
}

/** Of sorted values, between neighbours in proportion; NaN of none. */
function quantile(sorted: readonly number[], share: number): number {
  if (sorted.length === 0) return Number.NaN
  const at = (sorted.length - 1) * share
  const below = sorted[Math.floor(at)]!
  return below + (sorted[Math.ceil(at)]! - below) * (at - Math.floor(at))
}

/** A line for each row, and whether any costs more. */
export function comparison(rows: readonly RowVerdict[]): string {
  const percent = (ratio: number) => `${ratio >= 1 ? "+" : "−"}${Math.abs(100 * (ratio - 1)).toFixed(1)} %`
  return rows
    .map(({ shape, ratio, low, high, verdict }) =>
      verdict === "no figure"
        ? `${shape.padEnd(14)} no figure`
        : `${shape.padEnd(14)} ${percent(ratio).padStart(8)}  (${percent(low)} to ${percent(high)})  ${verdict}`,
    )
    .join("\n")
}
