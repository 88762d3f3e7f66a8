import type { Socket } from "node:net"

const FIRST_OCTETS = 1024

/** Outputs with something to send, in the order they got it. */
let dirty: Output[] = []
let scheduled = false

function flushAll(): void {
  scheduled = false
  const batch = dirty
  dirty = []
  for (const output of batch) output.flush()
}

/**
 * What one connection will write at the end of this turn of the event loop: one write per turn, however many frames.
 */
export class Output {
  readonly #socket: Socket
  readonly #flushed: () => void
  #buffer: Buffer = Buffer.allocUnsafe(FIRST_OCTETS)
  #length = 0
  #dirty = false

  /** `flushed` is called whenever everything was taken by the kernel. */
  constructor(socket: Socket, flushed: () => void) {
    this.#socket = socket
    this.#flushed = flushed
    socket.on("drain", flushed)
  }

  /** Octets not yet taken by the kernel. */
  get octets(): number {
    return this.#length + this.#socket.writableLength
  }

  get buffer(): Buffer {
    return this.#buffer
  }

  /** Makes room for `octets` and returns the offset in `buffer` where they go. They count as written. */
  reserve(octets: number): number {
    const at = this.#length
    this.#length = at + octets
    if (this.#length > this.#buffer.length) {
      const larger = Buffer.allocUnsafeSlow(2 * this.#length)
      this.#buffer.copy(larger, 0, 0, at)
      this.#buffer = larger
    }
    this.touch()
    return at
  }

  /** Asks for a flush (and its `flushed`) at the end of this turn. */
  touch(): void {
    if (this.#dirty) return
    this.#dirty = true
    dirty.push(this)
    if (!scheduled) {
      scheduled = true
      setImmediate(flushAll)
    }
  }

  flush(): void {
    this.#dirty = false
    if (this.#socket.destroyed) return
    if (this.#length > 0) {
      const bytes = this.#buffer.subarray(0, this.#length)
      this.#length = 0
      this.#socket.write(bytes)
      // Taken at once: the buffer is free again. Otherwise it belongs to the socket until it drains.
      if (this.#socket.writableLength > 0) this.#buffer = Buffer.allocUnsafe(FIRST_OCTETS)
    }
    if (this.#socket.writableLength === 0) this.#flushed()
  }
}
