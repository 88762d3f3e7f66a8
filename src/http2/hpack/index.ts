/** HPACK, the compression of HTTP/2 header blocks: RFC 7541. */
export { type DecodeLimits, HpackDecoder, TABLE_EXCEEDED } from "./decoder.ts"
export { HpackEncoder } from "./encoder.ts"
