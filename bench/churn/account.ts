import type { CallRecord, StreamRecord } from "./protocol.ts"

/** A time in which a backend ought to be given calls. */
export interface Serving {
  backend: number
  fromMs: number
  toMs: number
}

/** What happened in one case, beside what clients saw. */
export interface Truth {
  /** The backend that the case is about; null: none. */
  victim: number | null
  /** The trouble begins, and the last look. */
  fromMs: number
  toMs: number
  serving: readonly Serving[]
}

/** What one peer showed in one case. */
export interface CaseFigures {
  /** Streams lost of those that were on the backend in question, how many those were, and lost elsewhere. */
  lostThere: number
  there: number
  lostElsewhere: number
  /** The commonest reason of streams lost elsewhere, or empty. */
  reason: string
  callsFailed: number
  calls: number
  /** The commonest reason of the calls that failed, or empty. */
  callReason: string
  /** Seconds in which some backend had less than half or more than one and a half of its share of the calls. */
  imbalanceSeconds: number
  /** The last of them was the last that was looked at. */
  isStillImbalanced: boolean
  /** The longest wait of a message for its echo or its stream's loss, milliseconds, by where its stream was. */
  stallThereMs: number
  stallElsewhereMs: number
  /** The longest before the trouble, of any stream. */
  quietStallMs: number
  /** Live streams on each backend at the end. */
  live: number[]
}

export const WINDOW_MS = 500
const SHARE_LEAST = 0.5
const SHARE_MOST = 1.5

/** Lays what clients saw over what was done. `backends`: how many there are in all. */
export function account(
  streams: readonly StreamRecord[],
  calls: readonly CallRecord[],
  truth: Truth,
  backends: number,
): CaseFigures {
  const { victim, fromMs, toMs } = truth
  const isThere = ({ backend }: StreamRecord): boolean => backend === victim
  const began = streams.filter(({ backend }) => backend >= 0)
  const before = began.filter(({ openedMs }) => openedMs < fromMs)
  const lost = began.filter(({ lostMs }) => lostMs !== null)
  const elsewhere = lost.filter((stream) => !isThere(stream))
  const inTime = calls.filter(({ dueMs }) => dueMs >= fromMs && dueMs < toMs)
  // A stream that no backend ever answered was a call that failed.
  const neverBegan = streams.filter(({ backend, openedMs }) => backend < 0 && openedMs >= fromMs).length
  const imbalanced = windows(truth).map((window) => isImbalanced(window, calls, truth.serving))
  const longest = (of: readonly StreamRecord[]): number => Math.max(0, ...of.map(({ stallMs }) => stallMs))
  const failed = inTime.filter(({ answeredMs }) => answeredMs === null)
  return {
    lostThere: lost.filter(isThere).length,
    there: before.filter(isThere).length,
    lostElsewhere: elsewhere.length,
    reason: commonest(elsewhere.map(({ reason }) => reason)),
    callsFailed: failed.length + neverBegan,
    calls: inTime.length,
    callReason: commonest(failed.map(({ reason }) => reason)),
    imbalanceSeconds: (imbalanced.filter(Boolean).length * WINDOW_MS) / 1000,
    isStillImbalanced: imbalanced.at(-1) ?? false,
    stallThereMs: longest(streams.filter((stream) => isThere(stream) || stream.backend < 0)),
    stallElsewhereMs: longest(began.filter((stream) => !isThere(stream))),
    quietStallMs: Math.max(0, ...streams.map(({ quietStallMs }) => quietStallMs)),
    live: Array.from(
      { length: backends },
      (_, index) => began.filter(({ backend, lostMs }) => backend === index && lostMs === null).length,
    ),
  }
}

interface Window {
  fromMs: number
  toMs: number
}

/** Whole windows from the beginning of the trouble. */
function windows({ fromMs, toMs }: Truth): Window[] {
  const count = Math.floor((toMs - fromMs) / WINDOW_MS)
  return Array.from({ length: count }, (_, index) => ({
    fromMs: fromMs + index * WINDOW_MS,
    toMs: fromMs + (index + 1) * WINDOW_MS,
  }))
}

/** A backend that served for a part of the window only has no share to be held to. */
function isImbalanced(window: Window, calls: readonly CallRecord[], serving: readonly Serving[]): boolean {
  const expected = serving
    .filter(({ fromMs, toMs }) => fromMs <= window.fromMs && toMs >= window.toMs)
    .map(({ backend }) => backend)
  const had = new Map(expected.map((backend) => [backend, 0]))
  let sum = 0
  for (const { dueMs, backend, answeredMs } of calls) {
    if (answeredMs === null || dueMs < window.fromMs || dueMs >= window.toMs || !had.has(backend)) continue
    had.set(backend, had.get(backend)! + 1)
    sum++
  }
  const share = sum / expected.length
  return [...had.values()].some((count) => count <= share * SHARE_LEAST || count > share * SHARE_MOST)
}

function commonest(reasons: readonly string[]): string {
  const counts = new Map<string, number>()
  for (const reason of reasons) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one)[0]?.[0] ?? ""
}

/** Calls due in each window, from `quietMs` before the trouble to its end, and the share that was answered; null: none was due. */
export function answeredShares(
  calls: readonly CallRecord[],
  { fromMs, toMs }: Pick<Truth, "fromMs" | "toMs">,
  quietMs: number,
  windowMs: number,
): (number | null)[] {
  const count = Math.floor((toMs - fromMs + quietMs) / windowMs)
  const due = new Array<number>(count).fill(0)
  const answered = new Array<number>(count).fill(0)
  for (const { dueMs, answeredMs } of calls) {
    const at = Math.floor((dueMs - fromMs + quietMs) / windowMs)
    if (at < 0 || at >= count) continue
    due[at]!++
    if (answeredMs !== null) answered[at]!++
  }
  return due.map((many, at) => (many === 0 ? null : answered[at]! / many))
}
