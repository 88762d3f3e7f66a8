import type { Limits } from "../base/limits.ts"
import type { BufferBudget } from "./buffer-budget.ts"
import { ErrorCode, type Fault, fault, protocolError } from "./error-code.ts"
import type { ConnectionEvents, OversizeCounter, Refusal } from "./events.ts"
import type { Guard } from "./guard.ts"
import { HeaderList } from "./header-list.ts"
import {
  DEFAULT_TABLE_OCTETS,
  type DecodeLimits,
  FirstBlocks,
  HpackDecoder,
  KnownLists,
  TABLE_EXCEEDED,
} from "./hpack/index.ts"
import { withoutLength } from "./message-head.ts"
import { requestHeadOf, responseHeadOf, trailersOf } from "./message-heads.ts"
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
  budget: BufferBudget
  nowMs: number
  maxConcurrentStreams: number
  headerBlockTimeoutMs: number
}

/** The expectation of `expect: 100-continue` is met: RFC 9110 §10.1.1. */
const CONTINUE = new HeaderList([":status", "100"])

/** A list of these is told of once read, as a request: only connections of clients may share it. */
const firstRequests = new FirstBlocks()
const requestLists = new KnownLists()
/** Those of backends, likewise. */
const responseLists = new KnownLists()

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
  readonly #limits: Limits
  readonly #decodeLimits: DecodeLimits
  readonly #decoder: HpackDecoder

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
    this.#limits = limits
    this.#decoder =
      role === "server"
        ? new HpackDecoder(DEFAULT_TABLE_OCTETS, firstRequests, requestLists)
        : new HpackDecoder(DEFAULT_TABLE_OCTETS, null, responseLists)
    this.#decoder.setMaxTableOctets(Math.max(DEFAULT_TABLE_OCTETS, limits.headerTableOctets))
    const maxFields = role === "server" ? limits.headerFieldsMax : limits.responseFieldsMax
    this.#decodeLimits = { maxFields, maxOctets: limits.headerListOctets }
  }

  /** The peer knows how large our table is. Until then it may use that, or the one that all start with. */
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
    if (this.#decoder.overflowed) return this.#onOversized(stream, list, endStream)
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
    const read = requestHeadOf(list)
    // A URI of http without a host is none: RFC 9110 §4.2.1.
    const head = typeof read !== "string" && read.authority === "" ? "there is no host" : read
    if (typeof head === "string") {
      const why: Refusal = { counter: "header_malformed", reason: head }
      return this.#streams.refuse(stream, list, why, ErrorCode.PROTOCOL_ERROR)
    }
    if (endStream && head.contentLength > 0) {
      const why: Refusal = { counter: "content_length_mismatch", reason: "content-length without DATA" }
      return this.#streams.refuse(stream, head.list, why, ErrorCode.PROTOCOL_ERROR)
    }
    stream.headReceived = true
    stream.contentLengthLeft = head.contentLength
    stream.remoteEnded = endStream
    this.#events.onRequest(stream, head, endStream)
    if (head.list !== list) this.#onMended(stream, list, endStream)
    if (endStream) this.#streams.finishIfBothEnded(stream)
    return this.#guard.due
  }

  /** The list that a request is known by from now on is not the one that came. */
  #onMended(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): void {
    const expected = list.get("expect")
    if (expected === undefined) return this.#events.onLimit("header_mended")
    const isToldToGoOn = !endStream && expected.toLowerCase() === "100-continue"
    if (isToldToGoOn) stream.sendHeaders(CONTINUE, false)
  }

  /** Costs its sender a charge, as a stream that had to be reset does. */
  #onOversizedRequest(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    stream.remoteEnded = endStream
    const { headerListOctets, headerFieldsMax } = this.#limits
    const counter = this.#oversizeOf(list)
    const reason =
      counter === "header_fields_exceeded"
        ? `the request's header list is larger than headerFieldsMax (${headerFieldsMax} fields)`
        : `the request's header list is larger than headerListOctets (${headerListOctets} octets)`
    const why: Refusal = { counter, reason }
    return this.#streams.refuse(stream, this.#withLate(list), why, ErrorCode.ENHANCE_YOUR_CALM)
  }

  /**
   * A header list too large on a stream that is open already. How a call ended is worth more to its client than what was
   * too large, so of a backend's trailers, and of a head that is all, the rest is passed on.
   */
  #onOversized(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    this.#events.onLimit(this.#oversizeOf(list))
    if (this.#role === "client") {
      const known = this.#withLate(list)
      if (stream.headReceived && endStream) return this.#onTrailers(stream, known, true)
      if (!stream.headReceived && !endStream && /^1\d\d$/.test(known.get(":status") ?? ""))
        return this.#countInterim(stream)
      if (!stream.headReceived && endStream && known.get("grpc-status") !== undefined)
        return this.#onResponseBlock(stream, known, true)
    }
    return this.#streams.streamError(stream, ErrorCode.ENHANCE_YOUR_CALM, "the header list is too large")
  }

  /** A list that overflowed, with what matters of the rest. */
  #withLate(list: HeaderList): HeaderList {
    const { late } = this.#decoder
    return late.length === 0 ? list : new HeaderList([...list.fields, ...late], list.neverIndexed)
  }

  #countInterim(stream: Http2Stream<Owner>): Fault | null {
    if (stream.countInterimResponse() <= this.#interimResponsesMax) return null
    return this.#streams.malformed(stream, "too many interim responses", "interim_responses_exceeded")
  }

  #onResponseBlock(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    let head = responseHeadOf(list)
    if (typeof head === "string") return this.#streams.malformed(stream, head)
    if (head.list !== list) this.#events.onLimit("header_mended")
    if (head.status < 200) {
      if (endStream) return this.#streams.malformed(stream, "an interim response ends the stream")
      const problem = this.#countInterim(stream)
      if (!stream.isClosed) this.#events.onInformational(stream, head)
      return problem
    }
    const hasBody = !stream.isHead && head.status !== 204 && head.status !== 304
    if (hasBody && endStream && head.contentLength > 0) {
      if (head.list.get("grpc-status") === undefined)
        return this.#streams.malformed(stream, "content-length without DATA")
      head = withoutLength(head)
    }
    stream.contentLengthLeft = hasBody ? head.contentLength : 0
    stream.headReceived = true
    stream.remoteEnded = endStream
    this.#events.onResponse(stream, head, endStream)
    if (endStream) this.#streams.finishIfBothEnded(stream)
    return null
  }

  #onTrailers(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): Fault | null {
    const isResponse = this.#role === "client"
    const trailers = endStream ? trailersOf(list, isResponse) : "trailers do not end the stream"
    if (typeof trailers === "string") return this.#streams.malformed(stream, trailers, "trailers_malformed")
    if (trailers !== list) this.#events.onLimit("header_mended")
    // How a gRPC call ended is said; that its body is short of a length, which gRPC has no use for, is worth less.
    const hasStatus = isResponse && trailers.get("grpc-status") !== undefined
    if (stream.contentLengthLeft > 0 && !hasStatus)
      return this.#streams.malformed(stream, "content-length is not reached", "content_length_mismatch")
    stream.remoteEnded = true
    this.#events.onTrailers(stream, trailers)
    this.#streams.finishIfBothEnded(stream)
    return null
  }

  /** HEADERS on a stream that is not open and not new. */
  #onLateHeaders(id: number): Fault | null {
    if (this.#table.closed.wasResetByUs(id)) return null
    if (this.#table.closed.hadEnded(id)) return fault(ErrorCode.STREAM_CLOSED, "HEADERS on a closed stream")
    if (!this.#table.isIdle(id) && this.#streams.ignoresLateFrames(id)) return null
    return protocolError("HEADERS on a stream that cannot be opened")
  }

  /** `list` holds the fields before the one that was too many or too large. */
  #oversizeOf(list: HeaderList): OversizeCounter {
    const isTooMany = list.fields.length >= 2 * this.#decodeLimits.maxFields
    return isTooMany ? "header_fields_exceeded" : "header_list_too_large"
  }
}
