import type { Limits } from "../base/limits.ts"
import type { BufferBudget } from "./buffer-budget.ts"
import { ErrorCode, type Fault } from "./error-code.ts"
import type { ConnectionEvents, StreamEnd } from "./events.ts"
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

  isForgotten(id: number): boolean {
    return this.#role === "client" || id > this.lastAcceptedStreamId
  }

  resetStream(stream: Http2Stream<Owner>, code: number): void {
    this.sender.resetStream(stream.id, code)
    this.table.closed.resetByUs(stream.id)
    this.#forget(stream)
    this.#host.onStreamGone()
  }

  consume(stream: Http2Stream<Owner>, octets: number): void {
    const owed = stream.owedOctets + octets
    stream.owedOctets = owed
    if (owed * 2 < this.windowOctets) return
    if (this.#budget.isTight && this.#heldOctets(stream) > 0) return this.#budget.withhold(stream)
    stream.owedOctets = 0
    stream.receiveOctets += owed
    this.sender.windowUpdate(stream.id, owed)
  }

  #heldOctets({ receiveOctets, owedOctets }: Http2Stream<Owner>): number {
    return this.#firstWindowOctets - receiveOctets - owedOctets
  }

  settingsAcked(): void {
    const delta = this.windowOctets - this.#firstWindowOctets
    this.#firstWindowOctets = this.windowOctets
    if (delta < 0) for (const stream of this.table.values()) stream.receiveOctets += delta
  }

  /** From within an event, or a timer: the connection error is due with the next request that comes. */
  chargePeer(): void {
    this.#events.onLimit("abuse_made_to_reset")
    this.#guard.chargeLater(this.nowMs, "requests that had to be broken off")
  }

  malformed(stream: Http2Stream<Owner>, reason: string, limit = "header_malformed"): Fault | null {
    this.#events.onLimit(limit)
    return this.streamError(stream, ErrorCode.PROTOCOL_ERROR, reason)
  }

  streamError(stream: Http2Stream<Owner>, code: number, reason: string): Fault | null {
    this.sender.resetStream(stream.id, code)
    this.table.closed.resetByUs(stream.id)
    this.abandon(stream, { code, origin: "local", unprocessed: false, reason })
    this.#events.onLimit("abuse_made_to_reset")
    return this.#role === "server" ? this.#guard.charge(this.nowMs, "streams that had to be reset") : null
  }

  abandon(stream: Http2Stream<Owner>, end: StreamEnd): void {
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
