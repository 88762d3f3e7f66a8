import type { ClusterConfig, EndpointConfig } from "../config/model.ts"
import { OwnStreamCount, type StreamCount } from "./counts.ts"

/**
 * One backend address and what is known of it. The configuration is fixed; load and health change in place, so every
 * snapshot that holds the endpoint sees the same numbers.
 */
export class Endpoint {
  readonly config: EndpointConfig
  readonly address: string
  /** How often to PING it, where it has asked for less than its cluster's setting. */
  keepalive: ClusterConfig["keepalive"] | null = null
  /** Streams wait for a place there, and it takes no more connections: its pool says so. */
  isSaturated = false
  /** Smooth weighted round robin's own. */
  currentWeight = 0
  effectiveWeight: number
  readonly #count: StreamCount
  #fails = 0
  /** Out, but for being pardoned, and has not answered since. */
  #isPardoned = false
  #checkedMs = Number.NEGATIVE_INFINITY
  #accessedMs = Number.NEGATIVE_INFINITY

  constructor(config: EndpointConfig, count: StreamCount = new OwnStreamCount()) {
    this.config = config
    this.#count = count
    this.address = config.address
    this.effectiveWeight = config.weight
  }

  /** Out for `failTimeoutMs` after `maxFails` failures; then one stream tries it again. nginx: `max_fails`. */
  isEjected(nowMs: number): boolean {
    const { maxFails, failTimeoutMs } = this.config
    return maxFails > 0 && this.#fails >= maxFails && nowMs - this.#checkedMs <= failTimeoutMs
  }

  /** Streams that have picked it and are not over: of all threads, and of what it was before a reload. */
  get streamsOpen(): number {
    return this.#count.open
  }

  get isFull(): boolean {
    return this.config.maxStreams !== null && this.streamsOpen >= this.config.maxStreams
  }

  /** Counts one more stream. False: another thread has just taken the last place. */
  tryOpenStream(): boolean {
    return this.#count.tryAdd(this.config.maxStreams ?? Number.POSITIVE_INFINITY)
  }

  /** To be called once for each that was counted. */
  closeStream(): void {
    this.#count.subtract()
  }

  /** Chosen for a stream. */
  picked(nowMs: number): void {
    if (nowMs - this.#checkedMs > this.config.failTimeoutMs) this.#checkedMs = nowMs
  }

  /**
   * A stream or a connection attempt failed through this endpoint's fault. True when that took it out; one that was only
   * pardoned was out before.
   */
  failed(nowMs: number): boolean {
    const { maxFails, weight } = this.config
    const wasEjected = this.#isPardoned || this.isEjected(nowMs)
    this.#fails++
    this.#accessedMs = nowMs
    this.#checkedMs = nowMs
    // In whole numbers, as nginx divides: with fractions it would be won back past the weight.
    if (maxFails > 0) this.effectiveWeight = Math.max(0, this.effectiveWeight - Math.floor(weight / maxFails))
    return !wasEjected && this.isEjected(nowMs)
  }

  succeeded(): void {
    this.#isPardoned = false
    if (this.#accessedMs < this.#checkedMs) this.#fails = 0
  }

  /** Forgets all failures: nobody else is left either. */
  pardon(): void {
    if (this.#fails > 0) this.#isPardoned = true
    this.#fails = 0
    this.effectiveWeight = Math.max(1, this.effectiveWeight)
  }
}
