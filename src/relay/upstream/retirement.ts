import type { Limits } from "../../base/limits.ts"
import type { ClusterConfig } from "../../config/model.ts"
import { ResetMeter } from "./reset-meter.ts"

type Settings = Pick<ClusterConfig, "maxRequestsPerConnection" | "maxConnectionAgeMs" | "idleTimeoutMs">

/** When a connection to an endpoint should take no more streams: after so many requests or resets, so long, or so idle. */
export class Retirement {
  readonly #settings: Settings
  readonly #resets: ResetMeter
  readonly #startedMs: number
  #idleSinceMs: number
  #requests = 0

  constructor(settings: Settings, limits: Limits, nowMs: number) {
    this.#settings = settings
    this.#resets = new ResetMeter(limits, nowMs)
    this.#startedMs = nowMs
    this.#idleSinceMs = nowMs
  }

  /** A stream on it is over. True: that was the last that `max_requests` allows. */
  streamEnded(nowMs: number): boolean {
    const { maxRequestsPerConnection } = this.#settings
    this.#idleSinceMs = nowMs
    return maxRequestsPerConnection !== null && ++this.#requests >= maxRequestsPerConnection
  }

  /** `resetsSent`: streams that we have reset on it, in all. True: the endpoint might take more of them for an attack. */
  hasManyResets(resetsSent: number, nowMs: number): boolean {
    return this.#resets.isFull(resetsSent, nowMs)
  }

  isIdleOrOld(nowMs: number, streamsOpen: number): boolean {
    const { idleTimeoutMs, maxConnectionAgeMs } = this.#settings
    const isIdle = idleTimeoutMs !== null && streamsOpen === 0 && nowMs - this.#idleSinceMs > idleTimeoutMs
    return isIdle || (maxConnectionAgeMs !== null && nowMs - this.#startedMs > maxConnectionAgeMs)
  }
}
