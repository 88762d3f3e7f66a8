import { allocUnpooled } from "../../http2/own-octets.ts"
import type { HeldOctets } from "../../relay/overload/held-octets.ts"

const SMALLEST = 512

/**
 * The octets of a body that has to be whole, or to wait. However they are cut they are one buffer, counted at its size:
 * kept as a buffer each, a body of 4 MiB in chunks of one octet is half a gigabyte.
 */
export class HeldBody {
  length = 0
  readonly #held: HeldOctets
  #room: Buffer = Buffer.alloc(0)

  constructor(held: HeldOctets) {
    this.#held = held
  }

  push(octets: Buffer, start: number, end: number): void {
    const needed = this.length + end - start
    if (needed > this.#room.length) this.#grow(needed)
    octets.copy(this.#room, this.length, start, end)
    this.length = needed
  }

  /** All of it; nothing is held any more. */
  take(): Buffer {
    const whole = this.#room.subarray(0, this.length)
    this.#held.add(-this.#room.length)
    this.#room = Buffer.alloc(0)
    this.length = 0
    return whole
  }

  #grow(needed: number): void {
    const room = allocUnpooled(Math.max(SMALLEST, needed, 2 * this.#room.length))
    this.#room.copy(room, 0, 0, this.length)
    this.#held.add(room.length - this.#room.length)
    this.#room = room
  }
}
