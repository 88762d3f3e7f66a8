/**
 * HTTP/2's constants and frame heads, as the load needs them.
 *
 * The load speaks HTTP/2 by itself and shares no code with `src/http2`: a fault there must not hide behind the same
 * fault here, and the load has to cost less than anything it measures.
 * Source: RFC 9113 §4.1, §6, §7.
 */
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1")
export const HEAD_OCTETS = 9
export const MAX_FRAME_OCTETS = 16_384
export const DEFAULT_WINDOW_OCTETS = 65_535

export const Frame = {
  data: 0,
  headers: 1,
  priority: 2,
  rstStream: 3,
  settings: 4,
  pushPromise: 5,
  ping: 6,
  goaway: 7,
  windowUpdate: 8,
  continuation: 9,
} as const

export const Flag = { endStream: 0x1, ack: 0x1, endHeaders: 0x4, padded: 0x8, priority: 0x20 } as const

export const Setting = {
  headerTableSize: 1,
  enablePush: 2,
  maxConcurrentStreams: 3,
  initialWindowSize: 4,
  maxFrameSize: 5,
} as const

export const NO_ERROR = 0
export const CANCEL = 8

/** Writes a frame head at `at`; returns the offset after it. */
export function writeHead(
  out: Buffer,
  at: number,
  payloadOctets: number,
  type: number,
  flags: number,
  streamId: number,
): number {
  out[at] = payloadOctets >>> 16
  out[at + 1] = payloadOctets >>> 8
  out[at + 2] = payloadOctets
  out[at + 3] = type
  out[at + 4] = flags
  out[at + 5] = streamId >>> 24
  out[at + 6] = streamId >>> 16
  out[at + 7] = streamId >>> 8
  out[at + 8] = streamId
  return at + HEAD_OCTETS
}

export function readUint31(bytes: Buffer, at: number): number {
  return ((bytes[at]! & 0x7f) << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
}
