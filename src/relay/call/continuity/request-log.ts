import { counterIds } from "../../../base/counters.ts"
import type { FieldValue } from "../../../grpc/field-path.ts"
import { MessageCutter } from "../../../grpc/message-cutter.ts"
import { countWhole } from "../../../grpc/message-scanner.ts"
import { copyUnpooled } from "../../../http2/own-octets.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import { type LogContext, MessageLog } from "./message-log.ts"
import { withToken } from "./with-token.ts"

/** The call whose request it is. */
export interface RequestLogOwner {
  readonly context: LogContext
  readonly plan: ContinuityPlan
}

/** What most logs never need. */
class RareParts {
  /** The message that the next leg begins with, which is still to be opened: from there on none leaves. -1: no leg is. */
  neededFrom = -1
  first: Buffer | null = null
  /** Made when octets first end within a message. */
  cutter: MessageCutter | null = null
  /** The oldest leave where more than is kept would make the client wait. */
  isSped = false
  hasOverflown = false
}

/**
 * What is kept of a request as its route has it: which messages stay, and which leave when more come.
 *
 * Cost: each of the streams that stay open for days has one. So it is one object with the request, has no private method,
 * which would be 8 octets more, and what few need is made when they do. A log that all messages have left is given up.
 */
export class RequestLog<Owner extends RequestLogOwner = RequestLogOwner> {
  /** Octets that came, and how many of them some leg has taken. */
  received = 0
  taken = 0
  /** Where the message begins that is not yet whole. */
  unfinished = 0
  /** Whole messages that came. */
  #whole = 0
  protected readonly owner: Owner
  /** Null: nothing is kept, and what comes begins with a message. */
  #kept: MessageLog | null = null
  #rare: RareParts | null = null

  constructor(owner: Owner) {
    this.owner = owner
  }

  // ---- What is in it ----------------------------------------------------------------------------------------------

  /** Messages before the first one here. */
  get start(): number {
    return this.#kept === null ? this.#whole : this.#kept.start
  }

  get heldOctets(): number {
    return (this.#kept === null ? 0 : this.#kept.length) + (this.first === null ? 0 : this.first.length)
  }

  /** The client's first message, where the route keeps it and it is whole. */
  get first(): Buffer | null {
    return this.#rare === null ? null : this.#rare.first
  }

  /** Whole messages that some leg has taken. */
  get sentMessages(): number {
    const kept = this.#kept
    return kept === null ? this.#whole : Math.min(this.#whole, kept.start + kept.wholeUntil(this.taken))
  }

  /** Where message `message` begins, counted from the first octet of the call. It must be kept, or be the next to come. */
  octetOf(message: number): number {
    return this.#kept === null ? this.received : this.#kept.octetOf(message)
  }

  /** What is kept from octet `octet` on. Valid until the log changes. */
  from(octet: number): Buffer | null {
    return this.#kept === null ? null : this.#kept.from(octet)
  }

  /** The first message with a resume token in it; null: none is kept, or it cannot be. */
  firstWith(token: FieldValue | null): Buffer | null {
    const { first } = this
    return token === null || first === null ? null : withToken(first, this.owner.plan.cursor!.into, token)
  }

  /** The last whole message, where it is among the first `sent` and is kept. */
  last(sent: number): Buffer | null {
    const whole = this.#whole
    if (sent < whole || this.start >= whole) return null
    const from = this.octetOf(whole - 1)
    return copyUnpooled(this.from(from)!, 0, this.unfinished - from)
  }

  /** More than is kept makes the client wait, and not the oldest leave. */
  protected get isSlow(): boolean {
    return this.owner.plan.isSlow && this.#rare?.isSped !== true
  }

  /** What follows a whole message that is kept may have to wait until that has left: the octet up to which none does. */
  get creditMost(): number {
    const kept = this.#kept
    const isBounded = this.isSlow && kept !== null && kept.start < this.#whole
    return isBounded ? kept.startOctet + this.owner.plan.keepOctets : Number.POSITIVE_INFINITY
  }

  protected get rest(): RareParts {
    return (this.#rare ??= new RareParts())
  }

  /** From this message on none leaves, until the leg has opened that begins with it; -1: it has. */
  get neededFrom(): number {
    return this.#rare === null ? -1 : this.#rare.neededFrom
  }

  set neededFrom(message: number) {
    if (message >= 0 || this.#rare !== null) this.rest.neededFrom = message
  }

  // ---- What comes, and what leaves --------------------------------------------------------------------------------

  add(octets: Buffer, start: number, end: number): void {
    const { plan, context } = this.owner
    const at = this.received
    const kept = (this.#kept ??= MessageLog.obtain(context, this.#whole, at))
    this.received += end - start
    const cut = this.scan(octets, start, end)
    if (cut >= 0) this.unfinished = at + (cut - start)
    this.trim(kept, end - start)
    // Behind a message that was too large to be kept, its rest is not either.
    const skipped = Math.max(0, kept.startOctet + kept.length - at)
    if (skipped < end - start) kept.push(octets, start + skipped, end, plan.keepOctets)
    if (plan.keepsFirst && this.first === null && this.#whole > 0 && this.start === 0) this.keepFirst()
    if (this.taken - this.unfinished > plan.config.keepOctets && this.neededFrom < 0) this.drop()
    this.settle()
  }

  /** What has been taken leaves, where nothing is to be kept. */
  dropTaken(): void {
    if (this.#kept === null || this.owner.plan.keepOctets > 0) return
    this.trim(this.#kept, 0)
    this.settle()
  }

  /** Gives up a log that all has left. */
  protected settle(): void {
    const kept = this.#kept
    if (kept === null || kept.length > 0 || kept.startOctet !== this.received) return
    if (kept.start !== this.#whole) return
    this.#kept = null
    kept.recycle()
  }

  /** Where the last message of what came ends; -1: none does. */
  protected scan(octets: Buffer, start: number, end: number): number {
    const whole = this.#rare?.cutter?.isAtBoundary === false ? -1 : countWhole(octets, start, end)
    if (whole >= 0) {
      this.#whole += whole
      return whole === 0 ? -1 : end
    }
    const cutter = (this.rest.cutter ??= new MessageCutter())
    const before = cutter.whole
    const cut = cutter.scan(octets, start, end)
    this.#whole += cutter.whole - before
    return cut
  }

  protected keepFirst(): void {
    const length = this.octetOf(1)
    if (length > this.owner.plan.config.keepOctets) return
    this.rest.first = copyUnpooled(this.from(0)!, 0, length)
    this.owner.context.budget.add(length)
  }

  dropFirst(): void {
    const { first } = this
    if (first === null) return
    this.rest.first = null
    this.owner.context.budget.add(-first.length)
  }

  /** Makes room for `more` octets. */
  protected trim(kept: MessageLog, more: number): void {
    const { keepOctets, keepsLast, leaveOctets } = this.owner.plan
    if (this.isSlow || kept.length + more <= keepOctets) return
    const before = kept.start
    const sent = this.#whole - (keepsLast ? 1 : 0)
    const { neededFrom } = this
    const least = neededFrom < 0 ? sent : Math.min(neededFrom, sent)
    kept.trim(Math.max(0, keepOctets - more - leaveOctets), this.taken, least)
    if (kept.start > before && keepOctets > 0) this.overflown()
  }

  /** From now on the oldest leave. */
  speedUp(): void {
    this.rest.isSped = true
    if (this.#kept !== null) this.trim(this.#kept, 0)
    this.settle()
  }

  protected overflown(): void {
    if (this.#rare?.hasOverflown === true) return
    this.rest.hasOverflown = true
    this.owner.context.counters.add(counterIds.continuity_log_exceeded)
  }

  /** Messages before `message` are not sent again: they were answered, or are in the backend's state. */
  done(message: number): void {
    this.#kept?.trimTo(message, this.taken)
    this.settle()
  }

  /** Lets go of all that is kept; only where a leg is sent everything. */
  drop(): void {
    if (this.#kept === null) return
    this.overflown()
    const cutter = this.#rare!.cutter
    if (cutter === null || cutter.isAtBoundary) this.#kept.clear(this.#whole, this.received)
    else if (cutter.messageOctets > 0)
      this.#kept.clear(this.#whole + 1, this.unfinished + cutter.messageOctets)
    this.settle()
  }

  /** Nothing is kept any more. */
  forget(): void {
    this.dropFirst()
    this.#kept?.clear(this.#whole, this.received)
    this.settle()
  }
}
