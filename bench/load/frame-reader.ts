import { Flag, Frame, HEAD_OCTETS, readUint31 } from "./wire.ts"

/** Who is told of frames. Byte ranges are valid only during the call: the buffer is reused. */
export interface FrameHandler {
  /** A run of DATA octets: a whole frame's, or a part when the frame spans two reads. `end` with END_STREAM's last. */
  data(streamId: number, bytes: Buffer, from: number, to: number, end: boolean): void
  /** Any other frame (and padded DATA), whole. */
  frame(type: number, flags: number, streamId: number, bytes: Buffer, from: number, to: number): void
}

const NOTHING = Buffer.alloc(0)

/**
 * Cuts a byte stream into frames, in place. DATA is handed on as it comes; all else is gathered until whole.
 * Source: RFC 9113 §4.1.
 */
export class FrameReader {
  readonly #handler: FrameHandler
  /** The start of a frame that is not whole yet. */
  #partial: Buffer = NOTHING
  #partialOctets = 0
  /** DATA octets still to come of the frame that was begun. */
  #dataLeft = 0
  #dataStream = 0
  #dataEnds = false

  constructor(handler: FrameHandler) {
    this.#handler = handler
  }

  read(bytes: Buffer, from: number, to: number): void {
    let at = from
    while (at < to) {
      if (this.#dataLeft > 0) at = this.#moreData(bytes, at, to)
      else if (this.#partialOctets > 0) at = this.#complete(bytes, at, to)
      else if (to - at < HEAD_OCTETS) at = this.#keep(bytes, at, to)
      else at = this.#frame(bytes, at, to)
    }
  }

  #moreData(bytes: Buffer, at: number, to: number): number {
    const stop = Math.min(to, at + this.#dataLeft)
    this.#dataLeft -= stop - at
    this.#handler.data(this.#dataStream, bytes, at, stop, this.#dataEnds && this.#dataLeft === 0)
    return stop
  }

  /** One frame whose head is there in full. */
  #frame(bytes: Buffer, at: number, to: number): number {
    const octets = (bytes[at]! << 16) | (bytes[at + 1]! << 8) | bytes[at + 2]!
    const type = bytes[at + 3]!
    const flags = bytes[at + 4]!
    const streamId = readUint31(bytes, at + 5)
    const body = at + HEAD_OCTETS
    if (type === Frame.data && (flags & Flag.padded) === 0) {
      const ends = (flags & Flag.endStream) !== 0
      if (octets === 0 || body + octets <= to) {
        this.#handler.data(streamId, bytes, body, body + octets, ends)
        return body + octets
      }
      this.#dataStream = streamId
      this.#dataLeft = octets
      this.#dataEnds = ends
      return body
    }
    if (body + octets > to) return this.#keep(bytes, at, to)
    this.#handler.frame(type, flags, streamId, bytes, body, body + octets)
    return body + octets
  }

  #keep(bytes: Buffer, at: number, to: number): number {
    const octets = to - at
    if (this.#partialOctets + octets > this.#partial.length) {
      const larger = Buffer.allocUnsafeSlow(2 * (this.#partialOctets + octets))
      this.#partial.copy(larger, 0, 0, this.#partialOctets)
      this.#partial = larger
    }
    bytes.copy(this.#partial, this.#partialOctets, at, to)
    this.#partialOctets += octets
    return to
  }

  /** Adds to the frame that was begun: first its head, then (unless it is DATA) its body. */
  #complete(bytes: Buffer, at: number, to: number): number {
    if (this.#partialOctets < HEAD_OCTETS) {
      const stop = Math.min(to, at + HEAD_OCTETS - this.#partialOctets)
      this.#keep(bytes, at, stop)
      if (this.#partialOctets < HEAD_OCTETS) return stop
      const head = this.#partial
      const empty = head[0] === 0 && head[1] === 0 && head[2] === 0
      if (empty || (head[3] === Frame.data && (head[4]! & Flag.padded) === 0)) {
        this.#partialOctets = 0
        this.#frame(head, 0, HEAD_OCTETS)
      }
      return stop
    }
    const whole = HEAD_OCTETS + ((this.#partial[0]! << 16) | (this.#partial[1]! << 8) | this.#partial[2]!)
    const stop = Math.min(to, at + whole - this.#partialOctets)
    this.#keep(bytes, at, stop)
    if (this.#partialOctets === whole) {
      this.#partialOctets = 0
      this.#frame(this.#partial, 0, whole)
    }
    return stop
  }
}
