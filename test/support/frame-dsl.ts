import { ErrorCode, errorCodeName } from "../../src/http2/error-code.ts"
import { Setting } from "../../src/http2/frame/settings.ts"
import { CLIENT_PREFACE, Flag, FRAME_HEAD_OCTETS, FrameType } from "../../src/http2/frame/types.ts"
import { HpackDecoder } from "../../src/http2/hpack/index.ts"

/**
 * HTTP/2 frames, built and read in the RFC's own terms. Nothing is checked on the way out, so that tests can say what
 * a peer must not.
 *
 * ```ts
 * lab.send(preface, settings(), headers(1, request, { endStream: true }))
 * expect(lab.said()).toEqual(["SETTINGS ACK", "RST_STREAM 1 REFUSED_STREAM"])
 * ```
 */
export type Field = readonly [name: string, value: string]

export const preface: Buffer = CLIENT_PREFACE

/** A POST to a gRPC method, as clients send it. */
export const request: readonly Field[] = [
  [":method", "POST"],
  [":scheme", "http"],
  [":path", "/test.Echo/Chat"],
  [":authority", "test.example"],
  ["te", "trailers"],
  ["content-type", "application/grpc"],
]

export const response: readonly Field[] = [
  [":status", "200"],
  ["content-type", "application/grpc"],
]

export const okTrailers: readonly Field[] = [["grpc-status", "0"]]

/** `fields` with some of them changed, by name; undefined takes one out. New ones go last, pseudo-headers first. */
export function withFields(
  fields: readonly Field[],
  changes: Readonly<Record<string, string | undefined>>,
): Field[] {
  const left = new Map(Object.entries(changes))
  const changed: Field[] = []
  for (const [name, value] of fields) {
    const next = left.has(name) ? left.get(name) : value
    left.delete(name)
    if (next !== undefined) changed.push([name, next])
  }
  for (const [name, value] of left) {
    if (value === undefined) continue
    if (name.startsWith(":")) changed.unshift([name, value])
    else changed.push([name, value])
  }
  return changed
}

/** Fields as literals that no table remembers (RFC 7541 §6.2.2), so that blocks can be sent in any order. */
export function headerBlock(fields: readonly Field[], neverIndexed: readonly string[] = []): Buffer {
  const parts: Buffer[] = []
  for (const [name, value] of fields) {
    parts.push(
      Buffer.from([neverIndexed.includes(name) ? 0x10 : 0x00]),
      hpackString(name),
      hpackString(value),
    )
  }
  return Buffer.concat(parts)
}

function hpackString(text: string): Buffer {
  const octets = Buffer.from(text, "latin1")
  if (octets.length < 127) return Buffer.concat([Buffer.from([octets.length]), octets])
  const length = [127]
  let rest = octets.length - 127
  for (; rest >= 128; rest = Math.floor(rest / 128)) length.push((rest % 128) | 0x80)
  return Buffer.concat([Buffer.from([...length, rest]), octets])
}

/** Any frame. `length` says another length than the payload has. */
export function frame(
  type: number,
  flags: number,
  streamId: number,
  payload: Uint8Array = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(FRAME_HEAD_OCTETS)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

const uint32 = (...values: number[]): Buffer => {
  const octets = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) octets.writeUInt32BE(value >>> 0, index * 4)
  return octets
}

function padded(payload: Buffer, padding: number | undefined): Buffer {
  return padding === undefined
    ? payload
    : Buffer.concat([Buffer.from([padding]), payload, Buffer.alloc(padding)])
}

interface DataOptions {
  endStream?: boolean
  /** Octets of padding; the PADDED flag is set even for 0. */
  padding?: number
}

export function data(streamId: number, payload: Uint8Array | string, options: DataOptions = {}): Buffer {
  const { endStream = false, padding } = options
  const flags = (endStream ? Flag.END_STREAM : 0) | (padding === undefined ? 0 : Flag.PADDED)
  return frame(FrameType.DATA, flags, streamId, padded(Buffer.from(payload), padding))
}

interface HeadersOptions extends DataOptions {
  /** Default: true. */
  endHeaders?: boolean
  priority?: { dependsOn: number; weight?: number; exclusive?: boolean }
  neverIndexed?: readonly string[]
}

/** HEADERS with these fields, or with these octets as its block. */
export function headers(
  streamId: number,
  fields: readonly Field[] | Buffer,
  options: HeadersOptions = {},
): Buffer {
  const { endStream = false, endHeaders = true, padding, priority } = options
  const block = Buffer.isBuffer(fields) ? fields : headerBlock(fields, options.neverIndexed)
  const flags =
    (endStream ? Flag.END_STREAM : 0) |
    (endHeaders ? Flag.END_HEADERS : 0) |
    (padding === undefined ? 0 : Flag.PADDED) |
    (priority === undefined ? 0 : Flag.PRIORITY)
  const payload = priority === undefined ? block : Buffer.concat([priorityFields(priority), block])
  return frame(FrameType.HEADERS, flags, streamId, padded(payload, padding))
}

export function continuation(streamId: number, block: Uint8Array, endHeaders = true): Buffer {
  return frame(FrameType.CONTINUATION, endHeaders ? Flag.END_HEADERS : 0, streamId, block)
}

/** As `headers`; what one frame has no room for follows in CONTINUATION. */
export function headersInPieces(
  streamId: number,
  fields: readonly Field[],
  options: { endStream?: boolean } = {},
): Buffer {
  const block = headerBlock(fields)
  const most = 16_384
  const frames: Buffer[] = []
  for (let at = 0; at === 0 || at < block.length; at += most) {
    const piece = block.subarray(at, at + most)
    const endHeaders = at + most >= block.length
    if (at === 0) frames.push(headers(streamId, piece, { ...options, endHeaders }))
    else frames.push(continuation(streamId, piece, endHeaders))
  }
  return Buffer.concat(frames)
}

function priorityFields(options: { dependsOn: number; weight?: number; exclusive?: boolean }): Buffer {
  const { dependsOn, weight = 16, exclusive = false } = options
  return Buffer.concat([uint32(dependsOn + (exclusive ? 2 ** 31 : 0)), Buffer.from([weight - 1])])
}

export function priority(streamId: number, dependsOn = 0, weight = 16): Buffer {
  return frame(FrameType.PRIORITY, 0, streamId, priorityFields({ dependsOn, weight }))
}

export function rstStream(streamId: number, code: number = ErrorCode.CANCEL): Buffer {
  return frame(FrameType.RST_STREAM, 0, streamId, uint32(code))
}

type SettingName = keyof typeof Setting

export function settings(values: Partial<Record<SettingName, number>> = {}): Buffer {
  return rawSettings(Object.entries(values).map(([name, value]) => [Setting[name as SettingName], value]))
}

/** SETTINGS entries by number, in order, repeats included. */
export function rawSettings(entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const payload = Buffer.alloc(entries.length * 6)
  entries.forEach(([id, value], index) => {
    payload.writeUInt16BE(id, index * 6)
    payload.writeUInt32BE(value, index * 6 + 2)
  })
  return frame(FrameType.SETTINGS, 0, 0, payload)
}

export const settingsAck = (): Buffer => frame(FrameType.SETTINGS, Flag.ACK, 0)

export function pushPromise(
  streamId: number,
  promisedId: number,
  fields: readonly Field[] = request,
): Buffer {
  return frame(
    FrameType.PUSH_PROMISE,
    Flag.END_HEADERS,
    streamId,
    Buffer.concat([uint32(promisedId), headerBlock(fields)]),
  )
}

/** `payload` is 8 octets of latin1. */
export function ping(payload = "12345678", options: { ack?: boolean } = {}): Buffer {
  return frame(FrameType.PING, options.ack === true ? Flag.ACK : 0, 0, Buffer.from(payload, "latin1"))
}

export function goaway(lastStreamId: number, code: number = ErrorCode.NO_ERROR, debug = ""): Buffer {
  return frame(
    FrameType.GOAWAY,
    0,
    0,
    Buffer.concat([uint32(lastStreamId, code), Buffer.from(debug, "latin1")]),
  )
}

export function windowUpdate(streamId: number, increment: number): Buffer {
  return frame(FrameType.WINDOW_UPDATE, 0, streamId, uint32(increment))
}

export function priorityUpdate(streamId: number, value = "u=3"): Buffer {
  return frame(
    FrameType.PRIORITY_UPDATE,
    0,
    0,
    Buffer.concat([uint32(streamId), Buffer.from(value, "latin1")]),
  )
}

/** A frame as it came, its fields read where it has any. */
export interface SeenFrame {
  readonly type: number
  readonly flags: number
  readonly streamId: number
  readonly payload: Buffer
  /** Of HEADERS, CONTINUATIONs joined. */
  readonly fields: readonly Field[]
  /** Names whose value must not be indexed on any hop. */
  readonly neverIndexed: readonly string[]
}

export const endsStream = (seen: SeenFrame): boolean =>
  (seen.type === FrameType.DATA || seen.type === FrameType.HEADERS) && (seen.flags & Flag.END_STREAM) !== 0

/** The error code of RST_STREAM and GOAWAY. */
export const codeOf = (seen: SeenFrame): number =>
  seen.payload.readUInt32BE(seen.type === FrameType.GOAWAY ? 4 : 0)

const ANY_SIZE = { maxFields: 100_000, maxOctets: 2 ** 30 }

/** Reads what one end of a connection sends, cut anywhere. Throws on what no end may send. */
export class FrameLog {
  readonly #decoder = new HpackDecoder()
  readonly #onFrame: (seen: SeenFrame) => void
  #prefaceLeft: number
  #octets: Buffer = Buffer.alloc(0)
  #block: { flags: number; streamId: number; parts: Buffer[] } | null = null

  constructor(from: "client" | "server", onFrame: (seen: SeenFrame) => void) {
    this.#prefaceLeft = from === "client" ? preface.length : 0
    this.#onFrame = onFrame
  }

  push(octets: Uint8Array): void {
    this.#octets = this.#octets.length === 0 ? Buffer.from(octets) : Buffer.concat([this.#octets, octets])
    if (this.#prefaceLeft > 0) {
      if (this.#octets.length < this.#prefaceLeft) return
      if (!this.#octets.subarray(0, this.#prefaceLeft).equals(preface))
        throw new Error("not a client preface")
      this.#octets = this.#octets.subarray(this.#prefaceLeft)
      this.#prefaceLeft = 0
    }
    while (this.#octets.length >= FRAME_HEAD_OCTETS) {
      const end = FRAME_HEAD_OCTETS + this.#octets.readUIntBE(0, 3)
      if (this.#octets.length < end) return
      const one = this.#octets.subarray(0, end)
      this.#octets = this.#octets.subarray(end)
      this.#read(one[3]!, one[4]!, one.readUInt32BE(5), one.subarray(FRAME_HEAD_OCTETS))
    }
  }

  #read(type: number, flags: number, streamId: number, payload: Buffer): void {
    if (type === FrameType.HEADERS) this.#block = { flags, streamId, parts: [headersBlock(flags, payload)] }
    else if (type === FrameType.CONTINUATION) this.#block!.parts.push(payload)
    else {
      this.#onFrame({ type, flags, streamId, payload, fields: [], neverIndexed: [] })
      return
    }
    if ((flags & Flag.END_HEADERS) === 0) return
    const { flags: first, streamId: id, parts } = this.#block!
    const whole = Buffer.concat(parts)
    const list = this.#decoder.decode(whole, 0, whole.length, ANY_SIZE)
    if (list === null) throw new Error(`a header block that cannot be decoded: ${this.#decoder.fault}`)
    const fields: Field[] = []
    for (let i = 0; i < list.fields.length; i += 2) fields.push([list.fields[i]!, list.fields[i + 1]!])
    const neverIndexed = [...(list.neverIndexed ?? [])].map((at) => list.fields[at * 2]!)
    this.#onFrame({
      type: FrameType.HEADERS,
      flags: first,
      streamId: id,
      payload: whole,
      fields,
      neverIndexed,
    })
  }
}

function headersBlock(flags: number, payload: Buffer): Buffer {
  const padding = (flags & Flag.PADDED) !== 0 ? payload[0]! : 0
  const start = ((flags & Flag.PADDED) !== 0 ? 1 : 0) + ((flags & Flag.PRIORITY) !== 0 ? 5 : 0)
  return payload.subarray(start, payload.length - padding)
}

const typeNames = new Map<number, string>(Object.entries(FrameType).map(([name, type]) => [type, name]))

/** One line of text for a frame: `HEADERS 1 END_STREAM :status=200`, `DATA 1 5`, `GOAWAY 3 NO_ERROR`. */
export function describeFrame(seen: SeenFrame): string {
  const { type, flags, streamId, payload, fields } = seen
  const name = typeNames.get(type) ?? `type 0x${type.toString(16)}`
  const end = endsStream(seen) ? " END_STREAM" : ""
  switch (type) {
    case FrameType.DATA:
      return `DATA ${streamId} ${payload.length}${end}`
    case FrameType.HEADERS:
      return [`HEADERS ${streamId}${end}`, ...fields.map(([key, value]) => `${key}=${value}`)].join(" ")
    case FrameType.RST_STREAM:
      return `RST_STREAM ${streamId} ${errorCodeName(codeOf(seen))}`
    case FrameType.SETTINGS:
      return (flags & Flag.ACK) !== 0 ? "SETTINGS ACK" : "SETTINGS"
    case FrameType.PING:
      return `PING${(flags & Flag.ACK) !== 0 ? " ACK" : ""} ${payload.toString("latin1")}`
    case FrameType.GOAWAY:
      return `GOAWAY ${payload.readUInt32BE(0)} ${errorCodeName(codeOf(seen))}`
    case FrameType.WINDOW_UPDATE:
      return `WINDOW_UPDATE ${streamId} ${payload.readUInt32BE(0)}`
    default:
      return `${name} ${streamId}`
  }
}
