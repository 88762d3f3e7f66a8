import { turnCauses } from "../../../base/turn-cause.ts"
import type { Endpoint } from "../../../cluster/endpoint.ts"
import { Column } from "../../../cluster/traffic.ts"
import { type ContinuedStream, ownContinuity } from "../../../record/continuity-record.ts"
import type { TurnReason } from "../../pacing/pacer.ts"
import type { Leg } from "../leg.ts"

/** A call's move by Sluice's own choice, while it is under way: why, where to, and what comes of it, told and counted once. */
export class MoveAccount {
  readonly #record: ContinuedStream
  #reason: TurnReason | null = null
  #from: Endpoint | null = null
  #to: Endpoint | null = null

  constructor(record: ContinuedStream) {
    this.#record = record
  }

  get isUnderWay(): boolean {
    return this.#reason !== null
  }

  /** Away from `leg`. */
  begin(leg: Leg, reason: TurnReason): void {
    this.failed()
    this.#reason = reason
    this.#from = leg.endpoint
    this.#to = reason.move?.to ?? null
  }

  /** Where the next leg is to be; null: as the policy has it. Says so once: where it fails there, any other will do. */
  takeDestination(): Endpoint | null {
    const to = this.#to
    this.#to = null
    return to
  }

  /** Another leg has begun. */
  moved(nowMs: number): void {
    if (this.#reason === null) return
    const record = ownContinuity(this.#record)
    record.moves++
    record.movedMs = Math.floor(nowMs)
    record.moveCause = this.#reason.cause
    this.#over(Column.moved)
  }

  /** The call stays where it is, or is over. */
  failed(): void {
    if (this.#reason !== null) this.#over(Column.movesFailed)
  }

  /** It has not even begun: who ordered it is told by who asked for it. */
  refused(): void {
    if (this.#reason !== null) this.#count(Column.movesFailed)
  }

  #over(column: number): void {
    const { move } = this.#reason!
    this.#count(column)
    move?.over()
  }

  #count(column: number): void {
    this.#from!.traffic[column + turnCauses.indexOf(this.#reason!.cause)]!++
    this.#reason = null
    this.#from = null
    this.#to = null
  }
}
