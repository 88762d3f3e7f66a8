/**
 * Time, the only way in. The simulator and the tests hand in their own, so nothing else may read a clock or set a timer.
 */
export interface Clock {
  /** Milliseconds since an arbitrary start; never goes back. Fractions allowed. */
  now(): number
  /** Milliseconds since 1970, for people and logs. */
  wallMs(): number
  /** Calls `callback` once, no sooner than `delayMs` from now. Does not keep the process alive. */
  after(delayMs: number, callback: () => void): Timer
}

export interface Timer {
  cancel(): void
}

/** Timers past 2^31-1 ms fire at once in JavaScript; none may be set beyond it. */
export const MAX_DELAY_MS = 2 ** 31 - 1

export const systemClock: Clock = {
  now: () => performance.now(),
  wallMs: () => Date.now(),
  after(delayMs, callback) {
    const handle = setTimeout(callback, Math.min(delayMs, MAX_DELAY_MS))
    handle.unref()
    return { cancel: () => clearTimeout(handle) }
  },
}
