import type { Clock } from "../../base/clock.ts"
import type { RouteSettings } from "../../config/model.ts"

/** What the timeouts need of either side. */
export interface TimedSide {
  readonly queuedOctets: number
  readonly remoteEnded: boolean
  /** Octets of it wait for a rate, and what it sends behind them has no credit. */
  readonly isWithheld?: boolean
  /** Octets for it wait for a rate: that neither side sends is of our making. */
  readonly isAnswerWithheld?: boolean
}

export type StreamTimeout =
  | "read_timeout"
  | "send_timeout"
  | "body_timeout"
  | "idle_timeout"
  | "response_timeout"

type Timeouts = Pick<
  RouteSettings,
  "readTimeoutMs" | "sendTimeoutMs" | "bodyTimeoutMs" | "idleTimeoutMs" | "responseTimeoutMs"
>

/** What becomes of a call whose timeout has run out. */
export const TIMEOUT_KINDS = {
  read_timeout: "read_timeout",
  send_timeout: "send_timeout",
  body_timeout: "body_timeout",
  // The endpoint owed nothing.
  idle_timeout: "body_timeout",
  response_timeout: "deadline",
} as const

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
  /** When anything came or was taken. */
  #activeMs: number
  /** When the request ended, or may have last. */
  #requestMs: number

  constructor(settings: Timeouts, nowMs: number) {
    this.#settings = settings
    this.#upstreamMs = nowMs
    this.#downstreamMs = nowMs
    this.#lookedMs = nowMs
    this.#activeMs = nowMs
    this.#requestMs = nowMs
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
    this.#activeMs = this.#upstreamMs
  }

  /** A 1xx: a sign of life, and no answer. */
  interim(clock: Clock): void {
    this.#upstreamMs = clock.now()
    this.#activeMs = this.#upstreamMs
  }

  /** The upstream took octets that waited for it: slow, but not silent. */
  upstreamTook(): void {
    this.#sendingSinceMs = NEVER
  }

  /** Until the request has ended nothing need be answered. */
  fromDownstream(clock: Clock): void {
    this.#downstreamMs = clock.now()
    this.#activeMs = this.#downstreamMs
    this.#requestMs = this.#downstreamMs
    if (!this.#hasAnswered) this.#upstreamMs = this.#downstreamMs
  }

  /** The client took octets that waited for it: only now has the endpoint credit to go on. */
  downstreamTook(clock: Clock): void {
    this.#upstreamMs = clock.now()
    this.#activeMs = this.#upstreamMs
  }

  /** When to look again. */
  get dueMs(): number {
    const { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs, idleTimeoutMs, responseTimeoutMs } = this.#settings
    const idle = idleTimeoutMs === null ? NEVER : this.#activeMs + idleTimeoutMs
    const response = responseTimeoutMs === null ? NEVER : this.#requestMs + responseTimeoutMs
    const read = readTimeoutMs === null ? NEVER : this.#upstreamMs + readTimeoutMs
    const body = bodyTimeoutMs === null ? NEVER : this.#downstreamMs + bodyTimeoutMs
    // Whether octets wait for the upstream is only seen by looking, twice per timeout.
    const send = sendTimeoutMs === null ? NEVER : this.#lookedMs + sendTimeoutMs / 2
    return Math.min(read, body, send, idle, response)
  }

  /** The timeout that has run out, if one has; otherwise notes what `dueMs` must know. */
  check(nowMs: number, upstream: TimedSide | null, downstream: TimedSide): StreamTimeout | null {
    const { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs, idleTimeoutMs, responseTimeoutMs } = this.#settings
    this.#lookedMs = nowMs
    if (downstream.isWithheld === true) {
      this.#activeMs = nowMs
      this.#downstreamMs = nowMs
    }
    if (downstream.isAnswerWithheld === true) this.#activeMs = nowMs
    if (idleTimeoutMs !== null && nowMs - this.#activeMs >= idleTimeoutMs) return "idle_timeout"
    if (responseTimeoutMs !== null && nowMs - this.#requestMs >= responseTimeoutMs) {
      if (downstream.remoteEnded) return "response_timeout"
      // Its end is noticed when it comes.
      this.#requestMs = nowMs
    }
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
    const { readTimeoutMs, sendTimeoutMs, bodyTimeoutMs, idleTimeoutMs, responseTimeoutMs } = this.#settings
    switch (timeout) {
      case "read_timeout":
        return `endpoint ${address} sent nothing for ${readTimeoutMs} ms (grpc_read_timeout)`
      case "send_timeout":
        return `endpoint ${address} took nothing for ${sendTimeoutMs} ms (grpc_send_timeout)`
      case "body_timeout":
        return `the client sent nothing for ${bodyTimeoutMs} ms (client_body_timeout)`
      case "idle_timeout":
        return `neither side sent anything for ${idleTimeoutMs} ms (idleTimeout)`
      case "response_timeout":
        return `the response did not end within ${responseTimeoutMs} ms of the request (responseTimeout)`
    }
  }
}
