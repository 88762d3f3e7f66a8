import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import { allocUnpooled } from "../../../http2/own-octets.ts"

const PREFIX_OCTETS = 5
const SMALLEST = 256

/**
 * Client messages kept for another leg: whole ones from the front, and the unfinished one at the end. The oldest leave
 * first, never one that no leg has sent.
 *
 * Unit: octets, counted from the first of the call. Bounded: what was sent by `keep` and one message, what was not by the
 * window that the client was given.
 */
export class MessageLog {
  /** Messages before the first one here. */
  start = 0
  /** The octet that the first one here begins with. */
  startOctet = 0
  readonly #budget: BufferBudget
  #octets: Buffer | null = null
  #from = 0
  #to = 0

  constructor(budget: BufferBudget) {
    this.#budget = budget
  }

  get length(): number {
    return this.#to - this.#from
  }

  push(octets: Buffer, start: number, end: number): void {
    if (end === start) return
    const room = this.#room(end - start)
    octets.copy(room, this.#to, start, end)
    this.#to += end - start
    this.#budget.add(end - start)
  }

  /**
   * Room behind what is kept for so many octets: moved to the front of the buffer, or into a larger one. An eighth of it is
   * free after each move, so that an octet is moved some eight times at most, however long the log stays full.
   */
  #room(octets: number): Buffer {
    const held = this.length
    const old = this.#octets
    if (old !== null && this.#to + octets <= old.length) return old
    const needed = held + octets + ((held + octets) >> 3)
    const size = Math.max(SMALLEST, needed + (held >> 2))
    const room = old !== null && needed <= old.length ? old : allocUnpooled(size)
    old?.copy(room, 0, this.#from, this.#to)
    this.#octets = room
    this.#from = 0
    this.#to = held
    return room
  }

  /** Octets of the first message, prefix included; 0 where it is not whole. */
  #firstOctets(at: number): number {
    if (this.#to - at < PREFIX_OCTETS) return 0
    const octets = PREFIX_OCTETS + this.#octets!.readUInt32BE(at + 1)
    return at + octets <= this.#to ? octets : 0
  }

  /**
   * Lets go of messages from the front that end at or before `octet` and come before position `message`, for as long as
   * more than `keep` octets are kept.
   */
  trim(keep: number, octet: number, message: number): void {
    while (this.length > keep && this.start < message) {
      const octets = this.#firstOctets(this.#from)
      if (octets === 0 || this.startOctet + octets > octet) return
      this.#drop(octets)
    }
  }

  /** Lets go of the messages before position `message`, as far as they end at or before `octet`. */
  trimTo(message: number, octet: number): void {
    this.trim(-1, octet, message)
  }

  #drop(octets: number): void {
    this.start++
    this.startOctet += octets
    this.#from += octets
    this.#budget.add(-octets)
    if (this.#from < this.#to) return
    this.#from = 0
    this.#to = 0
    if (this.#octets!.length > SMALLEST) this.#octets = null
  }

  /** Whole messages here that end at or before `octet`. */
  wholeUntil(octet: number): number {
    let whole = 0
    let at = this.#from
    for (;;) {
      const octets = this.#firstOctets(at)
      if (octets === 0 || this.startOctet + (at - this.#from) + octets > octet) return whole
      at += octets
      whole++
    }
  }

  /** Where message `message` begins, counted from the first octet of the call. It must be kept, or be the next to come. */
  octetOf(message: number): number {
    let at = this.#from
    for (let left = message - this.start; left > 0; left--) at += this.#firstOctets(at)
    return this.startOctet + (at - this.#from)
  }

  /** What is kept from octet `octet` on. Valid until the log changes. */
  from(octet: number): Buffer | null {
    const at = this.#from + (octet - this.startOctet)
    return at >= this.#to ? null : this.#octets!.subarray(at, this.#to)
  }

  /** Lets go of everything; what comes begins message `start` at `startOctet`. */
  clear(start: number, startOctet: number): void {
    this.#budget.add(-this.length)
    this.#octets = null
    this.#from = 0
    this.#to = 0
    this.start = start
    this.startOctet = startOctet
  }
}
