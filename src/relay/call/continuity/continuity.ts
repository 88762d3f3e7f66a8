import { counterIds } from "../../../base/counters.ts"
import type { Endpoint } from "../../../cluster/endpoint.ts"
import type { ContinuityMode } from "../../../config/model.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import type { ResponseHead } from "../../../http2/message-head.ts"
import { ContinuityRecord } from "../../../record/continuity-record.ts"
import { requestId } from "../../../record/variables.ts"
import type { TurnReason } from "../../pacing/pacer.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { CallRequest } from "../call-request.ts"
import type { Leg } from "../leg.ts"
import { type LegEnd, statusEndOf } from "../leg-end.ts"
import { BackendAccount } from "./backend-account.ts"
import type { ContinuedCall } from "./continued-call.ts"
import { factsOf } from "./facts.ts"
import { type BackendSays, legHead, readBackend, trailersOf, withoutContinuity } from "./fields.ts"
import { Gap, type GapOwner } from "./gap.ts"
import { LoggedRequest } from "./logged-request.ts"
import type { MovedLeg } from "./move-request.ts"
import { type MovableCall, Moving } from "./moving.ts"
import { openingOf } from "./opening.ts"
import { Refusal } from "./refusal.ts"
import { ResponseAccount } from "./response-account.ts"
import { type Continuation, type ContinuityFacts, continuation, positionAfter } from "./resume-rules.ts"

/** Legs that the record of a call has: a stream may outlive any number of backends. */
const LEGS_SHOWN = 16
/** How soon it is looked again whether an endpoint is available. */
const NO_ENDPOINT_MS = 200

/**
 * What a call with continuity keeps beside what every call has: its account of whole messages both ways, what backends
 * have said, and the time between legs. Whether the call goes on is decided by `resume-rules.ts`; here it is carried out.
 * docs/stream-continuity.md has the protocol.
 */
export class Continuity implements GapOwner, MovableCall {
  readonly request: LoggedRequest
  /** A leg is over, and the next one's stream has not been opened. */
  isBetween = false
  readonly responses: ResponseAccount
  readonly backend = new BackendAccount()
  readonly gap: Gap
  readonly #call: ContinuedCall
  readonly #plan: ContinuityPlan
  readonly #record = new ContinuityRecord()
  /** How the present leg was opened; null: from the call's beginning. */
  #mode: ContinuityMode | null = null
  /** It was sent the call's one request without waiting for its head. */
  #isSentAtOnce = false
  readonly #refusal: Refusal
  readonly #moving: Moving

  constructor(call: ContinuedCall, plan: ContinuityPlan) {
    const { context, downstream, record } = call
    this.#call = call
    this.#plan = plan
    this.responses = new ResponseAccount(downstream, context, plan)
    this.#refusal = new Refusal(call)
    this.#moving = new Moving(call, plan, this, this.#record)
    this.request = new LoggedRequest(context, downstream, plan, this.#moving)
    this.gap = new Gap(context, this, this.#record, plan.config.gapMaxMs)
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
    this.gap.onOpened(isLater || (this.#mode === null && !this.#plan.isOneSided))
    return legHead(list, {
      call: requestId(record, context.env),
      leg: this.#record.legs++,
      offer: this.#plan.offer,
      goesOn: isLater
        ? {
            session: this.backend.session,
            delivered: this.responses.delivered,
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
    const { hasClientHead } = this.backend
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
    const problem = this.backend.takeEncoding(list) ?? this.#resume(leg, says)
    if (problem !== null) {
      this.#end(leg, { kind: "unfit", reason: problem })
      return false
    }
    this.backend.handedOff = null
    this.gap.onHead()
    this.#moving.legBegun()
    const { isAware } = this.backend
    this.responses.onHead(isAware)
    if (!isAware && !this.#plan.isOneSided) {
      this.request.turnOff()
      this.responses.turnOff()
    }
    return true
  }

  /** A later leg is sent what its backend has not received. Not null: what the head says does not fit. */
  #resume(leg: Leg, says: BackendSays): string | null {
    const backend = this.backend
    backend.note(says)
    if (this.#mode !== "handoff" && this.#mode !== "resume") return null
    const isAtOnce = this.#isSentAtOnce
    if (isAtOnce && says.accepts === null) return "the backend did not say continuity-accept"
    const received = says.received ?? backend.handedOff
    const position = isAtOnce ? 0 : positionAfter(received, this.#facts(true, 0).positions)
    if (typeof position === "string") return position
    this.#record.repeated += this.request.sentMessages - position
    if (this.#mode === "handoff") this.#record.moved++
    if (isAtOnce) return null
    backend.received = position
    const problem = this.request.resume(leg, position)
    return problem === null ? null : problem.message
  }

  /** Returns how many octets the client has taken at once, or is not to have. */
  onData(leg: Leg, octets: Buffer, start: number, end: number, endStream: boolean): number {
    const responses = this.responses
    const { record } = this.#call
    const from = responses.skip(octets, start, end)
    if (from < 0 || (endStream && responses.isRepeating)) {
      this.#refusal.tellDataLoss(leg)
      return 0
    }
    record.responseOctets -= from - start
    if (from === end && !endStream) return end - start
    const taken = responses.pass(octets, from, end, endStream)
    record.responseMessages = responses.delivered
    if (this.#plan.isLockstep && !this.backend.isAware) this.request.done(responses.delivered)
    return from - start + taken
  }

  /** A leg ended by trailers. What of them goes to the client; null: nothing, it goes on or has been told. */
  onTrailers(leg: Leg, list: HeaderList): HeaderList | null {
    if (this.#isNoAnswer(leg, list)) return null
    const isOther = this.responses.isRepeating && list.get("grpc-status") === "0"
    if (isOther) {
      this.#refusal.tellDataLoss(leg)
      return null
    }
    this.responses.release()
    this.#call.record.responseMessages = this.responses.delivered
    return withoutContinuity(list)
  }

  /** True: these trailers are not passed on, the call goes on or its client has been told why not. */
  #isNoAnswer(leg: Leg, list: HeaderList): boolean {
    const isWithinMessage = this.responses.heldOctets > 0
    const end = this.backend.endOf(list, this.#plan.config.statuses, isWithinMessage)
    return end !== null && (this.#call.goesOn(leg, end) || this.hasTold(leg, end))
  }

  #end(leg: Leg, end: LegEnd): null {
    if (!this.#call.goesOn(leg, end)) this.#refusal.tellEnd(leg, end)
    return null
  }

  // ---- Moving -----------------------------------------------------------------------------------------------------

  /** The leg is to end by Sluice's own choice. False: the call cannot move. */
  move(leg: Leg, reason: TurnReason): boolean {
    return this.#moving.move(leg, reason)
  }

  canMove(dwellMs: number): boolean {
    return this.#moving.canMove(dwellMs)
  }

  /** Where the next leg is to be; null: as the policy has it. */
  takeDestination(): Endpoint | null {
    return this.#moving.account.takeDestination()
  }

  canGoOn(end: LegEnd): boolean {
    return continuation(this.#facts(true, 0), end)?.next === "leg"
  }

  get movedLeg(): MovedLeg {
    const { record, context } = this.#call
    return { call: requestId(record, context.env), leg: this.#record.legs - 1 }
  }

  // ---- Between legs -----------------------------------------------------------------------------------------------

  /** What follows the end of `leg`; null: the ordinary rules decide. */
  decide(leg: Leg, end: LegEnd, isBudgetLeft: boolean): Continuation {
    this.gap.onLegEnd(leg.connectedMs > 0)
    const decision = continuation(this.#facts(isBudgetLeft, this.#call.context.env.random()), end)
    if (decision?.next === "answer") this.#refusal.note(decision.reason)
    return decision
  }

  #facts(isBudgetLeft: boolean, random: number): ContinuityFacts {
    const accounts = {
      plan: this.#plan,
      backend: this.backend,
      request: this.request,
      responses: this.responses,
      gap: this.gap,
      mode: this.#mode,
    }
    return factsOf(accounts, isBudgetLeft, random)
  }

  /** Octets of the leg that has ended that the client will not get. */
  discard(): number {
    const octets = this.responses.discard()
    this.#call.record.responseOctets -= octets
    return octets
  }

  /** Opens the next leg. The last one is over. */
  goOn({ mode }: Extract<Continuation, { next: "leg" }>): void {
    const { hasOneRequest } = this.backend
    this.#mode = mode
    this.#isSentAtOnce = hasOneRequest
    this.#call.record.resumes++
    this.#call.record.keepAttempts(LEGS_SHOWN)
    this.#call.context.counters.add(counterIds.continuity_legs)
    this.gap.begin()
    this.#moving.legOver()
    this.request.detach(openingOf(mode, this.request, this.responses, this.#plan.config, hasOneRequest))
    this.isBetween = true
    this.responses.begin(mode)
    this.gap.wait()
    this.#call.openLeg(null)
  }

  /** No endpoint is available for the next leg. */
  noEndpoint(): void {
    this.gap.wait(NO_ENDPOINT_MS)
  }

  onGapTimer(): void {
    this.#call.openLeg(null)
  }

  onGapTooLong(): void {
    const { gapMaxMs } = this.#plan.config
    // Handlers of methods with one request are called, and say a head, once that is here.
    const hint = this.isBetween ? "" : "; the last said no head (does the method have one-request?)"
    this.#refusal.tell(`no backend took the stream over within ${gapMaxMs} ms (gapMax)${hint}`)
  }

  // ---- Its end ----------------------------------------------------------------------------------------------------

  /** True: the call was to go on and could not, and the client has been told why. */
  hasTold(leg: Leg, end: LegEnd): boolean {
    return this.#refusal.hasTold(leg, end)
  }

  get heldOctets(): number {
    return this.responses.heldOctets
  }

  /** The call is over. */
  close(): void {
    this.gap.close()
    this.#moving.close()
    this.responses.discard()
  }
}
