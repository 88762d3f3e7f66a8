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

/** The time between the end of a leg and the head of the next, and what was tried in it. */
export class Gap {
  /** Legs in a row that reached a backend and did not last. */
  shortLegs = 0
  /** Legs in a row that did not last, those that reached no backend too. */
  tries = 0
  readonly #context: LegContext
  readonly #owner: GapOwner
  readonly #record: ContinuityRecord
  readonly #mostMs: number
  /** When the present leg's head came; NEVER: it has not. */
  #headMs = NEVER
  /** Since when the client has had no leg; NEVER: it has one. */
  #sinceMs = NEVER
  #timer: Deadline | null = null

  constructor(context: LegContext, owner: GapOwner, record: ContinuityRecord, mostMs: number) {
    this.#context = context
    this.#owner = owner
    this.#record = record
    this.#mostMs = mostMs
  }

  /** The head of the present leg has not come. */
  get isAwaitingHead(): boolean {
    return this.#headMs === NEVER
  }

  /** How long it is since the head of the present leg came; 0: it has not. */
  get legMs(): number {
    return this.isAwaitingHead ? 0 : this.#nowMs() - this.#headMs
  }

  /** How long the client has had no leg. */
  get ms(): number {
    return this.#sinceMs === NEVER ? 0 : this.#nowMs() - this.#sinceMs
  }

  /** The head of the present leg came. */
  onHead(): void {
    this.#headMs = this.#nowMs()
    this.#record.gapMs += this.ms
    this.#sinceMs = NEVER
    this.close()
  }

  /** A leg is over. `isOpened`: it has reached a backend. */
  onLegEnd(isOpened: boolean): void {
    if (!this.isAwaitingHead && this.#nowMs() - this.#headMs >= LASTING_MS) {
      this.shortLegs = 0
      this.tries = 0
    } else {
      this.tries++
      if (isOpened) this.shortLegs++
    }
  }

  /** Another leg follows. */
  begin(): void {
    this.#headMs = NEVER
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
    if (this.#timer !== null) this.#context.deadlines.cancel(this.#timer)
  }

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#context.clock.now())
  }
}
