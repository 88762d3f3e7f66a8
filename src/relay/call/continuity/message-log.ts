import type { Counters } from "../../../base/counters.ts"
import type { BufferBudget } from "../../../http2/buffer-budget.ts"
import { allocUnpooled } from "../../../http2/own-octets.ts"
import { CELL_OCTETS_MAX, type LogCells } from "./log-cells.ts"

const PREFIX_OCTETS = 5
/** Logs kept for reuse. */
const LOGS_POOLED = 256

const logPool: MessageLog[] = []

/** What all logs share. */
export interface LogContext {
  readonly counters: Counters
  readonly budget: BufferBudget
  readonly logCells: LogCells
}

/**
 * Client messages kept for another leg: whole ones from the front, and the unfinished one at the end. The oldest leave
 * first, never one that no leg has sent.
 *
 * Unit: octets, counted from the first of the call. Bounded: what was sent by `keep` and one message, what was not by the
 * window that the client was given. They stand in a ring: in a cell that the log has of all logs, or in room of its own.
 */
export class MessageLog {
  /** Messages before the first one here. */
  start = 0
  /** The octet that the first one here begins with. */
  startOctet = 0
  /** How many octets are here. */
  length = 0
  #context: LogContext
  /** Null: nothing has come. */
  #octets: Buffer | null = null
  /** Where in `#octets` the ring begins, and its size. */
  #base = 0
  #size = 0
  /** Where in the ring the first octet stands. */
  #from = 0

  constructor(context: LogContext) {
    this.#context = context
  }

  /** An empty one, if possible one that was in use before: what comes begins message `start` at `startOctet`. */
  static obtain(context: LogContext, start: number, startOctet: number): MessageLog {
    const log = logPool.pop() ?? new MessageLog(context)
    log.#context = context
    log.start = start
    log.startOctet = startOctet
    return log
  }

  /** Gives the log up, octets and all. */
  recycle(): void {
    this.clear(0, 0)
    if (logPool.length < LOGS_POOLED) logPool.push(this)
  }

  /** `keepOctets`: as much as is kept for long. */
  push(octets: Buffer, start: number, end: number, keepOctets: number): void {
    const more = end - start
    if (more === 0) return
    if (this.length + more > this.#size) this.#grow(this.length + more, keepOctets)
    const room = this.#octets!
    const to = this.#from + this.length
    const at = to < this.#size ? to : to - this.#size
    const first = Math.min(more, this.#size - at)
    octets.copy(room, this.#base + at, start, start + first)
    if (first < more) octets.copy(room, this.#base, start + first, end)
    this.length += more
    this.#context.budget.add(more)
  }

  #grow(needed: number, keepOctets: number): void {
    const isCell = needed <= CELL_OCTETS_MAX
    if (isCell) this.#move(needed)
    else this.#move(needed > keepOctets ? needed + (needed >> 2) : Math.min(2 * needed, keepOctets))
  }

  /** To other room, of `size` octets or a little more, in one piece. */
  #move(size: number): void {
    const cells = this.#context.logCells.fitting(size)
    const room = cells === null ? allocUnpooled(size) : cells.octets
    const base = cells === null ? 0 : cells.take()
    const old = this.#octets
    if (old !== null) {
      const first = Math.min(this.length, this.#size - this.#from)
      old.copy(room, base, this.#base + this.#from, this.#base + this.#from + first)
      old.copy(room, base + first, this.#base, this.#base + this.length - first)
    }
    this.#leaveRoom()
    this.#octets = room
    this.#base = base
    this.#size = cells === null ? size : cells.size
  }

  #leaveRoom(): void {
    if (this.#octets !== null) this.#context.logCells.fitting(this.#size)?.give(this.#octets, this.#base)
    this.#octets = null
    this.#base = 0
    this.#size = 0
    this.#from = 0
  }

  /** Octets of the message `at` octets behind the front, prefix included; 0 where it is not whole. */
  #octetsAt(at: number): number {
    if (this.length - at < PREFIX_OCTETS) return 0
    const octets = PREFIX_OCTETS + this.#lengthAt(this.#from + at + 1)
    return at + octets <= this.length ? octets : 0
  }

  /** Four octets from place `from` of the ring on, which may lie behind its end. */
  #lengthAt(from: number): number {
    const octets = this.#octets!
    const size = this.#size
    let length = 0
    for (let place = from; place < from + 4; place++)
      length = length * 256 + octets[this.#base + (place < size ? place : place - size)]!
    return length
  }

  /**
   * Lets go of messages from the front that end at or before `octet` and come before position `message`, for as long as
   * more than `keep` octets are kept.
   */
  trim(keep: number, octet: number, message: number): void {
    let gone = 0
    while (this.length - gone > keep && this.start < message) {
      const octets = this.#octetsAt(gone)
      if (octets === 0 || this.startOctet + gone + octets > octet) break
      this.start++
      gone += octets
    }
    if (gone > 0) this.#drop(gone)
  }

  /** Lets go of the messages before position `message`, as far as they end at or before `octet`. */
  trimTo(message: number, octet: number): void {
    this.trim(-1, octet, message)
  }

  #drop(octets: number): void {
    const from = this.#from + octets
    this.#from = from < this.#size ? from : from - this.#size
    this.startOctet += octets
    this.length -= octets
    this.#context.budget.add(-octets)
    if (this.length === 0 && this.#size > CELL_OCTETS_MAX) this.#leaveRoom()
  }

  /** Whole messages here that end at or before `octet`. */
  wholeUntil(octet: number): number {
    let whole = 0
    let at = 0
    for (;;) {
      const octets = this.#octetsAt(at)
      if (octets === 0 || this.startOctet + at + octets > octet) return whole
      at += octets
      whole++
    }
  }

  /** Where message `message` begins, counted from the first octet of the call. It must be kept, or be the next to come. */
  octetOf(message: number): number {
    let at = 0
    for (let left = message - this.start; left > 0; left--) at += this.#octetsAt(at)
    return this.startOctet + at
  }

  /** What is kept from octet `octet` on. Valid until the log changes. */
  from(octet: number): Buffer | null {
    const at = octet - this.startOctet
    if (at >= this.length) return null
    if (this.#from + this.length > this.#size) this.#move(this.#size)
    const begin = this.#base + this.#from
    return this.#octets!.subarray(begin + at, begin + this.length)
  }

  /** Lets go of everything; what comes begins message `start` at `startOctet`. */
  clear(start: number, startOctet: number): void {
    this.#context.budget.add(-this.length)
    this.length = 0
    this.#leaveRoom()
    this.start = start
    this.startOctet = startOctet
  }
}
