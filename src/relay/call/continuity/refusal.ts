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

  /** The client had no leg for too long. `isBetween`: no stream has been opened, none that has said no head. */
  tellGap(mostMs: number, isBetween: boolean): void {
    // Handlers of methods with one request are called, and say a head, once that is here.
    const hint = isBetween ? "" : "; the last said no head (does the method have one-request?)"
    const reason = `no backend took the stream over within ${mostMs} ms (gapMax)${hint}`
    this.note(reason)
    this.#call.fail(failure("not_continued", reason))
  }

  /** The same requests had other answers than those that the client has. */
  tellDataLoss(leg: Leg): null {
    const reason = "given the same requests again, it did not give the same answers (mode replay)"
    this.note(reason)
    this.#call.endWith(failure("data_loss", `${leg.where}: ${reason}`), { kind: "unfit", reason })
    return null
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
