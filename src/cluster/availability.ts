import type { Endpoint } from "./endpoint.ts"
import type { Picker } from "./policies/policy.ts"

/** Goes up whenever an endpoint was ejected, is back, or was told anything by the control side. Shared by a cluster. */
export interface Epoch {
  value: number
}

/** The endpoints of one priority: used where none of those before can be. */
export interface Level {
  /** Those that take no new streams are among them: where a key is placed must not depend on that. */
  readonly endpoints: readonly Endpoint[]
  readonly picker: Picker
  /** Those that may be used. In panic mode: all that take new streams. Another list whenever it changes. */
  readonly available: readonly Endpoint[]
}

interface OwnLevel extends Level {
  available: readonly Endpoint[]
}

/**
 * Which endpoints may be used, as lists made anew only when that changes: a pick compares one number and one time.
 * Whether an endpoint is full, saturated or was tried changes with every stream, and is looked at by the pick.
 */
export class Availability {
  /** By priority. nginx: the servers, then those with `backup`. */
  readonly levels: readonly Level[]
  /** Too few endpoints are healthy to believe it, or all are ejected: all are used rather than too few or none. */
  isInPanic = false
  /** How many endpoints take new streams, of all levels, whether or not they may be used now. */
  size = 0
  readonly #levels: readonly OwnLevel[]
  readonly #epoch: Epoch
  readonly #panicPercent: number
  #builtEpoch = -1
  /** An ejection ends by time alone. */
  #validUntilMs = Number.NEGATIVE_INFINITY

  /**
   * `panicPercent`: where a smaller share of the endpoints is healthy, health is not looked at. nginx's ejections
   * (`max_fails`) are no part of that. Source: Envoy, `healthy_panic_threshold`.
   */
  constructor(levels: readonly Omit<Level, "available">[], epoch: Epoch, panicPercent: number) {
    this.#levels = levels.map(({ endpoints, picker }) => ({ endpoints, picker, available: [] }))
    this.levels = this.#levels
    this.#epoch = epoch
    this.#panicPercent = panicPercent
  }

  /** Brings the lists up to date. Cost: O(1), or O(endpoints) after a change. */
  refresh(nowMs: number): void {
    if (this.#builtEpoch === this.#epoch.value && nowMs <= this.#validUntilMs) return
    this.#builtEpoch = this.#epoch.value
    this.#validUntilMs = Number.POSITIVE_INFINITY
    const isHealthBelieved = this.#isHealthBelieved()
    for (const level of this.#levels) level.available = this.#available(level, nowMs, isHealthBelieved)
    const isNoneLeft = this.#levels.every(({ available }) => available.length === 0)
    this.isInPanic = isNoneLeft || !isHealthBelieved
    if (isNoneLeft) for (const level of this.#levels) level.available = taking(level)
  }

  /** Where those that may be used are all full: the levels with all that there are. Else none. */
  get isLastResort(): boolean {
    return !this.isInPanic && this.#levels.every(({ available }) => available.every((one) => one.isFull))
  }

  #isHealthBelieved(): boolean {
    let healthy = 0
    let all = 0
    for (const { endpoints } of this.#levels)
      for (const { health, isDraining } of endpoints) {
        if (isDraining) continue
        all++
        if (health !== "unhealthy") healthy++
      }
    this.size = all
    return healthy * 100 >= all * this.#panicPercent
  }

  /** The same list where all may be used. */
  #available({ endpoints }: Level, nowMs: number, isHealthBelieved: boolean): readonly Endpoint[] {
    const available = endpoints.filter((endpoint) => {
      if (endpoint.isDraining || (isHealthBelieved && endpoint.health === "unhealthy")) return false
      if (!endpoint.isEjected(nowMs)) return true
      this.#validUntilMs = Math.min(this.#validUntilMs, endpoint.ejectedUntilMs)
      return false
    })
    return available.length === endpoints.length ? endpoints : available
  }
}

/** Those of a level that take new streams. */
export function taking({ endpoints }: Pick<Level, "endpoints">): readonly Endpoint[] {
  return endpoints.some(({ isDraining }) => isDraining)
    ? endpoints.filter(({ isDraining }) => !isDraining)
    : endpoints
}
