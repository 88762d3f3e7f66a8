import type { Limits } from "../../base/limits.ts"

/** gRPC servers count a PING that comes sooner than this after the last, and end the connection at the third. */
const PERMITTED_MS = 300_000
/** So many may have been counted: gRPC's MAX_PING_STRIKES. */
const STRIKES_MAX = 2
/** A connection is sent no more of these PINGs than one in such a time. */
const SPACING_MS = 10_000

/**
 * When an endpoint that says nothing at all to new streams is sent a PING ahead of its keepalive interval: it may be
 * frozen, and its kernel goes on accepting what is sent.
 *
 * gRPC servers defend themselves against PINGs. What they count is counted here, by the strictest of them at its defaults: a
 * PING within 5 minutes of the last or of the start, or with no stream open; forgotten when they send HEADERS or
 * DATA. grpc-go, C-core: a PING that follows HEADERS or DATA is free as well, which is not relied on here.
 *
 * Source: gRFC A8 and A9; grpc-go `handlePing`, grpc-java `KeepAliveEnforcer`, C-core `ping_abuse_policy`.
 */
export class HastenedPing {
  readonly #limits: Limits
  #strikes = 0
  #sentMs: number
  #hasSent = false
  #isUnderWay = false
  /** Stream ids left when something came last: fewer now, and a stream was opened since. */
  #idsLeft = -1
  /** Since when a stream was seen to have been opened with nothing coming after it; -1: none. */
  #silentSinceMs = -1

  constructor(limits: Limits, nowMs: number) {
    this.#limits = limits
    this.#sentMs = nowMs
  }

  /** Something came, whatever it is. `idsLeft`: before it was read. */
  received(idsLeft: number): void {
    this.#idsLeft = idsLeft
    this.#silentSinceMs = -1
  }

  /** HEADERS or DATA came. What crossed the PING under way does not show that it was sent after it. */
  answered(): void {
    if (!this.#isUnderWay) this.#strikes = 0
  }

  /** A PING was sent, for whatever reason. */
  sent(nowMs: number, hasStreams: boolean): void {
    if (!hasStreams || nowMs - this.#sentMs < PERMITTED_MS) this.#strikes++
    this.#sentMs = nowMs
    this.#hasSent = true
    this.#isUnderWay = true
  }

  acknowledged(): void {
    this.#isUnderWay = false
  }

  /** The server would let one more pass. */
  isPermitted(nowMs: number): boolean {
    const isSpaced = !this.#hasSent || nowMs - this.#sentMs >= SPACING_MS
    return isSpaced && this.#strikes < STRIKES_MAX
  }

  /** Looks, about once a second. True: an answer is overdue, so ask, if that `isPermitted`. */
  isDue(nowMs: number, idsLeft: number): boolean {
    if (idsLeft === this.#idsLeft) return false
    if (this.#silentSinceMs < 0) {
      this.#silentSinceMs = nowMs
      return false
    }
    return nowMs - this.#silentSinceMs >= this.#limits.hastenedPingAfterMs
  }
}
