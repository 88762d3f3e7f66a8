import type { Socket } from "node:net"
import { FrameReader } from "./frame-reader.ts"
import { type Fields, HeaderReader } from "./header-reader.ts"
import { type FieldList, HeaderWriter } from "./header-writer.ts"
import { Output } from "./output.ts"
import { Stream, type StreamConnection, type StreamOwner } from "./stream.ts"
import {
  DEFAULT_WINDOW_OCTETS,
  Flag,
  Frame,
  HEAD_OCTETS,
  MAX_FRAME_OCTETS,
  NO_ERROR,
  PREFACE,
  readUint31,
  Setting,
  writeHead,
} from "./wire.ts"

/** The windows we grant: those of a gRPC library on a fast link. Given back when half is used. */
const STREAM_WINDOW_OCTETS = 1 << 20
const CONNECTION_WINDOW_OCTETS = 1 << 24

const CLIENT_GREETING = Buffer.concat([PREFACE, greeting([[Setting.enablePush, 0]])])
const SERVER_GREETING = greeting([])

/** SETTINGS with our stream window, and the rest of the connection's. */
function greeting(more: readonly (readonly [setting: number, value: number])[]): Buffer {
  const settings = [[Setting.initialWindowSize, STREAM_WINDOW_OCTETS] as const, ...more]
  const bytes = Buffer.alloc(HEAD_OCTETS + 6 * settings.length + HEAD_OCTETS + 4)
  let at = writeHead(bytes, 0, 6 * settings.length, Frame.settings, 0, 0)
  for (const [setting, value] of settings) at = bytes.writeUInt32BE(value, bytes.writeUInt16BE(setting, at))
  at = writeHead(bytes, at, 4, Frame.windowUpdate, 0, 0)
  bytes.writeUInt32BE(CONNECTION_WINDOW_OCTETS - DEFAULT_WINDOW_OCTETS, at)
  return bytes
}

export interface ConnectionOwner {
  /** The peer opened a stream (backends only). */
  open(connection: Connection, fields: Fields): StreamOwner
  /** The connection is gone, or will not take more: GOAWAY, a socket error, octets it could not read. */
  lost(connection: Connection, reason: string): void
  /** The peer takes no more streams here and lets those that are open end (GOAWAY, NO_ERROR). Without it: lost. */
  leave?(connection: Connection): void
  /** Credit came, or everything was written: there may be room to send. */
  room(connection: Connection): void
}

/**
 * A lean HTTP/2 connection, either role: enough to keep any proxy honest, nothing more. It grants fixed windows, obeys
 * the peer's, writes once per turn, and reports everything unexpected to its owner.
 */
export class Connection implements StreamConnection {
  readonly streams = new Map<number, Stream>()
  readonly #socket: Socket
  readonly #owner: ConnectionOwner
  readonly #client: boolean
  readonly #output: Output
  readonly #reader: FrameReader
  readonly #headersIn = new HeaderReader()
  readonly #headersOut = new HeaderWriter()
  /** Streams that wait for connection credit. */
  readonly #blocked = new Set<Stream>()
  #prefaceLeft = 0
  #nextId = 1
  #sendWindow = DEFAULT_WINDOW_OCTETS
  #peerInitialWindow = DEFAULT_WINDOW_OCTETS
  #received = 0
  /** A header block in several frames. */
  #block: { streamId: number; flags: number; parts: Buffer[] } | null = null
  #lost = false

  constructor(socket: Socket, client: boolean, owner: ConnectionOwner) {
    this.#socket = socket
    this.#client = client
    this.#owner = owner
    this.#output = new Output(socket, () => owner.room(this))
    this.#reader = new FrameReader({
      data: (streamId, bytes, from, to, end) => this.#data(streamId, bytes, from, to, to - from, end),
      frame: (type, flags, streamId, bytes, from, to) => this.#frame(type, flags, streamId, bytes, from, to),
    })
    if (!client) this.#prefaceLeft = PREFACE.length
    socket.on("error", (error) => this.#lose(`the connection failed: ${error.message}`))
    socket.on("close", () => this.#lose("the connection was closed"))
    const first = client ? CLIENT_GREETING : SERVER_GREETING
    const at = this.#output.reserve(first.length)
    first.copy(this.#output.buffer, at)
  }

  /** Credit of the whole connection. */
  get sendWindow(): number {
    return this.#sendWindow
  }

  /** Written by us, not yet taken by the kernel. */
  get octetsUnsent(): number {
    return this.#output.octets
  }

  receive(bytes: Buffer, octets: number): void {
    let from = 0
    if (this.#prefaceLeft > 0) {
      from = Math.min(octets, this.#prefaceLeft)
      this.#prefaceLeft -= from
    }
    try {
      this.#reader.read(bytes, from, octets)
    } catch (error) {
      this.#lose(`could not read what came: ${(error as Error).message}`)
    }
  }

  open(list: FieldList, owner: StreamOwner, end = false): Stream {
    const stream = new Stream(this, this.#nextId, owner, this.#peerInitialWindow)
    this.#nextId += 2
    this.streams.set(stream.id, stream)
    this.headers(stream, list, end)
    return stream
  }

  headers(stream: Stream, list: FieldList, end: boolean): void {
    const block = this.#headersOut.block(list)
    const at = this.#output.reserve(HEAD_OCTETS + block.length)
    const flags = Flag.endHeaders | (end ? Flag.endStream : 0)
    block.copy(
      this.#output.buffer,
      writeHead(this.#output.buffer, at, block.length, Frame.headers, flags, stream.id),
    )
    if (end) this.#endLocal(stream)
  }

  /** Sends octets as DATA, or queues what credit does not cover. */
  send(stream: Stream, bytes: Buffer, from: number, to: number): void {
    const rest = stream.queue.length > 0 ? from : this.#write(stream, bytes, from, to)
    if (rest === to) return
    stream.queue.push(Buffer.from(bytes.subarray(rest, to)))
    if (this.#sendWindow <= 0) this.#blocked.add(stream)
  }

  /** Ends our side after what is queued: with END_STREAM on an empty DATA frame, or with trailers. */
  end(stream: Stream, ending: "data" | FieldList): void {
    if (stream.queue.length > 0) {
      stream.ending = ending
    } else if (ending === "data") {
      const at = this.#output.reserve(HEAD_OCTETS)
      writeHead(this.#output.buffer, at, 0, Frame.data, Flag.endStream, stream.id)
      this.#endLocal(stream)
    } else {
      this.headers(stream, ending, true)
    }
  }

  reset(stream: Stream, code: number): void {
    this.streams.delete(stream.id)
    this.#control(Frame.rstStream, 0, stream.id, [code])
  }

  /** A message in one DATA frame, made in place. The caller has checked that credit covers it. */
  reserveData(stream: Stream, octets: number, end: boolean): { buffer: Buffer; at: number } {
    const start = this.#output.reserve(HEAD_OCTETS + octets)
    const flags = end ? Flag.endStream : 0
    const at = writeHead(this.#output.buffer, start, octets, Frame.data, flags, stream.id)
    this.#sendWindow -= octets
    stream.sendWindow -= octets
    if (end) this.#endLocal(stream)
    return { buffer: this.#output.buffer, at }
  }

  /** Calls `room` at the end of this turn. */
  askForRoom(): void {
    this.#output.touch()
  }

  close(): void {
    this.#lost = true
    this.#socket.destroy()
  }

  /** A control frame whose payload is whole 32-bit words. */
  #control(type: number, flags: number, streamId: number, words: number[]): void {
    const start = this.#output.reserve(HEAD_OCTETS + 4 * words.length)
    let at = writeHead(this.#output.buffer, start, 4 * words.length, type, flags, streamId)
    for (const word of words) at = this.#output.buffer.writeUInt32BE(word, at)
  }

  /** Writes as much as credit covers; returns the offset of what is left. */
  #write(stream: Stream, bytes: Buffer, from: number, to: number): number {
    let at = from
    while (at < to) {
      const octets = Math.min(to - at, MAX_FRAME_OCTETS, stream.sendWindow, this.#sendWindow)
      if (octets <= 0) break
      const { buffer, at: target } = this.reserveData(stream, octets, false)
      bytes.copy(buffer, target, at, at + octets)
      at += octets
    }
    return at
  }

  #drain(stream: Stream): void {
    while (stream.queue.length > 0) {
      const bytes = stream.queue[0]!
      const rest = this.#write(stream, bytes, 0, bytes.length)
      if (rest < bytes.length) {
        stream.queue[0] = bytes.subarray(rest)
        if (this.#sendWindow <= 0) this.#blocked.add(stream)
        return
      }
      stream.queue.shift()
    }
    if (stream.ending !== null) {
      const ending = stream.ending
      stream.ending = null
      this.end(stream, ending)
    }
  }

  #endLocal(stream: Stream): void {
    stream.localEnded = true
    if (stream.remoteEnded) this.streams.delete(stream.id)
  }

  #endRemote(stream: Stream): void {
    stream.remoteEnded = true
    if (stream.localEnded) this.streams.delete(stream.id)
  }

  /** `credit` is what the frame takes of the windows: padding too. */
  #data(streamId: number, bytes: Buffer, from: number, to: number, credit: number, end: boolean): void {
    this.#received += credit
    if (this.#received >= CONNECTION_WINDOW_OCTETS / 2) {
      this.#control(Frame.windowUpdate, 0, 0, [this.#received])
      this.#received = 0
    }
    const stream = this.streams.get(streamId)
    if (stream === undefined) return
    stream.received += credit
    if (stream.received >= STREAM_WINDOW_OCTETS / 2 && !end) {
      this.#control(Frame.windowUpdate, 0, streamId, [stream.received])
      stream.received = 0
    }
    if (end) this.#endRemote(stream)
    if (end || to > from) stream.owner.data(stream, bytes, from, to, end)
  }

  #frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    switch (type) {
      case Frame.data: {
        const end = (flags & Flag.endStream) !== 0
        this.#data(streamId, bytes, from + 1, to - bytes[from]!, to - from, end)
        break
      }
      case Frame.headers:
        this.#headersStart(flags, streamId, bytes, from, to)
        break
      case Frame.continuation:
        this.#block?.parts.push(Buffer.from(bytes.subarray(from, to)))
        if ((flags & Flag.endHeaders) !== 0) this.#headersJoined()
        break
      case Frame.rstStream:
        this.#resetByPeer(streamId, bytes.readUInt32BE(from))
        break
      case Frame.settings:
        if ((flags & Flag.ack) === 0) this.#settings(bytes, from, to)
        break
      case Frame.ping:
        if ((flags & Flag.ack) === 0) this.#pong(bytes, from)
        break
      case Frame.windowUpdate:
        this.#credit(streamId, readUint31(bytes, from))
        break
      case Frame.goaway:
        // A client that opens no more streams here still wants the end of those it has.
        if (!this.#client && bytes.readUInt32BE(from + 4) === NO_ERROR) break
        if (this.#owner.leave !== undefined && bytes.readUInt32BE(from + 4) === NO_ERROR) {
          this.#owner.leave(this)
          break
        }
        this.#lose(`GOAWAY, code ${bytes.readUInt32BE(from + 4)} ${bytes.toString("latin1", from + 8, to)}`)
        break
    }
  }

  #pong(bytes: Buffer, from: number): void {
    this.#control(Frame.ping, Flag.ack, 0, [bytes.readUInt32BE(from), bytes.readUInt32BE(from + 4)])
  }

  #headersStart(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    let start = from
    let stop = to
    if ((flags & Flag.padded) !== 0) stop -= bytes[start++]!
    if ((flags & Flag.priority) !== 0) start += 5
    if ((flags & Flag.endHeaders) !== 0) this.#headersWhole(flags, streamId, bytes, start, stop)
    else this.#block = { streamId, flags, parts: [Buffer.from(bytes.subarray(start, stop))] }
  }

  #headersJoined(): void {
    if (this.#block === null) return
    const whole = Buffer.concat(this.#block.parts)
    const { flags, streamId } = this.#block
    this.#block = null
    this.#headersWhole(flags, streamId, whole, 0, whole.length)
  }

  #headersWhole(flags: number, streamId: number, bytes: Buffer, from: number, to: number): void {
    const end = (flags & Flag.endStream) !== 0
    const fields = this.#headersIn.read(bytes, from, to)
    let stream = this.streams.get(streamId)
    if (stream === undefined) {
      if (this.#client) return
      stream = new Stream(this, streamId, this.#owner.open(this, fields), this.#peerInitialWindow)
      this.streams.set(streamId, stream)
    }
    if (end) this.#endRemote(stream)
    stream.owner.headers(stream, fields, end)
  }

  #resetByPeer(streamId: number, code: number): void {
    const stream = this.streams.get(streamId)
    if (stream === undefined) return
    this.streams.delete(streamId)
    this.#blocked.delete(stream)
    stream.owner.reset(stream, code)
  }

  #settings(bytes: Buffer, from: number, to: number): void {
    for (let at = from; at + 6 <= to; at += 6) {
      const value = bytes.readUInt32BE(at + 2)
      const setting = bytes.readUInt16BE(at)
      if (setting === Setting.headerTableSize) this.#headersOut.limitTable(value)
      if (setting !== Setting.initialWindowSize) continue
      const change = value - this.#peerInitialWindow
      this.#peerInitialWindow = value
      for (const stream of this.streams.values()) {
        stream.sendWindow += change
        if (change > 0) this.#drain(stream)
      }
    }
    this.#control(Frame.settings, Flag.ack, 0, [])
  }

  #credit(streamId: number, octets: number): void {
    if (streamId === 0) {
      this.#sendWindow += octets
      // A copy: what is still blocked enters the set again.
      const blocked = Array.from(this.#blocked)
      this.#blocked.clear()
      for (const stream of blocked) this.#drain(stream)
    } else {
      const stream = this.streams.get(streamId)
      if (stream === undefined) return
      stream.sendWindow += octets
      this.#drain(stream)
    }
    this.#output.touch()
  }

  #lose(reason: string): void {
    if (this.#lost) return
    this.#lost = true
    this.#owner.lost(this, reason)
    this.#socket.destroy()
  }
}
