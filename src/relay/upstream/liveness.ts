import { type Counters, counterIds } from "../../base/counters.ts"
import { Keepalive, type KeepaliveSettings } from "../../base/keepalive.ts"
import type { Limits } from "../../base/limits.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import { HastenedPing } from "./hastened-ping.ts"

/** A PING this late makes new streams go elsewhere, where there is an elsewhere. */
const LATE_PING_MS = 2000

/** The connection whose peer is looked after. */
export interface LivenessHost {
  readonly endpoint: Endpoint
  readonly streamsOpen: number
  readonly http2: {
    readonly isClosed: boolean
    readonly isSettingsAcked: boolean
    readonly streamIdsLeft: number
    ping(): void
  }
  /** We do not read what the peer sends, so it is not judged. */
  readonly isReadingPaused: boolean
}

/** Whether the peer of a connection is alive: PINGs by the keepalive interval, and sooner where new streams get no answer. */
export class Liveness {
  readonly #host: LivenessHost
  readonly #limits: Limits
  readonly #counters: Counters
  readonly #keepalive: Keepalive
  readonly #hastened: HastenedPing
  /** The endpoint has found PINGs too many before: it is sent none ahead of the interval. */
  readonly #isCalmed: boolean
  /** Counted in the endpoint's `silentConnections`. */
  #isSilent = false

  constructor(
    host: LivenessHost,
    settings: KeepaliveSettings,
    { limits, counters }: { readonly limits: Limits; readonly counters: Counters },
    nowMs: number,
  ) {
    this.#host = host
    this.#limits = limits
    this.#counters = counters
    this.#keepalive = new Keepalive(settings, nowMs)
    this.#isCalmed = host.endpoint.keepalive !== null
    this.#hastened = new HastenedPing(limits, nowMs)
  }

  /** Octets came. Call before they are read. */
  received(nowMs: number): void {
    this.#keepalive.received(nowMs)
    this.#hastened.received(this.#host.http2.streamIdsLeft)
    if (this.#isSilent) this.#silent(false)
  }

  /** HEADERS or DATA came. */
  answered(): void {
    this.#hastened.answered()
  }

  /** A PING was answered. */
  acknowledged(): void {
    this.#hastened.acknowledged()
  }

  /**
   * Sends a PING whose answer shows that the endpoint works, with all the time of a keepalive's: some servers read none
   * before their first answer. False: the endpoint would not have one now.
   */
  prove(nowMs: number): boolean {
    if (this.#isCalmed || !this.#hastened.isPermitted(nowMs)) return false
    this.#ping(nowMs, this.#keepalive.timeoutMs)
    return true
  }

  /** The peer found PINGs too many: new connections to it keep to less, too. */
  backOff(): void {
    this.#host.endpoint.keepalive = this.#keepalive.backOff(this.#limits.pingIntervalMaxMs)
    this.#counters.add(counterIds.keepalive_calmed)
  }

  /** Once a second. Why the peer counts as dead; null: it does not. */
  check(nowMs: number): string | null {
    const { http2, streamsOpen, isReadingPaused } = this.#host
    const hasStreams = streamsOpen > 0
    const action = this.#keepalive.check(nowMs, hasStreams, isReadingPaused)
    if (action === "dead") {
      this.#counters.add(counterIds.ping_timeout)
      return `no answer to PING within ${this.#keepalive.answerWithinMs} ms`
    }
    if (action === "ping") {
      this.#hastened.sent(nowMs, hasStreams)
      http2.ping()
    } else if (this.#hastened.isDue(nowMs, http2.streamIdsLeft)) this.hasten(nowMs)
    if (!this.#isSilent && this.#keepalive.isUnansweredFor(LATE_PING_MS, nowMs)) this.#silent(true)
    return null
  }

  /**
   * Asks after a peer that may be frozen. One that has not acknowledged SETTINGS is not judged: it may be one that does so
   * with its first answer. Nor is one that we do not read.
   */
  hasten(nowMs: number): void {
    const { http2, isReadingPaused } = this.#host
    if (this.#isCalmed || !http2.isSettingsAcked || isReadingPaused || http2.isClosed) return
    if (this.#keepalive.isUnansweredFor(0, nowMs) || !this.#hastened.isPermitted(nowMs)) return
    this.#counters.add(counterIds.ping_hastened)
    this.#ping(nowMs, this.#limits.hastenedPingTimeoutMs)
  }

  /** The connection is over. */
  end(): void {
    if (this.#isSilent) this.#silent(false)
  }

  #ping(nowMs: number, withinMs: number): void {
    this.#keepalive.asked(nowMs, withinMs)
    this.#hastened.sent(nowMs, this.#host.streamsOpen > 0)
    this.#host.http2.ping()
  }

  #silent(is: boolean): void {
    this.#isSilent = is
    this.#host.endpoint.silentConnections += is ? 1 : -1
  }
}
