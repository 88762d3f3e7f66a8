import type { Socket } from "node:net"
import type { Clock } from "../base/clock.ts"
import { type Deadline, makeDeadline, type TimerWheel } from "../base/timer-wheel.ts"
import type { BufferBudget } from "../http2/buffer-budget.ts"

/** What a read brings at most, and so what one piece is. */
const PIECE_OCTETS = 65_536
/** Below it Node cuts a Buffer from a slab of its own. */
const SMALL_OCTETS = 4096
/** Pieces that wait to be used again; 4 MiB. */
const FREE_MAX = 64

/** Octets on their way to a socket: they were read into a buffer that all sockets share. */
class Piece {
  readonly octets = Buffer.allocUnsafeSlow(PIECE_OCTETS)
  pipe: Pipe | null = null

  /** The socket is through with it. */
  readonly done = (): void => {
    const { pipe } = this
    this.pipe = null
    if (free.length < FREE_MAX) free.push(this)
    pipe?.written()
  }
}

const free: Piece[] = []
const NONE: Buffer = Buffer.alloc(0)

export interface PipeContext {
  readonly clock: Clock
  readonly deadlines: TimerWheel
  readonly budget: BufferBudget
}

export interface PipeOptions {
  readonly context: PipeContext
  readonly from: Socket
  readonly to: Socket
  /** Null: no limit. */
  readonly octetsPerSecond: number | null
  /** Octets came, or were taken. */
  onActive(): void
  /** All that `from` sent was handed on, and no more will come. */
  onEnd(pipe: Pipe): void
}

/**
 * One direction of a session: what one socket sends goes to the other, as it is. While the other has not taken all of it,
 * nothing is read: at most one read is held.
 *
 * Cost: a copy of each read; nothing is allocated for one that is taken at once, and no timer is set.
 */
export class Pipe {
  readonly from: Socket
  readonly to: Socket
  /** That `from` has sent. */
  octets = 0
  /** `from` has said that no more comes. */
  hasEnded = false
  /** Nothing is read from `from`: what was read waits for `to`, or for its rate. */
  isPaused = false
  readonly #options: PipeOptions
  readonly #rate: Rate | null
  readonly #onWritten = (): void => this.written()
  /** What the budget was told. */
  #told = 0
  #isEndTold = false
  #isClosed = false

  constructor(options: PipeOptions) {
    const { from, to, octetsPerSecond, context } = options
    this.#options = options
    this.from = from
    this.to = to
    this.#rate =
      octetsPerSecond === null
        ? null
        : new Rate(context, octetsPerSecond, (octets) => this.#writeHeld(octets))
  }

  /** Held here: not taken by the kernel yet, or kept back for the rate. */
  get held(): number {
    return this.to.writableLength + (this.#rate?.held ?? 0)
  }

  /** Its rate keeps octets back. */
  get isDelayed(): boolean {
    return this.#rate?.isWaiting ?? false
  }

  /** `length` octets at the start of `octets`, which are valid during the call only. */
  received(octets: Buffer, length: number): void {
    // One that was ended for good takes no more: what comes yet has no receiver.
    if (this.#isClosed || length === 0 || this.to.writableEnded) return
    this.octets += length
    this.#options.onActive()
    if (this.#rate === null) this.#write(octets, length)
    else this.#rate.add(Buffer.from(octets.subarray(0, length)))
    this.#settle()
  }

  /** `from` has ended its side. */
  end(): void {
    this.hasEnded = true
    this.#tellEnd()
  }

  #tellEnd(): void {
    if (!this.hasEnded || this.#isEndTold || (this.#rate?.held ?? 0) > 0) return
    this.#isEndTold = true
    this.#options.onEnd(this)
  }

  /** A write is done. */
  written(): void {
    if (this.#isClosed) return
    this.#options.onActive()
    this.#settle()
  }

  /** The session is over. */
  close(): void {
    this.#isClosed = true
    this.#rate?.close()
    this.#options.context.budget.add(-this.#told)
    this.#told = 0
  }

  #write(octets: Buffer, length: number): void {
    const { to } = this
    if (length < SMALL_OCTETS) {
      const copy = Buffer.allocUnsafe(length)
      octets.copy(copy, 0, 0, length)
      to.write(copy, this.#onWritten)
      return
    }
    const piece = free.pop() ?? new Piece()
    piece.pipe = this
    octets.copy(piece.octets, 0, 0, length)
    to.write(length === PIECE_OCTETS ? piece.octets : piece.octets.subarray(0, length), piece.done)
  }

  #writeHeld(octets: Buffer): void {
    if (this.to.destroyed) return
    if (octets.length > 0) this.to.write(octets, this.#onWritten)
    this.#tellEnd()
    this.#settle()
  }

  /** Reads on, or does not. */
  #settle(): void {
    const { held, from } = this
    if (held !== this.#told) {
      this.#options.context.budget.add(held - this.#told)
      this.#told = held
    }
    const mustWait = held > 0 || this.isDelayed
    if (mustWait === this.isPaused) return
    this.isPaused = mustWait
    if (mustWait) from.pause()
    else if (!from.destroyed) from.resume()
  }
}

/**
 * Lets so many octets a second through: nginx's `proxy_upload_rate` and `proxy_download_rate`.
 * Source: ngx_stream_proxy_process.
 */
class Rate {
  readonly #context: PipeContext
  readonly #octetsPerSecond: number
  /** Given octets that may go on; none: those before were all. */
  readonly #let: (octets: Buffer) => void
  readonly #startSecond: number
  readonly #deadline: Deadline
  #passed = 0
  #octets = NONE

  constructor(context: PipeContext, octetsPerSecond: number, letThrough: (octets: Buffer) => void) {
    this.#context = context
    this.#octetsPerSecond = octetsPerSecond
    this.#let = letThrough
    this.#startSecond = this.#second()
    this.#deadline = makeDeadline(() => this.#pump())
  }

  get held(): number {
    return this.#octets.length
  }

  get isWaiting(): boolean {
    return this.#deadline.slot >= 0
  }

  add(octets: Buffer): void {
    this.#octets = this.#octets.length === 0 ? octets : Buffer.concat([this.#octets, octets])
    if (!this.isWaiting) this.#pump()
  }

  close(): void {
    this.#context.deadlines.cancel(this.#deadline)
    this.#octets = NONE
  }

  #pump(): void {
    const rate = this.#octetsPerSecond
    while (this.#octets.length > 0) {
      const allowed = rate * (this.#second() - this.#startSecond + 1) - this.#passed
      if (allowed <= 0) return this.#wait(Math.floor((-allowed * 1000) / rate) + 1)
      const now = this.#octets.subarray(0, Math.min(allowed, this.#octets.length))
      this.#octets = this.#octets.subarray(now.length)
      this.#passed += now.length
      const delayMs = Math.floor((now.length * 1000) / rate)
      if (delayMs > 0) this.#wait(delayMs)
      this.#let(now)
      if (delayMs > 0) return
    }
    this.#let(NONE)
  }

  #wait(delayMs: number): void {
    this.#context.deadlines.set(this.#deadline, delayMs)
  }

  #second(): number {
    return Math.floor(this.#context.clock.now() / 1000)
  }
}
