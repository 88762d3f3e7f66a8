import type { Clock } from "../../base/clock.ts"
import type { Limits } from "../../base/limits.ts"

export interface TakeoverPaceContext {
  readonly clock: Clock
  readonly limits: Limits
}

/**
 * How fast an endpoint is given streams whose backend is gone: thousands of them must not fall on a survivor at once. The
 * first `BURST_MS` of its pace go at once, those after them wait.
 *
 * Cost: one number for each endpoint that was given any.
 */
export class TakeoverPace {
  readonly #context: TakeoverPaceContext
  /** When the next one may come. */
  readonly #nextMs = new WeakMap<object, number>()

  constructor(context: TakeoverPaceContext) {
    this.#context = context
  }

  /** Takes the next place at `endpoint`. How many milliseconds from now it is. */
  take(endpoint: object): number {
    const { clock, limits } = this.#context
    const nowMs = clock.now()
    const atMs = Math.max(this.#nextMs.get(endpoint) ?? 0, nowMs - BURST_MS)
    this.#nextMs.set(endpoint, atMs + 1000 / limits.takeoversPerSecond)
    return Math.max(0, atMs - nowMs)
  }
}

const BURST_MS = 50
