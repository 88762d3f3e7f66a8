import type { Clock } from "../base/clock.ts"

/** Lines of one message that may come at once. */
const BURST = 20
/** Then one in so many milliseconds. */
const REFILL_MS = 1_000
/** Messages told apart; the longest unheard is forgotten beyond that. */
const KINDS = 512

/** How often one message may be said: a burst, then a trickle. Bounded, whatever the messages are. */
export class LineRate {
  readonly #clock: Clock
  readonly #kinds = new Map<string, { tokens: number; atMs: number; unsaid: number }>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** -1: not now. Else how many of the kind were left unsaid since the last that was said. */
  admit(kind: string): number {
    const now = this.#clock.now()
    const known = this.#kinds.get(kind)
    const bucket = known ?? { tokens: BURST, atMs: now, unsaid: 0 }
    bucket.tokens = Math.min(BURST, bucket.tokens + (now - bucket.atMs) / REFILL_MS)
    bucket.atMs = now
    if (known !== undefined) this.#kinds.delete(kind)
    else if (this.#kinds.size >= KINDS) this.#kinds.delete(this.#kinds.keys().next().value!)
    this.#kinds.set(kind, bucket)
    if (bucket.tokens < 1) {
      bucket.unsaid++
      return -1
    }
    bucket.tokens--
    const { unsaid } = bucket
    bucket.unsaid = 0
    return unsaid
  }
}
