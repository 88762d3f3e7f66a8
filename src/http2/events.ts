import type { Fault } from "./error-code.ts"
import type { HeaderList } from "./header-list.ts"
import type { RequestHead, ResponseHead } from "./message-head.ts"
import type { Http2Stream } from "./stream.ts"

/** How a stream came to an early end. A stream that ended by END_STREAM both ways has none. */
export interface StreamEnd {
  /** RFC 9113 §7. */
  readonly code: number
  /** `peer`: RST_STREAM came. `local`: we found fault with the peer. `connection`: it ended, or GOAWAY said it will. */
  readonly origin: "peer" | "local" | "connection"
  /** The peer has said, or cannot but, that it did nothing for this stream: RFC 9113 §8.7. */
  readonly unprocessed: boolean
  readonly reason: string
}

/** Why a request is refused as it comes: the counter of what is wrong with it, and a phrase for people. */
export interface Refusal {
  readonly counter: "header_malformed" | "content_length_mismatch" | OversizeCounter
  readonly reason: string
}

/** What a header list was too large by. */
export type OversizeCounter = "header_list_too_large" | "header_fields_exceeded"

/**
 * What a connection tells its user, synchronously, from within `receive`, `receiveEnd`, `tick` or `drained`.
 *
 * `octets` are valid only during the call. After `onReset` nothing more is said of a stream; `onEnd` comes
 * once and last, but for the `onSent` of octets whose sending ended the connection.
 */
export interface ConnectionEvents<Owner> {
  /** Server: a new stream. Set `stream.owner` here. */
  onRequest(stream: Http2Stream<Owner>, head: RequestHead, endStream: boolean): void
  /**
   * Server: a request that is malformed, or whose header list is too large: `list` is what is known of it, and may hold
   * anything. Set `stream.owner` and answer now; what is not answered whole by then is not answered any more.
   */
  onRefusedRequest(stream: Http2Stream<Owner>, list: HeaderList, why: Refusal): void
  /** Server: the client broke the protocol on a stream that has an owner. Answer now, for it is reset behind the answer. */
  onRequestFault(stream: Http2Stream<Owner>, code: number, reason: string): void
  /** Client: the final response head; interim ones (1xx) come as `onInformational`. */
  onResponse(stream: Http2Stream<Owner>, head: ResponseHead, endStream: boolean): void
  onInformational(stream: Http2Stream<Owner>, head: ResponseHead): void
  /** Give credit back with `stream.consume(end - start)` once the octets have been taken. Padding is not shown. */
  onData(stream: Http2Stream<Owner>, octets: Buffer, start: number, end: number, endStream: boolean): void
  /** Always ends the peer's half. */
  onTrailers(stream: Http2Stream<Owner>, trailers: HeaderList): void
  onReset(stream: Http2Stream<Owner>, end: StreamEnd): void
  /** Server: the peer has reset a young stream, of which `onReset` told. True: that is no abuse, and not charged. */
  excusesReset?(stream: Http2Stream<Owner>): boolean
  /** So many octets that `sendData` had to queue were now taken. */
  onSent(stream: Http2Stream<Owner>, octets: number): void
  /** The first octets since the output was last taken are there. */
  onOutput(): void
  /** More is queued for slow receivers than `connectionBufferedOctetsMax`. Do not end streams from within. */
  onQueueExceeded(): void
  /** So much has gathered that it is worth a write now. */
  onMuchOutput(): void
  /** The peer's SETTINGS came or changed: how many streams may be open, for one. */
  onSettings(): void
  onGoaway(code: number, debug: string): void
  /** The answer to `ping`. */
  onPong(): void
  /** A limit was reached, by its counter's name. */
  onLimit(counter: string): void
  /** The connection is over: send what is in the output, then close the socket. Null: without a fault. */
  onEnd(fault: Fault | null): void
}
