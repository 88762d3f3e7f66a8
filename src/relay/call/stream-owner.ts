import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { Failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { MovableStream } from "../pacing/pacer.ts"

/** What a call needs of its client's stream. An HTTP/2 stream has it as it is; each bridge presents the same. */
export interface DownstreamStream {
  /** Both halves are over; nothing may be sent. */
  readonly isClosed: boolean
  /** Our half has ended, or its end waits behind queued octets. */
  readonly localEnded: boolean
  /** The client has half-closed. */
  readonly remoteEnded: boolean
  readonly queuedOctets: number
  /** Octets of the largest header list that the client says it takes: RFC 9113 §6.5.2. */
  readonly headerListMax: number
  /** A head, or with `endStream` after one, trailers. */
  sendHeaders(list: HeaderList, endStream: boolean): void
  /** How many octets were taken now; `StreamOwner.onDownstreamSent` tells of the rest. */
  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number
  /** Throws away what waits to be sent. */
  discardQueued(): void
  /** Gives the client credit. */
  consume(octets: number): void
  reset(code: number): void
  /** Over HTTP/1, the connection ends behind the answer. */
  endConnection?(): void
  /** The request is one that no honest client sends, or we had to break it off: it counts against its connection. */
  chargePeer(): void
}

/** Whose credit a stream waits for, or a place on a connection; null: it does not wait. */
export type WaitsFor = "connection" | "endpoint" | "client" | null

/** What a client's connection needs of the owner of a stream: a call, or a bridge that translates for one. */
export interface StreamOwner {
  readonly record: StreamRecord
  readonly endpointAddress: string
  readonly route: { readonly name: string }
  /** Null where no endpoint is asked. */
  readonly cluster: { readonly name: string } | null
  readonly waitsFor: WaitsFor
  readonly bufferedOctets: number
  /** What of it is to be given a turn when it has to end or to move; null: it is at no endpoint. */
  readonly paced: MovableStream | null
  /** Octets are valid during the call only. Give credit for them by the stream's `consume`. */
  onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void
  onRequestTrailers(list: HeaderList): void
  onDownstreamReset(end: StreamEnd): void
  /** Octets that `sendData` did not take at once were taken now. */
  onDownstreamSent(octets: number): void
  /** Ends the stream from our side; the client is told. */
  fail(what: Failure): void
  /** As `fail`, and lets go at once of all that is held. */
  shed(what: Failure): void
}

/** Closed, or inside the event of its last frame. */
export function isOver(stream: {
  readonly isClosed: boolean
  readonly localEnded: boolean
  readonly remoteEnded: boolean
  readonly queuedOctets: number
}): boolean {
  return stream.isClosed || (stream.localEnded && stream.remoteEnded && stream.queuedOctets === 0)
}
