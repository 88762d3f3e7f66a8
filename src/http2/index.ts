/// <reference types="node" preserve="true" />
/** HTTP/2 without sockets (RFC 9113): octets in, events out; calls in, octets out. */
export { BufferBudget } from "./buffer-budget.ts"
export { type ConnectionEnding, type ConnectionOptions, Http2Connection } from "./connection.ts"
export { ErrorCode, errorCodeName, type Fault } from "./error-code.ts"
export type { ConnectionEvents, StreamEnd } from "./events.ts"
export { HeaderList } from "./header-list.ts"
export type { RequestHead, ResponseHead } from "./message-head.ts"
export { Output, type OutputChunk, recycleChunk } from "./output.ts"
export type { Http2Stream } from "./stream.ts"
export type { Role } from "./stream-table.ts"
