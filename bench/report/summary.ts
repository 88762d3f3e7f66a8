/** How the document opens: all shapes in one table and one picture, Sluice beside the best of the others on each. */
import type { IdleReport, IdleResult, TimedReport, TimedResult } from "../measure/results.ts"
import { type Bar, barChart } from "./chart.ts"
import { number, octets, time } from "./format.ts"
import { bestRival } from "./rows.ts"
import type { Table } from "./table.ts"

interface SummaryRow {
  readonly shape: string
  readonly unit: string
  readonly sluice: string
  readonly best: string
  /** Sluice's through the best rival's; NaN where one has no figure. */
  readonly ratio: number
  readonly sluiceP99: string
  readonly bestP99: string
}

const HEAD = ["shape", "of", "Sluice", "the best other", "ratio", "p99 added", "the least p99 of others"]

export function summaryTable(timed: readonly TimedReport[], idle: readonly IdleReport[]): Table {
  const rows = summaryRows(timed, idle).map((row) => {
    const { shape, unit, sluice, best, ratio, sluiceP99, bestP99 } = row
    return [`\`${shape}\``, unit, sluice, best, Number.isNaN(ratio) ? "" : number(ratio), sluiceP99, bestP99]
  })
  return [HEAD, ...rows]
}

/** A bar for each shape: under 1 Sluice costs less than the cheapest of the others. */
export function summaryChart(timed: readonly TimedReport[], idle: readonly IdleReport[]): string {
  const bars = summaryRows(timed, idle)
    .filter(({ ratio }) => !Number.isNaN(ratio))
    .map(({ shape, ratio, best }): Bar => {
      const tone = ratio <= 1 ? "subject" : "rival"
      return { label: shape, value: ratio, min: ratio, max: ratio, text: `${number(ratio)}  (${best})`, tone }
    })
  const axis =
    "Sluice's cost through that of the best other proxy on the shape; under 1 it is the cheapest of all"
  return barChart("All shapes", axis, bars)
}

function summaryRows(timed: readonly TimedReport[], idle: readonly IdleReport[]): SummaryRow[] {
  return [
    ...timed.filter(({ shape }) => shape.entrants === "all").map(timedRow),
    ...idle.filter(({ shape }) => shape.entrants === "all").map(idleRow),
  ]
}

function timedRow(report: TimedReport): SummaryRow {
  const { shape } = report
  const own = report.results.find(({ peer, failure }) => peer === "sluice" && failure === "")
  const best = bestRival(report)
  const base = report.results.find(({ kind }) => kind === "direct")?.latency?.p99 ?? Number.NaN
  const p99 = (result: TimedResult | undefined) =>
    result?.latency === null || result?.latency === undefined || result.latency.overloaded
      ? Number.NaN
      : result.latency.p99 - base
  const rivals = report.results.filter(({ kind, failure }) => kind === "rival" && failure === "")
  const least = rivals.toSorted((a, b) => orLast(p99(a)) - orLast(p99(b)))[0]
  const text = (ms: number, name = "") => (Number.isNaN(ms) ? "" : `${time(ms)}${name && ` ${name}`}`)
  return {
    shape: shape.name,
    unit: `CPU µs/${shape.unit}`,
    sluice: own === undefined ? "no figure" : number(own.cpuUs.median),
    best: best === undefined ? "" : `${number(best.cpuUs.median)} ${best.peer}`,
    ratio: (own?.cpuUs.median ?? Number.NaN) / (best?.cpuUs.median ?? Number.NaN),
    sluiceP99: text(p99(own)),
    bestP99: least === undefined ? "" : text(p99(least), least.peer),
  }
}

function orLast(value: number): number {
  return Number.isNaN(value) ? Number.POSITIVE_INFINITY : value
}

function idleRow({ shape, results }: IdleReport): SummaryRow {
  const own = results.find(({ peer, failure }) => peer === "sluice" && failure === "")
  const best = results
    .filter(({ kind, failure }) => kind === "rival" && failure === "")
    .toSorted((a, b) => a.octetsPerStream - b.octetsPerStream)[0]
  const text = (result: IdleResult | undefined) =>
    result === undefined ? "" : octets(result.octetsPerStream)
  return {
    shape: shape.name,
    unit: "memory/stream",
    sluice: text(own) || "no figure",
    best: best === undefined ? "" : `${text(best)} ${best.peer}`,
    ratio: (own?.octetsPerStream ?? Number.NaN) / (best?.octetsPerStream ?? Number.NaN),
    sluiceP99: "",
    bestP99: "",
  }
}
