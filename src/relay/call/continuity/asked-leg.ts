import { type Deadline, makeDeadline } from "../../../base/timer-wheel.ts"
import type { Failure } from "../../../record/failure.ts"
import type { Leg } from "../leg.ts"
import type { LegEnd } from "../leg-end.ts"
import type { ContinuedCall } from "./continued-call.ts"

/** How long a backend that is asked to hand off has for it. */
const ASK_MS = 5_000
export const MOVED: LegEnd = { kind: "moved" }

/** A leg whose backend has been asked to hand its call off: one that has not in time is left all the same. */
export class AskedLeg {
  readonly #call: ContinuedCall
  readonly #deadline: Deadline
  #leg: Leg | null = null
  #what: Failure | null = null

  constructor(call: ContinuedCall) {
    this.#call = call
    this.#deadline = makeDeadline(() => this.#onSilence())
  }

  /** `what`: what the client is told where nothing else helps. */
  wait(leg: Leg, what: Failure): void {
    this.#leg = leg
    this.#what = what
    this.#call.context.deadlines.set(this.#deadline, ASK_MS)
  }

  #onSilence(): void {
    const leg = this.#leg!
    if (!leg.isOver && !this.#call.goesOn(leg, MOVED)) this.#call.fail(this.#what!)
  }

  close(): void {
    this.#call.context.deadlines.cancel(this.#deadline)
  }
}
