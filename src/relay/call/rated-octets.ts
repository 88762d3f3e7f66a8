import { type Counters, counterIds } from "../../base/counters.ts"
import { type Deadline, makeDeadline, type TimerWheel } from "../../base/timer-wheel.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import { OctetQueue } from "../../http2/octet-queue.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { HeldOctets } from "../overload/held-octets.ts"
import { type CallRates, takeOfAll } from "../route/message-rates.ts"

/** Of a message's prefix: a flag, and its length. */
const PREFIX_OCTETS = 5
/** A clock that is set while octets wait is noticed after so long. */
const LOOK_MS = 60_000

/** The call whose octets have a rate. */
export interface RatedCall {
  readonly isGrpc: boolean
  readonly context: {
    readonly deadlines: TimerWheel
    readonly budget: BufferBudget
    readonly counters: Counters
    readonly env: TemplateEnvironment
  }
}

/** Where octets go whose time has come. */
export interface RatedSink {
  /** How fast. */
  readonly rates: CallRates
  /** How often octets had to wait is counted here. */
  readonly counter: "messages_limited" | "answers_limited"
  /** `isLast`: behind them none waits. */
  pass(octets: Buffer, start: number, end: number, isLast: boolean): void
  /** None waits, or none any more. */
  onPassed(): void
  /** Some may pass by now: calls `pump`. */
  onDue(): void
}

/** Octets that one side of a call sends, in order and no faster than its rates: those that come too soon wait here. */
export class RatedOctets {
  readonly #call: RatedCall
  readonly #sink: RatedSink
  readonly #held: HeldOctets
  readonly #due: Deadline
  #queue: OctetQueue | null = null
  #drops = 0
  /** The message that comes next has its place already. */
  #isPaid = false
  /** Octets of a prefix, and then of a message, that are to come. */
  #prefixLeft: number
  #messageLeft: number

  /** `toCome`: of a message that began before there were rates. */
  constructor(
    call: RatedCall,
    sink: RatedSink,
    toCome: { readonly prefix: number; readonly message: number } | null,
  ) {
    this.#call = call
    this.#sink = sink
    this.#held = new HeldOctets(call.context.budget)
    this.#due = makeDeadline(() => sink.onDue())
    this.#prefixLeft = toCome?.prefix ?? 0
    this.#messageLeft = toCome?.message ?? 0
  }

  get isWaiting(): boolean {
    return this.#queue !== null
  }

  /** Octets that wait. */
  get waiting(): number {
    return this.#queue === null ? 0 : this.#queue.length
  }

  /** Octets of memory that hold them. */
  get heldOctets(): number {
    return this.#held.octets
  }

  /** Returns how many octets go nowhere: `drop` was called while others passed. */
  push(octets: Buffer, start: number, end: number): number {
    const drops = this.#drops
    const at = this.#queue === null ? this.#pass(octets, start, end, true) : start
    if (drops !== this.#drops) return end - at
    if (at < end) this.#hold(octets, at, end)
    else if (this.#queue === null) this.#sink.onPassed()
    return 0
  }

  /** Passes on what may pass by now. */
  pump(): void {
    while (this.#queue !== null) {
      const queue = this.#queue
      const { buffer, start, headLength, length } = queue
      const used = this.#pass(buffer, start, start + headLength, headLength === length) - start
      // The call may have ended meanwhile.
      if (this.#queue !== queue) return
      if (used > 0) queue.drop(used)
      if (queue.length === 0) break
      this.#count()
      if (used < headLength) return
    }
    this.#queue?.recycle()
    this.#queue = null
    this.#count()
    this.#sink.onPassed()
  }

  /** What waits goes nowhere. Returns how many octets it was. */
  drop(): number {
    const { waiting } = this
    this.#drops++
    this.#call.context.deadlines.cancel(this.#due)
    this.#queue?.recycle()
    this.#queue = null
    this.#count()
    return waiting
  }

  #hold(octets: Buffer, start: number, end: number): void {
    if (this.#queue === null) this.#call.context.counters.add(counterIds[this.#sink.counter])
    this.#queue ??= OctetQueue.obtain()
    this.#queue.push(octets, start, end)
    this.#queue.settle()
    this.#count()
  }

  #count(): void {
    this.#held.add((this.#queue?.capacity ?? 0) - this.#held.octets)
  }

  /** Hands on what may pass now. Returns where that ends; if early, `onDue` follows in time. */
  #pass(octets: Buffer, start: number, end: number, isLast: boolean): number {
    const nowMs = this.#call.context.env.clock.wallMs()
    let at = start
    while (at < end) {
      const passed = this.#piece(octets, at, end, nowMs)
      if (passed === 0) break
      at += passed
    }
    if (at > start) this.#sink.pass(octets, start, at, isLast && at === end)
    return at
  }

  /** Octets from `start` on that are of one message, and may pass; 0: none may, and it is known when to look again. */
  #piece(octets: Buffer, start: number, end: number, nowMs: number): number {
    const { messages, octets: octetRates } = this.#sink.rates
    const { isGrpc } = this.#call
    const isBoundary = isGrpc && this.#prefixLeft === 0 && this.#messageLeft === 0
    if (isBoundary && !this.#isPaid) {
      const waitMs = takeOfAll(messages, 1, nowMs)
      if (waitMs > 0) return this.#later(waitMs)
      this.#isPaid = true
    }
    const most = isGrpc ? this.#ofMessage(end - start, isBoundary) : end - start
    const waitMs = takeOfAll(octetRates, most, nowMs)
    if (waitMs > 0) return this.#later(waitMs)
    if (isGrpc) this.#advance(octets, start, start + most, isBoundary)
    return most
  }

  /** How many of the octets that come next are of the message that they begin in. */
  #ofMessage(available: number, isBoundary: boolean): number {
    const prefixLeft = isBoundary ? PREFIX_OCTETS : this.#prefixLeft
    if (prefixLeft > 0) return Math.min(prefixLeft, available)
    return Math.min(this.#messageLeft, available)
  }

  #advance(octets: Buffer, start: number, end: number, isBoundary: boolean): void {
    if (isBoundary) {
      this.#prefixLeft = PREFIX_OCTETS
      this.#isPaid = false
    }
    if (this.#prefixLeft === 0) {
      this.#messageLeft -= end - start
      return
    }
    for (let at = start; at < end; at++, this.#prefixLeft--)
      this.#messageLeft = this.#prefixLeft === PREFIX_OCTETS ? 0 : this.#messageLeft * 256 + octets[at]!
  }

  #later(waitMs: number): number {
    this.#call.context.deadlines.set(this.#due, Math.min(waitMs, LOOK_MS))
    return 0
  }
}
