import type { PooledConnection } from "../../cluster/pool.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { UpstreamStreamOwner } from "./stream-owner.ts"

/** What a leg needs of its stream to an endpoint. An HTTP/2 stream has it as it is; an HTTP/1.1 exchange presents the same. */
export interface UpstreamStream {
  /** Both halves are over; nothing may be sent. */
  readonly isClosed: boolean
  /** The request has ended, or its end waits behind queued octets. */
  readonly localEnded: boolean
  /** The response is whole. */
  readonly remoteEnded: boolean
  /** Request octets that wait for the endpoint. */
  readonly queuedOctets: number
  /** Trailers of the request. */
  sendHeaders(list: HeaderList, endStream: boolean): void
  /** How many octets were taken now; `UpstreamStreamOwner.onUpstreamSent` tells of the rest. */
  sendData(octets: Buffer, start: number, end: number, endStream: boolean): number
  /** Gives the endpoint credit. */
  consume(octets: number): void
  reset(code: number): void
  /** The response is whole, and what is left of the request is not wanted. */
  endEarly(): void
}

/** A connection to an endpoint, as a leg holds a place on it: HTTP/2, or one exchange of HTTP/1.1 at a time. */
export interface LegConnection extends PooledConnection {
  /** Largest header list that the endpoint takes, in octets: RFC 9113 §6.5.2. */
  readonly headerListMax: number
  /** Either end has said that it goes, and not for a fault: what ends with it is no failure of the endpoint's. */
  readonly isLeaving: boolean
  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: UpstreamStreamOwner): UpstreamStream
  /** Gives the place back. */
  release(): void
}
