import type { Clock } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { Deadline, TimerWheel } from "../../base/timer-wheel.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import { jittered, type PacedStream, type Pacer } from "../pacing/pacer.ts"
import type { Route } from "../route/route.ts"
import { StreamTimeouts, TIMEOUT_KINDS, type TimedSide } from "./stream-timeouts.ts"

const NEVER = Number.POSITIVE_INFINITY

/** Whose time it is. */
export interface TimedCall {
  readonly record: StreamRecord
  onTimer(): void
}

export interface TimerContext {
  readonly clock: Clock
  readonly deadlines: TimerWheel
  readonly pacer: Pacer
  readonly env: { readonly random: Random }
}

/** The leg that serves the call now. */
export interface TimedLeg extends PacedStream {
  readonly address: string
  /** Null once it is over. */
  readonly upstream: TimedSide | null
}

/** A stream that is past its age and still there, for want of a turn or since it was moved, is looked at again. */
const AGED_AGAIN_MS = 10_000

/** A clock that is set while a stream goes on is noticed after so long. */
const EXPIRY_LOOK_MS = 60_000

/**
 * The one timer of a call: for its own deadline, a timeout of its route, its age or its token's, whichever is due first.
 */
export class CallTimer implements Deadline {
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  /** Null where the route configures none. */
  readonly timeouts: StreamTimeouts | null
  readonly #context: TimerContext
  readonly #call: TimedCall
  readonly #maxAgeMs: number | null
  /** When it is as old as a stream of its route may be, or was looked at again. */
  #agedMs = NEVER

  constructor(
    context: TimerContext,
    call: TimedCall,
    timeouts: StreamTimeouts | null,
    maxAgeMs: number | null,
  ) {
    this.#context = context
    this.#call = call
    this.timeouts = timeouts
    this.#maxAgeMs = maxAgeMs
    if (maxAgeMs !== null) this.#agedMs = call.record.startMs + jittered(maxAgeMs, context.env.random())
  }

  arm(): void {
    const { deadlineMs } = this.#call.record
    const nowMs = this.#nowMs()
    const expiryMs = nowMs + Math.min(EXPIRY_LOOK_MS, Math.max(0, this.#untilExpiryMs))
    const dueMs = Math.min(
      deadlineMs || NEVER,
      this.timeouts?.dueMs ?? NEVER,
      this.#agedMs,
      this.#expires ? expiryMs : NEVER,
    )
    if (dueMs !== NEVER) this.#context.deadlines.set(this, Math.max(0, dueMs - nowMs))
  }

  get #expires(): boolean {
    return expiryOf(this.#call.record) > 0
  }

  get #untilExpiryMs(): number {
    return Math.ceil(expiryOf(this.#call.record) * 1000 - this.#context.clock.wallMs())
  }

  disarm(): void {
    this.#context.deadlines.cancel(this)
  }

  onDue(): void {
    this.#call.onTimer()
  }

  /** What has run out, if anything has; `leg` is null while the call waits in a queue. Of a stream that is too old no more than its turn to end has come. */
  check(leg: TimedLeg | null, downstream: TimedSide): Failure | null {
    const nowMs = this.#nowMs()
    const { deadlineMs } = this.#call.record
    if (deadlineMs > 0 && nowMs >= deadlineMs) return deadlinePassed(this.#call.record)
    if (this.#expires && this.#untilExpiryMs <= 0)
      return failure("unauthenticated", "the token that let this stream in has expired")
    const timeout =
      this.timeouts === null ? null : this.timeouts.check(nowMs, leg?.upstream ?? null, downstream)
    if (timeout !== null)
      return failure(TIMEOUT_KINDS[timeout], this.timeouts!.message(timeout, leg?.address ?? ""))
    if (nowMs >= this.#agedMs) this.#aged(leg, nowMs)
    return null
  }

  #aged(leg: TimedLeg | null, nowMs: number): void {
    this.#agedMs = nowMs + AGED_AGAIN_MS
    const what = failure("drained", `the stream is as old as streams may get here (${this.#maxAgeMs} ms)`)
    if (leg !== null && leg.upstream !== null)
      this.#context.pacer.add(leg, { cause: "age", what, isWithdrawn: false })
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
  return failure(
    "deadline",
    `the deadline of ${ms} ms passed (grpc-timeout or maxCallTime, enforced at the balancer)`,
  )
}

const expiryOf = ({ state }: StreamRecord): number => state?.expirySeconds ?? 0

/** Null where nothing can run out. */
export function makeCallTimer(context: TimerContext, call: TimedCall, route: Route): CallTimer | null {
  const { hasStreamTimeouts, settings } = route
  const { maxStreamAgeMs } = settings
  const isTimed = call.record.deadlineMs > 0 || maxStreamAgeMs !== null || expiryOf(call.record) > 0
  if (!hasStreamTimeouts && !isTimed) return null
  const timeouts = hasStreamTimeouts ? new StreamTimeouts(settings, call.record.startMs) : null
  return new CallTimer(context, call, timeouts, maxStreamAgeMs)
}
