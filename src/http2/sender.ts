import type { Limits } from "../base/limits.ts"
import type { BufferBudget } from "./buffer-budget.ts"
import { initialSettings, type Settings } from "./frame/settings.ts"
import { Flag, FrameType } from "./frame/types.ts"
import type { Guard } from "./guard.ts"
import type { HeaderList } from "./header-list.ts"
import { HpackEncoder } from "./hpack/index.ts"
import { OctetQueue } from "./octet-queue.ts"
import { Output, type OutputHost } from "./output.ts"
import type { Http2Stream } from "./stream.ts"
import { DEFAULT_WINDOW, MAX_WINDOW } from "./window.ts"

const NO_OCTETS = Buffer.alloc(0)
/** Its head and its trailers. */
const BLOCKS_OF_A_CALL = 2
/** What a stream may send before the next one that waits: a frame of the size that every peer takes. */
const TURN_OCTETS = 16_384

/** What the sending half tells the user of the connection: a part of `ConnectionEvents`. */
export interface SenderEvents<Owner> extends OutputHost {
  onQueueExceeded(): void
  onSent(stream: Http2Stream<Owner>, octets: number): void
}

/** What the sending half needs of the connection's streams. */
export interface SenderHost<Owner> {
  /** END_STREAM has been written. */
  onLocalEnd(stream: Http2Stream<Owner>): void
}

/**
 * The sending half of a connection: frames into `output`, DATA under the peer's credit (RFC 9113 §5.2, §6.9).
 *
 * Octets wait per stream, never for the connection as a whole, and what may wait is bounded by the window that the
 * other side of the relay was given. Streams that wait take turns of as many octets, however small the pieces in which
 * credit or room come.
 */
export class Sender<Owner> {
  readonly output: Output
  readonly encoder: HpackEncoder
  /** What the peer allows us. */
  readonly peer: Settings = initialSettings()
  /** Connection-level credit. */
  window = DEFAULT_WINDOW
  /** Octets that wait for the peer: in all queues, trailers behind them included, and `overflowOctets`. */
  queuedOctets = 0
  /** Of what waits in the output: past twice `unsentOctetsMax`. No window holds heads and trailers back. */
  overflowOctets = 0
  /** RST_STREAM frames, since the beginning. */
  resetsSent = 0
  readonly #host: SenderHost<Owner>
  readonly #events: SenderEvents<Owner>
  readonly #guard: Guard
  readonly #unsentOctetsMax: number
  readonly #queuedOctetsMax: number
  readonly #budget: BufferBudget
  /**
   * Streams with something queued and credit of their own for it, in the order of their turns; some whose credit is used
   * up as well. Null until there was one: most connections have none.
   */
  #waiting: Set<Http2Stream<Owner>> | null = null
  /** What the first of them has sent in its turn. */
  #turnOctets = 0
  /** Credit came that has not been used. */
  #isCredited = false

  constructor(
    host: SenderHost<Owner>,
    events: SenderEvents<Owner>,
    guard: Guard,
    limits: Limits,
    budget: BufferBudget,
  ) {
    this.#host = host
    this.#events = events
    this.#guard = guard
    this.#unsentOctetsMax = limits.unsentOctetsMax
    this.#queuedOctetsMax = limits.connectionBufferedOctetsMax
    this.#budget = budget
    this.output = new Output(events)
    this.encoder = new HpackEncoder(limits.encoderTableOctets, BLOCKS_OF_A_CALL)
  }

  /** The socket takes no more for now. */
  get isCongested(): boolean {
    return this.output.unsentOctets >= this.#unsentOctetsMax
  }

  headers(stream: Http2Stream<Owner>, list: HeaderList, endStream: boolean): void {
    if (stream.queue !== null && endStream) {
      stream.queuedTrailers = list
      stream.localEnded = true
      this.#holds(list.octets)
      return
    }
    this.output.headers(stream.id, this.encoder.encode(list), endStream, this.peer.maxFrameSize)
    if (this.isCongested) this.#countOverflow()
    if (endStream) this.#end(stream)
  }

  data(stream: Http2Stream<Owner>, octets: Buffer, start: number, end: number, endStream: boolean): number {
    const length = end - start
    if (
      stream.queue === null &&
      length <= stream.sendWindow &&
      length <= this.window &&
      length <= this.peer.maxFrameSize &&
      this.output.unsentOctets < this.#unsentOctetsMax
    ) {
      if (length === 0 && !endStream) return 0
      stream.sendWindow -= length
      this.window -= length
      this.output.data(stream.id, octets, start, end, endStream)
      this.#guard.sentData(length)
      if (endStream) this.#end(stream)
      return length
    }
    return this.#queueData(stream, octets, start, end, endStream)
  }

  #queueData(
    stream: Http2Stream<Owner>,
    octets: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): number {
    const length = end - start
    if (stream.queue === null) {
      if (length === 0) {
        if (!endStream) return 0
        // END_STREAM alone needs no credit (RFC 9113 §6.9.1).
        this.output.data(stream.id, NO_OCTETS, 0, 0, true)
        this.#end(stream)
        return 0
      }
      stream.queue = OctetQueue.obtain()
      this.#waiting ??= new Set()
      this.#waiting.add(stream)
    }
    stream.queue.push(octets, start, end)
    this.#holds(length)
    if (endStream) {
      stream.queuedEnd = true
      stream.localEnded = true
    }
    const left = this.#flushNew(stream, length)
    stream.queue?.settle()
    return length - left
  }

  /** Sends what it can at once; returns how many of the `added` octets, the last ones queued, still wait. */
  #flushNew(stream: Http2Stream<Owner>, added: number): number {
    const before = stream.queue!.length
    while (this.#sendOne(stream)) {}
    const left = stream.queue === null ? 0 : stream.queue.length
    const older = before - added
    const sent = before - left
    if (older > 0 && sent > 0) this.#events.onSent(stream, Math.min(older, sent))
    return Math.min(added, left)
  }

  /** The peer gave a stream credit, to be used by `useCredit`. False when its window passes 2^31-1. */
  creditStream(stream: Http2Stream<Owner>, increment: number): boolean {
    if (stream.sendWindow > MAX_WINDOW - increment) {
      // Credit that came before may let the stream go on, or end.
      this.useCredit()
      if (stream.isClosed) return true
    }
    if (stream.sendWindow > MAX_WINDOW - increment) return false
    stream.sendWindow += increment
    this.#credited(stream)
    return true
  }

  /** The peer gave the connection credit, to be used by `useCredit`. False when its window passes 2^31-1. */
  creditConnection(increment: number): boolean {
    if (this.window > MAX_WINDOW - increment) this.useCredit()
    if (this.window > MAX_WINDOW - increment) return false
    this.window += increment
    this.#isCredited = true
    return true
  }

  /** SETTINGS_INITIAL_WINDOW_SIZE changed by `delta`: every open stream's window does too. False on overflow (§6.9.2). */
  shiftWindows(streams: Iterable<Http2Stream<Owner>>, delta: number): boolean {
    for (const stream of streams) {
      stream.sendWindow += delta
      if (stream.sendWindow > MAX_WINDOW) return false
      this.#credited(stream)
    }
    return true
  }

  #credited(stream: Http2Stream<Owner>): void {
    if (stream.queue === null || stream.sendWindow <= 0) return
    this.#waiting!.add(stream)
    this.#isCredited = true
  }

  /**
   * To be called after WINDOW_UPDATEs that came in a row: used one by one, credit in many small pieces would make many small
   * frames. Before anything else is done, so that what comes of it does not depend on how the octets were read.
   */
  useCredit(): void {
    if (!this.#isCredited) return
    this.#isCredited = false
    this.flushWaiting()
  }

  /** Lets streams that wait send in turn, until credit, the socket or the queues give out. */
  flushWaiting(): void {
    if (this.overflowOctets > 0) this.#countOverflow()
    if (this.#waiting === null) return
    for (const stream of this.#waiting) {
      const isTurnOver = this.#takeTurn(stream)
      if (!isTurnOver) return
      this.#turnOctets = 0
      this.#waiting.delete(stream)
      // Behind all others, where this loop meets it again. Without credit of its own it waits for that first.
      if (stream.queue !== null && stream.sendWindow > 0) this.#waiting.add(stream)
    }
  }

  /** False: the connection's credit or the socket's room gave out first. */
  #takeTurn(stream: Http2Stream<Owner>): boolean {
    while (stream.queue !== null && stream.sendWindow > 0) {
      const before = stream.queue.length
      if (!this.#sendOne(stream)) return false
      const left = (stream.queue as OctetQueue | null)?.length ?? 0
      this.#turnOctets += before - left
      this.#events.onSent(stream, before - left)
      if (this.#turnOctets >= TURN_OCTETS) return true
    }
    return true
  }

  /** One DATA frame of what is queued. False when nothing could be sent. */
  #sendOne(stream: Http2Stream<Owner>): boolean {
    const queue = stream.queue
    if (queue === null || this.isCongested) return false
    const length = Math.min(queue.headLength, stream.sendWindow, this.window, this.peer.maxFrameSize)
    if (length <= 0) return false
    const isLast = length === queue.length
    stream.sendWindow -= length
    this.window -= length
    this.#holds(-length)
    this.output.data(stream.id, queue.buffer, queue.start, queue.start + length, isLast && stream.queuedEnd)
    queue.drop(length)
    this.#guard.sentData(length)
    if (isLast) this.#emptied(stream)
    return true
  }

  #emptied(stream: Http2Stream<Owner>): void {
    stream.queue!.recycle()
    stream.queue = null
    this.#waiting!.delete(stream)
    if (stream.queuedTrailers !== null) {
      const block = this.encoder.encode(stream.queuedTrailers)
      this.#holds(-stream.queuedTrailers.octets)
      stream.queuedTrailers = null
      this.output.headers(stream.id, block, true, this.peer.maxFrameSize)
      this.#end(stream)
    } else if (stream.queuedEnd) this.#end(stream)
  }

  #end(stream: Http2Stream<Owner>): void {
    stream.localEnded = true
    this.#host.onLocalEnd(stream)
  }

  /** END_STREAM in place of what is queued: alone it needs no credit (RFC 9113 §6.9.1). */
  endNow(stream: Http2Stream<Owner>): void {
    this.forget(stream)
    this.output.data(stream.id, NO_OCTETS, 0, 0, true)
    this.#end(stream)
  }

  /** Throws away what a stream has queued. */
  forget(stream: Http2Stream<Owner>): void {
    if (stream.queue === null) return
    this.#holds(-stream.queuedOctets)
    stream.queue.recycle()
    stream.queue = null
    stream.queuedTrailers = null
    this.#waiting!.delete(stream)
  }

  /** Nothing will be sent any more. */
  close(): void {
    this.#holds(-this.overflowOctets)
    this.overflowOctets = 0
  }

  #countOverflow(): void {
    const overflow = Math.max(0, this.output.unsentOctets - 2 * this.#unsentOctetsMax)
    const more = overflow - this.overflowOctets
    this.overflowOctets = overflow
    if (more !== 0) this.#holds(more)
  }

  #holds(octets: number): void {
    const before = this.queuedOctets
    this.queuedOctets += octets
    if (before <= this.#queuedOctetsMax && this.queuedOctets > this.#queuedOctetsMax)
      this.#events.onQueueExceeded()
    this.#budget.add(octets)
  }

  resetStream(id: number, code: number): void {
    this.resetsSent++
    this.output.uint32Frame(FrameType.RST_STREAM, id, code)
  }

  /** `id` 0 is the connection. */
  windowUpdate(id: number, increment: number): void {
    this.output.uint32Frame(FrameType.WINDOW_UPDATE, id, increment)
  }

  settings(entries: readonly (readonly [id: number, value: number])[]): void {
    const payload = Buffer.allocUnsafe(entries.length * 6)
    entries.forEach(([id, value], index) => {
      payload.writeUInt16BE(id, index * 6)
      payload.writeUInt32BE(value, index * 6 + 2)
    })
    this.output.frame(FrameType.SETTINGS, 0, 0, payload)
  }

  settingsAck(): void {
    this.output.frame(FrameType.SETTINGS, Flag.ACK, 0, NO_OCTETS)
  }

  ping(payload: Buffer, isAck: boolean): void {
    this.output.frame(FrameType.PING, isAck ? Flag.ACK : 0, 0, payload)
  }

  /** `debug` is cut at 256 octets. */
  goaway(lastStreamId: number, code: number, debug: string): void {
    const text = Buffer.from(debug.slice(0, 256), "latin1")
    const payload = Buffer.alloc(8 + text.length)
    payload.writeUInt32BE(lastStreamId, 0)
    payload.writeUInt32BE(code, 4)
    text.copy(payload, 8)
    this.output.frame(FrameType.GOAWAY, 0, 0, payload)
  }
}
