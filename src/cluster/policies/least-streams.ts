import type { Endpoint } from "../endpoint.ts"
import { isPassedOver, type Picker, type PickRequest } from "./policy.ts"
import { loadOf, RoundRobin } from "./round-robin.ts"

/**
 * The endpoint with the fewest streams open for its weight; those that tie take turns by weighted round robin.
 * Cost: O(endpoints). Source: nginx `least_conn`, with streams where it has connections.
 */
export class LeastStreams implements Picker {
  readonly #turns: RoundRobin

  constructor(endpoints: readonly Endpoint[]) {
    this.#turns = new RoundRobin(endpoints)
  }

  pick(available: readonly Endpoint[], request: PickRequest): Endpoint | undefined {
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
