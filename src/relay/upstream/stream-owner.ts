import type { Endpoint } from "../../cluster/endpoint.ts"
import type { PickSubject } from "../../cluster/policies/policy.ts"
import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import type { BufferingStream } from "../overload/reset-largest.ts"
import type { MovableStream } from "../pacing/pacer.ts"

/** What a connection tells of a stream that was opened on it. */
export interface UpstreamStreamOwner extends BufferingStream, MovableStream, PickSubject {
  readonly endpoint: Endpoint
  onInformational(head: ResponseHead): void
  onResponse(head: ResponseHead, endStream: boolean): void
  /** Octets are valid during the call only. Give credit for them by the stream's `consume`. */
  onResponseData(octets: Buffer, start: number, end: number, endStream: boolean): void
  onResponseTrailers(list: HeaderList): void
  /** The endpoint reset the stream, broke the protocol, or its connection is gone. */
  onUpstreamReset(end: StreamEnd): void
  /** Octets that `sendData` did not take at once were taken now. */
  onUpstreamSent(octets: number): void
}
