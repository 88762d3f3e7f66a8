import type { Limits } from "../limits.ts"
import { ClosedStreams } from "./closed-streams.ts"
import { ErrorCode, type Fault, fault } from "./error-code.ts"
import type { ConnectionEvents, StreamEnd } from "./events.ts"
import { FrameReader } from "./frame-reader.ts"
import { applySettings, Setting } from "./frame/settings.ts"
import {
  CLIENT_PREFACE,
  FRAME_HEAD_OCTETS,
  Flag,
  FrameType,
  MAX_STREAM_ID,
  readUint31,
  readUint32,
} from "./frame/types.ts"
import { Guard } from "./guard.ts"
import { HeaderBlock } from "./header-block.ts"
import type { HeaderList } from "./header-list.ts"
import { type DecodeLimits, HpackDecoder } from "./hpack/index.ts"
import { MessageHeads } from "./message-heads.ts"
import { trailersProblem } from "./message-head.ts"
import { Sender } from "./sender.ts"
import { Http2Stream } from "./stream.ts"
import { DEFAULT_WINDOW, ReceiveWindow } from "./window.ts"

export type Role = "server" | "client"

export interface ConnectionOptions<Owner> {
  role: Role
  limits: Limits
  events: ConnectionEvents<Owner>
  nowMs: number
  /** Server: SETTINGS_MAX_CONCURRENT_STREAMS, where not `limits.streamsMax`. */
  maxConcurrentStreams?: number
}

export interface ConnectionEnding {
  readonly reason: string
  readonly streamsLost: number
}

const KEEPALIVE_PING = Buffer.from("keepaliv", "latin1")
const DRAIN_PING = Buffer.from("draining", "latin1")
/** A stream this young when its peer resets it was work for nothing: CVE-2023-44487. An older one was a call. */
const YOUNG_STREAM_MS = 1000

/**
 * One HTTP/2 connection, either role, without a socket, a clock or a timer: octets come in by `receive`, events go out;
 * calls come in, octets gather in `output`. RFC 9113.
 *
 * Peer faults never throw: each ends its stream by RST_STREAM or the connection by GOAWAY, with the RFC's code.
 */
export class Http2Connection<Owner> {
  readonly role: Role
  readonly sender: Sender<Owner>
  readonly streams = new Map<number, Http2Stream<Owner>>()
  readonly #events: ConnectionEvents<Owner>
  readonly #limits: Limits
  readonly #maxConcurrentStreams: number
  readonly #streamWindowOctets: number
  readonly #decodeLimits: DecodeLimits
  readonly #decoder: HpackDecoder
  readonly #reader: FrameReader
  readonly #block: HeaderBlock
  readonly #heads = new MessageHeads()
  readonly #guard: Guard
  readonly #closedStreams = new ClosedStreams()
  readonly #receiveWindow: ReceiveWindow
  readonly #startedMs: number
  #nowMs: number
  #prefaceLeft: number
  #settingsReceived = false
  #settingsAcked = false
  #lastPeerStreamId = 0
  #nextStreamId = 1
  #goawaySentLast = MAX_STREAM_ID + 1
  #goawayReceivedLast = MAX_STREAM_ID + 1
  #isDraining = false
  #isClosed = false
  #drainPingSent = false
  #ending: ConnectionEnding = { reason: "", streamsLost: 0 }

  constructor(options: ConnectionOptions<Owner>) {
    const { role, limits, nowMs } = options
    this.role = role
    this.#limits = limits
    this.#events = options.events
    this.#nowMs = nowMs
    this.#startedMs = nowMs
    this.#maxConcurrentStreams = options.maxConcurrentStreams ?? limits.streamsMax
    this.#streamWindowOctets = role === "server" ? limits.streamWindowOctets : limits.upstreamStreamWindowOctets
    this.#decodeLimits = { maxFields: limits.headerFieldsMax, maxOctets: limits.headerListOctets }
    this.#decoder = new HpackDecoder(limits.headerTableOctets)
    this.#reader = new FrameReader(limits.frameOctets, (octets, start, end) => this.#onFrame(octets, start, end))
    this.#block = new HeaderBlock(limits)
    this.#guard = new Guard(limits, nowMs)
    this.#receiveWindow = new ReceiveWindow(limits.connectionWindowOctets)
    this.#prefaceLeft = role === "server" ? CLIENT_PREFACE.length : 0
    this.sender = new Sender<Owner>(this, limits.unsentOctetsMax)
  }

  // ---- What its user may ask ----------------------------------------------------------------------------------

  get output() {
    return this.sender.output
  }

  /** Nothing more will be read or sent. */
  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Why it ended and how many streams ended with it; said once `isClosed`. */
  get ending(): ConnectionEnding {
    return this.#ending
  }

  /** GOAWAY was sent or came: no new streams. */
  get isDraining(): boolean {
    return this.#isDraining
  }

  /** The peer's SETTINGS have come: for a client, that the other end speaks HTTP/2 at all. */
  get isReady(): boolean {
    return this.#settingsReceived
  }

  /** How many streams the peer lets us have open, ours already open included. */
  get peerMaxConcurrentStreams(): number {
    return this.sender.peer.maxConcurrentStreams
  }

  /** Stream ids are used up only once. */
  get streamIdsLeft(): number {
    return Math.floor((MAX_STREAM_ID - this.#nextStreamId) / 2) + 1
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
    sender.windowUpdate(0, limits.connectionWindowOctets - DEFAULT_WINDOW)
  }

  /** Client: opens a stream. Call only while `isReady`, not draining, and under the peer's limit. */
  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: Owner): Http2Stream<Owner> {
    const stream = this.#newStream(this.#nextStreamId)
    this.#nextStreamId += 2
    stream.owner = owner
    stream.isHead = isHead
    stream.sendHeaders(list, endStream)
    return stream
  }

  /** Reads octets that came. They may be reused after the call. */
  receive(octets: Buffer, start: number, end: number, nowMs: number): void {
    if (this.#isClosed) return
    this.#nowMs = nowMs
    let at = start
    if (this.#prefaceLeft > 0) {
      at = this.#readPreface(octets, start, end)
      if (at < 0) return
    }
    if (!this.#reader.read(octets, at, end))
      this.fail(fault(ErrorCode.FRAME_SIZE_ERROR, "a frame is longer than allowed", "frame_too_large"))
  }

  /** The peer has closed its side of the socket, or the socket broke. */
  receiveEnd(reason: string): void {
    this.#close(null, reason, ErrorCode.CONNECT_ERROR)
  }

  /** The kernel took what was congested: streams that wait may go on. */
  drained(): void {
    if (!this.#isClosed) this.sender.flushWaiting()
  }

  /** To be called about once a second: the time limits of the handshake. */
  tick(nowMs: number): void {
    if (this.#isClosed) return
    const limits = this.#limits
    const age = nowMs - this.#startedMs
    if (!this.#settingsReceived && age > limits.prefaceTimeoutMs)
      this.fail(fault(ErrorCode.SETTINGS_TIMEOUT, "no preface in time", "preface_timeout"))
    else if (!this.#settingsAcked && age > limits.settingsAckTimeoutMs)
      this.fail(fault(ErrorCode.SETTINGS_TIMEOUT, "SETTINGS not acknowledged in time", "settings_ack_timeout"))
    else if (this.#block.isOpen && nowMs - this.#block.sinceMs > limits.headerBlockTimeoutMs)
      this.fail(fault(ErrorCode.ENHANCE_YOUR_CALM, "a header block did not end in time", "header_block_timeout"))
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
      this.#drainPingSent = true
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
    this.sender.goaway(this.#lastPeerStreamId, because.code, because.reason)
    this.#close(because, because.reason, because.code)
  }

  /** See `Http2Stream.reset`. */
  resetStream(stream: Http2Stream<Owner>, code: number): void {
    this.sender.resetStream(stream.id, code)
    this.#closedStreams.resetByUs(stream.id)
    this.#forget(stream)
  }

  /** See `Http2Stream.consume`. */
  consume(stream: Http2Stream<Owner>, octets: number): void {
    const owed = (stream.owedOctets += octets)
    if (owed * 2 < this.#streamWindowOctets) return
    stream.owedOctets = 0
    stream.receiveOctets += owed
    this.sender.windowUpdate(stream.id, owed)
  }

  // ---- SenderHost ---------------------------------------------------------------------------------------------

  onOutput(): void {
    this.#events.onOutput()
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

  // ---- Frames -------------------------------------------------------------------------------------------------

  /** Where the frames begin, or -1 when the preface is wrong or not whole yet. */
  #readPreface(octets: Buffer, start: number, end: number): number {
    const from = CLIENT_PREFACE.length - this.#prefaceLeft
    const length = Math.min(this.#prefaceLeft, end - start)
    if (octets.compare(CLIENT_PREFACE, from, from + length, start, start + length) !== 0) {
      this.fail(fault(ErrorCode.PROTOCOL_ERROR, "not the HTTP/2 preface", "preface_malformed"))
      return -1
    }
    this.#prefaceLeft -= length
    return this.#prefaceLeft > 0 ? -1 : start + length
  }

  #onFrame(octets: Buffer, at: number, end: number): boolean {
    const type = octets[at + 3]!
    const flags = octets[at + 4]!
    const id = readUint31(octets, at + 5)
    const start = at + FRAME_HEAD_OCTETS
    let problem: Fault | null
    if (this.#block.isOpen && (type !== FrameType.CONTINUATION || id !== this.#block.streamId))
      problem = protocolError("a header block was interrupted")
    else if (!this.#settingsReceived && (type !== FrameType.SETTINGS || (flags & Flag.ACK) !== 0))
      problem = protocolError("the first frame is not SETTINGS")
    else if (type === FrameType.DATA) problem = this.#onData(octets, start, end, flags, id)
    else problem = this.#onOther(octets, start, end, type, flags, id)
    if (problem !== null) this.fail(problem)
    return !this.#isClosed
  }

  #onOther(octets: Buffer, start: number, end: number, type: number, flags: number, id: number): Fault | null {
    if (type === FrameType.HEADERS) return this.#onHeaders(octets, start, end, flags, id)
    const problem = this.#guard.overhead(end - start + FRAME_HEAD_OCTETS, this.#nowMs)
    if (problem !== null) return problem
    switch (type) {
      case FrameType.WINDOW_UPDATE:
        return this.#onWindowUpdate(octets, start, end, id)
      case FrameType.RST_STREAM:
        return this.#onRstStream(octets, start, end, id)
      case FrameType.SETTINGS:
        return this.#onSettings(octets, start, end, flags, id)
      case FrameType.PING:
        return this.#onPing(octets, start, end, flags, id)
      case FrameType.GOAWAY:
        return this.#onGoaway(octets, start, end, id)
      case FrameType.CONTINUATION:
        return this.#onContinuation(octets, start, end, flags, id)
      case FrameType.PRIORITY:
        return this.#onPriority(octets, start, end, id)
      case FrameType.PRIORITY_UPDATE:
        return this.#guard.priority()
      case FrameType.PUSH_PROMISE:
        return protocolError("PUSH_PROMISE is not allowed here")
      default:
        return null
    }
  }

  #onData(octets: Buffer, payload: number, frameEnd: number, flags: number, id: number): Fault | null {
    const flowOctets = frameEnd - payload
    const endStream = (flags & Flag.END_STREAM) !== 0
    // Connection credit goes back at once, so that no stream holds up another; what is held is bounded by the streams'.
    if (!this.#receiveWindow.spend(flowOctets))
      return fault(ErrorCode.FLOW_CONTROL_ERROR, "DATA past the connection window", "connection_window_exceeded")
    const increment = this.#receiveWindow.giveBack(flowOctets)
    if (increment > 0) this.sender.windowUpdate(0, increment)

    let start = payload
    let end = frameEnd
    if ((flags & Flag.PADDED) !== 0) {
      if (flowOctets === 0) return fault(ErrorCode.FRAME_SIZE_ERROR, "padded DATA has no pad length")
      end -= octets[start]!
      start += 1
      if (end < start) return protocolError("padding is longer than its frame")
    }
    const flooded = this.#guard.received(end - start, endStream)
    if (flooded !== null) return flooded
    const stream = this.streams.get(id)
    if (stream === undefined || stream.remoteEnded) return this.#onLateData(stream, id)
    stream.receiveOctets -= flowOctets
    if (stream.receiveOctets < 0) {
      this.#events.onLimit("stream_window_exceeded")
      return this.#streamError(stream, ErrorCode.FLOW_CONTROL_ERROR, "DATA past the stream window")
    }
    if (!stream.headReceived) return this.#streamError(stream, ErrorCode.PROTOCOL_ERROR, "DATA before a head")
    if (stream.contentLengthLeft >= 0) {
      stream.contentLengthLeft -= end - start
      if (stream.contentLengthLeft < 0 || (endStream && stream.contentLengthLeft > 0)) {
        this.#events.onLimit("content_length_mismatch")
        return this.#streamError(stream, ErrorCode.PROTOCOL_ERROR, "DATA does not match content-length")
      }
    }
    const padding = flowOctets - (end - start)
    if (padding > 0 && !endStream) this.consume(stream, padding)
    if (endStream) stream.remoteEnded = true
    this.#events.onData(stream, octets, start, end, endStream)
    if (endStream) this.#finishIfBothEnded(stream)
    return null
  }

  #onLateData(stream: Http2Stream<Owner> | undefined, id: number): Fault | null {
    if (id === 0) return protocolError("DATA on stream 0")
    if (stream !== undefined || this.#closedStreams.hadEnded(id))
      return fault(ErrorCode.STREAM_CLOSED, "DATA after END_STREAM")
    if (this.#isIdle(id)) return protocolError("DATA on an idle stream")
    if (this.#closedStreams.wasResetByUs(id) || id > this.#goawaySentLast) return null
    this.sender.resetStream(id, ErrorCode.STREAM_CLOSED)
    return this.#guard.charge(this.#nowMs, "DATA on closed streams")
  }

  #onHeaders(octets: Buffer, payload: number, frameEnd: number, flags: number, id: number): Fault | null {
    let start = payload
    let end = frameEnd
    if (id === 0) return protocolError("HEADERS on stream 0")
    if ((flags & Flag.PADDED) !== 0) {
      if (start === end) return fault(ErrorCode.FRAME_SIZE_ERROR, "padded HEADERS have no pad length")
      end -= octets[start]!
      start += 1
    }
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < 5) return fault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS are too short for a priority")
      if (readUint31(octets, start) === id) return protocolError("a stream depends on itself")
      start += 5
    }
    if (end < start) return protocolError("padding is longer than its frame")
    const endStream = (flags & Flag.END_STREAM) !== 0
    const flooded = this.#guard.received(end - start, endStream)
    if (flooded !== null) return flooded
    if ((flags & Flag.END_HEADERS) !== 0) return this.#onHeaderBlock(id, endStream, octets, start, end)
    this.#block.begin(id, endStream, octets, start, end, this.#nowMs)
    return null
  }

  #onContinuation(octets: Buffer, start: number, end: number, flags: number, id: number): Fault | null {
    const block = this.#block
    if (!block.isOpen || id === 0) return protocolError("CONTINUATION without HEADERS")
    const isLast = (flags & Flag.END_HEADERS) !== 0
    const problem = block.add(octets, start, end, isLast)
    if (problem !== null || !isLast) return problem
    const whole = block.finish()
    return this.#onHeaderBlock(id, block.endStream, whole, 0, whole.length)
  }

  /** A whole header block: decoded in any case, since it changes the table, then told to whom it may concern. */
  #onHeaderBlock(id: number, endStream: boolean, octets: Uint8Array, start: number, end: number): Fault | null {
    const list = this.#decoder.decode(octets, start, end, this.#decodeLimits)
    if (list === null) return fault(ErrorCode.COMPRESSION_ERROR, this.#decoder.fault, "header_undecodable")
    const stream = this.streams.get(id)
    if (stream === undefined) {
      const isNewRequest = this.role === "server" && (id & 1) === 1 && id > this.#lastPeerStreamId
      return isNewRequest ? this.#onRequestBlock(id, list, endStream) : this.#onLateHeaders(id)
    }
    if (stream.remoteEnded) return fault(ErrorCode.STREAM_CLOSED, "HEADERS after END_STREAM")
    if (this.#decoder.overflowed) return this.#headersTooLarge(stream)
    if (stream.headReceived) return this.#onTrailers(stream, list, endStream)
    return this.#onResponseBlock(stream, list, endStream)
  }

  #onRequestBlock(id: number, list: HeaderList, endStream: boolean): Fault | null {
    this.#lastPeerStreamId = id
    if (id > this.#goawaySentLast) return null
    this.#guard.streamOpened()
    if (this.streams.size >= this.#maxConcurrentStreams) {
      this.#events.onLimit("streams_refused")
      this.sender.resetStream(id, ErrorCode.REFUSED_STREAM)
      this.#closedStreams.resetByUs(id)
      return this.#guard.charge(this.#nowMs, "streams past the limit")
    }
    const stream = this.#newStream(id)
    if (this.#decoder.overflowed) return this.#headersTooLarge(stream)
    const head = this.#heads.request(list)
    if (typeof head === "string") return this.#malformed(stream, head)
    if (endStream && head.contentLength > 0) return this.#malformed(stream, "content-length without DATA")
    stream.headReceived = true
    stream.contentLengthLeft = head.contentLength
    stream.remoteEnded = endStream
    this.#events.onRequest(stream, head, endStream)
    if (endStream) this.#finishIfBothEnded(stream)
    return null
  }

  #onResponseBlock(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    const head = this.#heads.response(list)
    if (typeof head === "string") return this.#malformed(stream, head)
    if (head.status < 200) {
      if (endStream) return this.#malformed(stream, "an interim response ends the stream")
      this.#events.onInformational(stream, head)
      return null
    }
    const hasBody = !stream.isHead && head.status !== 204 && head.status !== 304
    if (hasBody) {
      if (endStream && head.contentLength > 0) return this.#malformed(stream, "content-length without DATA")
      stream.contentLengthLeft = head.contentLength
    }
    stream.headReceived = true
    stream.remoteEnded = endStream
    this.#events.onResponse(stream, head, endStream)
    if (endStream) this.#finishIfBothEnded(stream)
    return null
  }

  #onTrailers(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    const problem = endStream ? trailersProblem(list) : "trailers do not end the stream"
    if (problem !== null) return this.#malformed(stream, problem, "trailers_malformed")
    if (stream.contentLengthLeft > 0) return this.#malformed(stream, "content-length is not reached", "content_length_mismatch")
    stream.remoteEnded = true
    this.#events.onTrailers(stream, list)
    this.#finishIfBothEnded(stream)
    return null
  }

  /** HEADERS on a stream that is not open and not new. */
  #onLateHeaders(id: number): Fault | null {
    if (this.#closedStreams.wasResetByUs(id)) return null
    if (this.#closedStreams.hadEnded(id)) return fault(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")
    return protocolError("HEADERS on a stream that cannot be opened")
  }

  #onRstStream(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (end - start !== 4) return fault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is not 4 octets")
    if (id === 0 || this.#isIdle(id)) return protocolError("RST_STREAM on an idle stream")
    const stream = this.streams.get(id)
    if (stream === undefined) return null
    const code = readUint32(octets, start)
    const unprocessed = code === ErrorCode.REFUSED_STREAM && !stream.headReceived
    this.#closedStreams.ended(id)
    this.#abandon(stream, { code, origin: "peer", unprocessed, reason: "RST_STREAM" })
    if (this.role === "client" || this.#nowMs - stream.openedMs >= YOUNG_STREAM_MS) return null
    this.#events.onLimit("abuse_peer_reset")
    return this.#guard.charge(this.#nowMs, "young streams reset")
  }

  #onWindowUpdate(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (end - start !== 4) return fault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not 4 octets")
    const flooded = this.#guard.windowUpdate()
    if (flooded !== null) return flooded
    const increment = readUint31(octets, start)
    const stream = this.streams.get(id)
    if (id !== 0 && stream === undefined && this.#isIdle(id)) return protocolError("WINDOW_UPDATE on an idle stream")
    // A stream error that only an attacker makes (CVE-2025-8671): the connection goes, as §5.4.1 allows.
    if (increment === 0) return protocolError("WINDOW_UPDATE of 0")
    if (id === 0)
      return this.sender.creditConnection(increment)
        ? null
        : fault(ErrorCode.FLOW_CONTROL_ERROR, "the connection window passes 2^31-1", "window_overflow")
    if (stream === undefined || this.sender.creditStream(stream, increment)) return null
    this.#events.onLimit("window_overflow")
    return this.#streamError(stream, ErrorCode.FLOW_CONTROL_ERROR, "a stream window passes 2^31-1")
  }

  #onSettings(octets: Buffer, start: number, end: number, flags: number, id: number): Fault | null {
    if (id !== 0) return protocolError("SETTINGS on a stream")
    if ((flags & Flag.ACK) !== 0) {
      if (end !== start) return fault(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS acknowledgement has a payload")
      this.#settingsAcked = true
      return null
    }
    if ((end - start) % 6 !== 0) return fault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS are not whole entries")
    const flooded = this.#guard.settings((end - start) / 6, this.#nowMs)
    if (flooded !== null) return flooded
    const { peer } = this.sender
    const windowBefore = peer.initialWindowSize
    const tableBefore = peer.headerTableSize
    const problem = applySettings(peer, octets, start, end, this.role === "client")
    if (problem !== null) return problem
    this.sender.settingsAck()
    if (peer.headerTableSize !== tableBefore) this.sender.encoder.setPeerMaxTableOctets(peer.headerTableSize)
    this.#settingsReceived = true
    if (peer.initialWindowSize !== windowBefore) {
      const isInRange = this.sender.shiftWindows(this.streams.values(), peer.initialWindowSize - windowBefore)
      if (!isInRange) return fault(ErrorCode.FLOW_CONTROL_ERROR, "a window passes 2^31-1", "window_overflow")
    }
    this.#events.onSettings()
    return null
  }

  #onPing(octets: Buffer, start: number, end: number, flags: number, id: number): Fault | null {
    if (end - start !== 8) return fault(ErrorCode.FRAME_SIZE_ERROR, "PING is not 8 octets")
    if (id !== 0) return protocolError("PING on a stream")
    if ((flags & Flag.ACK) === 0) {
      const flooded = this.#guard.ping(this.#nowMs)
      if (flooded === null) this.sender.ping(octets.subarray(start, end), true)
      return flooded
    }
    if (this.#drainPingSent && DRAIN_PING.equals(octets.subarray(start, end))) {
      this.#drainPingSent = false
      this.#goawaySentLast = this.#lastPeerStreamId
      this.sender.goaway(this.#lastPeerStreamId, ErrorCode.NO_ERROR, "")
      this.#endIfIdle()
    } else this.#events.onPong()
    return null
  }

  #onGoaway(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (id !== 0) return protocolError("GOAWAY on a stream")
    if (end - start < 8) return fault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY is shorter than 8 octets")
    const last = readUint31(octets, start)
    const code = readUint32(octets, start + 4)
    if (last > this.#goawayReceivedLast && this.#goawayReceivedLast <= MAX_STREAM_ID)
      return protocolError("GOAWAY raised its last stream id")
    this.#goawayReceivedLast = last
    this.#isDraining = true
    this.#events.onGoaway(code, octets.toString("latin1", start + 8, Math.min(end, start + 264)))
    if (this.role === "client") {
      const reason = `GOAWAY(${last})`
      for (const stream of [...this.streams.values()])
        if (stream.id > last)
          this.#abandon(stream, { code: ErrorCode.REFUSED_STREAM, origin: "peer", unprocessed: true, reason })
    }
    this.#endIfIdle()
    return null
  }

  #onPriority(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (id === 0) return protocolError("PRIORITY on stream 0")
    if (end - start !== 5) return fault(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not 5 octets")
    if (readUint31(octets, start) === id) return protocolError("a stream depends on itself")
    return this.#guard.priority()
  }

  // ---- Endings ------------------------------------------------------------------------------------------------

  #malformed(stream: Http2Stream<Owner>, reason: string, limit = "header_malformed"): Fault | null {
    this.#events.onLimit(limit)
    return this.#streamError(stream, ErrorCode.PROTOCOL_ERROR, reason)
  }

  #headersTooLarge(stream: Http2Stream<Owner>): Fault | null {
    this.#events.onLimit("header_list_too_large")
    return this.#streamError(stream, ErrorCode.ENHANCE_YOUR_CALM, "the header list is too large")
  }

  /** A fault that ends one stream. A peer that makes us do so again and again loses its connection. */
  #streamError(stream: Http2Stream<Owner>, code: number, reason: string): Fault | null {
    this.sender.resetStream(stream.id, code)
    this.#closedStreams.resetByUs(stream.id)
    this.#abandon(stream, { code, origin: "local", unprocessed: false, reason })
    this.#events.onLimit("abuse_made_to_reset")
    return this.role === "server" ? this.#guard.charge(this.#nowMs, "streams that had to be reset") : null
  }

  #abandon(stream: Http2Stream<Owner>, end: StreamEnd): void {
    this.#forget(stream)
    if (stream.owner !== null) this.#events.onReset(stream, end)
  }

  #finishIfBothEnded(stream: Http2Stream<Owner>): void {
    if (stream.localEnded && stream.queue === null && !stream.isClosed) this.#finish(stream)
  }

  #finish(stream: Http2Stream<Owner>): void {
    this.#closedStreams.ended(stream.id)
    this.#forget(stream)
  }

  #forget(stream: Http2Stream<Owner>): void {
    stream.isClosed = true
    this.streams.delete(stream.id)
    this.sender.forget(stream)
    this.#endIfIdle()
  }

  #endIfIdle(): void {
    if (this.#isDraining && this.streams.size === 0 && !this.#drainPingSent && !this.#isClosed)
      this.#close(null, "drained", ErrorCode.NO_ERROR)
  }

  #close(because: Fault | null, reason: string, code: number): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#isDraining = true
    const last = this.#goawayReceivedLast
    this.#ending = { reason, streamsLost: this.streams.size }
    for (const stream of [...this.streams.values()])
      this.#abandon(stream, { code, origin: "connection", unprocessed: stream.id > last, reason })
    this.#events.onEnd(because)
  }

  #newStream(id: number): Http2Stream<Owner> {
    const { initialWindowSize } = this.sender.peer
    const stream = new Http2Stream<Owner>(this, id, initialWindowSize, this.#streamWindowOctets, this.#nowMs)
    this.streams.set(id, stream)
    return stream
  }

  #isIdle(id: number): boolean {
    const isPeers = (id & 1) === (this.role === "server" ? 1 : 0)
    return isPeers ? id > this.#lastPeerStreamId : this.role === "server" || id >= this.#nextStreamId
  }
}

function protocolError(reason: string): Fault {
  return fault(ErrorCode.PROTOCOL_ERROR, reason)
}
