import type { Clock } from "../../base/clock.ts"
import type { Deadline, Deadlines } from "../../base/timer-wheel.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { Route } from "../route/route.ts"
import { StreamTimeouts, type TimedSide } from "./stream-timeouts.ts"

const NEVER = Number.POSITIVE_INFINITY

/** Whose time it is. */
export interface TimedCall {
  readonly record: { readonly startMs: number }
  /** When the client no longer waits; 0: it waits for as long as it takes. */
  readonly deadlineMs: number
  onTimer(): void
}

export interface TimerContext {
  readonly clock: Clock
  readonly deadlines: Deadlines
}

/** The one timer of a call: for its own deadline or a timeout of its route, whichever is due first. */
export class CallTimer implements Deadline {
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  /** Null where the route configures none. */
  readonly timeouts: StreamTimeouts | null
  readonly #context: TimerContext
  readonly #call: TimedCall

  constructor(context: TimerContext, call: TimedCall, timeouts: StreamTimeouts | null) {
    this.#context = context
    this.#call = call
    this.timeouts = timeouts
  }

  arm(): void {
    const dueMs = Math.min(this.#call.deadlineMs || NEVER, this.timeouts?.dueMs ?? NEVER)
    if (dueMs !== NEVER) this.#context.deadlines.set(this, Math.max(0, dueMs - this.#nowMs()))
  }

  disarm(): void {
    this.#context.deadlines.cancel(this)
  }

  onDue(): void {
    this.#call.onTimer()
  }

  /** What has run out, if anything has. `address` is the endpoint's. */
  check(upstream: TimedSide | null, downstream: TimedSide, address: string): Failure | null {
    const nowMs = this.#nowMs()
    const { record, deadlineMs } = this.#call
    if (deadlineMs > 0 && nowMs >= deadlineMs) {
      const ms = Math.round(deadlineMs - record.startMs - 1)
      const message = `the deadline of ${ms} ms passed (grpc-timeout, enforced at the balancer)`
      return failure("deadline", message)
    }
    const timeout = this.timeouts === null ? null : this.timeouts.check(nowMs, upstream, downstream)
    return timeout === null ? null : failure(timeout, this.timeouts!.message(timeout, address))
  }

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#context.clock.now())
  }
}

/** Null where nothing can run out. */
export function makeCallTimer(context: TimerContext, call: TimedCall, route: Route): CallTimer | null {
  const { hasStreamTimeouts, settings } = route
  if (!hasStreamTimeouts && call.deadlineMs === 0) return null
  const timeouts = hasStreamTimeouts ? new StreamTimeouts(settings, call.record.startMs) : null
  return new CallTimer(context, call, timeouts)
}
