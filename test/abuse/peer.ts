import { connect, type Socket } from "node:net"
import { setTimeout as pause } from "node:timers/promises"
import { Decoder, type Field } from "./hpack.ts"
import * as wire from "./wire.ts"

/** How one stream ended, or did not yet. */
export interface StreamView {
  headers: Field[]
  octets: number
  /** Set by RST_STREAM. */
  reset: number | null
  ended: boolean
}

/**
 * One end of a connection, on a real socket: sends any octets, keeps account of what comes back.
 *
 * Acknowledges SETTINGS and answers PING by itself, until told to stop reading. Nothing is enforced.
 */
export class Peer {
  readonly socket: Socket
  readonly role: "client" | "server"
  readonly streams = new Map<number, StreamView>()
  /** Streams the other end reset, and why. */
  readonly resets = new Map<number, number>()
  goaway: { code: number; lastStreamId: number } | null = null
  closed = false
  /** The other end's SETTINGS came. */
  ready = false
  initialWindow = 65_535
  connectionCredit = 65_535
  framesSent = 0
  acknowledges = true
  /** `fields` is there when the frame ends a header block. */
  onFrame: ((frame: wire.Frame, fields: Field[] | null) => void) | undefined
  readonly #decoder = new Decoder()
  readonly #reader = new wire.FrameReader()
  #prefaceLeft: number
  #block: { streamId: number; parts: Buffer[]; ends: boolean } | null = null
  #waiters: (() => void)[] = []

  constructor(socket: Socket, role: "client" | "server") {
    this.socket = socket
    this.role = role
    this.#prefaceLeft = role === "server" ? wire.PREFACE.length : 0
    socket.setNoDelay()
    socket.on("data", (chunk: Buffer) => this.#receive(chunk))
    socket.on("error", () => {})
    socket.on("end", () => this.#close())
    socket.on("close", () => this.#close())
  }

  /** A client connection with its preface and SETTINGS sent, and the other end's SETTINGS awaited. */
  static async connect(at: { host: string; port: number }, settings: (readonly [number, number])[] = []) {
    const peer = new Peer(connect(at), "client")
    peer.send(wire.PREFACE, wire.settings(settings))
    await peer.until(() => peer.ready, 3000)
    return peer
  }

  get over(): boolean {
    return this.closed || this.goaway !== null
  }

  get octetsSent(): number {
    return this.socket.bytesWritten - this.socket.writableLength
  }

  /** True when the socket takes more at once. */
  send(...frames: Uint8Array[]): boolean {
    this.framesSent += frames.length
    return (
      !this.socket.destroyed && this.socket.write(frames.length === 1 ? frames[0]! : Buffer.concat(frames))
    )
  }

  stopReading(): void {
    this.socket.pause()
  }

  resumeReading(): void {
    this.socket.resume()
  }

  destroy(): void {
    this.socket.destroy()
  }

  stream(id: number): StreamView {
    let view = this.streams.get(id)
    if (view === undefined)
      this.streams.set(id, (view = { headers: [], octets: 0, reset: null, ended: false }))
    return view
  }

  /** Resolves to whether `condition` came true in time; looked at after every read. */
  async until(condition: () => boolean, timeoutMs: number): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    while (!condition()) {
      const leftMs = deadline - performance.now()
      if (leftMs <= 0 || this.closed) return condition()
      const abort = new AbortController()
      await Promise.race([
        new Promise<void>((resolve) => this.#waiters.push(resolve)),
        pause(leftMs, undefined, { signal: abort.signal }).catch(() => {}),
      ])
      abort.abort()
    }
    return true
  }

  #close(): void {
    this.closed = true
    this.socket.destroy()
    this.#wake()
  }

  #wake(): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const wake of waiters) wake()
  }

  #receive(chunk: Buffer): void {
    const skip = Math.min(this.#prefaceLeft, chunk.length)
    this.#prefaceLeft -= skip
    let readable = false
    try {
      readable = this.#reader.push(chunk.subarray(skip), (frame) => this.#frame(frame))
    } catch {
      // What cannot be read is the other end's to explain; this connection has no further use.
    }
    if (!readable) this.#close()
    this.#wake()
  }

  #frame(frame: wire.Frame): void {
    let fields: Field[] | null = null
    switch (frame.type) {
      case wire.FrameType.SETTINGS:
        if (!(frame.flags & wire.Flag.ACK)) this.#settings(frame.payload)
        break
      case wire.FrameType.PING:
        if (!(frame.flags & wire.Flag.ACK) && this.acknowledges) {
          this.socket.write(wire.ping(frame.payload, wire.Flag.ACK))
        }
        break
      case wire.FrameType.GOAWAY:
        this.goaway = { lastStreamId: frame.payload.readUInt32BE(0), code: frame.payload.readUInt32BE(4) }
        break
      case wire.FrameType.WINDOW_UPDATE:
        if (frame.streamId === 0) this.connectionCredit += frame.payload.readUInt32BE(0)
        break
      case wire.FrameType.RST_STREAM:
        this.resets.set(frame.streamId, frame.payload.readUInt32BE(0))
        this.stream(frame.streamId).reset = frame.payload.readUInt32BE(0)
        break
      case wire.FrameType.DATA: {
        const view = this.stream(frame.streamId)
        view.octets += frame.payload.length
        if (frame.flags & wire.Flag.END_STREAM) view.ended = true
        break
      }
      case wire.FrameType.HEADERS:
        this.#block = {
          streamId: frame.streamId,
          parts: [Buffer.from(wire.unpadded(frame))],
          ends: (frame.flags & wire.Flag.END_STREAM) !== 0,
        }
        fields = this.#blockEnd(frame)
        break
      case wire.FrameType.CONTINUATION:
        this.#block?.parts.push(Buffer.from(frame.payload))
        fields = this.#blockEnd(frame)
        break
    }
    this.onFrame?.(frame, fields)
  }

  #blockEnd(frame: wire.Frame): Field[] | null {
    if (!(frame.flags & wire.Flag.END_HEADERS) || this.#block === null) return null
    const { streamId, parts, ends } = this.#block
    this.#block = null
    const fields = this.#decoder.decode(Buffer.concat(parts))
    const view = this.stream(streamId)
    view.headers.push(...fields)
    if (ends) view.ended = true
    return fields
  }

  #settings(payload: Buffer): void {
    this.ready = true
    for (let at = 0; at + 6 <= payload.length; at += 6) {
      if (payload.readUInt16BE(at) === wire.Setting.INITIAL_WINDOW_SIZE) {
        this.initialWindow = payload.readUInt32BE(at + 2)
      }
    }
    if (this.acknowledges) this.socket.write(wire.settingsAck())
  }
}

/** A request as an honest gRPC client words it; `extra` follows. */
export function request(path: string, extra: readonly Field[] = []): Field[] {
  return [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", path],
    [":authority", "abuse.test"],
    ["content-type", "application/grpc"],
    ["te", "trailers"],
    ...extra,
  ]
}

/** The value of the first field called `name`, or undefined. */
export const firstValue = (fields: readonly Field[], name: string): string | undefined =>
  fields.find(([key]) => key === name)?.[1]

/** `:status 200, grpc-status 14`, `RST_STREAM(CANCEL)`, or `open`. What came before a reset counts for more than it. */
export function describeStream(view: StreamView): string {
  const status = firstValue(view.headers, ":status")
  const grpcStatus = firstValue(view.headers, "grpc-status")
  const said = [status && `:status ${status}`, grpcStatus && `grpc-status ${grpcStatus}`]
    .filter(Boolean)
    .join(", ")
  if (view.ended) return said || "ended without a status"
  if (view.reset !== null) return `RST_STREAM(${wire.errorName(view.reset)})`
  return said === "" ? "open" : `open after ${said}`
}
