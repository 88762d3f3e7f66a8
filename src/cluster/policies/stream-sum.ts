import type { Endpoint } from "../endpoint.ts"

/** So many endpoints are read anew each time. */
const READ = 16

/**
 * The streams open at all of many endpoints. Other threads count there too, so it is read and not kept; of more than 16 the
 * counts that a reading does not come to are those of the readings before.
 */
export class StreamSum {
  readonly #endpoints: readonly Endpoint[]
  readonly #known: Int32Array
  #sum = 0
  #next = 0

  constructor(endpoints: readonly Endpoint[]) {
    this.#endpoints = endpoints
    this.#known = new Int32Array(endpoints.length)
  }

  /** Cost: O(1). */
  read(): number {
    const many = this.#endpoints.length
    for (let i = Math.min(READ, many); i > 0; i--) {
      const open = this.#endpoints[this.#next]!.streamsOpen
      this.#sum += open - this.#known[this.#next]!
      this.#known[this.#next] = open
      this.#next = this.#next + 1 === many ? 0 : this.#next + 1
    }
    return this.#sum
  }
}
