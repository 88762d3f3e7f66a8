import type { Random } from "../../base/random.ts"
import type { Endpoint } from "../endpoint.ts"
import type { CostOf } from "./least.ts"
import { firstUsable, isPassedOver, type Picker, type PickRequest } from "./policy.ts"
import { WeightedDraw } from "./weighted-draw.ts"

/** After so many draws without two that can be had all are looked at, as in nginx. */
const TRIES_MAX = 20

/**
 * The better of two endpoints that chance draws by weight. Many balancers that do so do not all choose the same one.
 * Cost: O(log endpoints). Source: nginx `random two`; Mitzenmacher, "The Power of Two Choices", 2001.
 */
export class RandomTwo implements Picker {
  readonly #weighted = new WeightedDraw()
  readonly #costOf: CostOf

  constructor(costOf: CostOf) {
    this.#costOf = costOf
  }

  pick(available: readonly Endpoint[], request: PickRequest, random: Random): Endpoint | undefined {
    let one: Endpoint | undefined
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const endpoint = this.#weighted.draw(available, random)
      if (endpoint === one || isPassedOver(endpoint, request)) continue
      if (one === undefined) one = endpoint
      else {
        const isBetter = this.#costOf(endpoint, request.nowMs) < this.#costOf(one, request.nowMs)
        return isBetter ? endpoint : one
      }
    }
    return one ?? firstUsable(available, request, random)
  }
}
