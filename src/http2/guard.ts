import type { Limits } from "../base/limits.ts"
import { ErrorCode, type Fault, fault } from "./error-code.ts"

/** Octets of overhead that every connection may add per second, so that keepalive PINGs never add up over weeks. */
const OVERHEAD_OCTETS_PER_SECOND = 1024
/** And per stream: one RST_STREAM may cross ours on the way, as those of gRPC servers do that end a call early. */
const OVERHEAD_OCTETS_PER_STREAM = 13

const calm = (reason: string, limit: string): Fault => fault(ErrorCode.ENHANCE_YOUR_CALM, reason, limit)

/** A peer may give credit in pieces as small as this for each, however long the frames are that it is used for. */
const CREDITED_OCTETS = 1024

/**
 * Counts what a peer makes us do against what it does for its own calls, and says when that is an attack.
 *
 * One per connection. Every method returns the connection error that is due, or null. The numbers, their sources and
 * the attacks are in `limits.ts`; times are milliseconds of the caller's clock.
 */
export class Guard {
  readonly #limits: Limits
  #tokens: number
  #refilledMs: number
  #overheadOctets = 0
  #overheadSinceMs: number
  /** DATA both ways, and header blocks. */
  #payloadOctets = 0
  #payloadAtSettings = 0
  #emptyInARow = 0
  #priorityFrames = 0
  #windowUpdates = 0
  /** DATA frames, a long one as if it were several. */
  #dataSent = 0
  #streamsOpened = 0
  #lastPingMs = Number.NEGATIVE_INFINITY
  #workSincePing = true
  #due: Fault | null = null

  constructor(limits: Limits, nowMs: number) {
    this.#limits = limits
    this.#tokens = limits.abuseBurst
    this.#refilledMs = nowMs
    this.#overheadSinceMs = nowMs
  }

  /**
   * Takes one token: the peer reset a young stream, made us reset one, sent a request that no honest client sends, or a
   * control frame that is of no use.
   */
  charge(nowMs: number, what: string): Fault | null {
    const refill = ((nowMs - this.#refilledMs) / 1000) * this.#limits.abusePerSecond
    this.#tokens = Math.min(this.#limits.abuseBurst, this.#tokens + refill) - 1
    this.#refilledMs = nowMs
    return this.#tokens < 0 ? calm(`too many of: ${what}`, "abuse_exhausted") : null
  }

  /** As `charge`, from within an event: the connection error is due with the next request that comes. */
  chargeLater(nowMs: number, what: string): void {
    this.#due ??= this.charge(nowMs, what)
  }

  /** What `chargeLater` found due. */
  get due(): Fault | null {
    return this.#due
  }

  /** A HEADERS or DATA frame came. */
  received(payloadOctets: number, endsStream: boolean): Fault | null {
    this.#workSincePing = true
    this.#payloadOctets += payloadOctets
    if (payloadOctets > 0 || endsStream) {
      this.#emptyInARow = 0
      return null
    }
    if (++this.#emptyInARow <= this.#limits.emptyFramesMax) return null
    return calm("empty frames in a row", "empty_frames_flood")
  }

  sentData(payloadOctets: number): void {
    this.#dataSent += 1 + Math.floor(payloadOctets / CREDITED_OCTETS)
    this.#payloadOctets += payloadOctets
    this.#workSincePing = true
  }

  streamOpened(): void {
    this.#streamsOpened++
  }

  /** More of a header block came: payload, however many frames it takes. */
  continued(payloadOctets: number): void {
    this.#payloadOctets += payloadOctets
  }

  /** Octets that carry nothing and that no other limit counts: padding, PRIORITY, unknown frames. */
  overhead(octets: number, nowMs: number): Fault | null {
    this.#overheadOctets += octets
    const { overheadOctetsMax, overheadPerPayloadOctets } = this.#limits
    if (this.#overheadOctets <= overheadOctetsMax) return null
    const age = (nowMs - this.#overheadSinceMs) / 1000
    const allowed =
      overheadOctetsMax +
      this.#payloadOctets * overheadPerPayloadOctets +
      this.#streamsOpened * OVERHEAD_OCTETS_PER_STREAM +
      age * OVERHEAD_OCTETS_PER_SECOND
    return this.#overheadOctets > allowed
      ? calm("more overhead than payload warrants", "overhead_flood")
      : null
  }

  priority(): Fault | null {
    const allowed = this.#limits.priorityFramesPerStreamMax * (1 + this.#streamsOpened)
    return ++this.#priorityFrames > allowed ? calm("PRIORITY frames", "priority_flood") : null
  }

  windowUpdate(): Fault | null {
    const allowed =
      1 + 2 * (this.#streamsOpened + this.#limits.windowUpdatesPerDataMax * (1 + this.#dataSent))
    return ++this.#windowUpdates > allowed ? calm("WINDOW_UPDATE frames", "window_update_flood") : null
  }

  /** A PING came. True when it is one too many, to be charged. */
  isPingTooSoon(nowMs: number): boolean {
    const tooSoon = !this.#workSincePing && nowMs - this.#lastPingMs < this.#limits.pingIntervalMs
    this.#lastPingMs = nowMs
    this.#workSincePing = false
    return tooSoon
  }

  /** SETTINGS came again. True when no work warrants it, to be charged: clients that measure bandwidth resize windows. */
  isSettingsTooSoon(): boolean {
    const workOctets = this.#payloadOctets - this.#payloadAtSettings
    this.#payloadAtSettings = this.#payloadOctets
    return workOctets < this.#limits.settingsPayloadOctets
  }

  settings(entries: number): Fault | null {
    const { settingsEntriesMax } = this.#limits
    return entries > settingsEntriesMax ? calm("entries in one SETTINGS", "settings_entries_exceeded") : null
  }
}
