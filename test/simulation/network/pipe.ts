import type { Random } from "../../../src/base/random.ts"
import type { Scheduler } from "./scheduler.ts"

/** How a network carries octets. */
export interface Conditions {
  /** The longest that octets are under way. */
  readonly delayMs: number
  /** What both kernels hold of one direction before a write has to wait. */
  readonly capacityOctets: number
  /** The share of writes that are cut into several reads, from 0 to 1. */
  readonly cutShare: number
}

/** The end that octets come out of. */
export interface PipeSink {
  /** Valid during the call only: the buffer is scribbled over afterwards. */
  onOctets(octets: Buffer, length: number): void
  /** The writer has closed its side and everything was read. */
  onEnd(): void
}

interface Write {
  readonly octets: Buffer
  at: number
  readonly onSent: () => void
}

interface Segment {
  readonly octets: Buffer
  readonly arriveMs: number
}

const READ_OCTETS = 65_536
/** Every read of a simulation goes through it, as every read of the balancer's sockets does through one of its own. */
const readBuffer = Buffer.alloc(READ_OCTETS)
const SCRIBBLE = 0xee

/**
 * One direction of a connection. Octets are taken while the kernels have room, in pieces cut by chance; they arrive in
 * order and late, and pieces that have arrived may be read together.
 */
export class Pipe {
  readonly #scheduler: Scheduler
  readonly #conditions: Conditions
  readonly #random: Random
  readonly #sink: PipeSink
  #writes: Write[] = []
  #segments: Segment[] = []
  #carriedOctets = 0
  #lastArriveMs = 0
  #isOpen = false
  #isPaused = false
  #isFrozen = false
  #isBroken = false
  #isEnding = false
  #isEndSent = false

  constructor(scheduler: Scheduler, conditions: Conditions, random: Random, sink: PipeSink) {
    this.#scheduler = scheduler
    this.#conditions = conditions
    this.#random = random
    this.#sink = sink
  }

  /** Octets written that no kernel has taken. */
  get waitingOctets(): number {
    return this.#writes.reduce((sum, { octets, at }) => sum + octets.length - at, 0)
  }

  /** Octets that have left the writer and not been read. */
  get carriedOctets(): number {
    return this.#carriedOctets
  }

  /** `octets` must stay as they are until `onSent`. */
  write(octets: Buffer, onSent: () => void): void {
    this.#writes.push({ octets, at: 0, onSent })
    this.#take()
  }

  /** The connection is made. */
  open(): void {
    this.#isOpen = true
    this.#take()
  }

  /** No more will be written. */
  end(): void {
    this.#isEnding = true
    this.#take()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#scheduler.in(0, () => this.#deliver())
  }

  /** Nothing comes out any more, and neither end is told. */
  freeze(): void {
    this.#isFrozen = true
  }

  /** Everything under way is lost. Returns the callbacks that wait for a write to be taken. */
  break(): (() => void)[] {
    this.#isBroken = true
    const waiting = this.#writes.map(({ onSent }) => onSent)
    this.#writes = []
    this.#segments = []
    this.#carriedOctets = 0
    return waiting
  }

  /** Drops what no kernel has taken: the writer has closed its socket. */
  abandonWrites(): (() => void)[] {
    const waiting = this.#writes.map(({ onSent }) => onSent)
    this.#writes = []
    return waiting
  }

  #take(): void {
    if (!this.#isOpen || this.#isBroken) return
    while (this.#writes.length > 0 && this.#carriedOctets < this.#conditions.capacityOctets) {
      const write = this.#writes[0]!
      const room = this.#conditions.capacityOctets - this.#carriedOctets
      // A segment is never more than one read takes.
      const length = this.#cut(Math.min(room, READ_OCTETS, write.octets.length - write.at))
      if (length > 0) this.#carry(Buffer.from(write.octets.subarray(write.at, write.at + length)))
      write.at += length
      if (write.at < write.octets.length) continue
      this.#writes.shift()
      this.#scheduler.in(0, write.onSent)
    }
    if (this.#isEnding && this.#writes.length === 0 && !this.#isEndSent) {
      this.#isEndSent = true
      this.#scheduler.at(this.#arrival(), () => this.#deliver())
    }
  }

  #carry(octets: Buffer): void {
    const arriveMs = this.#arrival()
    this.#segments.push({ octets, arriveMs })
    this.#carriedOctets += octets.length
    this.#scheduler.at(arriveMs, () => this.#deliver())
  }

  #arrival(): number {
    const delayMs = Math.floor(this.#random() * (this.#conditions.delayMs + 1))
    this.#lastArriveMs = Math.max(this.#lastArriveMs, this.#scheduler.now() + delayMs)
    return this.#lastArriveMs
  }

  #cut(octets: number): number {
    if (octets <= 1 || this.#random() >= this.#conditions.cutShare) return octets
    const most = this.#random() < 0.3 ? Math.min(octets, 16) : octets
    return 1 + Math.floor(this.#random() * most)
  }

  #deliver(): void {
    if (this.#isPaused || this.#isFrozen || this.#isBroken) return
    const nowMs = this.#scheduler.now()
    let length = 0
    while (this.#segments.length > 0) {
      const { octets, arriveMs } = this.#segments[0]!
      if (arriveMs > nowMs || length + octets.length > READ_OCTETS) break
      if (length > 0 && this.#random() < this.#conditions.cutShare) break
      octets.copy(readBuffer, length)
      length += octets.length
      this.#segments.shift()
    }
    if (length > 0) {
      this.#carriedOctets -= length
      this.#sink.onOctets(readBuffer, length)
      readBuffer.fill(SCRIBBLE, 0, length)
      this.#take()
    } else if (this.#isEndSent && this.#segments.length === 0 && this.#lastArriveMs <= nowMs) {
      this.#isBroken = true
      this.#sink.onEnd()
      return
    }
    // Each segment has its own delivery; only the end, or what did not fit, needs one more.
    if (this.#segments.length > 0 ? this.#segments[0]!.arriveMs <= nowMs : this.#isEndSent)
      this.#scheduler.at(Math.max(nowMs, this.#lastArriveMs), () => this.#deliver())
  }
}
