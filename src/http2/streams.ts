import type { Limits } from "../base/limits.ts"
import type { BufferBudget } from "./buffer-budget.ts"
import { ErrorCode, type Fault } from "./error-code.ts"
import type { ConnectionEvents, Refusal, StreamEnd } from "./events.ts"
import { MAX_STREAM_ID } from "./frame/types.ts"
import type { Guard } from "./guard.ts"
import type { HeaderList } from "./header-list.ts"
import { Sender } from "./sender.ts"
import { Http2Stream } from "./stream.ts"
import { type Role, StreamTable } from "./stream-table.ts"
import { DEFAULT_WINDOW } from "./window.ts"

/** What the streams need of their connection. */
export interface StreamsHost {
  /** A stream has ended: a draining connection may be waiting for the last. */
  onStreamGone(): void
}

export interface StreamsOptions<Owner> {
  role: Role
  limits: Limits
  events: ConnectionEvents<Owner>
  guard: Guard
  budget: BufferBudget
  nowMs: number
  host: StreamsHost
}

/** The streams of one connection: how each begins, what credit its peer has, and how it ends. RFC 9113 §5. */
export class Streams<Owner> {
  readonly table: StreamTable<Owner>
  readonly sender: Sender<Owner>
  /** The caller's clock, as of the octets being read. */
  nowMs: number
  /** The peer may still open streams up to this one; later ones are ignored, as our GOAWAY said. */
  lastAcceptedStreamId = MAX_STREAM_ID
  readonly #role: Role
  readonly #events: ConnectionEvents<Owner>
  readonly #guard: Guard
  readonly #budget: BufferBudget
  readonly #host: StreamsHost
  readonly windowOctets: number
  #firstWindowOctets: number
  /** Of the stream that is being told of its client's fault; below zero: none is. */
  #faultCode = -1

  constructor(options: StreamsOptions<Owner>) {
    const { role, limits, events, guard, budget } = options
    this.#role = role
    this.#events = events
    this.#guard = guard
    this.#budget = budget
    this.#host = options.host
    this.nowMs = options.nowMs
    this.table = new StreamTable<Owner>(role)
    this.sender = new Sender<Owner>(this, events, guard, limits, budget)
    this.windowOctets = role === "server" ? limits.streamWindowOctets : limits.upstreamStreamWindowOctets
    this.#firstWindowOctets = Math.max(this.windowOctets, DEFAULT_WINDOW)
  }

  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: Owner): Http2Stream<Owner> {
    const stream = this.newStream(this.table.takeId())
    stream.owner = owner
    stream.isHead = isHead
    this.#guard.streamOpened()
    stream.sendHeaders(list, endStream)
    return stream
  }

  newStream(id: number): Http2Stream<Owner> {
    const { initialWindowSize } = this.sender.peer
    const stream = new Http2Stream<Owner>(this, id, initialWindowSize, this.#firstWindowOctets, this.nowMs)
    this.table.add(stream)
    return stream
  }

  ignoresLateFrames(id: number): boolean {
    return this.#role === "client" || id > this.lastAcceptedStreamId
  }

  /** Streams that are at fault are reset with the code of that, once, whatever their owners think of it. */
  resetStream(stream: Http2Stream<Owner>, code: number): void {
    this.sender.resetStream(stream.id, this.#faultCode < 0 ? code : this.#faultCode)
    this.table.closed.resetByUs(stream.id)
    this.#forget(stream)
    this.#host.onStreamGone()
  }

  endEarly(stream: Http2Stream<Owner>): void {
    if (stream.remoteEnded) this.sender.endNow(stream)
    else this.resetStream(stream, ErrorCode.NO_ERROR)
  }

  consume(stream: Http2Stream<Owner>, octets: number): void {
    const owed = stream.owedOctets + octets
    stream.owedOctets = owed
    if (owed * 2 < this.windowOctets) return
    if (this.#budget.isAboveHighWatermark && this.#heldOctets(stream) > 0)
      return this.#budget.withhold(stream)
    stream.owedOctets = 0
    stream.receiveOctets += owed
    this.sender.windowUpdate(stream.id, owed)
  }

  /** So many octets may come for it before credit is due, or a fault. */
  dataRoom({ receiveOctets, owedOctets, contentLengthLeft }: Http2Stream<Owner>): number {
    const untilDue = this.windowOctets / 2 - owedOctets - 1
    const room = Math.min(receiveOctets, untilDue)
    return contentLengthLeft < 0 ? room : Math.min(room, contentLengthLeft)
  }

  #heldOctets({ receiveOctets, owedOctets }: Http2Stream<Owner>): number {
    return this.#firstWindowOctets - receiveOctets - owedOctets
  }

  settingsAcked(): void {
    const delta = this.windowOctets - this.#firstWindowOctets
    this.#firstWindowOctets = this.windowOctets
    if (delta < 0) for (const stream of this.table.values()) stream.receiveOctets += delta
  }

  /** A request was refused that no honest client sends. One whose stream is at fault is charged for that. */
  chargePeer(): void {
    if (this.#faultCode >= 0) return
    this.#events.onLimit("abuse_refused")
    this.#guard.chargeLater(this.nowMs, "requests refused")
  }

  /** A client that has its whole answer owes us no more of its request, and may leave it as it likes. */
  isAnswered(stream: Http2Stream<Owner>): boolean {
    return this.#role === "server" && stream.localEnded && stream.queue === null
  }

  malformed(stream: Http2Stream<Owner>, reason: string, limit = "header_malformed"): Fault | null {
    if (!this.isAnswered(stream)) this.#events.onLimit(limit)
    return this.streamError(stream, ErrorCode.PROTOCOL_ERROR, reason)
  }

  /** A request is refused as it comes: answered by its user, if at all, then reset with the code of the fault. */
  refuse(stream: Http2Stream<Owner>, list: HeaderList, why: Refusal, code: number): Fault | null {
    this.#events.onLimit(why.counter)
    stream.headReceived = true
    this.#faultCode = answeredCode(code)
    this.#events.onRefusedRequest(stream, list, why)
    return this.#endFaulty(stream, code, why.reason)
  }

  /** Ends a stream for its peer's fault. A client that has yet to get its answer gets one before the reset. */
  streamError(stream: Http2Stream<Owner>, code: number, reason: string): Fault | null {
    if (this.isAnswered(stream) && !stream.remoteEnded) {
      this.#reset(stream, code, reason)
      return null
    }
    const mayAnswer =
      this.#role === "server" && stream.owner !== null && !stream.localEnded && !stream.remoteEnded
    if (mayAnswer) {
      // What waits for credit would wait behind the reset.
      stream.discardQueued()
      this.#faultCode = answeredCode(code)
      this.#events.onRequestFault(stream, code, reason)
    }
    return this.#endFaulty(stream, code, reason)
  }

  #endFaulty(stream: Http2Stream<Owner>, code: number, reason: string): Fault | null {
    this.#faultCode = -1
    if (!stream.isClosed) this.#reset(stream, stream.localEnded ? answeredCode(code) : code, reason)
    this.#events.onLimit("abuse_made_to_reset")
    return this.#role === "server" ? this.#guard.charge(this.nowMs, "streams that had to be reset") : null
  }

  #reset(stream: Http2Stream<Owner>, code: number, reason: string): void {
    this.sender.resetStream(stream.id, code)
    this.table.closed.resetByUs(stream.id)
    this.endStream(stream, { code, origin: "local", unprocessed: false, reason })
  }

  endStream(stream: Http2Stream<Owner>, end: StreamEnd): void {
    if (stream.isClosed) return
    this.#forget(stream)
    if (stream.owner !== null) this.#events.onReset(stream, end)
    this.#host.onStreamGone()
  }

  finishIfBothEnded(stream: Http2Stream<Owner>): void {
    if (stream.localEnded && stream.queue === null && !stream.isClosed) this.#finish(stream)
  }

  onLocalEnd(stream: Http2Stream<Owner>): void {
    if (stream.remoteEnded) this.#finish(stream)
  }

  #finish(stream: Http2Stream<Owner>): void {
    this.table.closed.ended(stream.id)
    this.#forget(stream)
    this.#host.onStreamGone()
  }

  #forget(stream: Http2Stream<Owner>): void {
    stream.isClosed = true
    this.table.delete(stream.id)
    this.sender.forget(stream)
    this.#budget.forget(stream)
  }
}

/** A list that is too large is no breach of the protocol: a client that was told so must not throw the answer away. */
function answeredCode(code: number): number {
  return code === ErrorCode.ENHANCE_YOUR_CALM ? ErrorCode.NO_ERROR : code
}
