import type { Random } from "../base/random.ts"

/** How much longer each delay is than the one before, and by how much it is varied: gRPC's numbers. */
const MULTIPLIER = 1.6
const JITTER = 0.2

/** The delay grows no further while the endpoint is down for a short time, so that one that is back is found at once. */
const PROMPT_MS = 300
/** Then it is this share of the time for which the endpoint has been down. */
const DOWN_SHARE = 1 / 200

export interface BackoffOptions {
  /** After the first failure. */
  delayMs: number
  delayMaxMs: number
  random: Random
}

/**
 * When an endpoint that fails connections may be asked for the next one: exponential, with jitter, so that it is not
 * dialled in a loop, nor by all balancers at once. Measured from where an attempt began; one that held longer than its
 * delay is followed at once.
 *
 * gRPC lets the delay grow to two minutes, since each of its clients dials. Here one dials for all of them: the delay
 * stays at 0.3 s for the first minute, then grows with the time that the endpoint has been down, to `delayMaxMs`.
 *
 * Source: gRPC, doc/connection-backoff.md.
 */
export class Backoff {
  readonly #options: BackoffOptions
  /** Before jitter; 0 while nothing has failed. */
  #delayMs = 0
  #untilMs = Number.NEGATIVE_INFINITY
  #failedMs = Number.NEGATIVE_INFINITY
  /** Start of the first attempt that failed since it was up; -1: none has. */
  #downSinceMs = -1

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** The attempt begun at `startedMs` failed. Those that were begun before the last one failed count as one with it. */
  failed(startedMs: number, nowMs: number): void {
    if (startedMs < this.#failedMs) return
    const { delayMs, delayMaxMs, random } = this.#options
    if (this.#downSinceMs < 0) this.#downSinceMs = startedMs
    const mostMs = Math.max(delayMs, PROMPT_MS, (nowMs - this.#downSinceMs) * DOWN_SHARE)
    const nextMs = this.#delayMs === 0 ? delayMs : this.#delayMs * MULTIPLIER
    this.#delayMs = Math.min(nextMs, mostMs, delayMaxMs)
    this.#untilMs = startedMs + this.#delayMs * (1 + JITTER * (2 * random() - 1))
    this.#failedMs = nowMs
  }

  /** A connection begun at `startedMs` served a stream. True, and the failures are forgotten, unless one came later. */
  served(startedMs: number): boolean {
    if (startedMs <= this.#failedMs) return false
    this.#delayMs = 0
    this.#downSinceMs = -1
    return true
  }

  /** The endpoint is up, though no stream has shown that it serves: the delay is kept. */
  up(): void {
    this.#downSinceMs = -1
  }

  /** Whole milliseconds until the next attempt, so that a timer of as many is never a fraction too early; 0: now. */
  leftMs(nowMs: number): number {
    return Math.max(0, Math.ceil(this.#untilMs - nowMs))
  }
}
