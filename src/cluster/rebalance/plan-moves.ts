import type { Move } from "./move-order.ts"
import { shareOut } from "./share-out.ts"

/** One endpoint of a cluster, as the planner sees it. Counts are of all data threads. */
export interface PlannedEndpoint {
  readonly slot: number
  /** Its share of the streams: less than its full weight while it starts slowly, 0 where it is to have none. */
  readonly weight: number
  /** Live streams. */
  readonly open: number
  /** Of these, those that are on their way to another. */
  readonly leaving: number
  /** On their way from others. */
  readonly arriving: number
  /** Most streams that it takes; null: no bound. */
  readonly maxStreams: number | null
}

/** Where a cluster stands. */
export interface Balance {
  readonly streams: number
  /** The largest number of streams at an endpoint, over its target; 1 where nothing is open, infinite where a target is 0. */
  readonly imbalance: number
  /** Endpoints with more streams than their bound, by slot. */
  readonly surplus: readonly number[]
}

/** A target is a sum of products: what it misses a whole number by must not make a bound one more. */
const ROUNDING = 1e-9

/** How many streams each endpoint would have by weight. Pure. */
export function targetsOf(endpoints: readonly PlannedEndpoint[]): number[] {
  let streams = 0
  let weights = 0
  for (const { open, weight } of endpoints) {
    streams += open
    weights += weight
  }
  return endpoints.map(({ weight }) => (weights === 0 ? 0 : (streams * weight) / weights))
}

/** The most streams that an endpoint may have before some of them are a surplus. */
function boundOf(target: number, tolerancePercent: number): number {
  return Math.ceil(target * (1 + tolerancePercent / 100) - ROUNDING)
}

/** Where the cluster stands. Pure. */
export function balanceOf(endpoints: readonly PlannedEndpoint[], tolerancePercent: number): Balance {
  const targets = targetsOf(endpoints)
  let streams = 0
  let imbalance = 0
  const surplus: number[] = []
  for (const [at, { slot, open }] of endpoints.entries()) {
    const target = targets[at]!
    streams += open
    if (open > 0) imbalance = Math.max(imbalance, open / target)
    if (open > boundOf(target, tolerancePercent)) surplus.push(slot)
  }
  return { streams, imbalance: streams === 0 ? 1 : imbalance, surplus }
}

/**
 * Which streams are to move, at most `most` of them: from endpoints of `mature`, those whose surplus has lasted, to endpoints
 * below their target, in proportion to what the ones have too many and the others lack. What is on its way counts as there, so
 * none gets more than it lacks and none is left with less than its bound. `random`: from 0 to 1, called twice. Pure.
 */
export function planMoves(
  endpoints: readonly PlannedEndpoint[],
  mature: ReadonlySet<number>,
  tolerancePercent: number,
  most: number,
  random: () => number,
): Move[] {
  const targets = targetsOf(endpoints)
  const surplus = endpoints.map(({ slot, open, leaving }, at) =>
    mature.has(slot) ? Math.max(0, open - leaving - boundOf(targets[at]!, tolerancePercent)) : 0,
  )
  const room = endpoints.map(({ weight, open, arriving, maxStreams }, at) => {
    if (weight === 0) return 0
    const most = Math.min(Math.ceil(targets[at]! - ROUNDING), maxStreams ?? Number.POSITIVE_INFINITY)
    return Math.max(0, most - open - arriving)
  })
  const many = Math.min(Math.floor(most), sum(surplus), sum(room))
  const from = shareOut(many, surplus, random())
  const to = shareOut(many, room, random())
  return pair(endpoints, from, to)
}

/** Those that leave, in order, beside the places that they go to, in order. */
function pair(endpoints: readonly PlannedEndpoint[], from: readonly number[], to: readonly number[]): Move[] {
  const moves: Move[] = []
  let at = 0
  let left = to[0] ?? 0
  for (const [source, leaving] of from.entries())
    for (let rest = leaving; rest > 0; ) {
      while (left === 0) left = to[++at]!
      const streams = Math.min(rest, left)
      moves.push({ from: endpoints[source]!.slot, to: endpoints[at]!.slot, streams })
      rest -= streams
      left -= streams
    }
  return moves
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

// ---- Pace -------------------------------------------------------------------------------------------------------------

/** The share of a cluster's streams that may move in a second. */
const SHARE = 0.01
/** The pace is never less than this part of the full one: that moves work again is found out by moving. */
const SLOWEST = 1 / 64
/** Where a smaller share of the moves fails, that says nothing of the rest. */
const FAILURES_BORNE = 0.1

/** How fast streams may move now: part of the full pace, and what is left of seconds in which less than one could. */
export interface Pace {
  readonly factor: number
  readonly carried: number
}

export const FULL_PACE: Pace = { factor: 1, carried: 0 }

/**
 * The pace of the next second, after one in which so many moves were made and failed: halved while they fail, doubled back to
 * the full one. `most`: streams that may begin to move. Pure.
 */
export function nextPace(
  pace: Pace,
  seen: { readonly moved: number; readonly failed: number },
  streams: number,
  perSecond: number,
): { readonly pace: Pace; readonly most: number } {
  const { moved, failed } = seen
  let { factor } = pace
  if (failed > FAILURES_BORNE * (moved + failed)) factor = Math.max(SLOWEST, factor / 2)
  else if (moved > 0) factor = Math.min(1, factor * 2)
  const full = Math.min(streams * SHARE, perSecond)
  const due = full * factor + pace.carried
  const most = Math.floor(due + ROUNDING)
  return { pace: { factor, carried: Math.max(0, Math.min(due - most, 1)) }, most }
}
