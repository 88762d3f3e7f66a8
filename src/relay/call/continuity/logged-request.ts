import type { Reclaimable } from "../../../http2/buffer-budget.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import type { Failure } from "../../../record/failure.ts"
import { cleanTrailers } from "../../route/head-rewrite.ts"
import { type CallRequest, headersProblem, sendTrailers } from "../call-request.ts"
import type { Leg } from "../leg.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import type { Opening } from "./opening.ts"
import { RequestLog, type RequestLogOwner } from "./request-log.ts"

const NO_OCTETS = Buffer.alloc(0)

const BEGIN: Opening = { kind: "begin" }

/** The call whose request it is. */
export interface LogOwner extends RequestLogOwner {
  readonly downstream: DownstreamStream
  /** A leg's head has come: one that is refused could not begin anew with what was sent. */
  readonly isBegun: boolean
  /** No other leg follows: nothing is kept. */
  readonly isOff: boolean
  /** The client waits for room in the log. */
  onFull(): void
}

/** Of a leg that is not just sent what comes, as the first is. */
class LegRequest {
  /** How it is opened. */
  opening = BEGIN
  /** Octets under way to it that it is sent again, beside the order. */
  again = 0
  /** Where what it takes next stands. */
  taken: number
  /** It is sent nothing: it has not said from where, or its request side has been ended. */
  isHeld = false
  trailers: HeaderList | null = null

  constructor(taken: number) {
    this.taken = taken
  }
}

/**
 * The request of a call with continuity. What the client sends goes to the present leg and into a log, from which
 * another leg can be sent what its backend has not received. The client gets credit for an octet when the first leg has
 * taken it, once.
 *
 * Octets are counted from the first of the call; messages are whole ones.
 */
export class LoggedRequest extends RequestLog<LogOwner> implements CallRequest, Reclaimable {
  spareAt = -1
  /** Octets that the client has credit for. */
  #credited = 0
  /** Null: the present leg is the first, and is sent what comes. */
  #leg: LegRequest | null = null

  // ---- What is known of it --------------------------------------------------------------------------------------

  get isReplayable(): boolean {
    return this.start === 0 && !this.owner.isOff
  }

  /** What a leg is sent that begins anew: one message again, where it has been sent, then those that have not. */
  restart(again: "first" | "last" | "none"): Opening {
    const message = this.sentMessages
    if (message === 0 || again === "none") return { kind: "from", again: null, message }
    return { kind: "from", again: again === "first" ? this.first : this.last(message), message }
  }

  // ---- To the present leg -----------------------------------------------------------------------------------------

  open(leg: Leg, list: HeaderList, isHead: boolean): Failure | null {
    const problem = headersProblem(leg, list)
    if (problem !== null) return problem
    // One that was refused is followed by another that begins as it did.
    const later = this.taken > 0 ? this.special : this.#leg
    const opening = later === null ? BEGIN : later.opening
    this.neededFrom = -1
    if (later !== null) later.isHeld = opening.kind === "wait"
    if (opening.kind === "wait") {
      leg.open(list, false, isHead)
      return null
    }
    const again = opening.kind === "from" ? opening.again : null
    const from = opening.kind === "from" ? this.octetOf(opening.message) : 0
    const isEmpty = again === null && this.from(from) === null
    const endsBare = this.isEnded && this.trailers === null
    const upstream = leg.open(list, endsBare && isEmpty, isHead)
    if (later !== null) later.taken = from
    if (again !== null) {
      leg.octetsSent += again.length
      later!.again = again.length
      this.sent(upstream.sendData(again, 0, again.length, false))
    }
    return isEmpty && endsBare ? null : this.sendFrom(leg, from)
  }

  /** The leg's backend has the messages before position `message`: it is sent those from there on. */
  resume(leg: Leg, message: number): Failure | null {
    const from = this.octetOf(message)
    this.#leg!.isHeld = false
    this.#leg!.taken = from
    this.take(from)
    if (this.owner.plan.forgetsReceived) this.done(message)
    return this.sendFrom(leg, from)
  }

  protected sendFrom(leg: Leg, from: number): Failure | null {
    const upstream = leg.upstream!
    const octets = this.from(from)
    const endsBare = this.isEnded && this.trailers === null
    if (octets !== null) {
      leg.octetsSent += octets.length
      this.sent(upstream.sendData(octets, 0, octets.length, endsBare))
    } else if (endsBare) upstream.sendData(NO_OCTETS, 0, 0, true)
    this.mayReclaim()
    return this.trailers === null ? null : sendTrailers(leg, this.trailers)
  }

  protected get isEnded(): boolean {
    return this.owner.downstream.remoteEnded
  }

  protected get special(): LegRequest {
    return (this.#leg ??= new LegRequest(this.taken))
  }

  protected get isHeld(): boolean {
    return this.#leg?.isHeld === true
  }

  protected get trailers(): HeaderList | null {
    return this.#leg === null ? null : this.#leg.trailers
  }

  receive(leg: Leg | null, octets: Buffer, start: number, end: number, endStream: boolean): void {
    const upstream = leg === null || this.isHeld ? null : leg.upstream
    if (!this.owner.isOff) this.add(octets, start, end)
    if (upstream === null) return
    leg!.octetsSent += end - start
    this.sent(upstream.sendData(octets, start, end, endStream))
    if (!this.owner.isOff) this.mayReclaim()
  }

  receiveTrailers(leg: Leg | null, list: HeaderList): Failure | null {
    const trailers = cleanTrailers(list)
    this.special.trailers = trailers
    const isOpen = leg !== null && leg.upstream !== null && !this.isHeld
    return isOpen ? sendTrailers(leg, trailers) : null
  }

  sent(octets: number): void {
    const later = this.#leg
    if (later === null) return this.take(this.taken + octets)
    const again = Math.min(octets, later.again)
    later.again -= again
    later.taken += octets - again
    this.take(later.taken)
  }

  /** Credit for what no leg has taken before. */
  protected take(until: number): void {
    if (until > this.taken) this.taken = until
    if (this.owner.isBegun) this.dropTaken()
    this.giveCredit()
  }

  /** The client has credit for each octet once, when the first leg has taken it, or later. */
  protected giveCredit(): void {
    const due = Math.min(this.taken, this.creditMost) - this.#credited
    if (due > 0) {
      this.#credited += due
      this.owner.downstream.consume(due)
    }
    if (this.isFull) this.owner.onFull()
  }

  get canEndLeg(): boolean {
    return !this.isHeld && !this.isEnded && this.unfinished === this.received
  }

  /** Ends the leg's request side though the client has not, where no message is cut by it. */
  endLeg(leg: Leg): boolean {
    if (!this.canEndLeg || leg.upstream === null) return false
    this.special.isHeld = true
    leg.upstream.sendData(NO_OCTETS, 0, 0, true)
    return true
  }

  /** The client waits for room in the log. */
  get isFull(): boolean {
    return this.taken > this.#credited
  }

  /** The client waits no longer: from now on the oldest leave. */
  override speedUp(): void {
    super.speedUp()
    this.giveCredit()
  }

  /** Messages before `message` are not sent again: they were answered, or are in the backend's state. */
  override done(message: number): void {
    super.done(message)
    this.giveCredit()
  }

  // ---- Its end ----------------------------------------------------------------------------------------------------

  /** All that is kept has been given to a leg. */
  protected mayReclaim(): void {
    if (this.heldOctets > 0) this.owner.context.budget.reclaimable(this)
  }

  reclaim(): void {
    this.dropFirst()
    if (this.owner.isOff) return
    this.drop()
    this.giveCredit()
  }

  /** Another leg follows, which begins as this one did or as `detach` says: what it is sent stays. */
  keep(): void {
    const opening = this.#leg === null ? BEGIN : this.#leg.opening
    this.neededFrom = opening.kind === "from" ? opening.message : this.start
    this.pin()
  }

  protected pin(): void {
    this.owner.context.budget.pinned(this)
  }

  /** The leg is over, and another follows: what it was to be sent again is not under way any more. */
  detach(opening: Opening): void {
    const later = this.special
    later.opening = opening
    later.again = 0
    later.taken = 0
    later.isHeld = false
    this.keep()
  }

  commit(): void {
    this.dropTaken()
  }

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
    this.giveCredit()
  }

  override forget(): void {
    this.pin()
    super.forget()
  }
}
