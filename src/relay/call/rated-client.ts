import { type Counters, counterIds } from "../../base/counters.ts"
import { type Deadline, makeDeadline, type TimerWheel } from "../../base/timer-wheel.ts"
import type { MessageScanner } from "../../grpc/message-scanner.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { OctetQueue } from "../../http2/octet-queue.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { HeldOctets } from "../overload/held-octets.ts"
import { type CallRates, takeOfAll } from "../route/message-rates.ts"
import type { DownstreamStream } from "./stream-owner.ts"

const NO_OCTETS = Buffer.alloc(0)
/** Of a message's prefix: a flag, and its length. */
const PREFIX_OCTETS = 5
/** A clock that is set while octets wait is noticed after so long. */
const LOOK_MS = 60_000

/** The call that is told of what may pass. */
export interface RatedCall {
  readonly isGrpc: boolean
  readonly context: {
    readonly deadlines: TimerWheel
    readonly budget: BufferBudget
    readonly counters: Counters
    readonly env: TemplateEnvironment
  }
  onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void
  onRequestTrailers(list: HeaderList): void
}

/**
 * A client's stream that sends no faster than its route lets it: messages that come too soon wait here. Credit is
 * given for what has passed, so a client has no more than its window here, and none for more.
 */
export class RatedClient implements DownstreamStream {
  readonly #stream: DownstreamStream
  readonly #call: RatedCall
  readonly #rates: CallRates
  readonly #held: HeldOctets
  readonly #due: Deadline = makeDeadline(() => this.#pump())
  #queue: OctetQueue | null = null
  /** The call is being told of what may pass. */
  #isPassing = false
  /** The client has ended its request, and the call was told. */
  #isEndPassed: boolean
  /** It ends behind what waits. */
  #endsBehind = false
  #trailers: HeaderList | null = null
  /** The message that comes next has its place already. */
  #isPaid = false
  /** Octets of a prefix, and then of a message, that are to come. */
  #prefixLeft: number
  #messageLeft: number

  /** `scanner`: has seen what came before the route was known, which passed; null: that ended between messages. */
  constructor(
    stream: DownstreamStream,
    call: RatedCall,
    rates: CallRates,
    scanner: MessageScanner | null = null,
  ) {
    const toCome = scanner?.toCome
    this.#prefixLeft = toCome?.prefix ?? 0
    this.#messageLeft = toCome?.message ?? 0
    this.#stream = stream
    this.#call = call
    this.#rates = rates
    this.#held = new HeldOctets(call.context.budget)
    this.#isEndPassed = stream.remoteEnded
  }

  /** False: the call is to take it. True: it has been told of what may pass, and hears of the rest in time. */
  receive(octets: Buffer, start: number, end: number, endStream: boolean): boolean {
    if (this.#isPassing) return false
    this.#endsBehind ||= endStream
    const at = this.#queue === null ? this.#pass(octets, start, end) : start
    if (at < end) this.#hold(octets, at, end)
    else if (this.#queue === null) this.#passEnd()
    return true
  }

  receiveTrailers(list: HeaderList): boolean {
    if (this.#isPassing || this.#queue === null) {
      this.#isEndPassed = true
      return false
    }
    this.#trailers = list
    return true
  }

  get heldOctets(): number {
    return this.#held.octets
  }

  /** The call is over: what waits goes nowhere, and the connection gets its credit back. */
  close(): void {
    this.#call.context.deadlines.cancel(this.#due)
    const waiting = this.#queue?.length ?? 0
    this.#queue?.recycle()
    this.#queue = null
    this.#held.release()
    this.#isEndPassed = true
    if (waiting > 0) this.#stream.consume(waiting)
  }

  #hold(octets: Buffer, start: number, end: number): void {
    if (this.#queue === null) this.#call.context.counters.add(counterIds.messages_limited)
    this.#queue ??= OctetQueue.obtain()
    this.#queue.push(octets, start, end)
    this.#queue.settle()
    this.#count()
  }

  #count(): void {
    this.#held.add((this.#queue?.capacity ?? 0) - this.#held.octets)
  }

  #pump(): void {
    while (this.#queue !== null) {
      const queue = this.#queue
      const { buffer, start, headLength } = queue
      const used = this.#pass(buffer, start, start + headLength) - start
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
    this.#passEnd()
  }

  /** Tells the call of what may pass now. Returns where that ends; if early, it goes on by itself in time. */
  #pass(octets: Buffer, start: number, end: number): number {
    const nowMs = this.#call.context.env.clock.wallMs()
    let at = start
    while (at < end) {
      const passed = this.#piece(octets, at, end, nowMs)
      if (passed === 0) break
      at += passed
    }
    const isEnd =
      at === end && this.#endsBehind && (this.#queue === null || this.#queue.length === end - start)
    if (at > start) this.#tell(octets, start, at, isEnd && this.#trailers === null)
    return at
  }

  /** Octets from `start` on that are of one message, and may pass; 0: none may, and it is known when to look again. */
  #piece(octets: Buffer, start: number, end: number, nowMs: number): number {
    const { messages, octets: octetRates } = this.#rates
    const isGrpc = this.#call.isGrpc
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

  #passEnd(): void {
    const trailers = this.#trailers
    if (this.#isEndPassed) return
    if (trailers === null) {
      if (this.#endsBehind) this.#tell(NO_OCTETS, 0, 0, true)
      return
    }
    this.#trailers = null
    this.#isEndPassed = true
    this.#isPassing = true
    this.#call.onRequestTrailers(trailers)
    this.#isPassing = false
  }

  #tell(octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (endStream) this.#isEndPassed = true
    this.#isPassing = true
    this.#call.onRequestData(octets, start, end, endStream)
    this.#isPassing = false
  }

  // ---- DownstreamStream ---------------------------------------------------------------------------------------

  get isClosed(): boolean {
    return this.#stream.isClosed
  }

  get localEnded(): boolean {
    return this.#stream.localEnded
  }

  get remoteEnded(): boolean {
    return this.#isEndPassed && this.#stream.remoteEnded
  }

  /** What the client has sent is not all told to the call: its silence is of our making. */
  get isWithheld(): boolean {
    return this.#queue !== null
  }

  get queuedOctets(): number {
    return this.#stream.queuedOctets
  }

  get headerListMax(): number {
    return this.#stream.headerListMax
  }

  sendHeaders(list: HeaderList, endStream: boolean): void {
    this.#stream.sendHeaders(list, endStream)
  }

  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number {
    return this.#stream.sendData(octets, start, end, endStream)
  }

  discardQueued(): void {
    this.#stream.discardQueued()
  }

  consume(octets: number): void {
    this.#stream.consume(octets)
  }

  reset(code: number): void {
    this.#stream.reset(code)
  }

  endConnection(): void {
    this.#stream.endConnection?.()
  }

  chargePeer(): void {
    this.#stream.chargePeer()
  }
}
