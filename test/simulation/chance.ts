import { type Random, seededRandom } from "../../src/base/random.ts"

/** Draws of one seed, for making plans. */
export class Chance {
  readonly #random: Random

  constructor(seed: number) {
    this.#random = seededRandom(seed)
    // Neighbouring seeds begin alike.
    for (let i = 0; i < 3; i++) this.#random()
  }

  /** True with this probability. */
  likely(share: number): boolean {
    return this.#random() < share
  }

  /** A whole number from `min` to `max`. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.#random() * (max - min + 1))
  }

  /** As `whole`, small ones more often. */
  small(min: number, max: number): number {
    const draw = this.#random()
    return min + Math.floor(draw * draw * draw * (max - min + 1))
  }

  of<T>(choices: readonly T[]): T {
    return choices[Math.floor(this.#random() * choices.length)]!
  }

  /** `value` with this probability, else null. */
  maybe<T>(share: number, value: () => T): T | null {
    return this.likely(share) ? value() : null
  }

  list<T>(count: number, make: (index: number) => T): T[] {
    return Array.from({ length: count }, (_, index) => make(index))
  }
}
