/** HPACK, the compression of HTTP/2 header blocks: RFC 7541. */
export { DEFAULT_TABLE_OCTETS, type DecodeLimits, HpackDecoder, TABLE_EXCEEDED } from "./decoder.ts"
export { HpackEncoder } from "./encoder.ts"
export { FirstBlocks } from "./first-blocks.ts"
export { KnownLists } from "./known-lists.ts"
