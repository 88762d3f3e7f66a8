import type { Clock, Timer } from "../../src/base/clock.ts"

/** Time that passes only when told to. Timers run in order of their time, then of their setting. */
export class ManualClock implements Clock {
  #nowMs = 0
  #timers: { dueMs: number; callback: () => void }[] = []
  readonly #epochMs: number

  constructor(epochMs = Date.UTC(2026, 10, 23, 6, 11, 22, 42)) {
    this.#epochMs = epochMs
  }

  now(): number {
    return this.#nowMs
  }

  wallMs(): number {
    return this.#epochMs + this.#nowMs
  }

  after(delayMs: number, callback: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(0, delayMs), callback }
    this.#timers.push(timer)
    return { cancel: () => void (this.#timers = this.#timers.filter((other) => other !== timer)) }
  }

  /** Runs every timer that falls due on the way, those set by timers included. */
  advance(ms: number): void {
    const untilMs = this.#nowMs + ms
    for (;;) {
      const next = this.#timers.reduce<{ dueMs: number; callback: () => void } | null>(
        (first, timer) =>
          timer.dueMs <= untilMs && (first === null || timer.dueMs < first.dueMs) ? timer : first,
        null,
      )
      if (next === null) break
      this.#timers = this.#timers.filter((timer) => timer !== next)
      this.#nowMs = Math.max(this.#nowMs, next.dueMs)
      next.callback()
    }
    this.#nowMs = untilMs
  }

  /** Timers set and neither run nor cancelled. */
  get timersOpen(): number {
    return this.#timers.length
  }
}
