import type { Random } from "../../base/random.ts"
import type { Endpoint } from "../endpoint.ts"
import { firstUsable, isPassedOver, type Picker, type PickRequest } from "./policy.ts"
import { WeightedDraw } from "./weighted-draw.ts"

/** After so many draws without one that can be had all are looked at, as in nginx. */
const TRIES_MAX = 20

/** Any endpoint, by weight. Cost: O(log endpoints). Source: nginx `random`. */
export class RandomPick implements Picker {
  readonly #weighted = new WeightedDraw()

  pick(available: readonly Endpoint[], request: PickRequest, random: Random): Endpoint | undefined {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const endpoint = this.#weighted.draw(available, random)
      if (!isPassedOver(endpoint, request)) return endpoint
    }
    return firstUsable(available, request, random)
  }
}
