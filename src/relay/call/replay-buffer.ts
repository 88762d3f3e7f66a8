import type { BufferBudget, Reclaimable } from "../../http2/buffer-budget.ts"
import { OctetQueue } from "../../http2/octet-queue.ts"
import type { ReplayRing } from "./replay-ring.ts"

/** Request octets kept after they were sent, so that a call that no backend processed can be sent again. */
const REPLAY_OCTETS = 65_536

export interface ReplayContext {
  readonly budget: BufferBudget
  readonly replayRing: ReplayRing
}

/**
 * The request octets of a stream: held until an endpoint is there, and a little longer, for as long as the call may
 * have to be repeated. Gives the client credit for each octet once, however often it is sent.
 *
 * A first piece that is sent at once is only noted in the ring that all streams share; most calls have one piece and
 * never need it again. Bounded: unsent octets by the window the client was given, sent ones by `REPLAY_OCTETS`; those go
 * when memory is short.
 */
export class ReplayBuffer implements Reclaimable {
  spareAt = -1
  readonly #ring: ReplayRing
  readonly #budget: BufferBudget
  #held: OctetQueue | null = null
  /** Where the ring has the only piece; -1: nowhere. */
  #ringAt = -1
  #isReplayable = true
  /** Octets that this leg has sent. */
  #sent = 0
  /** Octets the client was given credit for. */
  #credited = 0
  #received = 0

  constructor({ replayRing, budget }: ReplayContext) {
    this.#ring = replayRing
    this.#budget = budget
  }

  /** All of it can be sent again from the first octet on. */
  get isReplayable(): boolean {
    return this.#isReplayable && (this.#ringAt < 0 || this.#ring.has(this.#ringAt))
  }

  get heldOctets(): number {
    return this.#held === null ? 0 : this.#held.length
  }

  /** Octets came. `isSent` when they go to an upstream at once. */
  add(octets: Buffer, start: number, end: number, isSent: boolean): void {
    const isFirst = this.#received === 0
    this.#received += end - start
    if (!this.#isReplayable || end === start) return
    if (isSent && (this.#received > REPLAY_OCTETS || this.#budget.isAboveHighWatermark)) return this.forget()
    if (isSent && isFirst) {
      this.#ringAt = this.#ring.put(octets, start, end)
      if (this.#ringAt >= 0) return
    }
    if (this.#ringAt >= 0 && !this.#hold()) return this.forget()
    if (isSent) this.#budget.reclaimable(this)
    this.#push(octets, start, end)
  }

  #push(octets: Buffer, start: number, end: number): void {
    this.#held ??= OctetQueue.obtain()
    this.#held.push(octets, start, end)
    this.#held.settle()
    this.#budget.add(end - start)
  }

  /** Before another leg: from now on no other stream can push the octets out, where all are here. */
  keep(): void {
    this.#budget.pinned(this)
    if (!this.#hold()) this.forget()
  }

  /** What a new leg has to send first; null for nothing. It stays until `release`, however short memory gets meanwhile. */
  restart(): OctetQueue | null {
    this.#sent = 0
    this.keep()
    return this.#held
  }

  /** The new leg has been given all of it: from now on it is held just in case. */
  release(): void {
    if (this.#held !== null) this.#budget.reclaimable(this)
  }

  /** Takes the piece out of the ring into a queue of its own. False when it was overwritten. */
  #hold(): boolean {
    if (this.#ringAt < 0) return true
    const piece = this.#ring.get(this.#ringAt)
    this.#ringAt = -1
    if (piece === null) return false
    this.#push(piece, 0, piece.length)
    return true
  }

  /** This leg has sent octets; returns how much credit is due to the client. */
  sent(octets: number): number {
    this.#sent += octets
    const due = this.#sent - this.#credited
    if (due <= 0) return 0
    this.#credited = this.#sent
    return due
  }

  get credited(): number {
    return this.#credited
  }

  /** This leg has sent all that the client has credit for: from here on credit is what was sent. */
  get isCreditSettled(): boolean {
    return this.#sent === this.#credited
  }

  /** The call may no longer be repeated. */
  forget(): void {
    this.#isReplayable = false
    this.#ringAt = -1
    if (this.#held === null) return
    const { length } = this.#held
    this.#held.recycle()
    this.#held = null
    this.#budget.pinned(this)
    this.#budget.add(-length)
  }

  reclaim(): void {
    this.forget()
  }
}
