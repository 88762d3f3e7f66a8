import { type Deadline, makeDeadline } from "../../../base/timer-wheel.ts"
import type { TurnReason } from "../../pacing/pacer.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { Leg } from "../leg.ts"
import type { LegEnd } from "../leg-end.ts"
import type { Delivered } from "./answers.ts"
import { AskedLeg, MOVED } from "./asked-leg.ts"
import { type BackendAccount, LASTING_MS, NEVER } from "./backend-account.ts"
import type { ContinuedCall } from "./continued-call.ts"
import { LogRelief } from "./log-relief.ts"
import type { LoggedRequest } from "./logged-request.ts"
import { MoveAccount } from "./move-account.ts"
import type { MovedLeg } from "./move-request.ts"

/** The call whose legs end by Sluice's own choice. */
export interface MovableCall {
  readonly request: LoggedRequest
  readonly backend: BackendAccount
  readonly responses: Delivered
  /** How its backend knows the present leg. */
  readonly movedLeg: MovedLeg
  /** Another leg would follow an end of this one. */
  canGoOn(end: LegEnd): boolean
}

/** Ends legs by Sluice's own choice: for a drain and its like, or since only a new one makes room in the log. */
export class Moving {
  readonly #call: ContinuedCall
  readonly #plan: ContinuityPlan
  readonly #moved: MovableCall
  readonly account: MoveAccount
  #asked: AskedLeg | null = null
  #relief: LogRelief | null = null
  /** When a leg that serves before its head has lasted, and the call is where it was to be. */
  #arrival: Deadline | null = null

  constructor(call: ContinuedCall, plan: ContinuityPlan, moved: MovableCall) {
    this.#call = call
    this.#plan = plan
    this.#moved = moved
    this.account = new MoveAccount(call.record)
  }

  /**
   * The leg is to end. True: its backend is asked to hand the call off, or the call is resumed elsewhere. False: it cannot
   * move, and where that turns out later, the client is told `reason.what`.
   */
  move(leg: Leg, reason: TurnReason): boolean {
    const { backend } = this.#moved
    if (!backend.isBegun && !this.#plan.isOneSided) return false
    if (reason.move !== undefined && !this.canMove(0)) return false
    this.account.begin(leg, reason)
    if (backend.acceptsHandoff && !backend.isAwaitingHead && this.#asks(leg)) {
      // A backend that was asked by a call of its own, and does not answer, still serves the leg.
      const mayStay = reason.move !== undefined && this.#plan.config.ask === "call"
      this.#asked!.wait(leg, mayStay ? null : reason.what)
      return true
    }
    if (this.#call.goesOn(leg, MOVED)) return true
    this.account.refused()
    return false
  }

  /** It could move now, and has been where it is for `dwellMs`. */
  canMove(dwellMs: number): boolean {
    const { backend, request } = this.#moved
    const atLeastMs = this.#call.record.resumes > 0 ? Math.max(dwellMs, LASTING_MS) : LASTING_MS
    const nowMs = Math.floor(this.#call.context.clock.now())
    if (backend.legMs(nowMs) < atLeastMs || this.account.isUnderWay) return false
    const { ask } = this.#plan.config
    const mayAsk = ask === "call" || (ask === "half-close" && request.canEndLeg)
    return (backend.acceptsHandoff && !backend.isAwaitingHead && mayAsk) || this.#moved.canGoOn(MOVED)
  }

  #asks(leg: Leg): boolean {
    const { ask } = this.#plan.config
    if (ask === "none") return false
    this.#asked ??= new AskedLeg(this.#call, () => this.account.failed())
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
    const { backend, request, responses } = this.#moved
    // Answers make room.
    if (this.#plan.isLockstep && !backend.isAware) return false
    const leg = this.#call.paced
    // A leg that serves before its head may say that at its end only.
    if (leg !== null && backend.isAwaitingHead && backend.liveMs !== NEVER) {
      request.speedUp()
      return false
    }
    if (leg === null || backend.isAwaitingHead || responses.isMidMessage) return true
    if (!backend.acceptsResume || !this.#call.goesOn(leg, MOVED)) request.speedUp()
    return false
  }

  /** A later leg serves without a head, which may be hours away: most servers send it with their first message. */
  legLive(): void {
    if (!this.account.isUnderWay) return
    this.#arrival ??= makeDeadline(() => this.account.moved(this.#call.context.clock.now()))
    this.#call.context.deadlines.set(this.#arrival, LASTING_MS)
  }

  /** The head of a later leg came. */
  legBegun(): void {
    this.account.moved(this.#call.context.clock.now())
    this.#forgetArrival()
  }

  /** The leg is over. */
  legOver(): void {
    this.#asked?.close()
    this.#forgetArrival()
  }

  #forgetArrival(): void {
    if (this.#arrival !== null) this.#call.context.deadlines.cancel(this.#arrival)
  }

  /** The call is over. */
  close(): void {
    this.legOver()
    this.#relief?.close()
    this.account.failed()
  }
}
