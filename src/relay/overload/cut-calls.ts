import { type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { Log } from "../../log/logger.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { ConnectionRecord, StreamRecord } from "../../record/record.ts"

/** A call that is over sooner than this, unanswered, may be work for nothing: CVE-2023-44487. An older one was a call. */
export const YOUNG_CALL_MS = 1000

/** How a call was served. */
export type Served = "answered" | "cut" | "otherwise"

/**
 * What clients may cost backends in calls that their own deadlines cut: `cutCallsMax` for each connection, of which
 * `cutCallsPerSecond` are forgiven. A call with a short deadline is charged as it begins and given back when it ends in any
 * other way. Past the limit such calls are refused; nothing else of the connection is touched, its live streams least of all.
 *
 * A call that a backend answers pays for one more, cut or reset, and up to `answeredCallsOffset` are saved up: what mostly
 * ends well is no attack. `ConnectionRecord.cutCalls` is the account, below zero while something is saved.
 *
 * Source: Envoy's premature resets, at least 500 and half of all; here a client's own deadline is no reset of its.
 */
export class CutCalls {
  readonly #limits: Limits
  readonly #counters: Counters
  readonly #log: Log
  /** Connections of which the log says already that they are past the limit. */
  readonly #told = new WeakSet<ConnectionRecord>()

  constructor(context: { readonly limits: Limits; readonly counters: Counters; readonly log: Log }) {
    this.#limits = context.limits
    this.#counters = context.counters
    this.#log = context.log
  }

  /** A call begins. Not null: it has a short deadline, and too many of those were cut. */
  begin({ connection, deadlineMs, startMs }: StreamRecord): Failure | null {
    if (!isShort(deadlineMs, startMs)) return null
    this.#forgive(connection, startMs)
    const { cutCallsMax } = this.#limits
    if (connection.cutCalls < cutCallsMax) {
      connection.cutCalls++
      return null
    }
    this.#counters.add(counterIds.cut_calls_exceeded)
    if (!this.#told.has(connection)) {
      this.#told.add(connection)
      const client = `${connection.remoteAddress}:${connection.remotePort}`
      this.#log.warn("limit reached: cut_calls_exceeded", { client, cutCallsMax })
    }
    const message = `cutCallsMax: deadlines below ${YOUNG_CALL_MS} ms cut ${cutCallsMax} calls of this connection`
    return failure("overload", message, true)
  }

  /** A call that was admitted is over. */
  end({ connection, deadlineMs, startMs }: StreamRecord, served: Served): void {
    const own = served !== "cut" && isShort(deadlineMs, startMs) ? 1 : 0
    const credit = own + (served === "answered" ? 1 : 0)
    if (credit === 0) return
    connection.cutCalls = Math.max(-this.#limits.answeredCallsOffset, connection.cutCalls - credit)
  }

  /**
   * A client has reset a young stream. True: that is no abuse, since the call's own deadline was near, or an answered call
   * pays for it.
   */
  excuses({ connection, deadlineMs, startMs }: StreamRecord, nowMs: number): boolean {
    // Half of it, since the request and the reset are not under way, nor wait to be read, for as long as each other.
    const isNear = nowMs - startMs >= (deadlineMs - startMs) / 2
    if (isNear && isShort(deadlineMs, startMs)) return true
    if (connection.cutCalls >= 0) return false
    connection.cutCalls++
    return true
  }

  #forgive(connection: ConnectionRecord, nowMs: number): void {
    const forgiven = Math.floor(((nowMs - connection.cutCallsMs) / 1000) * this.#limits.cutCallsPerSecond)
    if (connection.cutCalls > 0) {
      if (forgiven === 0) return
      connection.cutCalls = Math.max(0, connection.cutCalls - forgiven)
    }
    connection.cutCallsMs = nowMs
  }
}

function isShort(deadlineMs: number, startMs: number): boolean {
  return deadlineMs > 0 && deadlineMs - startMs <= YOUNG_CALL_MS
}
