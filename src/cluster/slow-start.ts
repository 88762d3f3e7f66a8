import type { Random } from "../base/random.ts"
import type { Steps } from "../base/steps.ts"
import type { ClusterConfig } from "../config/model.ts"
import type { Endpoint } from "./endpoint.ts"

/** Weights are brought up to date so often in a window. */
const STEPS = 100
const ENDPOINTS_PER_STEP = 256

/** Which share of its full weight an endpoint has when so much of the window has passed, from 0 to 1. Pure. */
export function shareOfWeight(passed: number, settings: ClusterConfig["slowStart"]): number {
  return Math.max(settings.minWeightPercent / 100, passed ** (1 / settings.aggression))
}

/**
 * Endpoints that have just joined, or are back, and get a growing share of new streams for some time: empty as they are,
 * they would get all of them else, where the fewest streams decide. Hashes place by full weight and do not look at it.
 * Source: Envoy, `slow_start_config`; nginx, `slow_start`.
 */
export class SlowStart {
  readonly #settings: ClusterConfig["slowStart"]
  /** When each began. */
  readonly #starting = new Map<Endpoint, number>()
  #nextMs = 0

  constructor(settings: ClusterConfig["slowStart"]) {
    this.#settings = settings
  }

  get isActive(): boolean {
    return this.#starting.size > 0
  }

  /** Those that would start slowly. */
  *among(endpoints: readonly Endpoint[]): Steps<Endpoint[]> {
    const starting: Endpoint[] = []
    for (const [at, endpoint] of endpoints.entries()) {
      if ((at + 1) % ENDPOINTS_PER_STEP === 0) yield
      if (this.#windowOf(endpoint) > 0) starting.push(endpoint)
    }
    return starting
  }

  /** Which share of its full weight it should have now; null: all of it. */
  shareOf(endpoint: Endpoint, nowMs: number): number | null {
    const sinceMs = this.#starting.get(endpoint)
    if (sinceMs === undefined) return null
    const passed = (nowMs - sinceMs) / this.#windowOf(endpoint)
    return passed >= 1 ? null : shareOfWeight(passed, this.#settings)
  }

  begin(endpoints: Iterable<Endpoint>, nowMs: number): void {
    for (const endpoint of endpoints) {
      if (this.#windowOf(endpoint) === 0) continue
      this.#starting.set(endpoint, nowMs)
      this.#nextMs = nowMs
    }
    this.update(nowMs)
  }

  /**
   * Where the emptiest gets the next stream, less weight alone would still let it have all of them until it has as many as
   * that warrants. So it takes part in as large a share of the picks as its weight is of the full one.
   */
  deal(random: Random): void {
    for (const endpoint of this.#starting.keys())
      endpoint.sitsOut = random() * endpoint.fullWeight >= endpoint.weight
  }

  /** It has its full share, or is gone. */
  end(endpoint: Endpoint): void {
    this.#starting.delete(endpoint)
    endpoint.sitsOut = false
    endpoint.weight = endpoint.fullWeight
  }

  /** Brings weights up to date. */
  update(nowMs: number): void {
    if (nowMs < this.#nextMs) return
    this.#nextMs = Number.POSITIVE_INFINITY
    for (const [endpoint, sinceMs] of this.#starting) {
      const windowMs = this.#windowOf(endpoint)
      const passed = (nowMs - sinceMs) / windowMs
      if (passed >= 1) this.end(endpoint)
      else {
        endpoint.weight = endpoint.fullWeight * shareOfWeight(passed, this.#settings)
        this.#nextMs = Math.min(this.#nextMs, nowMs + windowMs / STEPS)
      }
    }
  }

  #windowOf({ config }: Endpoint): number {
    return config.slowStartMs ?? this.#settings.windowMs
  }
}
