import { Duplex } from "node:stream"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import { OctetQueue } from "../../http2/octet-queue.ts"
import type { Output } from "../../http2/output.ts"
import type { Link } from "../../net/link.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import { abortLink } from "./abort-link.ts"
import { UNSENT_OCTETS_MAX } from "./unsent-octets.ts"

/** Cuts a client's octets into the pieces that the reader of a socket is given. */
export interface Framing {
  /** Looks at octets, at most to the end of one piece. Returns how many it looked at. */
  read(octets: Buffer, start: number, end: number): number
  /** The piece that `read` has completed; null: more octets are needed. */
  take(): Buffer | null
}

export interface Http1SocketOptions {
  link: Link
  /** Of its user. */
  output: Output
  budget: BufferBudget
  /** After `end` the peer has so long to close its side. */
  graceMs: number
}

/**
 * A link as the stream that `ws` and tunnels work on, behind the request that asked for the switch.
 *
 * A reader that is paused is pushed nothing: it would keep each piece as a buffer of its own. What was read by then is
 * held in one queue, charged to the budget, and the link reads no more until it is gone. What is written leaves at the end
 * of the turn, as for HTTP/2: a client that waits is woken once for all that its connections are sent. A little of it is
 * acknowledged at once, and charged to the budget too until the kernel has it; what is more waits for the kernel.
 */
export class Http1Socket extends Duplex {
  /** Null: pieces are what was read. */
  framing: Framing | null = null
  readonly output: Output
  /** Of the write that is in the output and not acknowledged; null: there is none. */
  #onTaken: ((error?: Error | null) => void) | null = null
  /** Of that write; its writer counts them. */
  #unacknowledgedOctets = 0
  readonly #link: Link
  readonly #graceMs: number
  readonly #held: HeldOctets
  #ahead: OctetQueue | null = null
  /** Requests that take no more octets for now. */
  #holds = 0
  #isStopped = false
  #isPumping = false
  #isPumpDue = false

  constructor({ link, output, budget, graceMs }: Http1SocketOptions) {
    super({ readableHighWaterMark: 1, allowHalfOpen: true })
    this.#link = link
    this.#graceMs = graceMs
    this.#held = new HeldOctets(budget)
    this.output = output
    // An error without a listener ends the process.
    this.on("error", () => {})
  }

  /** Wants no more octets for now. */
  get isFull(): boolean {
    return this.#ahead !== null || this.#isStopped
  }

  /** Read and not yet looked at, and acknowledged but not yet taken by the kernel. */
  get heldOctets(): number {
    return this.#held.octets
  }

  /** Octets came; they are copied. */
  receive(octets: Buffer, start: number, end: number): void {
    const at = this.#ahead === null ? this.#feed(octets, start, end) : start
    if (at === end || this.destroyed) return
    this.#ahead ??= OctetQueue.obtain()
    this.#ahead.push(octets, at, end)
    this.#ahead.settle()
    this.#count()
    this.#pumpLater()
  }

  /** Gives the reader nothing until `release`. Calls nest. */
  hold(): void {
    this.#holds++
  }

  release(): void {
    this.#holds--
    this.#pumpLater()
  }

  /** As `hold`, and nothing more is read either, not even that the peer is gone: for a moment only. */
  stopReading(): void {
    this.#isStopped = true
  }

  resumeReading(): void {
    this.#isStopped = false
    if (this.#ahead === null) this.#link.resumeReading()
    else this.#pumpLater()
  }

  /** Closes so that the peer cannot take what it has for the whole. What this turn wrote leaves before that. */
  abortOutput(): void {
    while (this.writableCorked > 0) this.uncork()
    abortLink(this.#link, () => this.destroy())
  }

  /** The reader wants pieces. */
  get #isWanted(): boolean {
    return this.#holds === 0 && !this.#isStopped && this.readableFlowing === true && !this.destroyed
  }

  /** It takes them as they are pushed: none waits in the stream. */
  get #isTaking(): boolean {
    return this.#isWanted && this.readableLength === 0
  }

  /** Pushes pieces for as long as they are taken. Returns where it stopped. */
  #feed(octets: Buffer, start: number, end: number): number {
    let at = start
    while (at < end && this.#isTaking) {
      const { framing } = this
      if (framing === null) {
        this.push(Buffer.from(octets.subarray(at, end)))
        return end
      }
      at += framing.read(octets, at, end)
      const piece = framing.take()
      if (piece !== null) this.push(piece)
    }
    return at
  }

  #pump(): void {
    if (this.#isPumping) return
    this.#isPumping = true
    while (this.#ahead !== null && this.#isTaking) {
      const ahead = this.#ahead
      const { buffer, start, headLength } = ahead
      const used = this.#feed(buffer, start, start + headLength) - start
      if (this.#ahead !== ahead) break
      ahead.drop(used)
      if (ahead.length === 0) this.#dropAhead()
      else this.#count()
    }
    this.#isPumping = false
    this.#pumpLater()
  }

  /** The stream does not ask again once it has been told that there is nothing yet. */
  #pumpLater(): void {
    if (this.#ahead === null || this.#isPumpDue || !this.#isWanted) return
    this.#isPumpDue = true
    process.nextTick(() => {
      this.#isPumpDue = false
      this.#pump()
    })
  }

  #count(): void {
    const acknowledged = this.output.unsentOctets - this.#unacknowledgedOctets
    this.#held.add((this.#ahead?.capacity ?? 0) + acknowledged - this.#held.octets)
  }

  #dropAhead(): void {
    if (this.#ahead === null) return
    this.#ahead.recycle()
    this.#ahead = null
    this.#count()
    this.#link.resumeReading()
  }

  override resume(): this {
    super.resume()
    this.#pumpLater()
    return this
  }

  override _read(): void {
    this.#pump()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.output.raw(chunk)
    this.#written(chunk.length, callback)
  }

  override _writev(chunks: { chunk: Buffer }[], callback: (error?: Error | null) => void): void {
    let octets = 0
    for (const { chunk } of chunks) {
      this.output.raw(chunk)
      octets += chunk.length
    }
    this.#written(octets, callback)
  }

  /** Node writes no octets at all where it wants to be told when those before are out. */
  #written(octets: number, callback: (error?: Error | null) => void): void {
    if (this.output.unsentOctets > UNSENT_OCTETS_MAX) {
      this.#onTaken = callback
      this.#unacknowledgedOctets = octets
    } else callback()
    this.#count()
  }

  /** The kernel has taken what was written; more may be in the output by now. */
  drained(): void {
    const onTaken = this.#onTaken
    if (onTaken !== null && this.output.unsentOctets <= UNSENT_OCTETS_MAX) {
      this.#onTaken = null
      this.#unacknowledgedOctets = 0
      onTaken()
    }
    this.#count()
  }

  override _final(callback: () => void): void {
    this.#link.end(this.#graceMs)
    callback()
  }

  override _destroy(error: Error | null, callback: (error: Error | null) => void): void {
    this.#dropAhead()
    this.#held.release()
    this.#link.flush()
    this.#link.destroy()
    this.#onTaken?.(error ?? new Error("the connection was closed"))
    this.#onTaken = null
    callback(error)
  }
}
