import type { GeneratorReport } from "../load/generator.ts"
import type { Peer } from "../peers/peer.ts"
import type { TimedShape } from "../shapes.ts"
import type { Cores } from "./child.ts"
import { LoadProcesses } from "./load-processes.ts"
import { isCalm, loadShare, rateWithRoom } from "./open-loop.ts"
import { timesBetween } from "./own-times.ts"
import type { Latency, TimedReport, TimedResult, Times } from "./results.ts"
import { needsOf, type RunningPeer, startPeer } from "./running-peer.ts"
import { spread } from "./statistics.ts"

export interface TimedOptions {
  rounds: number
  seconds: number
  warmSeconds: number
  cores: Cores | null
  /** Told before each measurement. */
  progress(what: string): void
}

const BACKENDS = 2
/** The first round warms up so many times longer: a server that runs for months has its code compiled. */
const FIRST_WARM_UP = 12
/** A rate within this share of the wanted one is kept up. */
const KEPT_UP = 0.98

/** How many times `progress` will be called. */
export function timedSteps(shape: TimedShape, peers: number, rounds: number): number {
  return peers * rounds * (shape.latency ? 2 : 1)
}

/** A round of the open loop, and what the proxy says of itself in it. */
interface PacedRound extends GeneratorReport {
  own: Times | null
}

/** Everything about one peer while its shape runs. */
interface Entrant {
  peer: Peer
  running: RunningPeer | null
  failure: string
  peak: GeneratorReport[]
  paced: PacedRound[]
  /** What the proxy says of itself, of the rounds at its peak. */
  ownPeak: Times[]
}

/** Measures a shape: all peers up, and rounds that visit them in turn, so that a noisy minute hits all alike. */
export async function measureTimed(
  shape: TimedShape,
  peers: readonly Peer[],
  options: TimedOptions,
): Promise<TimedReport> {
  const load = await LoadProcesses.start(BACKENDS, shape.spec.tls === true ? BACKENDS : 0, options.cores)
  const entrants: Entrant[] = []
  try {
    for (const peer of peers) entrants.push(await enter(peer, shape, load, options))
    for (let round = 1; round <= options.rounds; round++) {
      for (const entrant of entrants) {
        options.progress(`${shape.name}, round ${round}, ${entrant.peer.name}`)
        await visit(entrant, shape, load, options, "peak")
      }
    }
    const wanted = shape.latency ? halfOfBestPeak(entrants) : Number.NaN
    const rate = Number.isNaN(wanted) ? wanted : await rateFor(wanted, shape, load, options)
    for (let round = 1; round <= options.rounds && shape.latency; round++) {
      for (const entrant of entrants) {
        options.progress(`${shape.name}, latency ${round}, ${entrant.peer.name}`)
        await visit(entrant, shape, load, options, rate)
      }
    }
    for (let round = 1; round <= options.rounds && shape.latency; round++)
      for (const entrant of entrants.filter(({ paced }) => paced.filter(isCalm).length < options.rounds))
        await visit(entrant, shape, load, options, rate)
    return {
      shape,
      results: entrants.map((entrant) => summarize(entrant, { wanted, rate, cores: options.cores })),
    }
  } finally {
    for (const { running } of entrants) await running?.stop()
    await load.stop()
  }
}

async function enter(
  peer: Peer,
  shape: TimedShape,
  load: LoadProcesses,
  options: TimedOptions,
): Promise<Entrant> {
  try {
    // Who ends no TLS has it ended by the backend.
    const passes = peer.kind === "direct" || peer.kind === "floor"
    const backends = shape.spec.tls === true && passes ? load.tlsBackends : load.backends
    const running = await startPeer(peer, needsOf(shape.spec, backends), options.cores)
    return { ...fresh(peer), running }
  } catch (error) {
    return { ...fresh(peer), failure: (error as Error).message }
  }
}

function fresh(peer: Peer): Entrant {
  return { peer, running: null, failure: "", peak: [], paced: [], ownPeak: [] }
}

async function visit(
  entrant: Entrant,
  shape: TimedShape,
  load: LoadProcesses,
  options: TimedOptions,
  pace: "peak" | number,
): Promise<void> {
  if (entrant.running === null || entrant.failure !== "") return
  if (Number.isNaN(pace)) return
  const before = await entrant.running.ownTimesSoFar()
  const report = await load.measure({
    port: entrant.running.port,
    spec: { ...shape.spec, pace },
    warmMs: options.warmSeconds * 1000 * (entrant.peak.length === 0 ? FIRST_WARM_UP : 1),
    windowMs: options.seconds * 1000,
    proxy: [...entrant.running.pids],
  })
  if (report.failures > 0) entrant.failure = `${report.firstFailure} ${entrant.running.lastWords()}`.trim()
  else if (report.messages === 0) entrant.failure = "no message came through"
  else {
    const own = timesBetween(before, await entrant.running.ownTimesSoFar())
    if (pace !== "peak") entrant.paced.push({ ...report, own })
    else {
      entrant.peak.push(report)
      if (own !== null) entrant.ownPeak.push(own)
    }
  }
}

/** As much of `wanted` as the load can carry with room: measured straight to a backend. */
function rateFor(
  wanted: number,
  shape: TimedShape,
  load: LoadProcesses,
  { warmSeconds, seconds, cores }: TimedOptions,
): Promise<number> {
  const [port] = shape.spec.tls === true ? load.tlsBackends : load.backends
  return rateWithRoom(wanted, async (pace) => {
    const report = await load.measure({
      port: port!,
      spec: { ...shape.spec, pace },
      warmMs: warmSeconds * 1000,
      windowMs: seconds * 1000,
      proxy: [],
    })
    return report.failures > 0 ? Number.NaN : loadShare(report, cores)
  })
}

function rateOf(report: GeneratorReport): number {
  return report.messages / report.seconds
}

/** The open loop: the rate, and what it would be if the load could always carry it. */
interface OpenLoop {
  wanted: number
  rate: number
  cores: Cores | null
}

/** The rate at which latency should be compared: the same for all, half of what the fastest rival can do. */
function halfOfBestPeak(entrants: readonly Entrant[]): number {
  const rivals = entrants.filter(({ peer }) => peer.kind === "rival")
  const measured = rivals.length > 0 ? rivals : entrants.filter(({ peer }) => peer.kind !== "direct")
  const peaks = measured
    .filter(({ peak }) => peak.length > 0)
    .map(({ peak }) => spread(peak.map(rateOf)).median)
  return peaks.length === 0 ? Number.NaN : Math.round(Math.max(...peaks) / 2)
}

function summarize(entrant: Entrant, openLoop: OpenLoop): TimedResult {
  const { peer, failure, peak } = entrant
  const calm = entrant.paced.filter(isCalm)
  const paced = calm.length > 0 ? calm : entrant.paced
  const ofRounds = (field: "proxyCpuNs" | "generatorCpuNs" | "backendCpuNs") =>
    peak.map((report) => report[field] / report.messages / 1000)
  const perMessage = (field: "proxyCpuNs" | "generatorCpuNs" | "backendCpuNs") => spread(ofRounds(field))
  return {
    peer: peer.name,
    kind: peer.kind,
    failure,
    cpuUs: perMessage("proxyCpuNs"),
    cpuUsOfRounds: ofRounds("proxyCpuNs"),
    rate: spread(peak.map(rateOf)),
    proxyShare: spread(peak.map((report) => report.proxyCpuNs / report.seconds / 1e9)).median,
    ...waits(peak),
    generatorUs: perMessage("generatorCpuNs").median,
    backendUs: perMessage("backendCpuNs").median,
    latency: latencyOf(paced, openLoop),
    peakTimes: timesOf(peak),
    ownPacedTimes: timesOf(paced.flatMap(({ own }) => own ?? [])),
    ownPeakTimes: timesOf(entrant.ownPeak),
  }
}

function latencyOf(paced: readonly GeneratorReport[], { wanted, rate, cores }: OpenLoop): Latency | null {
  const times = timesOf(paced)
  if (times === null) return null
  return {
    rate,
    wantedRate: wanted,
    loadShare: spread(paced.map((report) => loadShare(report, cores))).median,
    ...times,
    delays: timesOf(paced.map(({ delays }) => delays)),
    ...waits(paced),
    isCalm: paced.every(isCalm),
    overloaded: spread(paced.map(rateOf)).median < KEPT_UP * rate,
  }
}

function waits(reports: readonly GeneratorReport[]) {
  const perSecond = (field: "proxyWaitNs" | "loadWaitNs") =>
    spread(reports.map((report) => report[field] / report.seconds / 1e6)).median
  return { waitMsPerSecond: perSecond("proxyWaitNs"), loadWaitMsPerSecond: perSecond("loadWaitNs") }
}

/** Null where nothing was answered: NaN is null on its way between processes. */
function timesOf(reports: readonly Times[]): Times | null {
  if (reports.length === 0 || !Number.isFinite(reports[0]!.p50)) return null
  const middle = (field: keyof Times) => spread(reports.map((report) => report[field])).median
  return { p50: middle("p50"), p99: middle("p99"), p999: middle("p999") }
}
