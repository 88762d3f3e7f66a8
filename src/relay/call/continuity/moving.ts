import type { Failure } from "../../../record/failure.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { Leg } from "../leg.ts"
import { AskedLeg, MOVED } from "./asked-leg.ts"
import type { BackendAccount } from "./backend-account.ts"
import type { ContinuedCall } from "./continued-call.ts"
import { LogRelief } from "./log-relief.ts"
import type { LoggedRequest, LogOwner } from "./logged-request.ts"
import type { MovedLeg } from "./move-request.ts"

/** The call whose legs end by Sluice's own choice. */
export interface MovableCall {
  readonly request: LoggedRequest
  readonly backend: BackendAccount
  /** The head of the present leg has not come. */
  readonly isAwaitingHead: boolean
  readonly isMidMessage: boolean
  /** How its backend knows the present leg. */
  readonly movedLeg: MovedLeg
}

/** Ends legs by Sluice's own choice: for a drain and its like, or since only a new one makes room in the log. */
export class Moving implements LogOwner {
  readonly #call: ContinuedCall
  readonly #plan: ContinuityPlan
  readonly #moved: MovableCall
  #asked: AskedLeg | null = null
  #relief: LogRelief | null = null

  constructor(call: ContinuedCall, plan: ContinuityPlan, moved: MovableCall) {
    this.#call = call
    this.#plan = plan
    this.#moved = moved
  }

  /**
   * The leg is to end. True: its backend is asked to hand the call off, or the call is resumed elsewhere. False: it cannot
   * move. `what`: what the client is told where it turns out later that it cannot.
   */
  move(leg: Leg, what: Failure): boolean {
    const { backend, isAwaitingHead } = this.#moved
    if (!backend.isBegun) return false
    const mayAsk = backend.acceptsHandoff && !isAwaitingHead
    if (!mayAsk || !this.#asks(leg)) return this.#call.goesOn(leg, MOVED)
    this.#asked!.wait(leg, what)
    return true
  }

  #asks(leg: Leg): boolean {
    const { ask } = this.#plan.config
    if (ask === "none") return false
    this.#asked ??= new AskedLeg(this.#call)
    const { request, movedLeg } = this.#moved
    return ask === "half-close" ? request.endLeg(leg) : this.#asked.ask(leg, movedLeg)
  }

  /** The client waits for room in the log. */
  onFull(): void {
    this.#relief ??= new LogRelief(this.#call.context.deadlines, this)
    this.#relief.begin()
  }

  get isFull(): boolean {
    return this.#moved.request.isFull
  }

  /** A backend says what of the log it has when a leg begins. True: later. */
  relieve(): boolean {
    const { backend, request, isAwaitingHead, isMidMessage } = this.#moved
    // Answers make room.
    if (this.#plan.isLockstep && !backend.isAware) return false
    const leg = this.#call.paced
    if (leg === null || isAwaitingHead || isMidMessage) return true
    if (!backend.acceptsResume || !this.#call.goesOn(leg, MOVED)) request.speedUp()
    return false
  }

  /** The leg is over. */
  legOver(): void {
    this.#asked?.close()
  }

  /** The call is over. */
  close(): void {
    this.#asked?.close()
    this.#relief?.close()
  }
}
