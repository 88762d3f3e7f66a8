import type { Random } from "../../base/random.ts"
import type { Endpoint } from "../endpoint.ts"

/** Endpoints that have less than their full weight are drawn so often before one is taken as it is. */
const DRAWS_MAX = 16

/**
 * Draws an endpoint by weight. Sums of weights are kept for a list; one that starts slowly is drawn by its full weight and
 * left by what it lacks.
 * Cost: O(log endpoints), and O(endpoints) once when the list is another one.
 */
export class WeightedDraw {
  #list: readonly Endpoint[] | null = null
  #sums = new Float64Array(0)

  /** `available` is not empty. */
  draw(available: readonly Endpoint[], random: Random): Endpoint {
    if (available !== this.#list) this.#build(available)
    let endpoint = this.#drawByFullWeight(available, random)
    for (let i = 0; i < DRAWS_MAX && endpoint.weight < endpoint.fullWeight; i++) {
      if (random() * endpoint.fullWeight < endpoint.weight) break
      endpoint = this.#drawByFullWeight(available, random)
    }
    return endpoint
  }

  #drawByFullWeight(available: readonly Endpoint[], random: Random): Endpoint {
    const sums = this.#sums
    const place = random() * sums[sums.length - 1]!
    let from = 0
    let to = sums.length - 1
    while (from < to) {
      const middle = (from + to) >>> 1
      if (sums[middle]! <= place) from = middle + 1
      else to = middle
    }
    return available[from]!
  }

  #build(available: readonly Endpoint[]): void {
    this.#list = available
    this.#sums = new Float64Array(available.length)
    let sum = 0
    for (const [at, { fullWeight }] of available.entries()) this.#sums[at] = sum += fullWeight
  }
}
