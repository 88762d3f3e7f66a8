import type { CallRecord, StreamRecord } from "../churn/protocol.ts"
import type { ClientFigures, ClientReport } from "./protocol.ts"

/** What was measured of one option, as it came. */
export interface Measured {
  steady: ClientFigures
  /** Of the proxy's processes that carried calls, and of the backends, in the same time, microseconds. */
  proxyCpuUs: number
  backendCpuUs: number
  /** Moments, milliseconds: steady from; the fourth backend was there; the first was killed; the last look. */
  markedMs: number
  joinedMs: number
  killedMs: number
  endMs: number
  /** Live streams before it joined, when it was killed, and at the end. */
  before: number[]
  afterJoin: number[]
  moved: number
  atEnd: number[]
  report: ClientReport
}

export interface OptionFigures {
  medianUs: number
  p99Us: number
  /** CPU for a message and its answer, microseconds. */
  proxyUs: number
  clientUs: number
  backendUs: number
  streams: number[]
  /** Of calls in the steady time. */
  calls: number[]
  /** After the fourth backend joined: until its first call, null: none came; and its part of the calls of the last two seconds. */
  firstCallMs: number | null
  lateShare: number
  streamsAfterJoin: number[]
  moved: number
  /** After the first was killed. */
  there: number
  lostThere: number
  lostElsewhere: number
  callsFailed: number
  callsThen: number
  /** The longest wait of a stream that had been there and went on, milliseconds; null: none went on. */
  stallMs: number | null
  streamsAtEnd: number[]
  wrong: number
}

const JOINED = 4
const KILLED = 1
const LATE_MS = 2_000

export function optionFigures(measured: Measured): OptionFigures {
  const { steady, proxyCpuUs, backendCpuUs, markedMs, joinedMs, killedMs, endMs, report } = measured
  const { streams, calls } = report
  const between = (fromMs: number, toMs: number): CallRecord[] =>
    calls.filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs)
  const first = between(joinedMs, killedMs).find(({ backend }) => backend === JOINED)
  const late = between(killedMs - LATE_MS, killedMs)
  const then = between(killedMs, endMs)
  const lost = streams.filter(({ lostMs }) => lostMs !== null)
  const wasThere = ({ backend }: StreamRecord): boolean => backend === KILLED
  const lostThen = lost.filter(({ lostMs }) => lostMs! >= killedMs)
  const there = measured.afterJoin[KILLED - 1] ?? 0
  const lostThere = lostThen.filter(wasThere).length
  const wentOn = streams.filter((one) => one.lostMs === null && one.openedMs < killedMs)
  return {
    medianUs: steady.medianUs,
    p99Us: steady.p99Us,
    proxyUs: proxyCpuUs / steady.messages,
    clientUs: steady.cpuUs / steady.messages,
    backendUs: backendCpuUs / steady.messages,
    streams: measured.before,
    calls: byBackend(between(markedMs, joinedMs)),
    firstCallMs: first === undefined ? null : first.answeredMs! - joinedMs,
    lateShare: late.filter(({ backend }) => backend === JOINED).length / late.length,
    streamsAfterJoin: measured.afterJoin,
    moved: measured.moved,
    there,
    lostThere,
    lostElsewhere: lost.length - lostThere,
    callsFailed: then.filter(({ answeredMs }) => answeredMs === null).length,
    callsThen: then.length,
    stallMs: lostThere < there ? Math.max(0, ...wentOn.map(({ stallMs }) => stallMs)) : null,
    streamsAtEnd: measured.atEnd,
    wrong: report.wrong,
  }
}

/** How many of the calls each backend answered, from the first backend on. */
function byBackend(calls: readonly CallRecord[]): number[] {
  const counts = new Array<number>(JOINED).fill(0)
  for (const { backend } of calls) if (backend > 0) counts[backend - 1]!++
  return counts
}
