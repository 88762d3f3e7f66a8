import { allocUnpooled } from "../../http2/own-octets.ts"

const PREFIX_OCTETS = 5
const SMALLEST = 256

/** Set in a prefix's first octet when the message is compressed: gRPC, doc/PROTOCOL-HTTP2.md. */
export const COMPRESSED = 0x01

/**
 * Puts length-prefixed messages together from octets cut anywhere. Memory follows what has come, not what a prefix
 * announces; a message of more than `maxOctets` is not begun.
 */
export class MessageSplitter {
  /** What the last prefix announced, where `push` refused it. */
  refusedOctets = 0
  readonly #maxOctets: number
  readonly #onMessage: (flags: number, message: Buffer, isOwned: boolean) => void
  #prefixSeen = 0
  #flags = 0
  #length = 0
  #held: Buffer = Buffer.alloc(0)
  #heldOctets = 0

  /** `message` is valid during the call only, unless `isOwned`. */
  constructor(maxOctets: number, onMessage: (flags: number, message: Buffer, isOwned: boolean) => void) {
    this.#maxOctets = maxOctets
    this.#onMessage = onMessage
  }

  /** Octets of memory that hold a message which is not whole. */
  get heldOctets(): number {
    return this.#held.length
  }

  /** True between messages. */
  get isAtBoundary(): boolean {
    return this.#prefixSeen === 0
  }

  /** False when a message is too large; nothing may be pushed after that. */
  push(octets: Buffer, start: number, end: number): boolean {
    let at = start
    while (at < end || this.#isComplete) {
      if (this.#prefixSeen < PREFIX_OCTETS) {
        this.#readPrefix(octets[at++]!)
        if (this.#prefixSeen === PREFIX_OCTETS && this.#length > this.#maxOctets) {
          this.refusedOctets = this.#length
          return false
        }
        continue
      }
      const part = Math.min(end - at, this.#length - this.#heldOctets)
      if (part === this.#length) this.#emit(octets.subarray(at, at + part), false)
      else {
        this.#hold(octets, at, at + part)
        if (this.#isComplete) this.#emit(this.#held.subarray(0, this.#length), true)
      }
      at += part
    }
    return true
  }

  get #isComplete(): boolean {
    return this.#prefixSeen === PREFIX_OCTETS && this.#heldOctets === this.#length
  }

  #readPrefix(octet: number): void {
    if (this.#prefixSeen === 0) {
      this.#flags = octet
      this.#length = 0
    } else this.#length = this.#length * 256 + octet
    this.#prefixSeen++
  }

  #hold(octets: Buffer, start: number, end: number): void {
    const needed = this.#heldOctets + end - start
    if (this.#held.length < needed) {
      const room = allocUnpooled(Math.min(this.#length, Math.max(needed, 2 * this.#held.length, SMALLEST)))
      this.#held.copy(room, 0, 0, this.#heldOctets)
      this.#held = room
    }
    octets.copy(this.#held, this.#heldOctets, start, end)
    this.#heldOctets = needed
  }

  #emit(message: Buffer, isOwned: boolean): void {
    const flags = this.#flags
    this.#prefixSeen = 0
    this.#heldOctets = 0
    this.#held = Buffer.alloc(0)
    this.#onMessage(flags, message, isOwned)
  }
}

/** A message with its prefix. */
export function framed(flags: number, message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(PREFIX_OCTETS + message.length)
  frame[0] = flags
  frame.writeUInt32BE(message.length, 1)
  frame.set(message, PREFIX_OCTETS)
  return frame
}
