const SMALLEST = 512
/** Queues kept for reuse, with buffers of at most this size: 4 MiB in all. */
const POOLED = 64
const POOLED_OCTETS = 65_536

const pool: OctetQueue[] = []

/**
 * Octets that wait for credit, in order. Small pieces are joined, so a flood of one-octet frames costs what one large
 * frame does. Bounded by its users: nothing enters beyond the window we advertised.
 */
export class OctetQueue {
  length = 0
  #buffer: Buffer = Buffer.allocUnsafe(SMALLEST)
  #start = 0

  /** An empty queue, if possible one that was in use before. */
  static obtain(): OctetQueue {
    return pool.pop() ?? new OctetQueue()
  }

  /** Gives the queue up, octets and all. A slow receiver fills and empties it again and again; the buffer stays. */
  recycle(): void {
    this.length = 0
    this.#start = 0
    if (this.#buffer.length <= POOLED_OCTETS && pool.length < POOLED) pool.push(this)
  }

  push(octets: Buffer, start: number, end: number): void {
    const added = end - start
    if (this.#start + this.length + added > this.#buffer.length) this.#makeRoom(added)
    octets.copy(this.#buffer, this.#start + this.length, start, end)
    this.length += added
  }

  /** Where the octets are: `length` of them from `start` on. Valid until the next call that changes the queue. */
  get buffer(): Buffer {
    return this.#buffer
  }

  get start(): number {
    return this.#start
  }

  /** Drops the first `octets`. */
  drop(octets: number): void {
    this.#start += octets
    this.length -= octets
    if (this.length === 0) this.#start = 0
  }

  #makeRoom(added: number): void {
    const needed = this.length + added
    let size = this.#buffer.length
    while (size < needed) size *= 2
    const room = size === this.#buffer.length ? this.#buffer : Buffer.allocUnsafe(size)
    this.#buffer.copy(room, 0, this.#start, this.#start + this.length)
    this.#buffer = room
    this.#start = 0
  }
}
