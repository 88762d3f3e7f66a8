import { type Deadline, makeDeadline } from "../../../base/timer-wheel.ts"
import { type ContinuedStream, ownContinuity } from "../../../record/continuity-record.ts"
import type { LegContext } from "../leg-context.ts"
import { type BackendAccount, LASTING_MS, NEVER } from "./backend-account.ts"

/** Whose time it is. */
export interface GapOwner {
  /** The client has had no leg for as long as it may. */
  onGapTooLong(): void
  /** What was put off is due. */
  onGapTimer(): void
}

/**
 * The time between the end of a leg and the head of the next, and what was tried in it. Made when the first leg ends. Where the next leg needs nothing
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
  readonly #record: ContinuedStream
  readonly #backend: BackendAccount
  readonly #mostMs: number
  /** Since when the client has had no leg; NEVER: it has one. */
  #sinceMs = NEVER
  #timer: Deadline | null = null

  constructor(
    context: LegContext,
    owner: GapOwner,
    record: ContinuedStream,
    backend: BackendAccount,
    mostMs: number,
  ) {
    this.#context = context
    this.#owner = owner
    this.#record = record
    this.#backend = backend
    this.#mostMs = mostMs
  }

  /** How long the client has had no leg. */
  get ms(): number {
    return this.#sinceMs === NEVER ? 0 : this.#nowMs() - this.#sinceMs
  }

  /** The stream of the present leg is open, and needs nothing of its head to serve. */
  onLive(): void {
    this.#stopWaiting()
  }

  /** The head of the present leg came. */
  onHead(): void {
    const nowMs = this.#nowMs()
    const isLate = this.#backend.legMs(nowMs) >= LASTING_MS
    this.#over(isLate ? this.#backend.liveMs : nowMs)
    this.#stopWaiting()
  }

  /** The client has a leg, since `atMs`. */
  #over(atMs: number): void {
    if (this.#sinceMs !== NEVER) ownContinuity(this.#record).gapMs += atMs - this.#sinceMs
    this.#sinceMs = NEVER
  }

  /** A leg is over. `isOpened`: it has reached a backend. */
  onLegEnd(isOpened: boolean): void {
    if (this.#backend.legMs(this.#nowMs()) >= LASTING_MS) {
      this.#over(this.#backend.liveMs)
      this.shortLegs = 0
      this.tries = 0
    } else {
      this.tries++
      if (isOpened) this.shortLegs++
    }
  }

  /** Another leg follows. */
  begin(): void {
    this.#backend.isAwaitingHead = true
    this.#backend.liveMs = NEVER
    if (this.#sinceMs !== NEVER) return
    this.#sinceMs = this.#nowMs()
    ownContinuity(this.#record).gaps++
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
    if (this.#backend.liveMs !== NEVER) this.#over(this.#backend.liveMs)
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
