import type { Limits } from "../../base/limits.ts"

/**
 * How many streams we have reset lately on one connection. Servers count that per connection and end it past a bound
 * (CVE-2023-44487; nghttp2, and so Node: 1,000 and 33 a second). Behind a balancer those are the cancels of many callers.
 *
 * Units: resets. A leaky bucket: `upstreamResetsPerSecond` of them are forgotten each second.
 */
export class ResetMeter {
  #level = 0
  #counted = 0
  #atMs: number
  readonly #limits: Limits

  constructor(limits: Limits, nowMs: number) {
    this.#limits = limits
    this.#atMs = nowMs
  }

  /** `resets` so far in all. True: this connection should have no more. */
  isFull(resets: number, nowMs: number): boolean {
    if (resets === this.#counted) return false
    const { upstreamResetsMax, upstreamResetsPerSecond } = this.#limits
    const forgotten = ((nowMs - this.#atMs) / 1000) * upstreamResetsPerSecond
    this.#level = Math.max(0, this.#level - forgotten) + resets - this.#counted
    this.#counted = resets
    this.#atMs = nowMs
    return this.#level >= upstreamResetsMax
  }
}
