import type { Random } from "../base/random.ts"

/** How much longer each delay is than the one before, and by how much it is varied: gRPC's numbers. */
const MULTIPLIER = 1.6
const JITTER = 0.2

export interface BackoffOptions {
  /** After the first failure. */
  delayMs: number
  delayMaxMs: number
  random: Random
}

/**
 * When an endpoint that fails connections may be asked for the next one: exponential, with jitter, so that nobody dials
 * in a loop and not everybody at once. Measured from where an attempt began; one that held longer than its delay is
 * followed at once.
 *
 * Source: gRPC, doc/connection-backoff.md.
 */
export class Backoff {
  readonly #options: BackoffOptions
  /** Before jitter; 0 while nothing has failed. */
  #delayMs = 0
  #untilMs = Number.NEGATIVE_INFINITY
  #failedMs = Number.NEGATIVE_INFINITY

  constructor(options: BackoffOptions) {
    this.#options = options
  }

  /** The attempt begun at `startedMs` came to nothing. Those that were begun before the last one failed count as one with it. */
  failed(startedMs: number, nowMs: number): void {
    if (startedMs <= this.#failedMs) return
    const { delayMs, delayMaxMs, random } = this.#options
    this.#delayMs = Math.min(this.#delayMs === 0 ? delayMs : this.#delayMs * MULTIPLIER, delayMaxMs)
    this.#untilMs = startedMs + this.#delayMs * (1 + JITTER * (2 * random() - 1))
    this.#failedMs = nowMs
  }

  /** A connection begun at `startedMs` has been of use. True, and what failed is forgotten, when it is the later of the two. */
  served(startedMs: number): boolean {
    if (startedMs <= this.#failedMs) return false
    this.#delayMs = 0
    return true
  }

  /** Milliseconds until the next attempt; 0: now. */
  leftMs(nowMs: number): number {
    return Math.max(0, this.#untilMs - nowMs)
  }
}
