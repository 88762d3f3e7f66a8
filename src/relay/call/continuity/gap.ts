import { type Deadline, makeDeadline } from "../../../base/timer-wheel.ts"
import type { ContinuityRecord } from "../../../record/continuity-record.ts"
import type { LegContext } from "../leg-context.ts"

const NEVER = -1
/** A leg that lasted so long shows that its backend works. */
export const LASTING_MS = 1000

/** Whose time it is. */
export interface GapOwner {
  /** The client has had no leg for as long as it may. */
  onGapTooLong(): void
  /** What was put off is due. */
  onGapTimer(): void
}

/**
 * The time between the end of a leg and the head of the next, and what was tried in it. Where the next leg needs nothing
 * of its head, it serves the client from when its stream opens: most servers send a head with their first message, which
 * may be hours away.
 */
export class Gap {
  /** Legs in a row that reached a backend and did not last. */
  shortLegs = 0
  /** Legs in a row that did not last, those that reached no backend too. */
  tries = 0
  readonly #context: LegContext
  readonly #owner: GapOwner
  readonly #record: ContinuityRecord
  readonly #mostMs: number
  /** The head of the present leg has not come. */
  isAwaitingHead = true
  /** Since when the present leg serves the client; NEVER: it does not yet. */
  #liveMs = NEVER
  /** Since when the client has had no leg; NEVER: it has one. */
  #sinceMs = NEVER
  #timer: Deadline | null = null

  constructor(context: LegContext, owner: GapOwner, record: ContinuityRecord, mostMs: number) {
    this.#context = context
    this.#owner = owner
    this.#record = record
    this.#mostMs = mostMs
  }

  /** How long the present leg has served the client. */
  get legMs(): number {
    return this.#liveMs === NEVER ? 0 : this.#nowMs() - this.#liveMs
  }

  /** How long the client has had no leg. */
  get ms(): number {
    return this.#sinceMs === NEVER ? 0 : this.#nowMs() - this.#sinceMs
  }

  /** The stream of the present leg is open. `needsHead`: only its head says whether it goes on. */
  onOpened(needsHead: boolean): void {
    if (needsHead) return
    this.#liveMs = this.#nowMs()
    this.#stopWaiting()
  }

  /** The head of the present leg came. */
  onHead(): void {
    this.isAwaitingHead = false
    const isLate = this.legMs >= LASTING_MS
    if (this.#liveMs === NEVER) this.#liveMs = this.#nowMs()
    this.#over(isLate ? this.#liveMs : this.#nowMs())
    this.#stopWaiting()
  }

  /** The client has a leg, since `atMs`. */
  #over(atMs: number): void {
    if (this.#sinceMs !== NEVER) this.#record.gapMs += atMs - this.#sinceMs
    this.#sinceMs = NEVER
  }

  /** A leg is over. `isOpened`: it has reached a backend. */
  onLegEnd(isOpened: boolean): void {
    if (this.legMs >= LASTING_MS) {
      this.#over(this.#liveMs)
      this.shortLegs = 0
      this.tries = 0
    } else {
      this.tries++
      if (isOpened) this.shortLegs++
    }
  }

  /** Another leg follows. */
  begin(): void {
    this.isAwaitingHead = true
    this.#liveMs = NEVER
    if (this.#sinceMs !== NEVER) return
    this.#sinceMs = this.#nowMs()
    this.#record.gaps++
  }

  /** Tells the owner in `afterMs`, or when the gap is too long. */
  wait(afterMs = Number.POSITIVE_INFINITY): void {
    this.#timer ??= makeDeadline(() => this.#onDue())
    this.#context.deadlines.set(this.#timer, Math.max(0, Math.min(afterMs, this.#mostMs - this.ms)))
  }

  #onDue(): void {
    if (this.ms >= this.#mostMs) return this.#owner.onGapTooLong()
    this.wait()
    this.#owner.onGapTimer()
  }

  close(): void {
    if (this.#liveMs !== NEVER) this.#over(this.#liveMs)
    this.#stopWaiting()
  }

  #stopWaiting(): void {
    if (this.#timer !== null) this.#context.deadlines.cancel(this.#timer)
  }

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#context.clock.now())
  }
}
