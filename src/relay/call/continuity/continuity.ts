import { counterIds } from "../../../base/counters.ts"
import type { Limits } from "../../../base/limits.ts"
import type { Random } from "../../../base/random.ts"
import { type Deadline, makeDeadline } from "../../../base/timer-wheel.ts"
import type { ContinuityConfig, ContinuityMode } from "../../../config/model.ts"
import { parseGrpcStatus } from "../../../grpc/status.ts"
import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import { HeaderList } from "../../../http2/header-list.ts"
import type { ResponseHead } from "../../../http2/message-head.ts"
import { ContinuityRecord } from "../../../record/continuity-record.ts"
import { type Failure, failure } from "../../../record/failure.ts"
import type { NewStreamRecord } from "../../../record/stream-record.ts"
import type { Leg, LegContext } from "../leg.ts"
import { failureOf, type LegEnd } from "../leg-end.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import { type BackendSays, legHead, readBackend, withoutContinuity } from "./fields.ts"
import { LoggedRequest } from "./logged-request.ts"
import { type Continuation, type ContinuityFacts, continuation, positionAfter } from "./resume-rules.ts"
import { WholeMessages } from "./whole-messages.ts"

/** A leg that lasted so long shows that its backend works. */
const LASTING_MS = 1000
const UNAVAILABLE = 14

export interface ContinuityContext extends LegContext {
  readonly budget: BufferBudget
  readonly limits: Limits
  readonly env: { readonly random: Random }
}

/** The call that is to go on. */
export interface ContinuedCall {
  readonly context: ContinuityContext
  readonly downstream: DownstreamStream
  readonly record: NewStreamRecord
  /** Opens the next leg. */
  openLeg(last: Failure | null): void
  onLegTrailers(leg: Leg, list: HeaderList): void
  /** Whether another leg follows, which is then opened. */
  goesOn(leg: Leg, end: LegEnd): boolean
  /** Ends the present leg, and tells the client. */
  endWith(what: Failure, end: LegEnd): void
  fail(what: Failure): void
}

/**
 * What a call with continuity keeps beside what every call has: its account of whole messages both ways, the backend's
 * session, and the time between legs. Whether the call goes on is decided by `resume-rules.ts`; here it is carried out.
 * docs/stream-continuity.md has the protocol.
 */
export class Continuity {
  readonly request: LoggedRequest
  /** A leg is over, and no other has been picked yet. */
  isBetween = false
  readonly #call: ContinuedCall
  readonly #config: ContinuityConfig
  readonly #messages: WholeMessages
  readonly #record = new ContinuityRecord()
  readonly #id: string
  /** Answered messages need not be kept. */
  readonly #isLockstep: boolean
  /** How the present leg was opened; null: from the call's beginning. */
  #mode: ContinuityMode | null = null
  /** The present leg's head has come; when. */
  #headMs = 0
  #isBegun = false
  #acceptsHandoff = false
  #acceptsResume = false
  #session: string | null = null
  /** Client messages that a backend has said are in its state. */
  #received = 0
  /** What the handoff that led to the present leg said of that; null: there was none. */
  #handedOff: number | null = null
  /** Of the head that the client has; null: it has none. */
  #encoding: string | null = null
  #shortLegs = 0
  #tries = 0
  /** Since when the client has had no leg; 0: it has one. */
  #gapSinceMs = 0
  #timer: Deadline | null = null
  /** Why the call cannot go on. */
  #problem: string | null = null

  constructor(call: ContinuedCall, config: ContinuityConfig) {
    const { context, downstream, record } = call
    const { limits, budget } = context
    const { modes, keepOctets } = config
    const isWindow = modes.some((mode) => mode !== "restart" && mode !== "cursor")
    const restarts = modes.includes("restart") || config.refused === "restart"
    this.#call = call
    this.#config = config
    this.#isLockstep = modes.length === 1 && modes[0] === "lockstep"
    this.#id = hex128(context.env.random)
    // Half of the window is what an endpoint always has credit for, once all before was taken.
    const held = Math.min(limits.wholeMessageOctetsMax, Math.floor(limits.upstreamStreamWindowOctets / 2))
    this.#messages = new WholeMessages(downstream, budget, held)
    this.request = new LoggedRequest(context, downstream, {
      keepOctets: isWindow ? keepOctets : 0,
      unfinishedOctets: keepOctets,
      keepsFirst: modes.includes("cursor") || (restarts && config.restartWith === "first"),
      keepsLast: restarts && config.restartWith === "last",
    })
    record.continuity = this.#record
  }

  // ---- Up ---------------------------------------------------------------------------------------------------------

  /** The head of the next leg. */
  requestHead(list: HeaderList): HeaderList {
    const { record, context } = this.#call
    const isLater = this.#mode === "handoff" || this.#mode === "resume"
    const isFirst = this.#record.legs === 0
    const leftMs = record.deadlineMs - context.clock.now()
    this.#headMs = 0
    this.isBetween = false
    return legHead(list, {
      call: this.#id,
      leg: this.#record.legs++,
      offer: this.#config.modes.filter((mode) => mode === "handoff" || mode === "resume").join(", "),
      goesOn: isLater
        ? {
            session: this.#session,
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
    const says = readBackend(head.list)
    if (endStream && this.#mode !== null && says.refuses !== null)
      return this.end(leg, { kind: "refused", reason: says.refuses })
    if (this.#encoding === null)
      return endStream ? this.#trailersOnly(leg, head.list) : this.#firstHead(leg, head)
    if (head.status !== 200) return this.end(leg, { kind: "status", status: head.status })
    if (endStream) this.#call.onLegTrailers(leg, trailersOf(head.list))
    else this.#laterHead(leg, head.list, says)
    return null
  }

  /** For a client that has no head yet. */
  #firstHead(leg: Leg, { list }: ResponseHead): HeaderList | null {
    if (!this.#laterHead(leg, list, readBackend(list))) return null
    return withoutContinuity(list)
  }

  /** True: the leg goes on. */
  #laterHead(leg: Leg, list: HeaderList, says: BackendSays): boolean {
    const encoding = encodingOf(list)
    const problem =
      this.#encoding !== null && encoding !== this.#encoding
        ? `its head says ${encoding}, the client has ${this.#encoding}`
        : this.#takeUp(leg, says)
    if (problem !== null) {
      this.end(leg, { kind: "unfit", reason: problem })
      return false
    }
    this.#encoding = encoding
    if (!this.#canContinue) this.#turnOff()
    this.#lasts()
    return true
  }

  /** What the head says of continuity; a later leg is sent what its backend has not received. Not null: it does not fit. */
  #takeUp(leg: Leg, says: BackendSays): string | null {
    this.#note(says)
    leg.accepted()
    if (this.#mode !== "handoff" && this.#mode !== "resume") return null
    const position = positionAfter(says.received ?? this.#handedOff, this.#positions)
    if (typeof position === "string") return position
    const problem = this.request.resume(leg, position)
    if (problem !== null) return problem.message
    this.#received = position
    if (this.#mode === "handoff") this.#record.moved++
    return null
  }

  #note({ accepts, session }: BackendSays): void {
    this.#isBegun = true
    this.#acceptsHandoff = accepts?.handoff === true
    this.#acceptsResume = accepts?.resume === true
    if (accepts !== null && session !== null) this.#session = session
  }

  /** Some mode may go on from the present leg. */
  get #canContinue(): boolean {
    return (
      this.#acceptsHandoff ||
      this.#acceptsResume ||
      this.#config.modes.some((mode) => mode !== "handoff" && mode !== "resume")
    )
  }

  #turnOff(): void {
    this.request.turnOff()
    this.#messages.isOff = true
  }

  /** The present leg serves the client. */
  #lasts(): void {
    const nowMs = this.#nowMs()
    this.#headMs = nowMs
    this.#handedOff = null
    if (this.#gapSinceMs === 0) return
    this.#record.gapMs += nowMs - this.#gapSinceMs
    this.#gapSinceMs = 0
    this.#disarm()
  }

  /** Returns how many octets the client has taken at once. */
  onData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    const taken = this.#messages.pass(octets, start, end, endStream)
    const { record } = this.#call
    const { delivered } = this.#messages
    record.responseMessages = delivered
    if (this.#isLockstep) this.request.answered(delivered)
    return taken
  }

  /** A leg ended by trailers. What of them goes to the client; null: nothing, it goes on or has been told. */
  onTrailers(leg: Leg, list: HeaderList): HeaderList | null {
    if (this.#endsBy(leg, list)) return null
    this.#messages.release()
    return withoutContinuity(list)
  }

  #trailersOnly(leg: Leg, list: HeaderList): HeaderList | null {
    return this.#endsBy(leg, list) ? null : withoutContinuity(list)
  }

  /** True: the trailers are no answer, and are not passed on. */
  #endsBy(leg: Leg, list: HeaderList): boolean {
    const end = this.#endOf(list)
    if (end === null) return false
    if (this.#call.goesOn(leg, end)) return true
    if (this.#problem === null) return false
    this.#call.endWith(this.#failureOf(end, leg), end)
    return true
  }

  /** How a leg ended whose trailers are no answer; null: they are. */
  #endOf(list: HeaderList): LegEnd | null {
    const grpcStatus = parseGrpcStatus(list.get("grpc-status") ?? "")
    const says = readBackend(list)
    if (says.accepts !== null) this.#note(says)
    if (grpcStatus === UNAVAILABLE && says.isHandoff && this.#acceptsHandoff) {
      if (this.#messages.heldOctets > 0) return { kind: "unfit", reason: "handed off within a message" }
      if (says.session !== null) this.#session = says.session
      this.#handedOff = says.received
      return { kind: "handed_off", received: says.received }
    }
    return this.#config.statuses.includes(grpcStatus) ? { kind: "failed_status", grpcStatus } : null
  }

  /** The leg ends so: the call goes on, or its client is told. */
  end(leg: Leg, end: LegEnd): null {
    if (!this.#call.goesOn(leg, end)) this.#call.endWith(this.#failureOf(end, leg), end)
    return null
  }

  // ---- Between legs -----------------------------------------------------------------------------------------------

  get #positions(): ContinuityFacts["positions"] {
    return {
      sent: this.request.sentMessages,
      received: this.#received,
      logStart: this.request.logStart,
      delivered: this.#messages.delivered,
    }
  }

  /** What follows the end of `leg`; null: the ordinary rules decide. */
  decide(leg: Leg, end: LegEnd, isBudgetLeft: boolean): Continuation {
    const nowMs = this.#nowMs()
    const isAwaiting = this.#headMs === 0
    if (!isAwaiting && nowMs - this.#headMs >= LASTING_MS) {
      this.#shortLegs = 0
      this.#tries = 0
    } else {
      this.#tries++
      if (leg.isOpened) this.#shortLegs++
    }
    const decision = continuation(
      {
        config: this.#config,
        positions: this.#positions,
        acceptsHandoff: this.#acceptsHandoff,
        acceptsResume: this.#acceptsResume,
        hasSession: this.#session !== null,
        isBegun: this.#isBegun,
        awaiting: isAwaiting ? this.#mode : null,
        isMidMessage: this.#messages.isMidMessage,
        isFirstKept: this.request.first !== null,
        hasCursor: false,
        shortLegs: this.#shortLegs,
        tries: this.#tries,
        gapMs: this.#gapSinceMs === 0 ? 0 : nowMs - this.#gapSinceMs,
        isBudgetLeft,
        random: this.#call.context.env.random(),
      },
      end,
    )
    if (decision?.next === "answer") {
      this.#problem = decision.reason
      this.#call.context.counters.add(counterIds.continuity_ended)
    }
    return decision
  }

  /** Octets of the leg that has ended that the client will not get. */
  discard(): number {
    const octets = this.#messages.discard()
    this.#call.record.responseOctets -= octets
    return octets
  }

  /** Opens the next leg, now or later. The last one is over. */
  goOn({ mode, afterMs }: Extract<Continuation, { next: "leg" }>): void {
    this.#mode = mode
    this.#call.record.resumes++
    this.#call.context.counters.add(counterIds.continuity_legs)
    if (this.#gapSinceMs === 0) {
      this.#gapSinceMs = this.#nowMs()
      this.#record.gaps++
    }
    this.request.detach()
    this.isBetween = true
    this.#prepare(mode)
    if (afterMs > 0) return this.#arm(afterMs)
    this.#arm(Number.POSITIVE_INFINITY)
    this.#call.openLeg(null)
  }

  #prepare(mode: ContinuityMode): void {
    const { request } = this
    const message = request.sentMessages
    if (mode === "handoff" || mode === "resume") request.opening = { kind: "wait" }
    else if (mode === "lockstep")
      request.opening = { kind: "from", again: null, message: this.#messages.delivered }
    else if (mode === "replay") request.opening = { kind: "from", again: null, message: 0 }
    else request.opening = { kind: "from", again: this.#sentAgain(message), message }
  }

  /** Of the `sent` messages the one that mode `restart` sends again. */
  #sentAgain(sent: number): Buffer | null {
    const { request } = this
    if (sent === 0) return null
    switch (this.#config.restartWith) {
      case "first":
        return request.first
      case "last":
        return sent === request.wholeMessages ? request.last : null
      case "none":
        return null
    }
  }

  /** No endpoint is available for the next leg. */
  noEndpoint(): void {
    this.#tries++
    this.#arm(200)
  }

  #arm(afterMs: number): void {
    this.#timer ??= makeDeadline(() => this.#onDue())
    const leftMs = this.#gapSinceMs + this.#config.gapMaxMs - this.#nowMs()
    this.#call.context.deadlines.set(this.#timer, Math.max(0, Math.min(afterMs, leftMs)))
  }

  #disarm(): void {
    if (this.#timer !== null) this.#call.context.deadlines.cancel(this.#timer)
  }

  #onDue(): void {
    const leftMs = this.#gapSinceMs + this.#config.gapMaxMs - this.#nowMs()
    if (leftMs <= 0) {
      this.#call.context.counters.add(counterIds.continuity_ended)
      const reason = `no backend took the stream over within ${this.#config.gapMaxMs} ms (gapMax)`
      return this.#call.fail(failure("not_continued", reason))
    }
    this.#arm(Number.POSITIVE_INFINITY)
    if (this.isBetween) this.#call.openLeg(null)
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
    this.#disarm()
    this.#messages.discard()
  }

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#call.context.clock.now())
  }
}

function encodingOf(list: HeaderList): string {
  return `${list.get("content-type")} ${list.get("grpc-encoding") ?? "identity"}`
}

/** Trailers-Only as trailers, for a client that has a head. */
function trailersOf(list: HeaderList): HeaderList {
  const fields: string[] = []
  for (let i = 0; i < list.fields.length; i += 2) {
    const name = list.fields[i]!
    if (name !== ":status" && name !== "content-type") fields.push(name, list.fields[i + 1]!)
  }
  return new HeaderList(fields)
}

function hex128(random: Random): string {
  let text = ""
  for (let i = 0; i < 4; i++)
    text += Math.floor(random() * 2 ** 32)
      .toString(16)
      .padStart(8, "0")
  return text
}
