import type { Limits } from "../limits.ts"
import { BufferBudget } from "./buffer-budget.ts"
import { ErrorCode, type Fault, protocolError } from "./error-code.ts"
import type { ConnectionEvents, StreamEnd } from "./events.ts"
import { Setting } from "./frame/settings.ts"
import { CLIENT_PREFACE, MAX_STREAM_ID } from "./frame/types.ts"
import { Guard } from "./guard.ts"
import type { HeaderList } from "./header-list.ts"
import type { Output } from "./output.ts"
import { Receiver } from "./receiver.ts"
import { Sender } from "./sender.ts"
import { Http2Stream } from "./stream.ts"
import { type Role, StreamTable } from "./stream-table.ts"
import { DEFAULT_WINDOW } from "./window.ts"

export interface ConnectionOptions<Owner> {
  role: Role
  limits: Limits
  events: ConnectionEvents<Owner>
  /** Milliseconds of the caller's clock; the same clock as in `receive` and `tick`. */
  nowMs: number
  /** Server: SETTINGS_MAX_CONCURRENT_STREAMS, where not `limits.streamsMax`. */
  maxConcurrentStreams?: number
  /** For a whole header block, where not `limits.headerBlockTimeoutMs`. */
  headerBlockTimeoutMs?: number
  /** Shared by all connections of a process. Default: one of its own. */
  budget?: BufferBudget
}

/** How a connection ended. */
export interface ConnectionEnding {
  readonly reason: string
  readonly streamsLost: number
}

const NOT_ENDED: ConnectionEnding = { reason: "", streamsLost: 0 }
const KEEPALIVE_PING = Buffer.from("keepaliv", "latin1")
const DRAIN_PING = Buffer.from("draining", "latin1")

/**
 * One HTTP/2 connection, either role, without a socket, a clock or a timer: octets come in by `receive`, events go out;
 * calls come in, octets gather in `output`. RFC 9113.
 *
 * This is its life and its streams; `Receiver` reads, `Sender` writes. Peer faults never throw: each ends its stream by
 * RST_STREAM or the connection by GOAWAY, with the RFC's code.
 */
export class Http2Connection<Owner> {
  readonly role: Role
  readonly sender: Sender<Owner>
  readonly #receiver: Receiver<Owner>
  readonly #table: StreamTable<Owner>
  readonly #guard: Guard
  readonly #budget: BufferBudget
  readonly #events: ConnectionEvents<Owner>
  readonly #limits: Limits
  readonly #maxConcurrentStreams: number
  readonly #streamWindowOctets: number
  /** What a new stream's peer may send: never less than it believes, as long as it may not have seen our SETTINGS. */
  #firstWindowOctets: number
  #goawaySentLast = MAX_STREAM_ID
  #goawayReceivedLast = MAX_STREAM_ID
  #isDraining = false
  #isPeerDraining = false
  #isDrainPinged = false
  /** When `tick` first saw the drain's PING unanswered. */
  #drainSeenMs = Number.POSITIVE_INFINITY
  #isClosed = false
  #ending = NOT_ENDED

  constructor(options: ConnectionOptions<Owner>) {
    const { role, limits, events, nowMs } = options
    const maxConcurrentStreams = options.maxConcurrentStreams ?? limits.streamsMax
    this.role = role
    this.#limits = limits
    this.#events = events
    this.#maxConcurrentStreams = maxConcurrentStreams
    this.#streamWindowOctets =
      role === "server" ? limits.streamWindowOctets : limits.upstreamStreamWindowOctets
    this.#firstWindowOctets = Math.max(this.#streamWindowOctets, DEFAULT_WINDOW)
    this.#table = new StreamTable<Owner>(role)
    this.#guard = new Guard(limits, nowMs)
    this.#budget = options.budget ?? new BufferBudget(limits)
    this.sender = new Sender<Owner>(this, limits, this.#budget)
    const { sender } = this
    const parts = {
      role,
      limits,
      events,
      nowMs,
      sender,
      maxConcurrentStreams,
      headerBlockTimeoutMs: options.headerBlockTimeoutMs ?? limits.headerBlockTimeoutMs,
      table: this.#table,
      guard: this.#guard,
    }
    this.#receiver = new Receiver<Owner>(this, parts)
  }

  // ---- What its user may ask ----------------------------------------------------------------------------------

  get output(): Output {
    return this.sender.output
  }

  get streams(): { readonly size: number; values(): Http2Stream<Owner>[] } {
    return this.#table
  }

  /** Nothing more will be read or sent. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Why it ended and how many streams ended with it; meaningful once `isClosed`. */
  get ending(): ConnectionEnding {
    return this.#ending
  }

  /** GOAWAY was sent or came: open no new streams. */
  get isDraining(): boolean {
    return this.#isDraining || this.#isPeerDraining
  }

  /** The peer's SETTINGS have come: for a client, that the other end speaks HTTP/2 at all. */
  get isReady(): boolean {
    return this.#receiver.isReady
  }

  /** How many streams the peer lets us have open, those already open included. */
  get peerMaxConcurrentStreams(): number {
    return this.sender.peer.maxConcurrentStreams
  }

  get streamIdsLeft(): number {
    return this.#table.idsLeft
  }

  /** The socket's owner should not read on before the peer has taken more of what waits for it. */
  get shouldPauseReading(): boolean {
    const { output } = this.sender
    return (
      output.unsentOctets >= 2 * this.#limits.unsentOctetsMax ||
      output.controlFrames >= this.#limits.controlFramesQueuedMax
    )
  }

  // ---- What its user may do -----------------------------------------------------------------------------------

  /** Sends the preface: RFC 9113 §3.4. */
  start(): void {
    const { sender } = this
    const limits = this.#limits
    const isServer = this.role === "server"
    if (!isServer) sender.output.raw(CLIENT_PREFACE)
    sender.settings([
      [Setting.HEADER_TABLE_SIZE, limits.headerTableOctets],
      isServer ? [Setting.MAX_CONCURRENT_STREAMS, this.#maxConcurrentStreams] : [Setting.ENABLE_PUSH, 0],
      [Setting.INITIAL_WINDOW_SIZE, this.#streamWindowOctets],
      [Setting.MAX_FRAME_SIZE, limits.frameOctets],
      [Setting.MAX_HEADER_LIST_SIZE, limits.headerListOctets],
      [Setting.NO_RFC7540_PRIORITIES, 1],
    ])
    const more = limits.connectionWindowOctets - DEFAULT_WINDOW
    if (more > 0) sender.windowUpdate(0, more)
  }

  /** Client: opens a stream. Call only while `isReady`, not draining, and under the peer's limit. */
  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: Owner): Http2Stream<Owner> {
    const stream = this.newStream(this.#table.takeId())
    stream.owner = owner
    stream.isHead = isHead
    this.#guard.streamOpened()
    stream.sendHeaders(list, endStream)
    return stream
  }

  /** The socket is up since `nowMs`, later than the constructor was told: the handshake's time limits count from here. */
  connected(nowMs: number): void {
    this.#receiver.connected(nowMs)
  }

  /** Reads octets that came. They may be reused after the call. */
  receive(octets: Buffer, start: number, end: number, nowMs: number): void {
    if (!this.#isClosed) this.#receiver.receive(octets, start, end, nowMs)
  }

  /** The peer has closed its side of the socket, or the socket broke. */
  receiveEnd(reason: string): void {
    this.#close(null, reason, ErrorCode.CONNECT_ERROR)
  }

  /** The kernel took what was congested: streams that wait may go on. */
  drained(): void {
    if (!this.#isClosed) this.sender.flushWaiting()
  }

  /**
   * To be called about once a second: the time limits of the handshake, of header blocks and of a drain's PING. `isDeaf`:
   * we do not read what the peer sends, so it is late with neither of the first two.
   */
  tick(nowMs: number, isDeaf = false): void {
    if (this.#isClosed) return
    if (isDeaf) this.#receiver.excuse(nowMs)
    const due = this.#receiver.overdue(nowMs)
    if (due !== null) return this.fail(due)
    if (!this.#isDrainPinged) return
    this.#drainSeenMs = Math.min(this.#drainSeenMs, nowMs)
    if (nowMs - this.#drainSeenMs > this.#limits.drainTimeoutMs) this.#drainAnswered()
  }

  /** Asks for a sign of life; `onPong` tells of it. */
  ping(): void {
    if (!this.#isClosed) this.sender.ping(KEEPALIVE_PING, false)
  }

  /**
   * Ends the connection without loss: GOAWAY(2^31-1), a PING round trip, GOAWAY(last), and the end once the streams
   * have ended. Source: RFC 9113 §6.8.
   */
  drain(reason: string): void {
    if (this.#isClosed || this.#isDraining) return
    this.#isDraining = true
    if (this.role === "server") {
      this.#isDrainPinged = true
      this.sender.goaway(MAX_STREAM_ID, ErrorCode.NO_ERROR, reason)
      this.sender.ping(DRAIN_PING, false)
    } else {
      this.sender.goaway(0, ErrorCode.NO_ERROR, reason)
      this.#endIfIdle()
    }
  }

  /** Ends the connection at once, with GOAWAY. Every stream is reset. */
  fail(because: Fault): void {
    if (this.#isClosed) return
    if (because.limit !== null) this.#events.onLimit(because.limit)
    // Never above what an earlier GOAWAY said: RFC 9113 §6.8.
    const last = Math.min(this.#table.lastPeerId, this.#goawaySentLast)
    this.sender.goaway(last, because.code, because.reason)
    this.#close(because, because.reason, because.code)
  }

  /** See `Http2Stream.reset`. */
  resetStream(stream: Http2Stream<Owner>, code: number): void {
    this.sender.resetStream(stream.id, code)
    this.#table.closed.resetByUs(stream.id)
    this.#forget(stream)
    this.#endIfIdle()
  }

  /** See `Http2Stream.consume`. Credit goes back in pieces of at least half a window. */
  consume(stream: Http2Stream<Owner>, octets: number): void {
    const owed = stream.owedOctets + octets
    stream.owedOctets = owed
    if (owed * 2 < this.#streamWindowOctets) return
    if (this.#budget.isTight && this.#heldOctets(stream) > 0) return this.#budget.withhold(stream)
    stream.owedOctets = 0
    stream.receiveOctets += owed
    this.sender.windowUpdate(stream.id, owed)
  }

  /** Octets of a stream that came and were not taken yet. */
  #heldOctets({ receiveOctets, owedOctets }: Http2Stream<Owner>): number {
    return this.#firstWindowOctets - receiveOctets - owedOctets
  }

  // ---- SenderHost ---------------------------------------------------------------------------------------------

  onOutput(): void {
    this.#events.onOutput()
  }

  onMuchOutput(): void {
    this.#events.onMuchOutput()
  }

  onQueueExceeded(): void {
    this.#events.onQueueExceeded()
  }

  onTaken(stream: Http2Stream<Owner>, octets: number): void {
    this.#events.onTaken(stream, octets)
  }

  onLocalEnd(stream: Http2Stream<Owner>): void {
    if (stream.remoteEnded) this.#finish(stream)
  }

  onDataSent(octets: number): void {
    this.#guard.sentData(octets)
  }

  // ---- For the receiver ---------------------------------------------------------------------------------------

  /** The peer may still open streams up to this one; later ones are ignored, as our GOAWAY said. */
  get lastAcceptedStreamId(): number {
    return this.#goawaySentLast
  }

  /**
   * Whether what still comes on a closed stream is ignored: on one that our GOAWAY left out, or that we opened and gave up
   * so many streams ago that nothing is known of it. A backend that was frozen answers thousands of those at once.
   */
  isForgotten(id: number): boolean {
    return this.role === "client" || id > this.lastAcceptedStreamId
  }

  newStream(id: number): Http2Stream<Owner> {
    const { initialWindowSize } = this.sender.peer
    const { nowMs } = this.#receiver
    const stream = new Http2Stream<Owner>(this, id, initialWindowSize, this.#firstWindowOctets, nowMs)
    this.#table.add(stream)
    return stream
  }

  /** Our SETTINGS are in force at the peer: so is a window below the default, on open streams too. RFC 9113 §6.9.2. */
  settingsAcked(): void {
    const delta = this.#streamWindowOctets - this.#firstWindowOctets
    this.#firstWindowOctets = this.#streamWindowOctets
    if (delta < 0) for (const stream of this.#table.values()) stream.receiveOctets += delta
  }

  /** A PING was answered. */
  ponged(payload: Buffer): void {
    if (this.#isDrainPinged && DRAIN_PING.equals(payload)) this.#drainAnswered()
    else this.#events.onPong()
  }

  /** What the client opened before it knew of the drain has come by now, or the client will not say. */
  #drainAnswered(): void {
    this.#isDrainPinged = false
    this.#goawaySentLast = this.#table.lastPeerId
    this.sender.goaway(this.#goawaySentLast, ErrorCode.NO_ERROR, "")
    this.#endIfIdle()
  }

  /** GOAWAY came: streams above `last` were never looked at. */
  goawayReceived(last: number, code: number, debug: string): Fault | null {
    if (last > this.#goawayReceivedLast) return protocolError("GOAWAY raised its last stream id")
    this.#goawayReceivedLast = last
    this.#isPeerDraining = true
    this.#events.onGoaway(code, debug)
    if (this.role === "client") {
      const reason = `GOAWAY(${last})`
      for (const stream of this.#table.values())
        if (stream.id > last)
          this.abandon(stream, {
            code: ErrorCode.REFUSED_STREAM,
            origin: "connection",
            unprocessed: true,
            reason,
          })
    }
    this.#endIfIdle()
    return null
  }

  malformed(stream: Http2Stream<Owner>, reason: string, limit = "header_malformed"): Fault | null {
    this.#events.onLimit(limit)
    return this.streamError(stream, ErrorCode.PROTOCOL_ERROR, reason)
  }

  /** A fault that ends one stream. A client that makes us do so again and again loses its connection. */
  streamError(stream: Http2Stream<Owner>, code: number, reason: string): Fault | null {
    this.sender.resetStream(stream.id, code)
    this.#table.closed.resetByUs(stream.id)
    this.abandon(stream, { code, origin: "local", unprocessed: false, reason })
    this.#events.onLimit("abuse_made_to_reset")
    return this.role === "server"
      ? this.#guard.charge(this.#receiver.nowMs, "streams that had to be reset")
      : null
  }

  /** Ends a stream early and says so to whoever owns it. */
  abandon(stream: Http2Stream<Owner>, end: StreamEnd): void {
    if (stream.isClosed) return
    this.#forget(stream)
    if (stream.owner !== null) this.#events.onReset(stream, end)
    this.#endIfIdle()
  }

  finishIfBothEnded(stream: Http2Stream<Owner>): void {
    if (stream.localEnded && stream.queue === null && !stream.isClosed) this.#finish(stream)
  }

  // ---- Endings ------------------------------------------------------------------------------------------------

  #finish(stream: Http2Stream<Owner>): void {
    this.#table.closed.ended(stream.id)
    this.#forget(stream)
    this.#endIfIdle()
  }

  #forget(stream: Http2Stream<Owner>): void {
    stream.isClosed = true
    this.#table.delete(stream.id)
    this.sender.forget(stream)
    this.#budget.forget(stream)
  }

  #endIfIdle(): void {
    if (this.isDraining && this.#table.size === 0 && !this.#isDrainPinged && !this.#isClosed)
      this.#close(null, "drained", ErrorCode.NO_ERROR)
  }

  #close(because: Fault | null, reason: string, code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isDraining = true
    const last = this.#goawayReceivedLast
    this.#ending = { reason, streamsLost: this.#table.size }
    for (const stream of this.#table.values())
      this.abandon(stream, { code, origin: "connection", unprocessed: stream.id > last, reason })
    this.sender.close()
    this.#events.onEnd(because)
  }
}
