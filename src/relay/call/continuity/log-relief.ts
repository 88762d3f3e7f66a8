import { type Deadline, makeDeadline, type TimerWheel } from "../../../base/timer-wheel.ts"

/** How long a client waits at least: a leg that lasted so long is no failed one. */
const RELIEF_MS = 1000

/** What may relieve a log that is full. */
interface Relieving {
  /** The client waits for room in the log. */
  readonly isFull: boolean
  /** True: it is to be tried again. */
  relieve(): boolean
}

/**
 * `overflow: slow`, where the client waits for room in the log and no answer makes any: only a backend's count does, and
 * it says that when a leg begins.
 */
export class LogRelief {
  readonly #deadlines: TimerWheel
  readonly #log: Relieving
  readonly #deadline: Deadline
  #isSet = false

  constructor(deadlines: TimerWheel, log: Relieving) {
    this.#deadlines = deadlines
    this.#log = log
    this.#deadline = makeDeadline(() => this.#onDue())
  }

  begin(): void {
    if (this.#isSet) return
    this.#isSet = true
    this.#deadlines.set(this.#deadline, RELIEF_MS)
  }

  #onDue(): void {
    this.#isSet = false
    if (this.#log.isFull && this.#log.relieve()) this.begin()
  }

  close(): void {
    this.#deadlines.cancel(this.#deadline)
  }
}
