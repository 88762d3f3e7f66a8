import type { Clock } from "../../base/clock.ts"
import type { Deadline, TimerWheel } from "../../base/timer-wheel.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { Route } from "../route/route.ts"
import { StreamTimeouts, type TimedSide } from "./stream-timeouts.ts"

const NEVER = Number.POSITIVE_INFINITY

/** Whose time it is. */
export interface TimedCall {
  readonly record: StreamRecord
  onTimer(): void
}

export interface TimerContext {
  readonly clock: Clock
  readonly deadlines: TimerWheel
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
    const dueMs = Math.min(this.#call.record.deadlineMs || NEVER, this.timeouts?.dueMs ?? NEVER)
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
    const { deadlineMs } = this.#call.record
    if (deadlineMs > 0 && nowMs >= deadlineMs) return deadlinePassed(this.#call.record)
    const timeout = this.timeouts === null ? null : this.timeouts.check(nowMs, upstream, downstream)
    return timeout === null ? null : failure(timeout, this.timeouts!.message(timeout, address))
  }

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#context.clock.now())
  }
}

/** Both ends round a deadline, each in its own way. */
const SLACK_MS = 2

export function isAtDeadline({ deadlineMs }: StreamRecord, nowMs: number): boolean {
  return deadlineMs > 0 && nowMs + SLACK_MS >= deadlineMs
}

/** What the client is told of its own deadline. */
export function deadlinePassed({ startMs, deadlineMs }: StreamRecord): Failure {
  const ms = Math.round(deadlineMs - startMs - 1)
  return failure("deadline", `the deadline of ${ms} ms passed (grpc-timeout, enforced at the balancer)`)
}

/** Null where nothing can run out. */
export function makeCallTimer(context: TimerContext, call: TimedCall, route: Route): CallTimer | null {
  const { hasStreamTimeouts, settings } = route
  if (!hasStreamTimeouts && call.record.deadlineMs === 0) return null
  const timeouts = hasStreamTimeouts ? new StreamTimeouts(settings, call.record.startMs) : null
  return new CallTimer(context, call, timeouts)
}
