import type { Limits } from "../base/limits.ts"
import { ErrorCode, type Fault, fault, protocolError } from "./error-code.ts"
import type { ConnectionEvents } from "./events.ts"
import { applySettings } from "./frame/settings.ts"
import { CLIENT_PREFACE, Flag, FRAME_HEAD_OCTETS, FrameType, readUint31, readUint32 } from "./frame/types.ts"
import { FrameReader, type FrameSink } from "./frame-reader.ts"
import type { Guard } from "./guard.ts"
import { blockTooLarge, HeaderBlock } from "./header-block.ts"
import { MessageReceiver, type ReceiverParts } from "./message-receiver.ts"
import type { Sender } from "./sender.ts"
import type { Http2Stream } from "./stream.ts"
import type { Role, StreamTable } from "./stream-table.ts"
import type { Streams } from "./streams.ts"
import { ReceiveWindow } from "./window.ts"

/** A stream this young when its peer resets it was work for nothing: CVE-2023-44487. An older one was a call. */
const YOUNG_STREAM_MS = 1000

/** What the receiving half needs of its connection. */
export interface ReceiverHost {
  readonly isClosed: boolean
  fail(because: Fault): void
  onPingAck(payload: Buffer): void
  goawayReceived(last: number, code: number, debug: string): Fault | null
}

/**
 * The receiving half of a connection: octets to frames, frames to events, each checked against RFC 9113 and the limits.
 * Methods named `#on…` return the connection error that is due, or null; stream errors are dealt with on the way.
 */
export class Receiver<Owner> implements FrameSink {
  readonly #connection: ReceiverHost
  readonly #streams: Streams<Owner>
  readonly #role: Role
  readonly #events: ConnectionEvents<Owner>
  readonly #sender: Sender<Owner>
  readonly #table: StreamTable<Owner>
  readonly #guard: Guard
  readonly #limits: Limits
  readonly #headerBlockTimeoutMs: number
  readonly #messages: MessageReceiver<Owner>
  readonly #reader: FrameReader
  readonly #block: HeaderBlock
  readonly #blockOctetsMax: number
  readonly #window: ReceiveWindow
  /** Since when the peer is expected to speak. */
  #startedMs: number
  /** Since when a frame other than DATA waits for its rest; -1: none does. */
  #partialSinceMs = -1
  #frames = 0
  #prefaceLeft: number
  #settingsReceived = false
  #settingsAcked = false

  constructor(connection: ReceiverHost, parts: ReceiverParts<Owner>) {
    const { role, limits, nowMs } = parts
    this.#connection = connection
    this.#role = role
    this.#limits = limits
    this.#events = parts.events
    this.#sender = parts.sender
    this.#streams = parts.streams
    this.#table = parts.streams.table
    this.#guard = parts.guard
    this.#headerBlockTimeoutMs = parts.headerBlockTimeoutMs
    this.#startedMs = nowMs
    this.#messages = new MessageReceiver(parts)
    this.#reader = new FrameReader(limits.frameOctets, this)
    this.#blockOctetsMax = role === "server" ? limits.headerBlockOctets : limits.responseBlockOctets
    this.#block = new HeaderBlock(this.#blockOctetsMax, limits.continuationFramesMax, parts.budget)
    this.#window = new ReceiveWindow(limits.connectionWindowOctets)
    this.#prefaceLeft = role === "server" ? CLIENT_PREFACE.length : 0
  }

  /** The peer's SETTINGS have come. */
  get isReady(): boolean {
    return this.#settingsReceived
  }

  /** Nothing will be read any more. */
  close(): void {
    this.#block.drop()
  }

  /** The peer has acknowledged our SETTINGS, so it reads what it is sent. */
  get isSettingsAcked(): boolean {
    return this.#settingsAcked
  }

  /** The peer can be heard from now on; timeouts start now. */
  connected(nowMs: number): void {
    this.#startedMs = nowMs
  }

  /** Reads octets that came. They may be reused after the call. */
  receive(octets: Buffer, start: number, end: number, nowMs: number): void {
    this.#streams.nowMs = nowMs
    let at = start
    if (this.#prefaceLeft > 0) {
      at = this.#readPreface(octets, start, end)
      if (at < 0) return
    }
    const framesBefore = this.#frames
    const isRead = this.#reader.read(octets, at, end)
    if (!this.#connection.isClosed) this.#sender.useCredit()
    if (!isRead)
      this.#connection.fail(
        fault(ErrorCode.FRAME_SIZE_ERROR, "a frame is longer than allowed", "frame_too_large"),
      )
    if (!this.#reader.holdsControlFrame) this.#partialSinceMs = -1
    else if (this.#partialSinceMs < 0 || this.#frames !== framesBefore) this.#partialSinceMs = nowMs
  }

  /** What the peer may have sent was not read: whatever is waited for has all of its time from now on. */
  restartTimeouts(nowMs: number): void {
    this.#startedMs = nowMs
    this.#block.sinceMs = nowMs
    if (this.#partialSinceMs >= 0) this.#partialSinceMs = nowMs
  }

  /**
   * The time limits of the preface and of a header block: the connection error that is due, or null. None for the
   * acknowledgement of SETTINGS: servers that acknowledge with their first answer are many, and until then the peer has
   * what the protocol's defaults or ours allow it, whichever is more, which is as bounded.
   */
  findTimeout(nowMs: number): Fault | null {
    const { prefaceTimeoutMs } = this.#limits
    const headerBlockTimeoutMs = this.#headerBlockTimeoutMs
    const age = nowMs - this.#startedMs
    if (!this.#settingsReceived && age > prefaceTimeoutMs)
      return fault(ErrorCode.SETTINGS_TIMEOUT, "no preface in time", "preface_timeout")
    const isBlockLate = this.#block.isOpen && nowMs - this.#block.sinceMs > headerBlockTimeoutMs
    const isFrameLate = this.#partialSinceMs >= 0 && nowMs - this.#partialSinceMs > headerBlockTimeoutMs
    if (isBlockLate || isFrameLate)
      return fault(
        ErrorCode.ENHANCE_YOUR_CALM,
        "a header block or frame did not end in time",
        "header_block_timeout",
      )
    return null
  }

  /** Where the frames begin, or -1 when the preface is wrong or not whole yet. */
  #readPreface(octets: Buffer, start: number, end: number): number {
    const from = CLIENT_PREFACE.length - this.#prefaceLeft
    const length = Math.min(this.#prefaceLeft, end - start)
    let at = 0
    while (at < length && octets[start + at] === CLIENT_PREFACE[from + at]) at++
    if (at < length) {
      this.#connection.fail(fault(ErrorCode.PROTOCOL_ERROR, "not the HTTP/2 preface", "preface_malformed"))
      return -1
    }
    this.#prefaceLeft -= length
    return this.#prefaceLeft > 0 ? -1 : start + length
  }

  onFrame(octets: Buffer, at: number, end: number): boolean {
    this.#frames++
    const type = octets[at + 3]!
    if (type !== FrameType.WINDOW_UPDATE) {
      this.#sender.useCredit()
      // What was sent may have been the last of a connection that drains.
      if (this.#connection.isClosed) return false
    }
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
    if (problem !== null) {
      this.#sender.useCredit()
      this.#connection.fail(problem)
    }
    return !this.#connection.isClosed
  }

  dataRoom(id: number): number {
    const stream = this.#table.get(id)
    return stream === undefined ? 0 : Math.min(this.#window.untilDue, this.#streams.dataRoom(stream))
  }

  #onOther(
    octets: Buffer,
    start: number,
    end: number,
    type: number,
    flags: number,
    id: number,
  ): Fault | null {
    if (type === FrameType.HEADERS) return this.#onHeaders(octets, start, end, flags, id)
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
        return this.#overhead(start, end) ?? this.#onGoaway(octets, start, end, id)
      case FrameType.CONTINUATION:
        return this.#onContinuation(octets, start, end, flags, id)
      case FrameType.PRIORITY:
        return this.#overhead(start, end) ?? this.#onPriority(octets, start, end, id)
      case FrameType.PRIORITY_UPDATE:
        return this.#overhead(start, end) ?? this.#guard.priority()
      case FrameType.PUSH_PROMISE:
        return protocolError("PUSH_PROMISE is not allowed here")
      default:
        return this.#overhead(start, end)
    }
  }

  /** A frame that does nothing for a stream: its head counts too. */
  #overhead(start: number, end: number): Fault | null {
    return this.#guard.overhead(end - start + FRAME_HEAD_OCTETS, this.#streams.nowMs)
  }

  #onData(octets: Buffer, payload: number, frameEnd: number, flags: number, id: number): Fault | null {
    const flowOctets = frameEnd - payload
    const endStream = (flags & Flag.END_STREAM) !== 0
    // Connection credit goes back at once, so that no stream holds up another; what is held is bounded by the streams'.
    if (!this.#window.spend(flowOctets))
      return fault(
        ErrorCode.FLOW_CONTROL_ERROR,
        "DATA past the connection window",
        "connection_window_exceeded",
      )
    const increment = this.#window.giveBack(flowOctets)
    if (increment > 0) this.#sender.windowUpdate(0, increment)

    let start = payload
    let end = frameEnd
    if ((flags & Flag.PADDED) !== 0) {
      if (flowOctets === 0) return fault(ErrorCode.FRAME_SIZE_ERROR, "padded DATA has no pad length")
      end -= octets[start]!
      start += 1
      if (end < start) return protocolError("padding is longer than its frame")
    }
    const padding = flowOctets - (end - start)
    let flooded = this.#guard.received(end - start, endStream)
    if (padding > 0) flooded ??= this.#guard.overhead(padding, this.#streams.nowMs)
    if (flooded !== null) return flooded
    const stream = this.#table.get(id)
    if (stream === undefined || stream.remoteEnded) return this.#onLateData(stream, id)
    stream.receiveOctets -= flowOctets
    // A peer in debt since it saw our SETTINGS may still end the stream: that needs no credit.
    if (stream.receiveOctets < 0 && flowOctets > 0) {
      this.#events.onLimit("stream_window_exceeded")
      return this.#streams.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR, "DATA past the stream window")
    }
    if (!stream.headReceived)
      return this.#streams.streamError(stream, ErrorCode.PROTOCOL_ERROR, "DATA before a head")
    if (stream.contentLengthLeft >= 0) {
      stream.contentLengthLeft -= end - start
      if (stream.contentLengthLeft < 0 || (endStream && stream.contentLengthLeft > 0)) {
        const reason = "DATA does not match content-length"
        return this.#streams.malformed(stream, reason, "content_length_mismatch")
      }
    }
    if (padding > 0 && !endStream) this.#streams.consume(stream, padding)
    if (endStream) stream.remoteEnded = true
    this.#events.onData(stream, octets, start, end, endStream)
    if (endStream) this.#streams.finishIfBothEnded(stream)
    return null
  }

  #onLateData(stream: Http2Stream<Owner> | undefined, id: number): Fault | null {
    if (id === 0) return protocolError("DATA on stream 0")
    if (stream !== undefined) return fault(ErrorCode.STREAM_CLOSED, "DATA after END_STREAM")
    if (this.#table.closed.hadEnded(id)) return fault(ErrorCode.STREAM_CLOSED, "DATA on a closed stream")
    if (this.#table.isIdle(id)) return protocolError("DATA on an idle stream")
    if (this.#table.closed.wasResetByUs(id) || this.#streams.ignoresLateFrames(id)) return null
    this.#sender.resetStream(id, ErrorCode.STREAM_CLOSED)
    return this.#guard.charge(this.#streams.nowMs, "DATA on closed streams")
  }

  #onHeaders(octets: Buffer, payload: number, frameEnd: number, flags: number, id: number): Fault | null {
    let start = payload
    let end = frameEnd
    if (id === 0) return protocolError("HEADERS on stream 0")
    let padding = 0
    if ((flags & Flag.PADDED) !== 0) {
      if (start === end) return fault(ErrorCode.FRAME_SIZE_ERROR, "padded HEADERS have no pad length")
      padding = octets[start]!
      end -= padding
      start += 1
    }
    if ((flags & Flag.PRIORITY) !== 0) {
      if (end - start < 5) return fault(ErrorCode.FRAME_SIZE_ERROR, "HEADERS are too short for a priority")
      if (readUint31(octets, start) === id) return protocolError("a stream depends on itself")
      start += 5
    }
    if (end < start) return protocolError("padding is longer than its frame")
    const endStream = (flags & Flag.END_STREAM) !== 0
    let flooded = this.#guard.received(end - start, endStream)
    if (padding > 0) flooded ??= this.#guard.overhead(padding, this.#streams.nowMs)
    if (flooded !== null) return flooded
    if (end - start > this.#blockOctetsMax) return blockTooLarge()
    if ((flags & Flag.END_HEADERS) !== 0) return this.#messages.receive(id, endStream, octets, start, end)
    this.#block.begin(id, endStream, octets, start, end, this.#streams.nowMs)
    return null
  }

  #onContinuation(octets: Buffer, start: number, end: number, flags: number, id: number): Fault | null {
    const block = this.#block
    if (!block.isOpen || id === 0) return protocolError("CONTINUATION without HEADERS")
    const isLast = (flags & Flag.END_HEADERS) !== 0
    this.#guard.continued(end - start)
    const problem = block.add(octets, start, end, isLast)
    if (problem !== null || !isLast) return problem
    const whole = block.finish()
    return this.#messages.receive(id, block.endStream, whole, 0, whole.length)
  }

  #onRstStream(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (end - start !== 4) return fault(ErrorCode.FRAME_SIZE_ERROR, "RST_STREAM is not 4 octets")
    if (id === 0 || this.#table.isIdle(id)) return protocolError("RST_STREAM on an idle stream")
    const stream = this.#table.get(id)
    if (stream === undefined) return this.#overhead(start, end)
    const code = readUint32(octets, start)
    const unprocessed = code === ErrorCode.REFUSED_STREAM && !stream.headReceived
    const isAnswered = this.#streams.isAnswered(stream)
    this.#table.closed.ended(id)
    this.#streams.endStream(stream, { code, origin: "peer", unprocessed, reason: "RST_STREAM" })
    const isOld = this.#streams.nowMs - stream.openedMs >= YOUNG_STREAM_MS
    if (this.#role === "client" || isOld || isAnswered) return null
    if (stream.owner !== null && this.#events.excusesReset?.(stream) === true) return null
    this.#events.onLimit("abuse_peer_reset")
    return this.#guard.charge(this.#streams.nowMs, "young streams reset")
  }

  #onWindowUpdate(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (end - start !== 4) return fault(ErrorCode.FRAME_SIZE_ERROR, "WINDOW_UPDATE is not 4 octets")
    const flooded = this.#guard.windowUpdate()
    if (flooded !== null) return flooded
    const increment = readUint31(octets, start)
    const stream = this.#table.get(id)
    if (id !== 0 && stream === undefined && this.#table.isIdle(id))
      return protocolError("WINDOW_UPDATE on an idle stream")
    // A stream error that only an attacker makes (CVE-2025-8671): the connection goes, as §5.4.1 allows.
    if (increment === 0) return protocolError("WINDOW_UPDATE of 0")
    if (id === 0)
      return this.#sender.creditConnection(increment)
        ? null
        : fault(ErrorCode.FLOW_CONTROL_ERROR, "the connection window passes 2^31-1", "window_overflow")
    if (stream === undefined || this.#sender.creditStream(stream, increment)) return null
    this.#sender.useCredit()
    this.#events.onLimit("window_overflow")
    return this.#streams.streamError(stream, ErrorCode.FLOW_CONTROL_ERROR, "a stream window passes 2^31-1")
  }

  #onSettings(octets: Buffer, start: number, end: number, flags: number, id: number): Fault | null {
    if (id !== 0) return protocolError("SETTINGS on a stream")
    if ((flags & Flag.ACK) !== 0) {
      if (end !== start) return fault(ErrorCode.FRAME_SIZE_ERROR, "a SETTINGS acknowledgement has a payload")
      // Until now the peer's encoder may have used the table that all start with: RFC 7541 §4.2, RFC 9113 §4.3.1.
      if (this.#settingsAcked) return this.#overhead(start, end)
      this.#messages.useTable(this.#limits.headerTableOctets)
      this.#settingsAcked = true
      this.#streams.settingsAcked()
      return null
    }
    if ((end - start) % 6 !== 0) return fault(ErrorCode.FRAME_SIZE_ERROR, "SETTINGS are not whole entries")
    let flooded = this.#guard.settings((end - start) / 6)
    if (this.#settingsReceived && this.#guard.isSettingsTooSoon()) {
      this.#events.onLimit("abuse_settings")
      flooded ??= this.#guard.charge(this.#streams.nowMs, "SETTINGS again")
    }
    if (flooded !== null) return flooded
    const { peer } = this.#sender
    const windowBefore = peer.initialWindowSize
    const problem = applySettings(peer, octets, start, end, this.#role === "client")
    if (problem !== null) return problem
    this.#sender.settingsAck()
    if (peer.headerTableSizeLeast <= peer.headerTableSize) {
      this.#sender.encoder.setPeerMaxTableOctets(peer.headerTableSizeLeast)
      this.#sender.encoder.setPeerMaxTableOctets(peer.headerTableSize)
    }
    this.#settingsReceived = true
    if (peer.initialWindowSize !== windowBefore) {
      const isInRange = this.#sender.shiftWindows(this.#table.values(), peer.initialWindowSize - windowBefore)
      if (!isInRange) return fault(ErrorCode.FLOW_CONTROL_ERROR, "a window passes 2^31-1", "window_overflow")
      this.#sender.useCredit()
    }
    this.#events.onSettings()
    return null
  }

  #onPing(octets: Buffer, start: number, end: number, flags: number, id: number): Fault | null {
    if (end - start !== 8) return fault(ErrorCode.FRAME_SIZE_ERROR, "PING is not 8 octets")
    if (id !== 0) return protocolError("PING on a stream")
    if ((flags & Flag.ACK) === 0) {
      let flooded: Fault | null = null
      if (this.#guard.isPingTooSoon(this.#streams.nowMs)) {
        this.#events.onLimit("abuse_ping")
        flooded = this.#guard.charge(this.#streams.nowMs, "PING without work between")
      }
      if (flooded === null) this.#sender.ping(octets.subarray(start, end), true)
      return flooded
    }
    this.#connection.onPingAck(octets.subarray(start, end))
    return this.#overhead(start, end)
  }

  #onGoaway(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (id !== 0) return protocolError("GOAWAY on a stream")
    if (end - start < 8) return fault(ErrorCode.FRAME_SIZE_ERROR, "GOAWAY is shorter than 8 octets")
    const last = readUint31(octets, start)
    const code = readUint32(octets, start + 4)
    const debug = octets.toString("latin1", start + 8, Math.min(end, start + 264))
    return this.#connection.goawayReceived(last, code, debug)
  }

  #onPriority(octets: Buffer, start: number, end: number, id: number): Fault | null {
    if (id === 0) return protocolError("PRIORITY on stream 0")
    if (end - start !== 5) return fault(ErrorCode.FRAME_SIZE_ERROR, "PRIORITY is not 5 octets")
    if (readUint31(octets, start) === id) return protocolError("a stream depends on itself")
    return this.#guard.priority()
  }
}
