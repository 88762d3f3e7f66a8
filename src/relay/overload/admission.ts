import type { Clock } from "../../base/clock.ts"
import { type CounterName, type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { Log, LogFields } from "../../log/logger.ts"
import type { TurnWatch } from "../../net/flusher.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { TurnMessages } from "./turn-messages.ts"

/**
 * A turn that begins sooner than this after the last one ended may have found octets that waited for it. Long enough for
 * a busy machine to take the core away between the two.
 */
const IDLE_MS = 20

/**
 * Whether this worker can carry another stream. Streams that it has admitted are never touched.
 *
 * What arrives during one turn of the event loop is read in the next, so the length of turns is how long octets wait,
 * and it grows without bound while more comes than the processor can do. One long turn is a pause of the machine; when
 * no turn has been short for `overloadAfterMs`, the worker is *behind*. From then on a new stream is refused once the
 * last turn and what has passed of this one exceed `overloadDelayMs`. So each turn takes in what it can do in that time
 * and turns the rest away, which costs a fraction of serving it, and as soon as less comes none is refused.
 *
 * Cost: a comparison and an addition per stream, two readings of the clock per turn.
 * Source: RFC 8289 (CoDel); Maurer, "Fail at Scale", ACM Queue 13 (8), 2015 (controlled delay).
 */
export class Admission implements TurnWatch {
  /** Streams admitted and not over. */
  streamsOpen = 0
  readonly #clock: Clock
  readonly #log: Log
  readonly #counters: Counters
  readonly #limits: Limits
  readonly #turn: TurnMessages | null
  #beganMs = 0
  #endedMs = 0
  #lastTurnMs = 0
  #longestTurnMs = 0
  /** When the first of an unbroken row of long turns ended. Infinity: the last one was short. */
  #longSinceMs = Number.POSITIVE_INFINITY
  #isBehind = false
  /** Within this turn, streams that begin later are refused. Infinity outside of turns. */
  #refuseFromMs = Number.POSITIVE_INFINITY
  #firstRefusedMs = 0
  #lastRefusedMs = 0
  #refused = 0

  /** `turn`: where the messages of a turn are counted; null: they are not. */
  constructor(
    context: { clock: Clock; log: Log; counters: Counters; limits: Limits },
    turn: TurnMessages | null = null,
  ) {
    this.#turn = turn
    this.#clock = context.clock
    this.#log = context.log
    this.#counters = context.counters
    this.#limits = context.limits
  }

  /** Admits a stream that begins now, to be given back by `leave`. Or says why not. */
  enter(nowMs: number): Failure | null {
    if (nowMs > this.#refuseFromMs) return this.#refuseDelayed(nowMs)
    if (this.streamsOpen >= this.#limits.workerStreamsMax) return this.#refuseMany()
    this.streamsOpen++
    return null
  }

  leave(): void {
    this.streamsOpen--
  }

  /** The longest turn since it was asked last. */
  takeLongestTurnMs(): number {
    const ms = this.#longestTurnMs
    this.#longestTurnMs = 0
    return ms
  }

  // ---- TurnWatch ----------------------------------------------------------------------------------------------

  turnBegan(): void {
    const nowMs = this.#clock.now()
    this.#beganMs = nowMs
    if (nowMs - this.#endedMs > IDLE_MS) {
      this.#lastTurnMs = 0
      this.#longSinceMs = Number.POSITIVE_INFINITY
    }
    const { overloadDelayMs, overloadAfterMs } = this.#limits
    this.#refuseFromMs = this.#isBehind
      ? nowMs + overloadDelayMs - this.#lastTurnMs
      : Math.max(nowMs + overloadDelayMs, this.#longSinceMs + overloadAfterMs)
  }

  turnEnded(): void {
    const nowMs = this.#clock.now()
    const { overloadDelayMs, overloadAfterMs } = this.#limits
    this.#endedMs = nowMs
    this.#lastTurnMs = nowMs - this.#beganMs
    this.#turn?.turnEnded(this.#lastTurnMs)
    if (this.#lastTurnMs > this.#longestTurnMs) this.#longestTurnMs = this.#lastTurnMs
    this.#refuseFromMs = Number.POSITIVE_INFINITY
    if (this.#lastTurnMs <= overloadDelayMs) this.#longSinceMs = Number.POSITIVE_INFINITY
    else if (this.#longSinceMs === Number.POSITIVE_INFINITY) this.#longSinceMs = nowMs
    if (this.#isBehind) this.tick(nowMs)
    else if (nowMs - this.#longSinceMs >= overloadAfterMs) {
      this.#isBehind = true
      this.#lastRefusedMs = nowMs
    }
  }

  /** Once in a while: notices that the worker has caught up. */
  tick(nowMs: number): void {
    if (!this.#isBehind || nowMs - this.#lastRefusedMs < this.#limits.overloadAfterMs) return
    this.#isBehind = false
    this.#longSinceMs = Number.POSITIVE_INFINITY
    if (this.#refused === 0) return
    const forMs = Math.round(this.#lastRefusedMs - this.#firstRefusedMs)
    this.#log.info("caught up, no new stream is refused any more", { refused: this.#refused, forMs })
    this.#refused = 0
  }

  // ---- Refusing -----------------------------------------------------------------------------------------------

  #refuseDelayed(nowMs: number): Failure {
    const { overloadDelayMs } = this.#limits
    if (this.#refused === 0) {
      this.#firstRefusedMs = nowMs
      const turnMs = Math.round(this.#lastTurnMs)
      this.#warn("overload_delay_exceeded", { limit: "overloadDelayMs", turnMs, streams: this.streamsOpen })
    }
    this.#refused++
    this.#lastRefusedMs = nowMs
    this.#counters.add(counterIds.overload_delay_exceeded)
    return failure(
      "overload",
      `overloadDelayMs: the balancer is more than ${overloadDelayMs} ms behind and takes no new streams until it has caught up`,
      true,
    )
  }

  #refuseMany(): Failure {
    const { workerStreamsMax } = this.#limits
    this.#counters.add(counterIds.worker_streams_exceeded)
    this.#warn("worker_streams_exceeded", { limit: "workerStreamsMax", streams: this.streamsOpen })
    return failure("overload", `workerStreamsMax: ${workerStreamsMax} streams are open already`, true)
  }

  #warn(counter: CounterName, fields: LogFields): void {
    this.#log.warn(`limit reached: ${counter}`, fields)
  }
}
