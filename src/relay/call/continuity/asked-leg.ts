import { type Deadline, makeDeadline, type TimerWheel } from "../../../base/timer-wheel.ts"
import type { Failure } from "../../../record/failure.ts"
import type { Leg } from "../leg.ts"

/** How long a backend that is asked to hand off has for it. */
const ASK_MS = 5_000

/** A leg whose backend has been asked to hand its call off, and until when that is waited for. */
export class AskedLeg {
  readonly #deadlines: TimerWheel
  readonly #deadline: Deadline
  #leg: Leg | null = null
  #what: Failure | null = null

  /** `onSilence`: the backend has not answered in time. */
  constructor(deadlines: TimerWheel, onSilence: (leg: Leg, what: Failure) => void) {
    this.#deadlines = deadlines
    this.#deadline = makeDeadline(() => {
      if (!this.#leg!.isOver) onSilence(this.#leg!, this.#what!)
    })
  }

  /** `what`: what the client is told where nothing else helps. */
  wait(leg: Leg, what: Failure): void {
    this.#leg = leg
    this.#what = what
    this.#deadlines.set(this.#deadline, ASK_MS)
  }

  close(): void {
    this.#deadlines.cancel(this.#deadline)
  }
}
