import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { Failure } from "../../record/failure.ts"
import type { ConnectionRecord, StreamRecord } from "../../record/record.ts"
import type { OpenListener } from "./listener-view.ts"

/** Whoever handles a client's stream: an exchange, or a bridge that translates for one. */
export interface StreamOwner {
  readonly record: StreamRecord
  readonly messages: { request: number; response: number }
  readonly endpointAddress: string
  readonly bufferedOctets: number
  /** Octets are valid during the call only. Give credit for them by the stream's `consume`. */
  onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void
  onRequestTrailers(list: HeaderList): void
  onDownstreamReset(end: StreamEnd): void
  /** Octets that `sendData` did not take at once were taken now. */
  onDownstreamTaken(octets: number): void
  /** Ends the stream from our side; the client is told. */
  fail(what: Failure): void
  /** As `fail`, and lets go at once of all that is held. */
  shed(what: Failure): void
}

/** A client's connection, whatever it speaks. */
export interface ClientConnection {
  readonly record: ConnectionRecord
  /** Where it came in. */
  readonly openListener: OpenListener
  /** Streams under way. */
  readonly streams: Iterable<StreamOwner>
  /** Held for the client and no stream's any more: heads and trailers that it does not read. */
  readonly overflowOctets: number
  /** Once a second. */
  tick(nowMs: number): void
  /** Takes no new streams and ends once the last is over. */
  drain(): void
  /** Ends what is still open, each stream with UNAVAILABLE, then the connection. */
  abort(reason: string): void
  /** Ends it at once, with all that it holds. */
  cut(reason: string): void
}
