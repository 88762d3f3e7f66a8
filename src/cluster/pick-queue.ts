import type { Clock, Timer } from "../base/clock.ts"
import type { CounterName } from "../base/counters.ts"
import type { PickQueueConfig } from "../config/model.ts"
import type { StreamCount } from "./counts.ts"

/** A stream that found every endpoint full. */
export interface QueuedStream {
  /** Picks again. False: there is still no room, and it stays in the queue; else it has left. */
  tryAgain(): boolean
}

export interface PickQueueOptions {
  readonly clock: Clock
  /** The streams that wait, over all data threads. */
  readonly count: StreamCount
  onLimit(counter: CounterName): void
}

/** Streams that end at another data thread, and ejections that are over, are noticed after so long. */
const AGAIN_MS = 100

/**
 * Streams that wait for an endpoint that is not full, in the order in which they came: nginx's `queue`. How many may wait holds
 * over all data threads, the order within each. They are looked at when a stream ends on this thread and when endpoints
 * change, and every `AGAIN_MS` for all that this thread is not told of.
 */
export class PickQueue {
  /** Null: no further stream may wait. */
  config: PickQueueConfig | null
  readonly #options: PickQueueOptions
  readonly #waiting = new Set<QueuedStream>()
  /** Runs only while a stream waits. */
  #timer: Timer | null = null
  #isSoon = false
  #isServing = false

  constructor(config: PickQueueConfig, options: PickQueueOptions) {
    this.config = config
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** One more at the end; else why not. To be given back by `leave`. */
  enter(stream: QueuedStream): string | null {
    const most = this.config?.streams ?? 0
    if (!this.#options.count.tryAdd(most)) {
      this.#options.onLimit("queue_full")
      return `every endpoint is full, and ${most} streams are waiting already (queue)`
    }
    this.#waiting.add(stream)
    if (this.#timer === null) this.#lookAfter(AGAIN_MS)
    return null
  }

  leave(stream: QueuedStream): void {
    if (!this.#waiting.delete(stream)) return
    this.#options.count.subtract()
    if (this.#waiting.size > 0) return
    this.#timer?.cancel()
    this.#timer = null
    this.#isSoon = false
  }

  /** As `serve`, once what is going on is done: live streams that lose their place there pick before those that wait. */
  serveSoon(): void {
    if (this.#waiting.size === 0 || this.#isSoon) return
    this.#timer?.cancel()
    this.#isSoon = true
    this.#lookAfter(0)
  }

  /** There may be room: those that came first pick again. One that ends at once may lead back here. */
  serve(): void {
    if (this.#waiting.size === 0 || this.#isServing) return
    this.#isServing = true
    try {
      for (const stream of this.#waiting) if (!stream.tryAgain()) break
    } finally {
      this.#isServing = false
    }
  }

  #lookAfter(delayMs: number): void {
    this.#timer = this.#options.clock.after(delayMs, () => {
      this.#isSoon = false
      this.#lookAfter(AGAIN_MS)
      this.serve()
    })
  }
}
