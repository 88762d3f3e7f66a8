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

/** Keeps the process alive, which timers of the clock do not. Call what is returned to let it go. */
export function holdProcess(): () => void {
  const handle = setInterval(() => {}, MAX_DELAY_MS)
  return () => clearInterval(handle)
}

/** The length of a tick. */
const TICK_MS = 100

/** Time for what is noted with every message: a fraction, or milliseconds from a call, would cost an object each time. */
export interface TickClock {
  /** Whole ticks of 100 ms, by the clock's `now`, as of the last read of a socket. */
  readonly ticks: number
}

export function ticksToMs(ticks: number): number {
  return ticks * TICK_MS
}

/**
 * A clock that stands still while `held`. One read of a socket is a moment: what it brings is begun, sent on and ended at
 * the same time. Asking the system for each step of a unary call is a tenth of the time spent in this code.
 */
export class CachedClock implements Clock, TickClock {
  ticks = 0
  readonly #clock: Clock
  #heldMs = -1
  /** Few ask: it is read for the first. */
  #heldWallMs = -1

  constructor(clock: Clock) {
    this.#clock = clock
  }

  hold(): void {
    this.#heldMs = this.#clock.now()
    this.#heldWallMs = -1
    this.ticks = Math.trunc(this.#heldMs / TICK_MS)
  }

  release(): void {
    this.#heldMs = -1
  }

  now(): number {
    return this.#heldMs < 0 ? this.#clock.now() : this.#heldMs
  }

  wallMs(): number {
    if (this.#heldMs < 0) return this.#clock.wallMs()
    if (this.#heldWallMs < 0) this.#heldWallMs = this.#clock.wallMs()
    return this.#heldWallMs
  }

  after(delayMs: number, callback: () => void): Timer {
    return this.#clock.after(delayMs, callback)
  }
}
