import {
  obtainRoom,
  obtainSegment,
  recycleRoom,
  recycleSegment,
  SEGMENT_OCTETS,
  SMALLEST_ROOM_OCTETS as SMALLEST,
} from "./segments.ts"

/** What takes up no more of a segment is not kept in one. */
const LITTLE_OCTETS = 4096
/** Queues kept for reuse. */
const QUEUES_POOLED = 256

const queuePool: OctetQueue[] = []

/** Called with `start..end` of `octets`. */
export type OctetSink = (octets: Buffer, start: number, end: number) => void

/**
 * Octets that wait for credit, in order. Small pieces are joined, so a flood of one-octet frames costs what one large
 * frame does. Bounded by its users: nothing enters beyond the window we advertised.
 *
 * A short queue is one buffer that grows; a long one a row of segments from a pool, so that nothing is copied twice.
 */
export class OctetQueue {
  length = 0
  #segments: Buffer[] = []
  /** Into the first segment. */
  #start = 0
  /** Into the last segment. */
  #end = 0
  /** `each` is under way; what it shows stays until then. */
  #isShown = false
  #isGivenUp = false

  /** An empty queue, if possible one that was in use before. */
  static obtain(): OctetQueue {
    return queuePool.pop() ?? new OctetQueue()
  }

  /** Gives the queue up, octets and all. */
  recycle(): void {
    if (this.#isShown) {
      this.#isGivenUp = true
      return
    }
    for (const segment of this.#segments) recycleRoom(segment)
    this.#segments.length = 0
    this.length = 0
    this.#start = 0
    this.#end = 0
    if (queuePool.length < QUEUES_POOLED) queuePool.push(this)
  }

  /** Octets of memory that hold them. */
  get capacity(): number {
    const { length } = this.#segments
    return length < 2 ? (this.#segments[0]?.length ?? 0) : length * SEGMENT_OCTETS
  }

  push(octets: Buffer, start: number, end: number): void {
    let at = start
    while (at < end) {
      const last = this.#room(end - at)
      const part = Math.min(end - at, last.length - this.#end)
      octets.copy(last, this.#end, at, at + part)
      this.#end += part
      at += part
    }
    this.length += end - start
  }

  /** To be called when what was pushed has to stay: a little moves out of its large segment into a buffer of its size. */
  settle(): void {
    const large = this.#segments[0]
    const held = this.#end - this.#start
    if (this.#segments.length !== 1 || large!.length < SEGMENT_OCTETS || held > LITTLE_OCTETS) return
    let size = SMALLEST
    while (size < held) size *= 2
    const room = obtainRoom(size)
    large!.copy(room, 0, this.#start, this.#end)
    recycleSegment(large!)
    this.#segments[0] = room
    this.#start = 0
    this.#end = held
  }

  /** The first octets: `headLength` of them from `start` on in `buffer`. Valid until the queue changes. */
  get buffer(): Buffer {
    return this.#segments[0]!
  }

  get start(): number {
    return this.#start
  }

  get headLength(): number {
    return (this.#segments.length === 1 ? this.#end : this.#segments[0]!.length) - this.#start
  }

  /** Drops the first `octets`, at most `headLength`. */
  drop(octets: number): void {
    this.#start += octets
    this.length -= octets
    if (this.headLength > 0) return
    this.#start = 0
    if (this.#segments.length === 1) this.#end = 0
    else recycleSegment(this.#segments.shift()!)
  }

  /** Shows everything, in order; nothing is taken. A queue that is given up meanwhile stays whole until the end. */
  each(sink: OctetSink): void {
    const { length } = this.#segments
    this.#isShown = true
    for (let i = 0; i < length; i++) {
      const segment = this.#segments[i]!
      sink(segment, i === 0 ? this.#start : 0, i === length - 1 ? this.#end : segment.length)
    }
    this.#isShown = false
    if (!this.#isGivenUp) return
    this.#isGivenUp = false
    this.recycle()
  }

  /** The last segment, with room for at least one octet. */
  #room(wanted: number): Buffer {
    const last = this.#segments.at(-1)
    if (last !== undefined && this.#end < last.length) {
      if (last.length === SEGMENT_OCTETS || this.#end + wanted <= last.length) return last
    }
    if (last !== undefined && last.length < SEGMENT_OCTETS) return this.#grow(last, wanted)
    const segment = wanted >= SMALLEST || last !== undefined ? obtainSegment() : obtainRoom(SMALLEST)
    this.#segments.push(segment)
    this.#end = 0
    return segment
  }

  /** The only segment is a small one: it becomes larger. */
  #grow(small: Buffer, wanted: number): Buffer {
    const held = this.#end - this.#start
    let size = small.length
    while (size < held + wanted && size < SEGMENT_OCTETS) size *= 2
    const room = size === small.length ? small : obtainRoom(size)
    small.copy(room, 0, this.#start, this.#end)
    if (room !== small) recycleRoom(small)
    this.#segments[0] = room
    this.#start = 0
    this.#end = held
    return room
  }
}
