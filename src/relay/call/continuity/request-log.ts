import { counterIds } from "../../../base/counters.ts"
import type { FieldValue } from "../../../grpc/field-path.ts"
import { MessageCutter } from "../../../grpc/message-cutter.ts"
import { countWhole } from "../../../grpc/message-scanner.ts"
import { copyUnpooled } from "../../../http2/own-octets.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import { type LogContext, MessageLog } from "./message-log.ts"
import { withToken } from "./with-token.ts"

/**
 * What is kept of a request as its route has it: which messages stay, and which leave when more come.
 *
 * Cost: each of the streams that stay open for days has one, so it is one object with its log, and holds little else.
 */
export class RequestLog extends MessageLog {
  /** Octets that came. */
  received = 0
  /** Where the message begins that is not yet whole. */
  unfinished = 0
  /** The message that the next leg begins with, which is still to be opened: from there on none leaves. -1: no leg is. */
  neededFrom = -1
  readonly #plan: ContinuityPlan
  #first: Buffer | null = null
  /** Whole messages that came. */
  #whole = 0
  /** Made when octets first end within a message, which most never do. */
  #cutter: MessageCutter | null = null
  /** The oldest leave where more than is kept would make the client wait. */
  #isSped = false
  #hasOverflown = false

  constructor(context: LogContext, plan: ContinuityPlan) {
    super(context)
    this.#plan = plan
  }

  get forgetsReceived(): boolean {
    return this.#plan.forgetsReceived
  }

  // ---- What is in it ----------------------------------------------------------------------------------------------

  get heldOctets(): number {
    return this.length + (this.#first === null ? 0 : this.#first.length)
  }

  /** The client's first message, where the route keeps it and it is whole. */
  get first(): Buffer | null {
    return this.#first
  }

  /** Whole messages that end at or before octet `taken`. */
  wholeMessages(taken: number): number {
    return Math.min(this.#whole, this.start + this.wholeUntil(taken))
  }

  /** The first message with a resume token in it; null: none is kept, or it cannot be. */
  firstWith(token: FieldValue | null): Buffer | null {
    if (token === null || this.#first === null) return null
    return withToken(this.#first, this.#plan.cursor!.into, token)
  }

  /** The last whole message, where it is among the first `sent` and is kept. */
  last(sent: number): Buffer | null {
    const whole = this.#whole
    if (sent < whole || this.start >= whole) return null
    const from = this.octetOf(whole - 1)
    return copyUnpooled(this.from(from)!, 0, this.unfinished - from)
  }

  /** More than is kept makes the client wait, and not the oldest leave. */
  get #isSlow(): boolean {
    return this.#plan.isSlow && !this.#isSped
  }

  /** What follows a whole message that is kept may have to wait until that has left: the octet up to which none does. */
  get creditMost(): number {
    const isBounded = this.#isSlow && this.start < this.#whole
    return isBounded ? this.startOctet + this.#plan.keepOctets : Number.POSITIVE_INFINITY
  }

  // ---- What comes, and what leaves. `taken`: the octets of the call that some leg has taken -----------------------

  keep(octets: Buffer, start: number, end: number, taken: number): void {
    const at = this.received
    this.received += end - start
    const cut = this.#scan(octets, start, end)
    if (cut >= 0) this.unfinished = at + (cut - start)
    this.#trim(end - start, taken)
    // Behind a message that was too large to be kept, its rest is not either.
    const skipped = Math.max(0, this.startOctet + this.length - at)
    if (skipped < end - start) this.push(octets, start + skipped, end, this.#plan.keepOctets)
    const isFirst = this.#plan.keepsFirst && this.#first === null && this.#whole > 0
    if (isFirst && this.start === 0) this.#keepFirst()
    if (taken - this.unfinished > this.#plan.config.keepOctets) this.drop()
  }

  /** Where the last message of what came ends; -1: none does. */
  #scan(octets: Buffer, start: number, end: number): number {
    const whole = this.#cutter?.isAtBoundary === false ? -1 : countWhole(octets, start, end)
    if (whole >= 0) {
      this.#whole += whole
      return whole === 0 ? -1 : end
    }
    const cutter = (this.#cutter ??= new MessageCutter())
    const before = cutter.whole
    const cut = cutter.scan(octets, start, end)
    this.#whole += cutter.whole - before
    return cut
  }

  #keepFirst(): void {
    const length = this.octetOf(1)
    if (length > this.#plan.config.keepOctets) return
    this.#first = copyUnpooled(this.from(0)!, 0, length)
    this.context.budget.add(length)
  }

  dropFirst(): void {
    if (this.#first === null) return
    this.context.budget.add(-this.#first.length)
    this.#first = null
  }

  /** Makes room for `more` octets. */
  #trim(more: number, taken: number): void {
    const { keepOctets, keepsLast, leaveOctets } = this.#plan
    if (this.#isSlow || this.length + more <= keepOctets) return
    const before = this.start
    const sent = this.#whole - (keepsLast ? 1 : 0)
    const least = this.neededFrom < 0 ? sent : Math.min(this.neededFrom, sent)
    this.trim(Math.max(0, keepOctets - more - leaveOctets), taken, least)
    if (this.start > before && keepOctets > 0) this.#overflown()
  }

  /** From now on the oldest leave. */
  speedUp(taken: number): void {
    this.#isSped = true
    this.#trim(0, taken)
  }

  #overflown(): void {
    if (!this.#hasOverflown) this.context.counters.add(counterIds.continuity_log_exceeded)
    this.#hasOverflown = true
  }

  /** Messages before `message` are not sent again: they were answered, or are in the backend's state. */
  done(message: number, taken: number): void {
    this.trimTo(message, taken)
  }

  /** Lets go of all that is kept; only where a leg is sent everything. */
  drop(): void {
    this.#overflown()
    const cutter = this.#cutter
    if (cutter === null || cutter.isAtBoundary) this.clear(this.#whole, this.received)
    else if (cutter.messageOctets > 0) this.clear(this.#whole + 1, this.unfinished + cutter.messageOctets)
  }

  /** Nothing is kept any more. */
  forget(): void {
    this.dropFirst()
    this.clear(this.#whole, this.received)
  }
}
