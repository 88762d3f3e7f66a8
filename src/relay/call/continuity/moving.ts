import type { Clock } from "../../../base/clock.ts"
import { type Deadline, makeDeadline } from "../../../base/timer-wheel.ts"
import { turnCauses } from "../../../base/turn-cause.ts"
import type { Endpoint } from "../../../cluster/endpoint.ts"
import { Column } from "../../../cluster/traffic.ts"
import type { ContinuityRecord } from "../../../record/continuity-record.ts"
import type { Failure } from "../../../record/failure.ts"
import type { TurnReason } from "../../pacing/pacer.ts"
import type { Leg } from "../leg.ts"
import type { LegEnd } from "../leg-end.ts"

/** How long a backend that is asked to hand off has for it. */
const ASK_MS = 5_000

/** How a leg ends that the call moves away from. */
export const MOVED: LegEnd = { kind: "moved" }

/** The call that moves. */
export interface MovingCall {
  readonly context: {
    readonly clock: Clock
    readonly deadlines: { set(deadline: Deadline, ms: number): void; cancel(deadline: Deadline): void }
  }
  goesOn(leg: Leg, end: LegEnd): boolean
  fail(what: Failure): void
}

/** A call that Sluice moves by its own choice: why, where to, and what has come of it. Made at its first move. */
export class Moving {
  readonly #call: MovingCall
  readonly #record: ContinuityRecord
  readonly #deadline: Deadline
  #reason: TurnReason | null = null
  #leg: Leg | null = null
  #to: Endpoint | null = null

  constructor(call: MovingCall, record: ContinuityRecord) {
    this.#call = call
    this.#record = record
    this.#deadline = makeDeadline(() => this.#onSilence())
  }

  /** Away from `leg`: its backend has been asked to hand the call off, or else it is resumed elsewhere. False: it cannot be. */
  begin(leg: Leg, reason: TurnReason, isAsked: boolean): boolean {
    this.close()
    this.#leg = leg
    this.#reason = reason
    this.#to = reason.move?.to ?? null
    if (isAsked) this.#call.context.deadlines.set(this.#deadline, ASK_MS)
    else if (!this.#call.goesOn(leg, MOVED)) {
      this.#count(Column.movesFailed)
      this.#reason = null
      return false
    }
    return true
  }

  get isUnderWay(): boolean {
    return this.#reason !== null
  }

  /** Where the next leg is to be; null: as the policy has it. Says so once: where it fails there, any other will do. */
  takeDestination(): Endpoint | null {
    const to = this.#to
    this.#to = null
    return to
  }

  /** The backend has not answered in time. */
  #onSilence(): void {
    const leg = this.#leg!
    const { what } = this.#reason!
    if (!leg.isOver && !this.#call.goesOn(leg, MOVED)) this.#call.fail(what)
  }

  /** The leg is over: nothing more is asked of its backend. */
  onLegEnd(): void {
    this.#call.context.deadlines.cancel(this.#deadline)
  }

  /** Another leg has begun. */
  onHead(): void {
    if (this.#reason === null) return
    this.#record.moves++
    this.#record.movedMs = Math.floor(this.#call.context.clock.now())
    this.#record.moveCause = this.#reason.cause
    this.#over(Column.moved)
  }

  /** The call is over. */
  close(): void {
    this.onLegEnd()
    if (this.#reason !== null) this.#over(Column.movesFailed)
  }

  #over(column: number): void {
    const { move } = this.#reason!
    this.#count(column)
    this.#reason = null
    this.#to = null
    move?.over()
  }

  #count(column: number): void {
    this.#leg!.endpoint.traffic[column + turnCauses.indexOf(this.#reason!.cause)]!++
  }
}
