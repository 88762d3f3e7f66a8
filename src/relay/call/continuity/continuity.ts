import { counterIds } from "../../../base/counters.ts"
import type { Endpoint } from "../../../cluster/endpoint.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import type { ResponseHead } from "../../../http2/message-head.ts"
import { beginContinuity, legOpened, ownContinuity } from "../../../record/continuity-record.ts"
import { requestId } from "../../../record/variables.ts"
import type { TurnReason } from "../../pacing/pacer.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { CallRequest } from "../call-request.ts"
import type { Leg } from "../leg.ts"
import { type LegEnd, statusEndOf } from "../leg-end.ts"
import { Answers } from "./answers.ts"
import { type BackendAccount, NEVER } from "./backend-account.ts"
import type { ContinuedCall } from "./continued-call.ts"
import { factsOf } from "./facts.ts"
import { type BackendSays, legHead, readBackend, takesPart, trailersOf, withoutContinuity } from "./fields.ts"
import { Gap, type GapOwner } from "./gap.ts"
import { LaterLegs } from "./later-legs.ts"
import { LoggedRequest, type LogOwner } from "./logged-request.ts"
import type { MovedLeg } from "./move-request.ts"
import { type MovableCall, Moving } from "./moving.ts"
import { openingOf } from "./opening.ts"
import { Refusal } from "./refusal.ts"
import { type Continuation, type ContinuityFacts, continuation, positionAfter } from "./resume-rules.ts"

/** Legs that the record of a call has: a stream may outlive any number of backends. */
const LEGS_SHOWN = 16
/** How soon it is looked again whether an endpoint is available. */
const NO_ENDPOINT_MS = 200

/**
 * What a call with continuity keeps beside what every call has: its account of whole messages both ways, what backends
 * have said, and the time between legs. Whether the call goes on is decided by `resume-rules.ts`; here it is carried out.
 * docs/stream-continuity.md has the protocol.
 *
 * Cost: most streams have one leg, for days. So what only its end, or a move, asks for is made then.
 */
export class Continuity extends Answers implements GapOwner, MovableCall, LogOwner {
  readonly request: LoggedRequest
  /** Null: no leg has ended, nor could one have. */
  #later: LaterLegs | null = null

  constructor(call: ContinuedCall, plan: ContinuityPlan) {
    super(call, plan)
    this.request = new LoggedRequest(this)
    beginContinuity(call.record)
  }

  /** The request from here on, with what has come of it by now. */
  takeOver(earlier: CallRequest): CallRequest {
    this.request.creditedBefore(earlier.handOver(this.request))
    return this.request
  }

  get #past(): LaterLegs {
    return (this.#later ??= new LaterLegs(this.call.leg, this.isBegun, this.plan.isOneSided))
  }

  /** A leg is over, and the next one's stream has not been opened. */
  get isBetween(): boolean {
    return this.#later?.isBetween === true
  }

  get backend(): BackendAccount {
    return this.#past.backend
  }

  /** Null: no leg has ended. */
  get gap(): Gap | null {
    return this.#past.gap
  }

  // ---- Up ---------------------------------------------------------------------------------------------------------

  /** The head of the next leg. */
  requestHead(list: HeaderList): HeaderList {
    const { record, context } = this.call
    const later = this.#later
    const goesOn = later !== null && (later.mode === "handoff" || later.mode === "resume")
    const leg = legOpened(record)
    const nowMs = Math.floor(context.clock.now())
    // Else only its head says whether it serves.
    const isLive = !goesOn && (later?.mode != null || this.plan.isOneSided)
    later?.opened(isLive ? nowMs : NEVER)
    return legHead(list, {
      call: requestId(record, context.env),
      leg,
      offer: this.plan.offer,
      goesOn: goesOn
        ? {
            session: later.backend.session,
            delivered: this.responses.delivered,
            holds: this.request.start + 1,
          }
        : null,
      timeoutMs: record.deadlineMs === 0 || leg === 0 ? null : record.deadlineMs - nowMs,
    })
  }

  // ---- Down -------------------------------------------------------------------------------------------------------

  /** A leg's head came. What of it goes to the client; null: nothing, the client has one or has been told. */
  onHead(leg: Leg, head: ResponseHead, endStream: boolean): HeaderList | null {
    const { list } = head
    const says = readBackend(list)
    const hasClientHead = this.#later === null ? this.isBegun : this.#later.backend.hasClientHead
    const status = statusEndOf(head, false)
    if (endStream && this.#later?.mode != null && says.refuses !== null)
      return this.#end(leg, { kind: "refused", reason: says.refuses })
    if (status !== null) return hasClientHead ? this.#end(leg, status) : withoutContinuity(list)
    if (endStream && hasClientHead) this.call.onLegTrailers(leg, trailersOf(list))
    else if (endStream) return this.#isNoAnswer(leg, list) ? null : withoutContinuity(list)
    else if (this.#takeUp(leg, list, says) && !hasClientHead) return withoutContinuity(list)
    if (hasClientHead) leg.accepted()
    return null
  }

  /** Takes the head's word for what follows. True: the leg goes on. */
  #takeUp(leg: Leg, list: HeaderList, says: BackendSays): boolean {
    const later = this.#later
    if (later !== null) {
      const problem = later.backend.takeEncoding(list) ?? this.#resume(leg, later, says)
      if (problem !== null) {
        this.#end(leg, { kind: "unfit", reason: problem })
        return false
      }
      later.headCame(Math.floor(this.call.context.clock.now()))
    }
    this.expectAnswers(takesPart(says))
    if (this.isOff) this.request.turnOff()
    return true
  }

  /** A later leg is sent what its backend has not received. Not null: what the head says does not fit. */
  #resume(leg: Leg, { backend, mode, isSentAtOnce }: LaterLegs, says: BackendSays): string | null {
    backend.note(says)
    if (mode !== "handoff" && mode !== "resume") return null
    if (isSentAtOnce && says.accepts === null) return "the backend did not say continuity-accept"
    const received = says.received ?? backend.handedOff
    const position = isSentAtOnce ? 0 : positionAfter(received, this.#facts(true, 0).positions)
    if (typeof position === "string") return position
    const record = ownContinuity(this.call.record)
    record.repeated += this.request.sentMessages - position
    if (mode === "handoff") record.moved++
    if (isSentAtOnce) return null
    backend.received = position
    const problem = this.request.resume(leg, position)
    return problem === null ? null : problem.message
  }

  /** Returns how many octets the client has taken at once, or is not to have. */
  onData(leg: Leg, octets: Buffer, start: number, end: number, endStream: boolean): number {
    const taken = this.passAnswers(octets, start, end, endStream)
    if (taken >= 0) return taken
    this.#why.tellDataLoss(leg)
    return 0
  }

  protected override forgetAnswered(messages: number): void {
    this.request.done(messages)
  }

  /** A leg ended by trailers. What of them goes to the client; null: nothing, it goes on or has been told. */
  onTrailers(leg: Leg, list: HeaderList): HeaderList | null {
    if (this.#isNoAnswer(leg, list)) return null
    const isOther = this.isRepeating && list.get("grpc-status") === "0"
    if (isOther) return this.#why.tellDataLoss(leg)
    this.release()
    return withoutContinuity(list)
  }

  /** True: these trailers are not passed on, the call goes on or its client has been told why not. */
  #isNoAnswer(leg: Leg, list: HeaderList): boolean {
    const isWithinMessage = this.heldOctets > 0
    const end = this.backend.endOf(list, this.plan.config.statuses, isWithinMessage)
    return end !== null && (this.call.goesOn(leg, end) || this.hasTold(leg, end))
  }

  #end(leg: Leg, end: LegEnd): null {
    if (!this.call.goesOn(leg, end)) this.#why.tellEnd(leg, end)
    return null
  }

  // ---- Moving -----------------------------------------------------------------------------------------------------

  get #movement(): Moving {
    return (this.#past.moving ??= new Moving(this.call, this.plan, this))
  }

  /** The leg is to end by Sluice's own choice. False: the call cannot move. */
  move(leg: Leg, reason: TurnReason): boolean {
    return this.#movement.move(leg, reason)
  }

  canMove(dwellMs: number): boolean {
    return this.#movement.canMove(dwellMs)
  }

  onFull(): void {
    this.#movement.onFull()
  }

  /** Where the next leg is to be; null: as the policy has it. */
  takeDestination(): Endpoint | null {
    return this.#later?.moving?.account.takeDestination() ?? null
  }

  canGoOn(end: LegEnd): boolean {
    return continuation(this.#facts(true, 0), end)?.next === "leg"
  }

  get movedLeg(): MovedLeg {
    const { record, context } = this.call
    return { call: requestId(record, context.env), leg: record.continuity!.legs - 1 }
  }

  // ---- Between legs -----------------------------------------------------------------------------------------------

  /** What follows the end of `leg`; null: the ordinary rules decide. */
  decide(leg: Leg, end: LegEnd, isBudgetLeft: boolean): Continuation {
    const { context, record } = this.call
    const past = this.#past
    past.gap ??= new Gap(context, this, record, past.backend, this.plan.config.gapMaxMs)
    past.gap.onLegEnd(leg.connectedMs > 0)
    const decision = continuation(this.#facts(isBudgetLeft, context.env.random()), end)
    if (decision?.next === "answer") this.#why.note(decision.reason)
    return decision
  }

  #facts(isBudgetLeft: boolean, random: number): ContinuityFacts {
    return factsOf(this, this.plan, this.#past.mode, isBudgetLeft, random)
  }

  /** Opens the next leg. The last one is over. */
  goOn({ mode }: Extract<Continuation, { next: "leg" }>): void {
    const past = this.#past
    const gap = past.gap!
    const { hasOneRequest } = past.backend
    past.mode = mode
    past.isSentAtOnce = hasOneRequest
    this.call.record.resumes++
    this.call.record.keepAttempts(LEGS_SHOWN)
    this.call.context.counters.add(counterIds.continuity_legs)
    gap.begin()
    past.moving?.legOver()
    this.request.detach(openingOf(mode, this.request, this.responses, this.plan.config, hasOneRequest))
    past.isBetween = true
    this.beginAnswers(mode)
    gap.wait()
    this.call.openLeg(null)
  }

  /** No endpoint is available for the next leg. */
  noEndpoint(): void {
    this.gap!.wait(NO_ENDPOINT_MS)
  }

  onGapTimer(): void {
    this.call.openLeg(null)
  }

  onGapTooLong(): void {
    this.#why.tellGap(this.plan.config.gapMaxMs, this.isBetween)
  }

  // ---- Its end ----------------------------------------------------------------------------------------------------

  get #why(): Refusal {
    return (this.#past.refusal ??= new Refusal(this.call))
  }

  /** True: the call was to go on and could not, and the client has been told why. */
  hasTold(leg: Leg, end: LegEnd): boolean {
    return this.#later?.refusal?.hasTold(leg, end) === true
  }

  /** The call is over. */
  close(): void {
    this.#later?.close()
    this.discard()
  }
}
