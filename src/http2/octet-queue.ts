const SMALLEST = 512

/**
 * Octets that wait for credit, in order. Small pieces are joined, so a flood of one-octet frames costs what one large
 * frame does. Bounded by its users: nothing enters beyond the window we advertised.
 */
export class OctetQueue {
  length = 0
  #buffer: Buffer = Buffer.allocUnsafe(SMALLEST)
  #start = 0

  push(octets: Uint8Array, start: number, end: number): void {
    const added = end - start
    if (this.#start + this.length + added > this.#buffer.length) this.#makeRoom(added)
    this.#buffer.set(octets.subarray(start, end), this.#start + this.length)
    this.length += added
  }

  /** The next `octets` octets, still owned by the queue: valid until the next call. */
  take(octets: number): Buffer {
    const taken = this.#buffer.subarray(this.#start, this.#start + octets)
    this.#start += octets
    this.length -= octets
    if (this.length === 0) this.#start = 0
    return taken
  }

  /** Everything, still in the queue: valid until the next call. */
  peek(): Buffer {
    return this.#buffer.subarray(this.#start, this.#start + this.length)
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
