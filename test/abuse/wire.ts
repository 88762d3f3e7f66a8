/**
 * HTTP/2 frames as the attacker writes and reads them. Independent of src/http2 on purpose: it has to write what
 * no sound implementation would, and must not share a mistake with what it attacks. Source: RFC 9113 §4, §6.
 */
export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const

export const Flag = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const

export const Setting = {
  HEADER_TABLE_SIZE: 1,
  ENABLE_PUSH: 2,
  MAX_CONCURRENT_STREAMS: 3,
  INITIAL_WINDOW_SIZE: 4,
  MAX_FRAME_SIZE: 5,
} as const

export const ErrorCode = {
  NO_ERROR: 0,
  PROTOCOL_ERROR: 1,
  INTERNAL_ERROR: 2,
  FLOW_CONTROL_ERROR: 3,
  SETTINGS_TIMEOUT: 4,
  STREAM_CLOSED: 5,
  FRAME_SIZE_ERROR: 6,
  REFUSED_STREAM: 7,
  CANCEL: 8,
  COMPRESSION_ERROR: 9,
  CONNECT_ERROR: 10,
  ENHANCE_YOUR_CALM: 11,
  INADEQUATE_SECURITY: 12,
  HTTP_1_1_REQUIRED: 13,
} as const

/** `11` reads as `ENHANCE_YOUR_CALM`; codes without a name as their number. */
export function errorName(code: number): string {
  return Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? `0x${code.toString(16)}`
}

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1")

const NOTHING = Buffer.alloc(0)

export function frame(type: number, flags: number, streamId: number, payload: Uint8Array = NOTHING): Buffer {
  const out = Buffer.allocUnsafe(9 + payload.length)
  out.writeUIntBE(payload.length, 0, 3)
  out[3] = type
  out[4] = flags
  out.writeUInt32BE(streamId, 5)
  out.set(payload, 9)
  return out
}

export const data = (streamId: number, payload: Uint8Array = NOTHING, flags = 0): Buffer =>
  frame(FrameType.DATA, flags, streamId, payload)

export const headers = (streamId: number, block: Uint8Array, flags: number = Flag.END_HEADERS): Buffer =>
  frame(FrameType.HEADERS, flags, streamId, block)

export const continuation = (streamId: number, block: Uint8Array = NOTHING, flags = 0): Buffer =>
  frame(FrameType.CONTINUATION, flags, streamId, block)

export const rstStream = (streamId: number, code: number): Buffer =>
  frame(FrameType.RST_STREAM, 0, streamId, uint32(code))

export const windowUpdate = (streamId: number, octets: number): Buffer =>
  frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(octets))

export const ping = (opaque: Uint8Array = Buffer.alloc(8), flags = 0): Buffer =>
  frame(FrameType.PING, flags, 0, opaque)

/** RFC 9113 §6.3: deprecated, still legal. */
export const priority = (streamId: number, dependsOn: number, weight = 15): Buffer =>
  frame(FrameType.PRIORITY, 0, streamId, Buffer.concat([uint32(dependsOn), Buffer.of(weight)]))

export const goaway = (lastStreamId: number, code: number): Buffer =>
  frame(FrameType.GOAWAY, 0, 0, Buffer.concat([uint32(lastStreamId), uint32(code)]))

export function settings(entries: readonly (readonly [id: number, value: number])[] = []): Buffer {
  const payload = Buffer.alloc(6 * entries.length)
  for (const [i, [id, value]] of entries.entries()) {
    payload.writeUInt16BE(id, 6 * i)
    payload.writeUInt32BE(value, 6 * i + 2)
  }
  return frame(FrameType.SETTINGS, 0, 0, payload)
}

export const settingsAck = (): Buffer => frame(FrameType.SETTINGS, Flag.ACK, 0)

export function uint32(value: number): Buffer {
  const out = Buffer.allocUnsafe(4)
  out.writeUInt32BE(value >>> 0)
  return out
}

export interface Frame {
  type: number
  flags: number
  streamId: number
  /** Lent until the next call of `push`. */
  payload: Buffer
}

/** Cuts a byte stream into frames. Holds at most one frame, and gives up above `payloadMax`. */
export class FrameReader {
  #rest: Buffer = NOTHING
  readonly #payloadMax: number

  constructor(payloadMax = 2 ** 20) {
    this.#payloadMax = payloadMax
  }

  /** Calls `each` for every frame that is now whole. False when what comes cannot be HTTP/2. */
  push(chunk: Buffer, each: (frame: Frame) => void): boolean {
    let bytes = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk])
    while (bytes.length >= 9) {
      const length = bytes.readUIntBE(0, 3)
      if (length > this.#payloadMax) return false
      if (bytes.length < 9 + length) break
      each({
        type: bytes[3]!,
        flags: bytes[4]!,
        streamId: bytes.readUInt32BE(5) & 0x7fffffff,
        payload: bytes.subarray(9, 9 + length),
      })
      bytes = bytes.subarray(9 + length)
    }
    this.#rest = bytes.length === 0 ? NOTHING : Buffer.from(bytes)
    return true
  }
}

/** The payload without padding and priority fields: RFC 9113 §6.1, §6.2. */
export function unpadded({ type, flags, payload }: Frame): Buffer {
  let start = 0
  let end = payload.length
  if (flags & Flag.PADDED) {
    end -= payload[0] ?? 0
    start += 1
  }
  if (type === FrameType.HEADERS && flags & Flag.PRIORITY) start += 5
  return payload.subarray(start, Math.max(start, end))
}
