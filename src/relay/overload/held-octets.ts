import type { BufferBudget } from "../../http2/buffer-budget.ts"

/** Octets that a bridge holds for one call, as part of what the process may hold for all. */
export class HeldOctets {
  readonly #budget: BufferBudget
  #octets = 0
  #isReleased = false

  constructor(budget: BufferBudget) {
    this.#budget = budget
  }

  get octets(): number {
    return this.#octets
  }

  /** So many more; fewer, where negative. */
  add(octets: number): void {
    if (this.#isReleased || octets === 0) return
    this.#octets += octets
    this.#budget.add(octets)
  }

  /** The call is over; nothing counts any more. */
  release(): void {
    this.add(-this.#octets)
    this.#isReleased = true
  }
}
