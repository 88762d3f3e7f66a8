import type { Clock, Timer } from "../base/clock.ts"
import { releaseIdleSlabs } from "../http2/segments.ts"

const TICK_MS = 1000

/** Once a second, for all connections: one timer, and none while there are none. */
export class Ticker {
  readonly #clock: Clock
  readonly #connections: readonly { readonly size: number }[]
  readonly #onTick: (nowMs: number) => void
  #timer: Timer | null = null

  /** It stops while all `connections` are empty. */
  constructor(
    clock: Clock,
    connections: readonly { readonly size: number }[],
    onTick: (nowMs: number) => void,
  ) {
    this.#clock = clock
    this.#connections = connections
    this.#onTick = onTick
  }

  /** A connection is there. */
  start(): void {
    this.#timer ??= this.#clock.after(TICK_MS, () => {
      this.#timer = null
      this.#onTick(this.#clock.now())
      const isQuiet = this.#connections.every(({ size }) => size === 0)
      releaseIdleSlabs(isQuiet)
      if (!isQuiet) this.start()
    })
  }

  close(): void {
    this.#timer?.cancel()
  }
}
