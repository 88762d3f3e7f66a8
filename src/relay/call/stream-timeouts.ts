import type { Clock } from "../../base/clock.ts"
import type { RouteSettings } from "../../config/model.ts"

/** What the timeouts need of either side. */
export interface TimedSide {
  readonly queuedOctets: number
  readonly remoteEnded: boolean
}

export type StreamTimeout = "read_timeout" | "send_timeout" | "body_timeout"

type Timeouts = Pick<RouteSettings, "readTimeoutMs" | "sendTimeoutMs" | "bodyTimeoutMs">

const NEVER = Number.POSITIVE_INFINITY

/**
 * The timeouts that nginx runs on a silent stream. Made only where the configuration writes one: by default a live
 * stream is never cut for being idle.
 */
export class StreamTimeouts {
  readonly #settings: Timeouts
  #upstreamMs: number
  #downstreamMs: number
  #isAttached = false
  /** The endpoint has begun to answer, so that it may be expected to go on while the client may still ask. */
  #hasAnswered = false
  #sendingSinceMs = NEVER
  #lookedMs: number

  constructor(settings: Timeouts, nowMs: number) {
    this.#settings = settings
    this.#upstreamMs = nowMs
    this.#downstreamMs = nowMs
    this.#lookedMs = nowMs
  }

  attached(nowMs: number): void {
    this.#isAttached = true
    this.#hasAnswered = false
    this.#sendingSinceMs = NEVER
    this.#upstreamMs = nowMs
  }

  fromUpstream(clock: Clock): void {
    this.#hasAnswered = true
    this.#upstreamMs = clock.now()
  }

  /** A 1xx: a sign of life, and no answer. */
  interim(clock: Clock): void {
    this.#upstreamMs = clock.now()
  }

  /** The upstream took octets that waited for it: slow, but not silent. */
  upstreamTook(): void {
    this.#sendingSinceMs = NEVER
  }

  /** Until the request has ended nothing need be answered. */
  fromDownstream(clock: Clock): void {
    this.#downstreamMs = clock.now()
    if (!this.#hasAnswered) this.#upstreamMs = this.#downstreamMs
  }

  /** The client took octets that waited for it: only now has the endpoint credit to go on. */
  downstreamTook(clock: Clock): void {
    this.#upstreamMs = clock.now()
  }

  /** When to look again. */
  get dueMs(): number {
    const { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs } = this.#settings
    const read = readTimeoutMs === null ? NEVER : this.#upstreamMs + readTimeoutMs
    const body = bodyTimeoutMs === null ? NEVER : this.#downstreamMs + bodyTimeoutMs
    // Whether octets wait for the upstream is only seen by looking, twice per timeout.
    const send = sendTimeoutMs === null ? NEVER : this.#lookedMs + sendTimeoutMs / 2
    return Math.min(read, body, send)
  }

  /** The timeout that has run out, if one has; otherwise notes what `dueMs` must know. */
  check(nowMs: number, upstream: TimedSide | null, downstream: TimedSide): StreamTimeout | null {
    const { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs } = this.#settings
    this.#lookedMs = nowMs
    if (bodyTimeoutMs !== null && nowMs - this.#downstreamMs >= bodyTimeoutMs) {
      if (!downstream.remoteEnded) return "body_timeout"
      this.#downstreamMs = NEVER
    }
    if (sendTimeoutMs !== null) {
      if (upstream === null || upstream.queuedOctets === 0) this.#sendingSinceMs = NEVER
      else if (this.#sendingSinceMs === NEVER) this.#sendingSinceMs = nowMs
      else if (nowMs - this.#sendingSinceMs >= sendTimeoutMs) return "send_timeout"
    }
    if (readTimeoutMs !== null && nowMs - this.#upstreamMs >= readTimeoutMs) {
      const isAsked = downstream.remoteEnded || this.#hasAnswered
      const isDue = this.#isAttached && isAsked && downstream.queuedOctets === 0
      if (isDue && upstream?.remoteEnded === false) return "read_timeout"
      this.#upstreamMs = nowMs
    }
    return null
  }

  message(timeout: StreamTimeout, address: string): string {
    const { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs } = this.#settings
    switch (timeout) {
      case "read_timeout":
        return `endpoint ${address} sent nothing for ${readTimeoutMs} ms (grpc_read_timeout)`
      case "send_timeout":
        return `endpoint ${address} took nothing for ${sendTimeoutMs} ms (grpc_send_timeout)`
      case "body_timeout":
        return `the client sent nothing for ${bodyTimeoutMs} ms (client_body_timeout)`
    }
  }
}
