import { Chance } from "../chance.ts"

/** One run of a cluster that is kept in balance, as plain data made from a seed. Times are milliseconds of virtual time. */
export interface RebalancePlan {
  readonly seed: number
  readonly delayMs: number
  /** Of the endpoints that are there at the beginning. */
  readonly weights: readonly number[]
  readonly streams: number
  readonly tolerancePercent: number
  readonly afterMs: number
  readonly dwellMs: number
  readonly streamsPerSecond: number
  readonly slowStartMs: number
  /** A backend is asked to hand streams off; else they are resumed. */
  readonly asks: boolean
  /** In order. */
  readonly changes: readonly RebalanceChange[]
}

export type RebalanceChange = { readonly atMs: number } & (
  | { readonly kind: "joins"; readonly weight: number }
  | { readonly kind: "weighs"; readonly index: number; readonly weight: number }
  /** Every so-manieth stream is cancelled by its client. */
  | { readonly kind: "streams end"; readonly every: number }
)

const WEIGHTS = [1, 1, 1, 2, 3]
/** Endpoints at most. */
export const ENDPOINTS_MAX = 6

/** The plan of a seed. */
export function makeRebalancePlan(seed: number): RebalancePlan {
  const chance = new Chance(seed + 55_000_000)
  const weights = chance.list(chance.whole(2, 3), () => chance.of(WEIGHTS))
  const change = (atMs: number): RebalanceChange => {
    const kind = chance.of(["joins", "weighs", "weighs", "streams end"] as const)
    if (kind === "joins") return { atMs, kind, weight: chance.of(WEIGHTS) }
    if (kind === "streams end") return { atMs, kind, every: chance.whole(2, 5) }
    return { atMs, kind, index: chance.whole(0, weights.length - 1), weight: chance.of([1, 2, 5]) }
  }
  let atMs = 3_000
  const changes = chance.list(chance.whole(0, 3), () => {
    atMs += chance.whole(0, 60_000)
    return change(atMs)
  })
  return {
    seed,
    delayMs: chance.of([0, 1, 20]),
    weights,
    streams: chance.whole(5, 120),
    tolerancePercent: chance.of([0, 10, 10, 50]),
    afterMs: chance.of([0, 5_000, 30_000]),
    dwellMs: chance.of([20_000, 60_000]),
    streamsPerSecond: chance.of([1, 5, 50]),
    slowStartMs: chance.of([0, 0, 20_000]),
    asks: chance.likely(0.3),
    changes,
  }
}
