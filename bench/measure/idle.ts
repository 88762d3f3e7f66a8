import type { Peer } from "../peers/peer.ts"
import type { IdleShape } from "../shapes.ts"
import type { Cores } from "./child.ts"
import { LoadProcesses } from "./load-processes.ts"
import { cpuNs, openFiles, processTree, residentOctets } from "./process-usage.ts"
import type { IdleReport, IdleResult } from "./results.ts"
import { needsOf, type RunningPeer, startPeer } from "./running-peer.ts"

export interface IdleOptions {
  cores: Cores | null
  /** Instead of the shape's own silence. */
  silenceSeconds: number | null
  /** How long to wait before each reading: what opening leaves to be done (timers, garbage) is done by then. */
  settleSeconds: number
  progress(what: string): void
}

/** A proxy with one upstream socket per stream needs more than one backend's worth of local ports. */
const BACKENDS = 8
/** Opened and closed before the first reading: what is set up once is not charged to the streams. */
const WARM_UP = { connections: 1, streams: 100 }

/** Measures a shape, one peer after the other, each in a fresh process. */
export async function measureIdle(
  shape: IdleShape,
  peers: readonly Peer[],
  options: IdleOptions,
): Promise<IdleReport> {
  const results: IdleResult[] = []
  for (const peer of peers.filter(({ kind }) => kind !== "direct")) {
    options.progress(`${shape.name}, ${peer.name}`)
    results.push(await measurePeer(shape, peer, options))
  }
  return { shape, results }
}

async function measurePeer(shape: IdleShape, peer: Peer, options: IdleOptions): Promise<IdleResult> {
  const load = await LoadProcesses.start(BACKENDS, 0, options.cores)
  let running: RunningPeer | null = null
  try {
    running = await startPeer(peer, needsOf(shape.spec, load.backends), options.cores)
    return { ...nothing(peer), ...(await watch(shape, running, load, options)) }
  } catch (error) {
    return { ...nothing(peer), failure: (error as Error).message }
  } finally {
    await load.stop()
    await running?.stop()
  }
}

function nothing(peer: Peer): IdleResult {
  const none = Number.NaN
  return {
    peer: peer.name,
    kind: peer.kind,
    failure: "",
    octetsPerStream: none,
    baseOctets: none,
    files: none,
    cpuShare: none,
  }
}

async function watch(
  shape: IdleShape,
  running: RunningPeer,
  load: LoadProcesses,
  options: IdleOptions,
): Promise<Partial<IdleResult>> {
  const { connections, streams } = shape.spec
  const warmed = await load.open({ port: running.port, spec: { ...shape.spec, ...WARM_UP } })
  if (warmed.failures > 0) return { failure: warmed.firstFailure }
  await load.close()
  await settle(1000 * options.settleSeconds)
  const baseOctets = residentOctets(running.pids)
  const baseFiles = openFiles(running.pids)
  const opened = await load.open({ port: running.port, spec: shape.spec })
  if (opened.failures > 0) return { failure: `${opened.firstFailure} ${running.lastWords()}`.trim() }
  await settle(1000 * options.settleSeconds)
  const pids = processTree(running.pids[0]!)
  const octets = residentOctets(pids)
  const files = openFiles(pids)
  const silenceMs = 1000 * (options.silenceSeconds ?? shape.silenceSeconds)
  const cpuBefore = cpuNs(pids)
  await settle(silenceMs)
  const cpuShare = (cpuNs(pids) - cpuBefore) / (silenceMs * 1e6)
  const closed = await load.close()
  if (closed.failures > 0) return { failure: closed.firstFailure }
  return {
    octetsPerStream: (octets - baseOctets) / (connections * streams),
    baseOctets,
    files: files - baseFiles,
    cpuShare,
  }
}

function settle(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
