import { counterIds } from "../../../base/counters.ts"
import type { Endpoint } from "../../../cluster/endpoint.ts"
import type { ContinuityMode } from "../../../config/model.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import type { ResponseHead } from "../../../http2/message-head.ts"
import { ContinuityRecord } from "../../../record/continuity-record.ts"
import { type Failure, failure } from "../../../record/failure.ts"
import { requestId } from "../../../record/variables.ts"
import type { TurnReason } from "../../pacing/pacer.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { CallRequest } from "../call-request.ts"
import type { Leg } from "../leg.ts"
import { failureOf, type LegEnd, statusEndOf } from "../leg-end.ts"
import { BackendAccount } from "./backend-account.ts"
import type { ContinuedCall } from "./continued-call.ts"
import { factsOf } from "./facts.ts"
import { type BackendSays, legHead, readBackend, trailersOf, withoutContinuity } from "./fields.ts"
import { Gap, type GapOwner, LASTING_MS } from "./gap.ts"
import { LoggedRequest } from "./logged-request.ts"
import { MOVED, Moving } from "./moving.ts"
import { openingOf } from "./opening.ts"
import { type Continuation, type ContinuityFacts, continuation, positionAfter } from "./resume-rules.ts"
import { WholeMessages } from "./whole-messages.ts"

/** Legs that the record of a call has: a stream may outlive any number of backends. */
const LEGS_SHOWN = 16
/** How soon it is looked again whether an endpoint is available. */
const NO_ENDPOINT_MS = 200

/**
 * What a call with continuity keeps beside what every call has: its account of whole messages both ways, what backends
 * have said, and the time between legs. Whether the call goes on is decided by `resume-rules.ts`; here it is carried out.
 * docs/stream-continuity.md has the protocol.
 */
export class Continuity implements GapOwner {
  readonly request: LoggedRequest
  /** A leg is over, and the next one's stream has not been opened. */
  isBetween = false
  readonly #call: ContinuedCall
  readonly #plan: ContinuityPlan
  readonly #messages: WholeMessages
  readonly #backend = new BackendAccount()
  readonly #record = new ContinuityRecord()
  readonly #gap: Gap
  /** How the present leg was opened; null: from the call's beginning. */
  #mode: ContinuityMode | null = null
  #moving: Moving | null = null
  /** Why the call cannot go on. */
  #problem: string | null = null

  constructor(call: ContinuedCall, plan: ContinuityPlan) {
    const { context, downstream, record } = call
    const { limits, budget } = context
    this.#call = call
    this.#plan = plan
    // Half of the window is what an endpoint always has credit for, once all before was taken.
    const held = Math.min(limits.wholeMessageOctetsMax, Math.floor(limits.upstreamStreamWindowOctets / 2))
    this.#messages = new WholeMessages(downstream, budget, held)
    this.request = new LoggedRequest(context, downstream, plan)
    this.#gap = new Gap(context, this, this.#record, plan.config.gapMaxMs)
    record.continuity = this.#record
  }

  /** The request from here on, with what has come of it by now. */
  takeOver(earlier: CallRequest): CallRequest {
    earlier.handOver(this.request)
    return this.request
  }

  // ---- Up ---------------------------------------------------------------------------------------------------------

  /** The head of the next leg. */
  requestHead(list: HeaderList): HeaderList {
    const { record, context } = this.#call
    const isLater = this.#mode === "handoff" || this.#mode === "resume"
    const isFirst = this.#record.legs === 0
    const leftMs = record.deadlineMs - context.clock.now()
    this.isBetween = false
    return legHead(list, {
      call: requestId(record, context.env),
      leg: this.#record.legs++,
      offer: this.#plan.offer,
      goesOn: isLater
        ? {
            session: this.#backend.session,
            delivered: this.#messages.delivered,
            holds: this.request.logStart + 1,
          }
        : null,
      timeoutMs: record.deadlineMs === 0 || isFirst ? null : leftMs,
    })
  }

  // ---- Down -------------------------------------------------------------------------------------------------------

  /** A leg's head came. What of it goes to the client; null: nothing, the client has one or has been told. */
  onHead(leg: Leg, head: ResponseHead, endStream: boolean): HeaderList | null {
    const { list } = head
    const says = readBackend(list)
    const { hasClientHead } = this.#backend
    const status = statusEndOf(head, false)
    if (endStream && this.#mode !== null && says.refuses !== null)
      return this.#end(leg, { kind: "refused", reason: says.refuses })
    if (status !== null) return hasClientHead ? this.#end(leg, status) : withoutContinuity(list)
    if (endStream && hasClientHead) this.#call.onLegTrailers(leg, trailersOf(list))
    else if (endStream) return this.#isNoAnswer(leg, list) ? null : withoutContinuity(list)
    else if (this.#takeUp(leg, list, says) && !hasClientHead) return withoutContinuity(list)
    if (hasClientHead) leg.accepted()
    return null
  }

  /** Takes the head's word for what follows. True: the leg goes on. */
  #takeUp(leg: Leg, list: HeaderList, says: BackendSays): boolean {
    const problem = this.#backend.takeEncoding(list) ?? this.#resume(leg, says)
    if (problem !== null) {
      this.#end(leg, { kind: "unfit", reason: problem })
      return false
    }
    this.#backend.handedOff = null
    this.#gap.onHead()
    this.#moving?.onHead()
    const { acceptsHandoff, acceptsResume } = this.#backend
    if (!acceptsHandoff && !acceptsResume && !this.#plan.isOneSided) {
      this.request.turnOff()
      this.#messages.isOff = true
    }
    return true
  }

  /** A later leg is sent what its backend has not received. Not null: what the head says does not fit. */
  #resume(leg: Leg, says: BackendSays): string | null {
    const backend = this.#backend
    backend.note(says)
    if (this.#mode !== "handoff" && this.#mode !== "resume") return null
    const position = positionAfter(says.received ?? backend.handedOff, this.#facts(true, 0).positions)
    if (typeof position === "string") return position
    backend.received = position
    this.#record.repeated += this.request.sentMessages - position
    if (this.#mode === "handoff") this.#record.moved++
    const problem = this.request.resume(leg, position)
    return problem === null ? null : problem.message
  }

  /** Returns how many octets the client has taken at once. */
  onData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const taken = this.#messages.pass(octets, start, end, endStream)
    const { delivered } = this.#messages
    this.#call.record.responseMessages = delivered
    if (this.#plan.isLockstep) this.request.answered(delivered)
    return taken
  }

  /** A leg ended by trailers. What of them goes to the client; null: nothing, it goes on or has been told. */
  onTrailers(leg: Leg, list: HeaderList): HeaderList | null {
    if (this.#isNoAnswer(leg, list)) return null
    this.#messages.release()
    return withoutContinuity(list)
  }

  /** True: these trailers are not passed on, the call goes on or its client has been told why not. */
  #isNoAnswer(leg: Leg, list: HeaderList): boolean {
    const isWithinMessage = this.#messages.heldOctets > 0
    const end = this.#backend.endOf(list, this.#plan.config.statuses, isWithinMessage)
    return end !== null && (this.#call.goesOn(leg, end) || this.hasTold(leg, end))
  }

  #end(leg: Leg, end: LegEnd): null {
    if (!this.#call.goesOn(leg, end)) this.#call.endWith(this.#failureOf(end, leg), end)
    return null
  }

  // ---- Moving -----------------------------------------------------------------------------------------------------

  /**
   * The leg is to end by Sluice's own choice. True: its backend is asked to hand the call off, or the call is resumed
   * elsewhere. False: it cannot move.
   */
  move(leg: Leg, reason: TurnReason): boolean {
    if (this.#gap.isAwaitingHead || (reason.move !== undefined && !this.canMove())) return false
    this.#moving ??= new Moving(this.#call, this.#record)
    return this.#moving.begin(leg, reason, this.#mayAsk && this.request.endLeg(leg))
  }

  get #mayAsk(): boolean {
    return this.#plan.config.ask === "half-close" && this.#backend.acceptsHandoff
  }

  /** It could move now, and has been where it is for `dwellMs`. */
  canMove(dwellMs = 0): boolean {
    const atLeastMs = this.#call.record.resumes > 0 ? Math.max(dwellMs, LASTING_MS) : LASTING_MS
    if (this.#gap.legMs < atLeastMs || this.#moving?.isUnderWay === true) return false
    return (
      (this.#mayAsk && this.request.canEndLeg) || continuation(this.#facts(true, 0), MOVED)?.next === "leg"
    )
  }

  /** Where the next leg is to be; null: as the policy has it. */
  takeDestination(): Endpoint | null {
    return this.#moving?.takeDestination() ?? null
  }

  // ---- Between legs -----------------------------------------------------------------------------------------------

  /** What follows the end of `leg`; null: the ordinary rules decide. */
  decide(leg: Leg, end: LegEnd, isBudgetLeft: boolean): Continuation {
    this.#gap.onLegEnd(leg.connectedMs > 0)
    const decision = continuation(this.#facts(isBudgetLeft, this.#call.context.env.random()), end)
    if (decision?.next === "answer") this.#giveUp(decision.reason)
    return decision
  }

  #facts(isBudgetLeft: boolean, random: number): ContinuityFacts {
    const accounts = {
      plan: this.#plan,
      backend: this.#backend,
      request: this.request,
      messages: this.#messages,
      gap: this.#gap,
      mode: this.#mode,
    }
    return factsOf(accounts, isBudgetLeft, random)
  }

  #giveUp(problem: string): void {
    this.#problem = problem
    this.#call.context.counters.add(counterIds.continuity_ended)
  }

  /** Octets of the leg that has ended that the client will not get. */
  discard(): number {
    const octets = this.#messages.discard()
    this.#call.record.responseOctets -= octets
    return octets
  }

  /** Opens the next leg. The last one is over. */
  goOn({ mode }: Extract<Continuation, { next: "leg" }>): void {
    this.#mode = mode
    this.#call.record.resumes++
    this.#call.record.keepAttempts(LEGS_SHOWN)
    this.#call.context.counters.add(counterIds.continuity_legs)
    this.#gap.begin()
    this.#moving?.onLegEnd()
    this.request.detach()
    this.isBetween = true
    this.request.opening = openingOf(mode, this.request, this.#messages.delivered, this.#plan.config)
    this.#gap.wait()
    this.#call.openLeg(null)
  }

  /** No endpoint is available for the next leg. */
  noEndpoint(): void {
    this.#gap.wait(NO_ENDPOINT_MS)
  }

  onGapTimer(): void {
    this.#call.openLeg(null)
  }

  onGapTooLong(): void {
    this.#giveUp(`no backend took the stream over within ${this.#plan.config.gapMaxMs} ms (gapMax)`)
    this.#call.fail(failure("not_continued", this.#problem!))
  }

  // ---- Its end ----------------------------------------------------------------------------------------------------

  /** True: the call was to go on and could not, and the client has been told why. */
  hasTold(leg: Leg, end: LegEnd): boolean {
    if (this.#problem === null) return false
    this.#call.endWith(this.#failureOf(end, leg), end)
    return true
  }

  #failureOf(end: LegEnd, { where }: Leg): Failure {
    const what = failureOf(end, where)
    return this.#problem === null ? what : failure("not_continued", `${what.message}; ${this.#problem}`)
  }

  get heldOctets(): number {
    return this.#messages.heldOctets
  }

  /** The call is over. */
  close(): void {
    this.#gap.close()
    this.#moving?.close()
    this.#messages.discard()
  }
}
