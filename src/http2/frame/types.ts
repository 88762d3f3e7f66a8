/** Frame types and flags: RFC 9113 §6, RFC 9218 §7.1. */
export const FrameType = {
  DATA: 0x0,
  HEADERS: 0x1,
  PRIORITY: 0x2,
  RST_STREAM: 0x3,
  SETTINGS: 0x4,
  PUSH_PROMISE: 0x5,
  PING: 0x6,
  GOAWAY: 0x7,
  WINDOW_UPDATE: 0x8,
  CONTINUATION: 0x9,
  PRIORITY_UPDATE: 0x10,
} as const

export const Flag = {
  ACK: 0x1,
  END_STREAM: 0x1,
  END_HEADERS: 0x4,
  PADDED: 0x8,
  PRIORITY: 0x20,
} as const

/** Octets before every payload: RFC 9113 §4.1. */
export const FRAME_HEAD_OCTETS = 9
export const DEFAULT_MAX_FRAME_OCTETS = 16_384
export const MAX_STREAM_ID = 2 ** 31 - 1

/** What a client sends first: RFC 9113 §3.4. */
export const CLIENT_PREFACE: Buffer = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1")

/** Reads 31 bits, the reserved one dropped. */
export function readUint31(octets: Uint8Array, at: number): number {
  return ((octets[at]! & 0x7f) << 24) | (octets[at + 1]! << 16) | (octets[at + 2]! << 8) | octets[at + 3]!
}

export function readUint32(octets: Uint8Array, at: number): number {
  return readUint31(octets, at) + (octets[at]! & 0x80) * 0x1000000
}
