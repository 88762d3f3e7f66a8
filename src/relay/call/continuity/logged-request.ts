import type { FieldValue } from "../../../grpc/field-path.ts"
import type { Reclaimable } from "../../../http2/buffer-budget.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import type { Failure } from "../../../record/failure.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import { cleanTrailers } from "../../route/head-rewrite.ts"
import { type CallRequest, headersProblem, sendTrailers } from "../call-request.ts"
import type { Leg } from "../leg.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import type { LogContext } from "./message-log.ts"
import type { Opening } from "./opening.ts"
import { RequestLog } from "./request-log.ts"

const NO_OCTETS = Buffer.alloc(0)

const BEGIN: Opening = { kind: "begin" }

/** The call whose request it is. */
export interface LogOwner {
  readonly downstream: DownstreamStream
  readonly context: LogContext
  /** No other leg follows: nothing is kept. */
  readonly isOff: boolean
  /** The client waits for room in the log. */
  onFull(): void
}

/** Of a leg that is not the first. */
interface LaterLeg {
  /** How it is opened. */
  readonly opening: Opening
  /** Octets under way to it that it is sent again, beside the order. */
  again: number
  /** Where what it takes next stands. */
  taken: number
}

/**
 * The request of a call with continuity. What the client sends goes to the present leg and into a log, from which
 * another leg can be sent what its backend has not received. The client gets credit for an octet when the first leg has
 * taken it, once.
 *
 * Octets are counted from the first of the call; messages are whole ones.
 */
export class LoggedRequest implements CallRequest, Reclaimable {
  spareAt = -1
  readonly #owner: LogOwner
  readonly #log: RequestLog
  /** Octets that some leg has taken. */
  #taken = 0
  /** Those that the client has credit for. */
  #credited = 0
  /** Null: the present leg is the first. */
  #later: LaterLeg | null = null
  /** The present leg is sent nothing: it has not said from where, or its request side has been ended. */
  #isHeld = false
  #trailers: HeaderList | null = null

  constructor(plan: ContinuityPlan, owner: LogOwner) {
    this.#owner = owner
    this.#log = new RequestLog(owner.context, plan)
  }

  // ---- What is known of it --------------------------------------------------------------------------------------

  /** Whole messages that some leg has taken. */
  get sentMessages(): number {
    return this.#log.wholeMessages(this.#taken)
  }

  /** Messages before the first one that can be sent again. */
  get logStart(): number {
    return this.#log.start
  }

  get first(): Buffer | null {
    return this.#log.first
  }

  get isReplayable(): boolean {
    return this.#log.start === 0 && !this.#owner.isOff
  }

  get heldOctets(): number {
    return this.#log.heldOctets
  }

  /** What a leg is sent that begins anew: one message again, where it has been sent, then those that have not. */
  restart(again: "first" | "last" | "none"): Opening {
    const message = this.sentMessages
    if (message === 0 || again === "none") return { kind: "from", again: null, message }
    return { kind: "from", again: again === "first" ? this.first : this.#log.last(message), message }
  }

  /** The first message with a resume token in it; null: none is kept, or it cannot be. */
  firstWith(token: FieldValue | null): Buffer | null {
    return this.#log.firstWith(token)
  }

  // ---- To the present leg -----------------------------------------------------------------------------------------

  open(leg: Leg, list: HeaderList, isHead: boolean): Failure | null {
    const problem = headersProblem(leg, list)
    if (problem !== null) return problem
    // One that was refused is followed by another that begins as it did.
    if (this.#taken > 0) this.#later ??= { opening: BEGIN, again: 0, taken: 0 }
    const later = this.#later
    const opening = later === null ? BEGIN : later.opening
    this.#log.neededFrom = -1
    this.#isHeld = opening.kind === "wait"
    if (opening.kind === "wait") {
      leg.open(list, false, isHead)
      return null
    }
    const again = opening.kind === "from" ? opening.again : null
    const from = opening.kind === "from" ? this.#log.octetOf(opening.message) : 0
    const isEmpty = again === null && this.#log.from(from) === null
    const endsBare = this.#isEnded && this.#trailers === null
    const upstream = leg.open(list, endsBare && isEmpty, isHead)
    if (later !== null) later.taken = from
    if (again !== null) {
      leg.octetsSent += again.length
      later!.again = again.length
      this.sent(upstream.sendData(again, 0, again.length, false))
    }
    return isEmpty && endsBare ? null : this.#sendFrom(leg, from)
  }

  /** The leg's backend has the messages before position `message`: it is sent those from there on. */
  resume(leg: Leg, message: number): Failure | null {
    this.#isHeld = false
    const from = this.#log.octetOf(message)
    this.#later!.taken = from
    this.#take(from)
    if (this.#log.forgetsReceived) this.done(message)
    return this.#sendFrom(leg, from)
  }

  #sendFrom(leg: Leg, from: number): Failure | null {
    const upstream = leg.upstream!
    const octets = this.#log.from(from)
    const endsBare = this.#isEnded && this.#trailers === null
    if (octets !== null) {
      leg.octetsSent += octets.length
      this.sent(upstream.sendData(octets, 0, octets.length, endsBare))
    } else if (endsBare) upstream.sendData(NO_OCTETS, 0, 0, true)
    this.#mayReclaim()
    return this.#trailers === null ? null : sendTrailers(leg, this.#trailers)
  }

  get #isEnded(): boolean {
    return this.#owner.downstream.remoteEnded
  }

  receive(leg: Leg | null, octets: Buffer, start: number, end: number, endStream: boolean): void {
    const upstream = leg === null || this.#isHeld ? null : leg.upstream
    if (!this.#owner.isOff) this.#log.keep(octets, start, end, this.#taken)
    if (upstream === null) return
    if (!this.#owner.isOff) this.#mayReclaim()
    leg!.octetsSent += end - start
    this.sent(upstream.sendData(octets, start, end, endStream))
  }

  receiveTrailers(leg: Leg | null, list: HeaderList): Failure | null {
    this.#trailers = cleanTrailers(list)
    const isOpen = leg !== null && leg.upstream !== null && !this.#isHeld
    return isOpen ? sendTrailers(leg, this.#trailers) : null
  }

  sent(octets: number): void {
    const later = this.#later
    if (later === null) return this.#take(this.#taken + octets)
    const again = Math.min(octets, later.again)
    later.again -= again
    later.taken += octets - again
    this.#take(later.taken)
  }

  /** Credit for what no leg has taken before. */
  #take(until: number): void {
    if (until > this.#taken) this.#taken = until
    this.#giveCredit()
  }

  /** The client has credit for each octet once, when the first leg has taken it, or later. */
  #giveCredit(): void {
    const due = Math.min(this.#taken, this.#log.creditMost) - this.#credited
    if (due > 0) {
      this.#credited += due
      this.#owner.downstream.consume(due)
    }
    if (this.isFull) this.#owner.onFull()
  }

  get canEndLeg(): boolean {
    return !this.#isHeld && !this.#isEnded && this.#log.unfinished === this.#log.received
  }

  /** Ends the leg's request side though the client has not, where no message is cut by it. */
  endLeg(leg: Leg): boolean {
    if (!this.canEndLeg || leg.upstream === null) return false
    this.#isHeld = true
    leg.upstream.sendData(NO_OCTETS, 0, 0, true)
    return true
  }

  /** The client waits for room in the log. */
  get isFull(): boolean {
    return this.#taken > this.#credited
  }

  /** The client waits no longer: from now on the oldest leave. */
  speedUp(): void {
    this.#log.speedUp(this.#taken)
    this.#giveCredit()
  }

  /** Messages before `message` are not sent again: they were answered, or are in the backend's state. */
  done(message: number): void {
    this.#log.done(message, this.#taken)
    this.#giveCredit()
  }

  // ---- Its end ----------------------------------------------------------------------------------------------------

  /** All that is kept has been given to a leg. */
  #mayReclaim(): void {
    this.#owner.context.budget.reclaimable(this)
  }

  reclaim(): void {
    this.#log.dropFirst()
    if (this.#owner.isOff) return
    this.#log.drop()
    this.#giveCredit()
  }

  keep(): void {
    this.#owner.context.budget.pinned(this)
  }

  /** The leg is over, and another follows: what it was to be sent again is not under way any more. */
  detach(opening: Opening): void {
    this.#later = { opening, again: 0, taken: 0 }
    if (opening.kind === "from") this.#log.neededFrom = opening.message
    this.keep()
    this.#isHeld = false
  }

  commit(): void {}

  handOver(): number {
    return this.#credited
  }

  /** The client had credit for so many octets before this one took over. */
  creditedBefore(octets: number): void {
    this.#credited = octets
  }

  /** No other leg follows, as the owner says. */
  turnOff(): void {
    this.forget()
    this.#giveCredit()
  }

  forget(): void {
    this.keep()
    this.#log.forget()
  }
}
