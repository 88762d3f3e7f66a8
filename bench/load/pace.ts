import { once } from "node:events"
import { Worker } from "node:worker_threads"
import type { Histogram } from "../measure/histogram.ts"

/** One lane of calls: at most one message of it is under way. */
export interface Lane {
  /** When the message under way was due, in `performance.now()` milliseconds. */
  dueMs: number
  busy: boolean
  /** Times at which further messages came due while it was busy. */
  overdue: number[]
}

/** Decides when each lane sends its next message. */
export interface Pace<L extends Lane> {
  /** All lanes have carried one message and are idle. Resolves when the pace is kept. */
  begin(lanes: readonly L[], fire: (lane: L) => void): Promise<void>
  /** A lane's message came back. */
  finished(lane: L, nowMs: number): void
  /** No lane fires any more. */
  end(): void
}

/**
 * Sends the next message as soon as the last came back: the peak rate. Times count from when a message was sent: a closed
 * loop, in which a slow proxy is asked less.
 */
export class AtOnce<L extends Lane> implements Pace<L> {
  readonly #times: Histogram
  #fire: ((lane: L) => void) | null = null

  constructor(times: Histogram) {
    this.#times = times
  }

  async begin(lanes: readonly L[], fire: (lane: L) => void): Promise<void> {
    this.#fire = fire
    for (const lane of lanes) {
      lane.dueMs = performance.now()
      fire(lane)
    }
  }

  finished(lane: L, nowMs: number): void {
    if (this.#fire === null) return
    this.#times.add((nowMs - lane.dueMs) * 1000)
    lane.dueMs = nowMs
    this.#fire(lane)
  }

  end(): void {
    this.#fire = null
  }
}

/** Sends nothing after the first message: idle streams. */
export class Never<L extends Lane> implements Pace<L> {
  async begin(): Promise<void> {}
  finished(): void {}
  end(): void {}
}

/** A millisecond's messages sent at once would be a burst, and a burst is not half of the peak rate. */
const TICK_MS = 0.2

/**
 * Sends at a steady rate, whatever comes back: lanes come due in turn, and a time counts from when the message was
 * *due*, so that a stall is charged to every message it held up (no "coordinated omission").
 */
export class Steady<L extends Lane> implements Pace<L> {
  readonly #perMs: number
  readonly #times: Histogram
  readonly #delays: Histogram
  #lanes: readonly L[] = []
  #fire: (lane: L) => void = () => {}
  readonly #pending = new Int32Array(new SharedArrayBuffer(4))
  #ticker: Worker | null = null
  #startMs = 0
  #due = 0
  #turn = 0

  /** `delays`: by how much this process itself was late. */
  constructor(messagesPerSecond: number, times: Histogram, delays: Histogram) {
    this.#perMs = messagesPerSecond / 1000
    this.#times = times
    this.#delays = delays
  }

  async begin(lanes: readonly L[], fire: (lane: L) => void): Promise<void> {
    this.#lanes = lanes
    this.#fire = fire
    const workerData = { intervalMs: TICK_MS, pending: this.#pending }
    this.#ticker = new Worker(new URL("./ticker.ts", import.meta.url), { workerData })
    this.#ticker.on("message", () => this.#tick())
    await once(this.#ticker, "online")
    this.#startMs = performance.now()
  }

  /**
   * What came due since the last tick is due now: at most a tick late, where this process has its core. Where it has to
   * wait for it, what comes due meanwhile leaves as a burst, which no proxy is to blame for; so that is told by itself.
   */
  #tick(): void {
    Atomics.store(this.#pending, 0, 0)
    if (this.#ticker === null || this.#startMs === 0) return
    const nowMs = performance.now()
    const due = Math.floor((nowMs - this.#startMs) * this.#perMs)
    for (; this.#due < due; this.#due++) {
      this.#delays.add((nowMs - this.#startMs - this.#due / this.#perMs) * 1000)
      const lane = this.#lanes[this.#turn++ % this.#lanes.length]!
      if (lane.busy) lane.overdue.push(nowMs)
      else this.#start(lane, nowMs)
    }
  }

  #start(lane: L, dueMs: number): void {
    lane.dueMs = dueMs
    this.#fire(lane)
  }

  finished(lane: L, nowMs: number): void {
    if (this.#ticker === null) return
    this.#times.add((nowMs - lane.dueMs) * 1000)
    const dueMs = lane.overdue.shift()
    if (dueMs !== undefined) this.#start(lane, dueMs)
  }

  end(): void {
    void this.#ticker?.terminate()
    this.#ticker = null
  }
}
