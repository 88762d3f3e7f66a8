import type { Random } from "../../base/random.ts"
import type { Endpoint } from "../endpoint.ts"
import { leastDrawn, leastOfAll } from "./least.ts"
import { isPassedOver, loadOf, type Picker, type PickRequest, SCANNED_MAX } from "./policy.ts"
import { RoundRobin } from "./round-robin.ts"

/**
 * The endpoint with the fewest streams open for its weight; those that tie take turns by weighted round robin. Of more than
 * 32 endpoints the least of 16 that chance draws: hardly any fuller, and the same for ten thousand.
 * Cost: O(endpoints), then O(1). Source: nginx `least_conn`, with streams where it has connections.
 */
export class LeastStreams implements Picker {
  readonly #turns: RoundRobin

  constructor(endpoints: readonly Endpoint[]) {
    this.#turns = new RoundRobin(endpoints)
  }

  pick(available: readonly Endpoint[], request: PickRequest, random: Random): Endpoint | undefined {
    if (available.length > SCANNED_MAX)
      return leastDrawn(available, request, random, loadOf) ?? leastOfAll(available, request, random, loadOf)
    let best: Endpoint | undefined
    let least = Number.POSITIVE_INFINITY
    let isTied = false
    for (const endpoint of available) {
      const load = loadOf(endpoint)
      if (load > least || isPassedOver(endpoint, request)) continue
      isTied = load === least
      least = load
      if (!isTied) best = endpoint
    }
    return isTied ? this.#turns.pickUpTo(least, available, request) : best
  }

  onFailed(endpoint: Endpoint): void {
    this.#turns.onFailed(endpoint)
  }

  onBack(endpoint: Endpoint): void {
    this.#turns.onBack(endpoint)
  }
}
