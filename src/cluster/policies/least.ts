import type { Random } from "../../base/random.ts"
import type { Endpoint } from "../endpoint.ts"
import { isPassedOver, type PickRequest } from "./policy.ts"

/**
 * So many are drawn of a large cluster. With d choices the fullest of n endpoints has about ln ln n / ln d streams more
 * than the mean: less than one with 16.
 * Source: Azar, Broder, Karlin, Upfal, "Balanced Allocations", 1999.
 */
const DRAWN = 16

/** What the choice of an endpoint costs: the least is taken. */
export type CostOf = (endpoint: Endpoint, nowMs: number) => number

/** The least of `DRAWN` that chance draws of many; undefined when none of them can be had. Cost: O(1). */
export function leastDrawn(
  available: readonly Endpoint[],
  request: PickRequest,
  random: Random,
  costOf: CostOf,
): Endpoint | undefined {
  const many = available.length
  let best: Endpoint | undefined
  let least = Number.POSITIVE_INFINITY
  for (let i = 0; i < DRAWN; i++) {
    const endpoint = available[Math.floor(random() * many)]!
    const cost = costOf(endpoint, request.nowMs)
    if (cost >= least || isPassedOver(endpoint, request)) continue
    least = cost
    best = endpoint
  }
  return best
}

/** The least of all; of those that tie chance takes one. Cost: O(endpoints). */
export function leastOfAll(
  available: readonly Endpoint[],
  request: PickRequest,
  random: Random,
  costOf: CostOf,
): Endpoint | undefined {
  let best: Endpoint | undefined
  let least = Number.POSITIVE_INFINITY
  let tied = 0
  for (const endpoint of available) {
    const cost = costOf(endpoint, request.nowMs)
    if (cost > least || isPassedOver(endpoint, request)) continue
    tied = cost === least ? tied + 1 : 1
    if (tied === 1 || random() * tied < 1) best = endpoint
    least = cost
  }
  return best
}
