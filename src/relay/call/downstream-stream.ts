import type { HeaderList } from "../../http2/header-list.ts"

/** What the relay needs of a client's stream. An HTTP/2 stream has it as it is; each bridge presents the same. */
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
  /** How many octets were taken now; `Exchange.onDownstreamTaken` tells of the rest. */
  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number
  /** Throws away what waits to be sent. */
  discardQueued(): void
  /** Gives the client credit. */
  consume(octets: number): void
  reset(code: number): void
  /** The request is one that no honest client sends: it counts against its connection. */
  chargePeer(): void
}
