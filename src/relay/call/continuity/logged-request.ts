import { type Counters, counterIds } from "../../../base/counters.ts"
import { MessageCutter } from "../../../grpc/message-cutter.ts"
import type { BufferBudget, Reclaimable } from "../../../http2/buffer-budget.ts"
import type { HeaderList } from "../../../http2/header-list.ts"
import { copyUnpooled } from "../../../http2/own-octets.ts"
import type { Failure } from "../../../record/failure.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import { cleanTrailers } from "../../route/head-rewrite.ts"
import { type CallRequest, headersProblem, sendTrailers } from "../call-request.ts"
import type { Leg } from "../leg.ts"
import type { DownstreamStream } from "../stream-owner.ts"
import { MessageLog } from "./message-log.ts"
import type { Opening } from "./opening.ts"

const NO_OCTETS = Buffer.alloc(0)

const BEGIN: Opening = { kind: "begin" }

/**
 * The request of a call with continuity. What the client sends goes to the present leg and into a log, from which
 * another leg can be sent what its backend has not received. The client gets credit for an octet when the first leg has
 * taken it, once.
 *
 * Octets are counted from the first of the call; messages are whole ones.
 */
export class LoggedRequest implements CallRequest, Reclaimable {
  /** What the next leg is given when it opens. */
  opening: Opening = BEGIN
  readonly #downstream: DownstreamStream
  readonly #budget: BufferBudget
  readonly #counters: Counters
  readonly #plan: ContinuityPlan
  readonly #log: MessageLog
  readonly #cutter = new MessageCutter()
  #received = 0
  /** Where the message begins that is not yet whole. */
  #unfinished = 0
  /** Octets that some leg has taken: those the client has credit for. */
  #taken = 0
  /** Of the present leg: where what it takes next stands. */
  #legTaken = 0
  /** Octets under way to the present leg that it is sent again, beside the order. */
  #again = 0
  /** The present leg is sent nothing: it has not said from where, or its request side has been ended. */
  #isHeld = false
  /** No other leg follows: nothing is kept. */
  #isOff = false
  #isReclaimable = false
  #hasOverflown = false
  #trailers: HeaderList | null = null
  #first: Buffer | null = null

  constructor(
    { budget, counters }: { readonly budget: BufferBudget; readonly counters: Counters },
    downstream: DownstreamStream,
    plan: ContinuityPlan,
  ) {
    this.#downstream = downstream
    this.#budget = budget
    this.#counters = counters
    this.#plan = plan
    this.#log = new MessageLog(budget)
  }

  // ---- What is known of it --------------------------------------------------------------------------------------

  /** Whole messages that some leg has taken. */
  get sentMessages(): number {
    return Math.min(this.#cutter.whole, this.#log.start + this.#log.wholeUntil(this.#taken))
  }

  /** Messages before the first one that can be sent again. */
  get logStart(): number {
    return this.#log.start
  }

  get first(): Buffer | null {
    return this.#first
  }

  get isReplayable(): boolean {
    return this.#log.start === 0 && !this.#isOff
  }

  get heldOctets(): number {
    return this.#log.length + (this.#first === null ? 0 : this.#first.length)
  }

  /** What a leg of mode `restart` is sent: one message again, where it has been sent, then those that have not. */
  restart(again: "first" | "last" | "none"): Opening {
    const message = this.sentMessages
    if (message === 0 || again === "none") return { kind: "from", again: null, message }
    return { kind: "from", again: again === "first" ? this.#first : this.#last, message }
  }

  /** The last whole message, where it was sent and is kept. */
  get #last(): Buffer | null {
    const { whole } = this.#cutter
    if (this.sentMessages < whole || this.#log.start >= whole) return null
    const from = this.#log.octetOf(whole - 1)
    return copyUnpooled(this.#log.from(from)!, 0, this.#unfinished - from)
  }

  // ---- To the present leg -----------------------------------------------------------------------------------------

  open(leg: Leg, list: HeaderList, isHead: boolean): Failure | null {
    const problem = headersProblem(leg, list)
    if (problem !== null) return problem
    const { opening } = this
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
    this.#legTaken = from
    if (again !== null) {
      leg.octetsSent += again.length
      this.#again = again.length
      this.sent(upstream.sendData(again, 0, again.length, false))
    }
    return isEmpty && endsBare ? null : this.#sendFrom(leg, from)
  }

  /** The leg's backend has the messages before position `message`: it is sent those from there on. */
  resume(leg: Leg, message: number): Failure | null {
    this.#isHeld = false
    const from = this.#log.octetOf(message)
    this.#legTaken = from
    this.#take(from)
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
    return this.#downstream.remoteEnded
  }

  receive(leg: Leg | null, octets: Buffer, start: number, end: number, endStream: boolean): void {
    const upstream = leg === null || this.#isHeld ? null : leg.upstream
    this.#received += end - start
    if (!this.#isOff) this.#keep(octets, start, end, upstream !== null)
    if (upstream === null) return
    leg!.octetsSent += end - start
    this.sent(upstream.sendData(octets, start, end, endStream))
  }

  receiveTrailers(leg: Leg | null, list: HeaderList): Failure | null {
    this.#trailers = cleanTrailers(list)
    const isOpen = leg !== null && leg.upstream !== null && !this.#isHeld
    return isOpen ? sendTrailers(leg, this.#trailers) : null
  }

  sent(octets: number): void {
    const again = Math.min(octets, this.#again)
    this.#again -= again
    this.#legTaken += octets - again
    this.#take(this.#legTaken)
  }

  /** Credit for what no leg has taken before. */
  #take(until: number): void {
    const due = until - this.#taken
    if (due <= 0) return
    this.#taken = until
    this.#downstream.consume(due)
  }

  get canEndLeg(): boolean {
    return !this.#isHeld && !this.#isEnded && this.#unfinished === this.#received
  }

  /** Ends the leg's request side though the client has not, where no message is cut by it. */
  endLeg(leg: Leg): boolean {
    if (!this.canEndLeg || leg.upstream === null) return false
    this.#isHeld = true
    leg.upstream.sendData(NO_OCTETS, 0, 0, true)
    return true
  }

  // ---- The log ----------------------------------------------------------------------------------------------------

  #keep(octets: Buffer, start: number, end: number, isSent: boolean): void {
    const log = this.#log
    const at = this.#received - (end - start)
    const cut = this.#cutter.scan(octets, start, end)
    if (cut >= 0) this.#unfinished = at + (cut - start)
    this.#trim(end - start)
    // Behind a message that was too large to be kept, its rest is not either.
    const skipped = Math.max(0, log.startOctet + log.length - at)
    if (skipped < end - start) log.push(octets, start + skipped, end)
    const isFirst = this.#plan.keepsFirst && this.#first === null && this.#cutter.whole > 0
    if (isFirst && log.start === 0) this.#first = this.#copyFirst()
    if (this.#taken - this.#unfinished > this.#plan.config.keepOctets) this.#drop()
    if (isSent) this.#mayReclaim()
  }

  /** All that is kept has been given to a leg. */
  #mayReclaim(): void {
    if (!this.#isReclaimable) this.#budget.reclaimable(this)
    this.#isReclaimable = true
  }

  #copyFirst(): Buffer | null {
    const octets = this.#log.from(0)!
    const length = this.#log.octetOf(1)
    return length > this.#plan.config.keepOctets ? null : copyUnpooled(octets, 0, length)
  }

  /** Makes room for `more` octets. */
  #trim(more: number): void {
    const { keepOctets, keepsLast } = this.#plan
    const log = this.#log
    if (log.length + more <= keepOctets) return
    const before = log.start
    log.trim(Math.max(0, keepOctets - more), this.#taken, this.#cutter.whole - (keepsLast ? 1 : 0))
    if (log.start > before && keepOctets > 0) this.#overflown()
  }

  #overflown(): void {
    if (!this.#hasOverflown) this.#counters.add(counterIds.continuity_log_exceeded)
    this.#hasOverflown = true
  }

  /** The client has all answers to the messages before `message`: they are not sent again. */
  answered(message: number): void {
    this.#log.trimTo(message, this.#taken)
  }

  /** Lets go of all that is kept; only where a leg is sent everything. */
  #drop(): void {
    this.#overflown()
    const { whole, isAtBoundary, messageOctets } = this.#cutter
    if (isAtBoundary) this.#log.clear(whole, this.#received)
    else if (messageOctets > 0) this.#log.clear(whole + 1, this.#unfinished + messageOctets)
  }

  reclaim(): void {
    this.#isReclaimable = false
    this.#first = null
    if (!this.#isOff) this.#drop()
  }

  keep(): void {
    this.#budget.pinned(this)
    this.#isReclaimable = false
  }

  /** The leg is over, and another follows: what it was to be sent again is not under way any more. */
  detach(): void {
    this.keep()
    this.#again = 0
    this.#isHeld = false
  }

  commit(): void {}

  handOver(): void {}

  /** No other leg follows. */
  turnOff(): void {
    this.#isOff = true
    this.forget()
  }

  forget(): void {
    this.keep()
    this.#first = null
    this.#log.clear(this.#cutter.whole, this.#received)
  }
}
