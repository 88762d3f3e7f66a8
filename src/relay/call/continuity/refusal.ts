import { counterIds } from "../../../base/counters.ts"
import { type Failure, failure } from "../../../record/failure.ts"
import type { Leg } from "../leg.ts"
import { failureOf, type LegEnd } from "../leg-end.ts"
import type { ContinuedCall } from "./continued-call.ts"

/** Why a call with continuity does not go on, and how its client is told. */
export class Refusal {
  readonly #call: ContinuedCall
  /** Null: it does, as far as is known. */
  #reason: string | null = null

  constructor(call: ContinuedCall) {
    this.#call = call
  }

  note(reason: string): void {
    this.#reason = reason
    this.#call.context.counters.add(counterIds.continuity_ended)
  }

  /** No leg is left to end. */
  tell(reason: string): void {
    this.note(reason)
    this.#call.fail(failure("not_continued", reason))
  }

  /** The same requests had other answers than those that the client has. */
  tellDataLoss(leg: Leg): void {
    const reason = "given the same requests again, it did not give the same answers (mode replay)"
    this.note(reason)
    this.#call.endWith(failure("data_loss", `${leg.where}: ${reason}`), { kind: "unfit", reason })
  }

  /** Ends the call with how its leg ended, and why no other follows. */
  tellEnd(leg: Leg, end: LegEnd): void {
    this.#call.endWith(this.#failureOf(end, leg), end)
  }

  /** True: the call was to go on and could not, and the client has been told why. */
  hasTold(leg: Leg, end: LegEnd): boolean {
    if (this.#reason === null) return false
    this.tellEnd(leg, end)
    return true
  }

  #failureOf(end: LegEnd, { where }: Leg): Failure {
    const what = failureOf(end, where)
    return this.#reason === null ? what : failure("not_continued", `${what.message}; ${this.#reason}`)
  }
}
