import type { Limits } from "../base/limits.ts"
import { ErrorCode, type Fault, fault, protocolError } from "./error-code.ts"
import type { ConnectionEvents, OversizeCounter } from "./events.ts"
import type { Guard } from "./guard.ts"
import type { HeaderList } from "./header-list.ts"
import { type DecodeLimits, HpackDecoder, TABLE_EXCEEDED } from "./hpack/index.ts"
import { trailersProblem } from "./message-head.ts"
import { requestHeadOf, responseHeadOf } from "./message-heads.ts"
import type { Sender } from "./sender.ts"
import type { Http2Stream } from "./stream.ts"
import type { Role, StreamTable } from "./stream-table.ts"
import type { Streams } from "./streams.ts"

/** What the receiving half shares with the rest of its connection. */
export interface ReceiverParts<Owner> {
  role: Role
  limits: Limits
  events: ConnectionEvents<Owner>
  sender: Sender<Owner>
  streams: Streams<Owner>
  guard: Guard
  nowMs: number
  maxConcurrentStreams: number
  headerBlockTimeoutMs: number
}

/**
 * Whole header blocks to requests, responses and trailers, each checked against RFC 9113 §8 and the limits. As in the
 * Receiver, what is returned is the connection error that is due, or null.
 */
export class MessageReceiver<Owner> {
  readonly #streams: Streams<Owner>
  readonly #role: Role
  readonly #events: ConnectionEvents<Owner>
  readonly #sender: Sender<Owner>
  readonly #table: StreamTable<Owner>
  readonly #guard: Guard
  readonly #maxConcurrentStreams: number
  readonly #interimResponsesMax: number
  readonly #decodeLimits: DecodeLimits
  readonly #decoder = new HpackDecoder()

  constructor(parts: ReceiverParts<Owner>) {
    const { role, limits, events, sender, streams, guard, maxConcurrentStreams } = parts
    this.#streams = streams
    this.#role = role
    this.#events = events
    this.#sender = sender
    this.#table = streams.table
    this.#guard = guard
    this.#maxConcurrentStreams = maxConcurrentStreams
    this.#interimResponsesMax = limits.interimResponsesMax
    this.#decodeLimits = { maxFields: limits.headerFieldsMax, maxOctets: limits.headerListOctets }
  }

  /** The peer knows how large our table is. */
  useTable(octets: number): void {
    this.#decoder.setMaxTableOctets(octets)
  }

  /** A whole header block: decoded in any case, since it changes the table, then told to whom it may concern. */
  receive(id: number, endStream: boolean, octets: Uint8Array, start: number, end: number): Fault | null {
    const list = this.#decoder.decode(octets, start, end, this.#decodeLimits)
    if (list === null) {
      const { fault: reason } = this.#decoder
      const limit = reason === TABLE_EXCEEDED ? "header_table_exceeded" : "header_undecodable"
      return fault(ErrorCode.COMPRESSION_ERROR, reason, limit)
    }
    const stream = this.#table.get(id)
    if (stream === undefined) {
      const isNewRequest = this.#role === "server" && (id & 1) === 1 && id > this.#table.lastPeerId
      return isNewRequest ? this.#onRequestBlock(id, list, endStream) : this.#onLateHeaders(id)
    }
    if (stream.remoteEnded) return fault(ErrorCode.STREAM_CLOSED, "HEADERS after END_STREAM")
    if (this.#decoder.overflowed) return this.#headersTooLarge(stream, list)
    if (stream.headReceived) return this.#onTrailers(stream, list, endStream)
    return this.#onResponseBlock(stream, list, endStream)
  }

  #onRequestBlock(id: number, list: HeaderList, endStream: boolean): Fault | null {
    this.#table.lastPeerId = id
    if (id > this.#streams.lastAcceptedStreamId) return null
    this.#guard.streamOpened()
    if (this.#table.size >= this.#maxConcurrentStreams) {
      this.#events.onLimit("streams_refused")
      this.#sender.resetStream(id, ErrorCode.REFUSED_STREAM)
      this.#table.closed.resetByUs(id)
      return this.#guard.charge(this.#streams.nowMs, "streams past the limit")
    }
    const stream = this.#streams.newStream(id)
    if (this.#decoder.overflowed) return this.#onOversizedRequest(stream, list, endStream)
    const head = requestHeadOf(list)
    if (typeof head === "string") return this.#streams.malformed(stream, head)
    if (endStream && head.contentLength > 0)
      return this.#streams.malformed(stream, "content-length without DATA")
    stream.headReceived = true
    stream.contentLengthLeft = head.contentLength
    stream.remoteEnded = endStream
    this.#events.onRequest(stream, head, endStream)
    if (endStream) this.#streams.finishIfBothEnded(stream)
    return this.#guard.due
  }

  /** Costs its sender a charge, as a stream that had to be reset does. */
  #onOversizedRequest(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    const counter = this.#oversizeOf(list)
    this.#events.onLimit(counter)
    stream.headReceived = true
    stream.remoteEnded = endStream
    const contentType = list.get("content-type") ?? this.#decoder.lateContentType ?? ""
    this.#events.onOversizedRequest(stream, contentType, counter)
    stream.reset(stream.localEnded ? ErrorCode.NO_ERROR : ErrorCode.ENHANCE_YOUR_CALM)
    return this.#guard.charge(this.#streams.nowMs, "header lists past the limit")
  }

  #onResponseBlock(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    const head = responseHeadOf(list)
    if (typeof head === "string") return this.#streams.malformed(stream, head)
    if (head.status < 200) {
      if (endStream) return this.#streams.malformed(stream, "an interim response ends the stream")
      if (stream.countInterimResponse() > this.#interimResponsesMax)
        return this.#streams.malformed(stream, "too many interim responses", "interim_responses_exceeded")
      this.#events.onInformational(stream, head)
      return null
    }
    const hasBody = !stream.isHead && head.status !== 204 && head.status !== 304
    if (hasBody && endStream && head.contentLength > 0)
      return this.#streams.malformed(stream, "content-length without DATA")
    stream.contentLengthLeft = hasBody ? head.contentLength : 0
    stream.headReceived = true
    stream.remoteEnded = endStream
    this.#events.onResponse(stream, head, endStream)
    if (endStream) this.#streams.finishIfBothEnded(stream)
    return null
  }

  #onTrailers(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    const problem = endStream ? trailersProblem(list) : "trailers do not end the stream"
    if (problem !== null) return this.#streams.malformed(stream, problem, "trailers_malformed")
    if (stream.contentLengthLeft > 0)
      return this.#streams.malformed(stream, "content-length is not reached", "content_length_mismatch")
    stream.remoteEnded = true
    this.#events.onTrailers(stream, list)
    this.#streams.finishIfBothEnded(stream)
    return null
  }

  /** HEADERS on a stream that is not open and not new. */
  #onLateHeaders(id: number): Fault | null {
    if (this.#table.closed.wasResetByUs(id)) return null
    if (this.#table.closed.hadEnded(id)) return fault(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")
    if (!this.#table.isIdle(id) && this.#streams.isForgotten(id)) return null
    return protocolError("HEADERS on a stream that cannot be opened")
  }

  /** `list` holds the fields before the one that was too many or too large. */
  #oversizeOf(list: HeaderList): OversizeCounter {
    const isTooMany = list.fields.length >= 2 * this.#decodeLimits.maxFields
    return isTooMany ? "header_fields_exceeded" : "header_list_too_large"
  }

  #headersTooLarge(stream: Http2Stream<Owner>, list: HeaderList): Fault | null {
    this.#events.onLimit(this.#oversizeOf(list))
    return this.#streams.streamError(stream, ErrorCode.ENHANCE_YOUR_CALM, "the header list is too large")
  }
}
