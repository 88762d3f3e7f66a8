import { CALM_WAIT_MS, LOAD_SHARE_MAX } from "../measure/open-loop.ts"
import type { IdleReport, Latency, TimedReport, TimedResult, Times } from "../measure/results.ts"
import { number, octets, percent, rate, time } from "./format.ts"
import type { Table } from "./table.ts"

const LONGEST_REASON = 240
/** From here on a rate that did not come through says nothing of the proxy. */
const LOAD_FULL = 0.9

/** The rival that spends least CPU per message; what ratios are taken against. */
export function bestRival(report: TimedReport): TimedResult | undefined {
  return report.results
    .filter(({ kind, failure }) => kind === "rival" && failure === "")
    .toSorted((a, b) => a.cpuUs.median - b.cpuUs.median)[0]
}

/** A timed shape as rows, one per peer. */
export function timedRows(report: TimedReport): Table {
  const best = bestRival(report)
  const direct = report.results.find(({ kind, failure }) => kind === "direct" && failure === "")
  const head = [
    "peer",
    `CPU µs/${report.shape.unit}`,
    "min–max",
    "to the best rival",
    `${report.shape.unit}s/s`,
    "core used",
  ]
  if (report.shape.latency) head.push("p50 added", "p99 added", "p99.9 added", "p50 at peak", "p99 at peak")
  const rows = report.results.map((result) => {
    if (result.failure !== "") return [result.peer, "no figure"]
    const cells = [result.peer, ...costCells(result, best), rate(result.rate.median)]
    cells.push(result.kind === "direct" ? "" : percent(result.proxyShare))
    if (report.shape.latency) cells.push(...latencyCells(result, direct), ...peakCells(result))
    return cells
  })
  return [head, ...rows.map((row) => [...row, ...Array<string>(head.length - row.length).fill("")])]
}

function costCells(result: TimedResult, best: TimedResult | undefined): string[] {
  if (result.kind === "direct") return ["", "", ""]
  const { median, min, max } = result.cpuUs
  const ratio = best === undefined ? Number.NaN : median / best.cpuUs.median
  return [number(median), `${number(min)}–${number(max)}`, number(ratio)]
}

/** Against `none` at the same rate; `none` itself is shown as it is. */
function latencyCells(result: TimedResult, direct: TimedResult | undefined): string[] {
  const own = result.latency
  if (own === null) return ["–", "–", "–"]
  if (own.overloaded) return [own.loadShare > LOAD_FULL ? "the load cannot" : "cannot keep up", "", ""]
  if (result.kind === "direct") return [own.p50, own.p99, own.p999].map((value) => `(${time(value)})`)
  const base = direct?.latency
  if (base === null || base === undefined) return ["–", "–", "–"]
  return [time(own.p50 - base.p50), time(own.p99 - base.p99), time(own.p999 - base.p999)]
}

/** As they are: at its own peak each peer has another rate, so there is nothing to subtract. */
function peakCells({ peakTimes, kind }: TimedResult): string[] {
  if (peakTimes === null) return ["", ""]
  const texts = [peakTimes.p50, peakTimes.p99].map(time)
  return kind === "direct" ? texts.map((text) => `(${text})`) : texts
}

/** What the load itself cost, and at which rate latency was taken. */
export function timedNote(report: TimedReport): string {
  const measured = report.results.filter(({ failure }) => failure === "")
  if (measured.length === 0) return ""
  const most = (field: "generatorUs" | "backendUs") =>
    number(Math.max(...measured.map((result) => result[field])))
  const paced = measured.find(({ latency }) => latency !== null)?.latency
  const load = `Load: generator at most ${most("generatorUs")}, backends at most ${most("backendUs")} CPU µs per ${report.shape.unit}.`
  const longest = (field: "waitMsPerSecond" | "loadWaitMsPerSecond") =>
    number(Math.max(...measured.map((result) => result[field])))
  const wait = `Waits for a core at peak: a proxy at most ${longest("waitMsPerSecond")}, the load at most ${longest("loadWaitMsPerSecond")} ms a second.`
  return [load, wait, ...(paced ? [openLoopNote(paced)] : [])].join(" ")
}

function openLoopNote(paced: Latency): string {
  const at = `Latency at ${rate(paced.rate)} per second`
  if (paced.rate === paced.wantedRate) return `${at}.`
  const room = percent(LOAD_SHARE_MAX)
  return `${at}, not at half of the best rival's peak, ${rate(paced.wantedRate)}: of that the load alone would need more than ${room} of its core.`
}

/** How late the load was by itself at the steady rate, for each peer. */
export function delayLines(report: TimedReport): string[] {
  const parts = report.results.flatMap(({ peer, failure, latency }) =>
    failure === "" && latency !== null && latency.delays !== null
      ? [`${peer} ${time(latency.delays.p99)} (${percent(latency.loadShare)})`]
      : [],
  )
  return parts.length === 0
    ? []
    : [`At that rate the load itself sent late by p99, and used of its core: ${parts.join(", ")}.`]
}

/** Whose times at the steady rate tell of what else was on its core. */
export function unquietLines(report: TimedReport): string[] {
  const parts = report.results.flatMap(({ peer, failure, latency }) =>
    failure === "" && latency?.isCalm === false ? [`${peer} ${number(latency.waitMsPerSecond)}`] : [],
  )
  if (parts.length === 0) return []
  return [
    `No quiet round at that rate, in which it waits for its core at most ${CALM_WAIT_MS} ms a second: ${parts.join(", ")} ms.`,
  ]
}

/** What proxies say of their own time, a line each. */
export function ownTimeLines(report: TimedReport): string[] {
  return report.results
    .filter(({ failure, ownPeakTimes }) => failure === "" && ownPeakTimes !== null)
    .map(({ peer, ownPacedTimes, ownPeakTimes }) => {
      const paced = ownPacedTimes === null ? "" : `${threeTimes(ownPacedTimes)} at half of peak, `
      return `Within ${peer} itself a ${report.shape.unit} took at most: ${paced}${threeTimes(ownPeakTimes!)} at peak.`
    })
}

function threeTimes({ p50, p99, p999 }: Times): string {
  return `p50 ${time(p50)}, p99 ${time(p99)}, p99.9 ${time(p999)}`
}

/** An idle shape as rows, one per peer. */
export function idleRows(report: IdleReport): Table {
  const head = ["peer", "memory per stream", "memory before", "sockets", "CPU while idle"]
  const rows = report.results.map((result) =>
    result.failure !== ""
      ? [result.peer, "no figure", "", "", ""]
      : [
          result.peer,
          octets(result.octetsPerStream),
          octets(result.baseOctets),
          String(result.files),
          percent(result.cpuShare),
        ],
  )
  return [head, ...rows]
}

/** Why a peer has no figure, one line each. */
export function failureLines(report: TimedReport | IdleReport): string[] {
  return report.results
    .filter(({ failure }) => failure !== "")
    .map(({ peer, failure }) => `${peer}: ${failure.slice(0, LONGEST_REASON)}`)
}
