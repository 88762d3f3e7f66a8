import { type Deadline, makeDeadline } from "../../../base/timer-wheel.ts"
import type { Failure } from "../../../record/failure.ts"
import type { Leg } from "../leg.ts"
import type { LegEnd } from "../leg-end.ts"
import type { ContinuedCall } from "./continued-call.ts"
import { type MovedLeg, MoveRequest } from "./move-request.ts"

/** How long a backend that is asked to hand off has for it. */
const ASK_MS = 5_000
export const MOVED: LegEnd = { kind: "moved" }

/** A leg whose backend has been asked to hand its call off: one that has not in time is left all the same. */
export class AskedLeg {
  readonly #call: ContinuedCall
  readonly #deadline: Deadline
  #request: MoveRequest | null = null
  #leg: Leg | null = null
  #what: Failure | null = null

  readonly #onStay: () => void

  /** `onStay`: it has not handed the call off, and keeps it. */
  constructor(call: ContinuedCall, onStay: () => void) {
    this.#call = call
    this.#onStay = onStay
    this.#deadline = makeDeadline(() => this.#onSilence())
  }

  /** Asks by a call of its own. False: that could not even begin. */
  ask(leg: Leg, moved: MovedLeg): boolean {
    if (this.#request !== null) return true
    const { cluster, route, record, context } = this.#call
    const pool = cluster!.pool(leg.endpoint, route.connectorFor(this.#call))
    const list = route.requestRewrite.apply(record.head.list, record, context.env)
    const onAnswer = (isAgreed: boolean): void => {
      this.#request = null
      if (!isAgreed) this.#onSilence()
    }
    this.#request = new MoveRequest(pool, leg.endpoint, record, list, ASK_MS, moved, onAnswer)
    if (this.#request.begin()) return true
    this.#request = null
    return false
  }

  /** `what`: what the client is told where nothing else helps; null: the call stays then. */
  wait(leg: Leg, what: Failure | null): void {
    this.#leg = leg
    this.#what = what
    this.#call.context.deadlines.set(this.#deadline, ASK_MS)
  }

  /** It is asked no longer: its call goes elsewhere, if it can. */
  #onSilence(): void {
    const leg = this.#leg!
    this.close()
    if (leg.isOver || this.#call.goesOn(leg, MOVED)) return
    if (this.#what === null) this.#onStay()
    else this.#call.fail(this.#what)
  }

  /** The leg is over. */
  close(): void {
    this.#request?.close()
    this.#request = null
    this.#call.context.deadlines.cancel(this.#deadline)
  }
}
