import type { Clock, Timer } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"

const FIRST_MS = 500
const LONGEST_MS = 30_000

/** One round with a control plane: resolves when it has to begin anew, rejects when something failed. */
export type Round = (signal: AbortSignal) => Promise<void>

export interface RetryingOptions {
  readonly clock: Clock
  readonly random: Random
  /** Each failure, before the wait that follows it. */
  readonly onFailure: (error: Error) => void
}

/** Goes round and round with a control plane until it is stopped; after failures later and later, with jitter. */
export class Retrying {
  readonly #options: RetryingOptions
  readonly #round: Round
  readonly #stopping = new AbortController()
  #timer: Timer | null = null
  #failures = 0

  constructor(round: Round, options: RetryingOptions) {
    this.#round = round
    this.#options = options
  }

  start(): void {
    void this.#go()
  }

  /** What was asked for has come: the next failure is the first again. */
  succeeded(): void {
    this.#failures = 0
  }

  stop(): void {
    this.#stopping.abort()
    this.#timer?.cancel()
  }

  async #go(): Promise<void> {
    const { signal } = this.#stopping
    let waitMs = 0
    let failure: Error | null = null
    try {
      await this.#round(signal)
    } catch (error) {
      failure = error as Error
      const backoffMs = Math.min(LONGEST_MS, FIRST_MS * 2 ** Math.min(this.#failures++, 10))
      const askedMs = (error as { retryAfterMs?: number | null }).retryAfterMs ?? 0
      waitMs = Math.max(askedMs, backoffMs * (0.5 + 0.5 * this.#options.random()))
    }
    if (signal.aborted) return
    // A timer even for no wait: a control plane that ends each round at once must not take the thread.
    this.#timer = this.#options.clock.after(Math.max(waitMs, 10), () => void this.#go())
    // Last: whatever it throws, the next round comes.
    if (failure !== null) this.#options.onFailure(failure)
  }
}
