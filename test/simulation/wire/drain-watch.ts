import { ErrorCode } from "../../../src/http2/error-code.ts"

const EVERY_STREAM = 2 ** 31 - 1

export interface DrainWatchOptions {
  /** A peer that does not answer is waited for no longer. */
  readonly drainTimeoutMs: number
  /** From then on nothing is waited for. */
  mayEndAtOnceFromMs(): number
  now(): number
}

/**
 * Holds the balancer to what must stand between the two GOAWAYs of a drain: a PING that the peer has answered with the
 * same octets. What came before the answer was on its way before the peer knew. Source: RFC 9113 §6.8.
 */
export class DrainWatch {
  readonly #options: DrainWatchOptions
  #begunMs = -1
  /** The PING that is waited for; null before it was sent, and once it was answered. */
  #payload: string | null = null
  #isAnswered = false

  constructor(options: DrainWatchOptions) {
    this.#options = options
  }

  /** The balancer sent a PING. */
  pinged(payload: string): void {
    if (this.#begunMs >= 0) this.#payload ??= payload
  }

  /** The balancer read an acknowledgement. */
  answered(payload: string): void {
    if (payload === this.#payload) this.#isAnswered = true
  }

  /** The balancer sent GOAWAY: what is wrong with it, or null. */
  wentAway(last: number, code: number): string | null {
    const nowMs = this.#options.now()
    const isFirst = this.#begunMs < 0
    if (isFirst && last === EVERY_STREAM) this.#begunMs = nowMs
    if (isFirst || code !== ErrorCode.NO_ERROR || this.#isAnswered) return null
    const mayEndFromMs = Math.min(
      this.#begunMs + this.#options.drainTimeoutMs,
      this.#options.mayEndAtOnceFromMs(),
    )
    return nowMs >= mayEndFromMs ? null : `GOAWAY(${last}) came before its PING was answered`
  }
}
