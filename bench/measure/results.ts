import type { Missing, PeerKind } from "../peers/peer.ts"
import type { IdleShape, TimedShape } from "../shapes.ts"
import type { Spread } from "./statistics.ts"

/** One peer on one timed shape. */
export interface TimedResult {
  peer: string
  kind: PeerKind
  /** Why there is no figure; empty when there is one. */
  failure: string
  /** CPU of the proxy's processes, microseconds per message. */
  cpuUs: Spread
  /** Messages per second. */
  rate: Spread
  /** Share of its core the proxy used: well under 1 means the load, not the proxy, set the rate. */
  proxyShare: number
  /** Milliseconds a second that its busiest thread was ready and had to wait for its core, at its peak. */
  waitMsPerSecond: number
  /** The same of generator and backends, both together. */
  loadWaitMsPerSecond: number
  /** What the load itself cost, microseconds of CPU per message. */
  generatorUs: number
  backendUs: number
  /** CPU per message of each round, in their order. */
  cpuUsOfRounds: number[]
  /** Open loop, at half of the best rival's peak rate at most: messages go when they are due, whatever comes back. */
  latency: Latency | null
  /** Closed loop, at the peer's own peak: each message waits for the answer to the last. */
  peakTimes: Times | null
  /** The proxy's own time, from the read that brought a message until it is written; null where it does not tell. */
  ownPacedTimes: Times | null
  ownPeakTimes: Times | null
}

/** Microseconds. */
export interface Times {
  p50: number
  p99: number
  p999: number
}

export interface Latency extends Times {
  /** Messages per second. */
  rate: number
  /** Half of the best rival's peak rate. `rate` is less where the load could not carry that with room. */
  wantedRate: number
  /** The share of its core that the load used. */
  loadShare: number
  /** By how much the load itself was late in sending, while it had to wait for its core. */
  delays: Times | null
  /** As in `TimedResult`, at this rate. */
  waitMsPerSecond: number
  loadWaitMsPerSecond: number
  /** Its rounds are those in which the proxy had its core, `CALM_WAIT_MS`; false: there was none. */
  isCalm: boolean
  /** Less than the rate came through. */
  overloaded: boolean
}

export interface TimedReport {
  shape: TimedShape
  results: TimedResult[]
}

/** One peer on one idle shape. */
export interface IdleResult {
  peer: string
  kind: PeerKind
  failure: string
  /** Memory added per stream, octets. */
  octetsPerStream: number
  /** Memory of the process before any stream, octets. */
  baseOctets: number
  /** File descriptors added by all the streams. */
  files: number
  /** Share of one core while silent. */
  cpuShare: number
}

export interface IdleReport {
  shape: IdleShape
  results: IdleResult[]
}

export interface Machine {
  cpu: string
  cores: number
  kernel: string
  node: string
  memoryOctets: number
  pinned: boolean
}

/** Everything one run of the benchmark found. */
export interface Report {
  date: string
  machine: Machine
  /** What a read from far memory took, in nanoseconds: before each shape, and behind the last. */
  memoryReadNs: number[]
  rounds: number
  seconds: number
  peers: { name: string; kind: PeerKind; title: string }[]
  missing: Missing[]
  timed: TimedReport[]
  idle: IdleReport[]
}
