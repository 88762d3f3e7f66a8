import type { IdleReport, TimedReport } from "../measure/results.ts"
import type { PeerKind } from "../peers/peer.ts"
import { type Bar, barChart } from "./chart.ts"
import { number, octets } from "./format.ts"
import { bestRival } from "./rows.ts"

/** CPU per message on one shape. */
export function timedChart(report: TimedReport): string {
  const best = bestRival(report)
  const bars = report.results
    .filter(({ kind }) => kind !== "direct")
    .map((result): Bar => {
      const tone = toneOf(result.kind)
      const { median, min, max } = result.cpuUs
      if (result.failure !== "") return empty(result.peer, tone)
      const ratio = best === undefined || result === best ? "" : `  (${number(median / best.cpuUs.median)}×)`
      return { label: result.peer, value: median, min, max, text: `${number(median)}${ratio}`, tone }
    })
  return barChart(report.shape.title, `CPU microseconds per ${report.shape.unit}; less is better`, bars)
}

/** Memory per idle stream on one shape. */
export function idleChart(report: IdleReport): string {
  const bars = report.results.map((result): Bar => {
    const tone = toneOf(result.kind)
    if (result.failure !== "") return empty(result.peer, tone)
    const value = Math.max(0, result.octetsPerStream)
    return { label: result.peer, value, min: value, max: value, text: octets(value), tone }
  })
  return barChart(report.shape.title, "memory per stream; less is better", bars)
}

function toneOf(kind: PeerKind): Bar["tone"] {
  if (kind === "sluice") return "subject"
  return kind === "floor" ? "floor" : "rival"
}

function empty(label: string, tone: Bar["tone"]): Bar {
  return { label, value: Number.NaN, min: Number.NaN, max: Number.NaN, text: "no figure", tone }
}
