import type { Endpoint } from "./endpoint.ts"

/** Goes up whenever an endpoint was ejected, is back, or was told anything by the control side. Shared by a cluster. */
export interface Epoch {
  value: number
}

/**
 * Which endpoints may be used, as lists made anew only when that changes: a pick compares one number and one time.
 * Whether an endpoint is full, saturated or was tried changes with every stream, and is looked at by the pick.
 */
export class Availability {
  /** Tried first. In panic mode: all there are. */
  primary: readonly Endpoint[] = []
  /** Tried when no primary endpoint can be. nginx: `backup`. */
  backup: readonly Endpoint[] = []
  /** Every endpoint is ejected or unhealthy, so all are used rather than none. */
  isInPanic = false
  readonly #allPrimary: readonly Endpoint[]
  readonly #allBackup: readonly Endpoint[]
  readonly #all: readonly Endpoint[]
  readonly #epoch: Epoch
  #builtEpoch = -1
  /** An ejection ends by time alone. */
  #validUntilMs = Number.NEGATIVE_INFINITY

  constructor(primary: readonly Endpoint[], backup: readonly Endpoint[], epoch: Epoch) {
    this.#allPrimary = primary
    this.#allBackup = backup
    this.#all = [...primary, ...backup]
    this.#epoch = epoch
  }

  /** Brings the lists up to date. Cost: O(1), or O(endpoints) after a change. */
  refresh(nowMs: number): void {
    if (this.#builtEpoch === this.#epoch.value && nowMs <= this.#validUntilMs) return
    this.#builtEpoch = this.#epoch.value
    this.#validUntilMs = Number.POSITIVE_INFINITY
    this.primary = this.#available(this.#allPrimary, nowMs)
    this.backup = this.#available(this.#allBackup, nowMs)
    this.isInPanic = this.primary.length === 0 && this.backup.length === 0
    if (this.isInPanic) this.primary = this.#all
  }

  /** All that there are, where those that may be used are all full: as in panic mode. */
  get lastResort(): readonly Endpoint[] {
    const isFull = this.primary.every((one) => one.isFull) && this.backup.every((one) => one.isFull)
    return isFull && !this.isInPanic ? this.#all : []
  }

  /** The same list where all may be used. */
  #available(endpoints: readonly Endpoint[], nowMs: number): readonly Endpoint[] {
    const available = endpoints.filter((endpoint) => {
      if (endpoint.health === "unhealthy") return false
      if (!endpoint.isEjected(nowMs)) return true
      this.#validUntilMs = Math.min(this.#validUntilMs, endpoint.ejectedUntilMs)
      return false
    })
    return available.length === endpoints.length ? endpoints : available
  }
}
