import type { Limits } from "../base/limits.ts"
import { BufferBudget } from "./buffer-budget.ts"
import { ErrorCode, type Fault, protocolError } from "./error-code.ts"
import type { ConnectionEvents } from "./events.ts"
import { Setting } from "./frame/settings.ts"
import { CLIENT_PREFACE, MAX_STREAM_ID } from "./frame/types.ts"
import { Guard } from "./guard.ts"
import type { HeaderList } from "./header-list.ts"
import type { Output } from "./output.ts"
import { Receiver } from "./receiver.ts"
import type { Sender } from "./sender.ts"
import type { Http2Stream } from "./stream.ts"
import type { Role } from "./stream-table.ts"
import { Streams } from "./streams.ts"
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
  readonly #streams: Streams<Owner>
  readonly #events: ConnectionEvents<Owner>
  readonly #limits: Limits
  readonly #maxConcurrentStreams: number
  #goawayReceivedLast = MAX_STREAM_ID
  #isDraining = false
  #isPeerDraining = false
  #isDrainPinged = false
  /** PINGs by `ping` that wait for their answer. */
  #pingsOpen = 0
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
    const guard = new Guard(limits, nowMs)
    const budget = options.budget ?? new BufferBudget(limits)
    const streams = new Streams<Owner>({ role, limits, events, guard, budget, nowMs, host: this })
    this.#streams = streams
    this.sender = streams.sender
    const { sender } = streams
    const parts = {
      role,
      limits,
      events,
      nowMs,
      sender,
      maxConcurrentStreams,
      headerBlockTimeoutMs: options.headerBlockTimeoutMs ?? limits.headerBlockTimeoutMs,
      streams,
      guard,
      budget,
    }
    this.#receiver = new Receiver<Owner>(this, parts)
  }

  // ---- What its user may ask ----------------------------------------------------------------------------------

  get output(): Output {
    return this.sender.output
  }

  get streams(): { readonly size: number; values(): Http2Stream<Owner>[] } {
    return this.#streams.table
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

  /** The peer has acknowledged our SETTINGS. */
  get isSettingsAcked(): boolean {
    return this.#receiver.isSettingsAcked
  }

  /** How many streams the peer lets us have open, those already open included. */
  get peerMaxConcurrentStreams(): number {
    return this.sender.peer.maxConcurrentStreams
  }

  get streamIdsLeft(): number {
    return this.#streams.table.idsLeft
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
      [Setting.INITIAL_WINDOW_SIZE, this.#streams.windowOctets],
      [Setting.MAX_FRAME_SIZE, limits.frameOctets],
      [Setting.MAX_HEADER_LIST_SIZE, limits.headerListOctets],
      [Setting.NO_RFC7540_PRIORITIES, 1],
    ])
    const more = limits.connectionWindowOctets - DEFAULT_WINDOW
    if (more > 0) sender.windowUpdate(0, more)
  }

  /** Client: opens a stream. Call only while `isReady`, not draining, and under the peer's limit. */
  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: Owner): Http2Stream<Owner> {
    return this.#streams.open(list, endStream, isHead, owner)
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
   * To be called about once a second: the time limits of the handshake, of header blocks and of a drain's PING. `isReadingPaused`:
   * we do not read what the peer sends, so it is late with neither of the first two.
   */
  tick(nowMs: number, isReadingPaused = false): void {
    if (this.#isClosed) return
    if (isReadingPaused) this.#receiver.restartTimeouts(nowMs)
    const due = this.#receiver.findTimeout(nowMs)
    if (due !== null) return this.fail(due)
    if (!this.#isDrainPinged) return
    this.#drainSeenMs = Math.min(this.#drainSeenMs, nowMs)
    if (nowMs - this.#drainSeenMs > this.#limits.drainTimeoutMs) this.#drainAnswered()
  }

  /** Asks for a sign of life; `onPong` tells of it. */
  ping(): void {
    if (this.#isClosed) return
    this.#pingsOpen++
    this.sender.ping(KEEPALIVE_PING, false)
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
    const last = Math.min(this.#streams.table.lastPeerId, this.#streams.lastAcceptedStreamId)
    this.sender.goaway(last, because.code, because.reason)
    this.#close(because, because.reason, because.code)
  }

  // ---- For the receiver ---------------------------------------------------------------------------------------

  /** A PING acknowledgement came. One that does not equal our PING, octet by octet, is ignored: RFC 9113 §6.7. */
  onPingAck(payload: Buffer): void {
    if (this.#isDrainPinged && DRAIN_PING.equals(payload)) this.#drainAnswered()
    else if (this.#pingsOpen > 0 && KEEPALIVE_PING.equals(payload)) {
      this.#pingsOpen--
      this.#events.onPong()
    }
  }

  /** What the client opened before it knew of the drain has come by now, or the client will not say. */
  #drainAnswered(): void {
    this.#isDrainPinged = false
    this.#streams.lastAcceptedStreamId = this.#streams.table.lastPeerId
    this.sender.goaway(this.#streams.lastAcceptedStreamId, ErrorCode.NO_ERROR, "")
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
      for (const stream of this.#streams.table.values())
        if (stream.id > last)
          this.#streams.endStream(stream, {
            code: ErrorCode.REFUSED_STREAM,
            origin: "connection",
            unprocessed: true,
            reason,
          })
    }
    this.#endIfIdle()
    return null
  }

  // ---- Endings ------------------------------------------------------------------------------------------------

  onStreamGone(): void {
    this.#endIfIdle()
  }

  #endIfIdle(): void {
    if (this.isDraining && this.#streams.table.size === 0 && !this.#isDrainPinged && !this.#isClosed)
      this.#close(null, "drained", ErrorCode.NO_ERROR)
  }

  #close(because: Fault | null, reason: string, code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isDraining = true
    const last = this.#goawayReceivedLast
    this.#ending = { reason, streamsLost: this.#streams.table.size }
    for (const stream of this.#streams.table.values())
      this.#streams.endStream(stream, { code, origin: "connection", unprocessed: stream.id > last, reason })
    this.sender.close()
    this.#receiver.close()
    this.#events.onEnd(because)
  }
}
