import type { Clock } from "../base/clock.ts"

/** Who waits for connections and sockets to be gone. */
export class Departures {
  readonly #clock: Clock
  /** Called whenever a connection or a socket is gone. */
  readonly #onGone = new Set<() => void>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Resolves when all `sets` are empty, or after `ms`. */
  whenGone(sets: readonly { readonly size: number }[], ms: number): Promise<void> {
    const areGone = (): boolean => sets.every(({ size }) => size === 0)
    if (areGone()) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => done())
      const look = (): void => {
        if (areGone()) done()
      }
      const done = (): void => {
        timer.cancel()
        this.#onGone.delete(look)
        resolve()
      }
      this.#onGone.add(look)
    })
  }

  gone(): void {
    if (this.#onGone.size === 0) return
    for (const look of [...this.#onGone]) look()
  }
}
