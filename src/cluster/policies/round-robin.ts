import type { Steps } from "../../base/steps.ts"
import type { Endpoint } from "../endpoint.ts"
import { isPassedOver, loadOf, type Picker, type PickRequest, SCANNED_MAX } from "./policy.ts"
import { TurnsHeap } from "./turns-heap.ts"

/**
 * Smooth weighted round robin: each endpoint gains its weight, the richest is chosen and pays the sum. Weights 5,1,1
 * give a a b a c a a, not a a a a a b c. An endpoint that failed has less weight and wins it back pick by pick.
 * With more than 32 endpoints `TurnsHeap` has the turns: the same shares, in another order.
 * Cost: O(endpoints), then O(log endpoints). Source: nginx, ngx_http_upstream_get_peer.
 */
export class RoundRobin implements Picker {
  readonly #endpoints: readonly Endpoint[]
  /** By slot; of those that have had no turn yet nothing. */
  readonly #current: number[] = []
  readonly #effective: number[] = []
  readonly #heap = new TurnsHeap()

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints
  }

  *prepare(): Steps {
    if (this.#endpoints.length > SCANNED_MAX) yield* this.#heap.prepare(this.#endpoints)
  }

  pick(available: readonly Endpoint[], request: PickRequest): Endpoint | undefined {
    if (available.length > SCANNED_MAX) return this.#heap.pick(available, request)
    return this.pickUpTo(Number.POSITIVE_INFINITY, available, request)
  }

  /** Those with more load are left out. */
  pickUpTo(loadMax: number, available: readonly Endpoint[], request: PickRequest): Endpoint | undefined {
    const isByLoad = loadMax < Number.POSITIVE_INFINITY
    let best: Endpoint | undefined
    let most = 0
    let total = 0
    for (const endpoint of available) {
      if (isPassedOver(endpoint, request) || (isByLoad && loadOf(endpoint) > loadMax)) continue
      const { slot, weight } = endpoint
      const effective = Math.min(this.#effective[slot] ?? weight, weight)
      const current = (this.#current[slot] ?? 0) + effective
      this.#current[slot] = current
      total += effective
      this.#effective[slot] = Math.min(effective + 1, weight)
      if (best === undefined || current > most) {
        best = endpoint
        most = current
      }
    }
    if (best !== undefined) this.#current[best.slot] = most - total
    return best
  }

  /** In whole numbers, as nginx divides: with fractions the weight would be won back past what it was. */
  onFailed({ slot, weight, config: { maxFails } }: Endpoint): void {
    if (maxFails > 0)
      this.#effective[slot] = Math.max(0, (this.#effective[slot] ?? weight) - Math.floor(weight / maxFails))
  }

  onBack({ slot, weight }: Endpoint): void {
    this.#effective[slot] = weight
  }
}
