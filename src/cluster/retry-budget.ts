/** Length of the time a share is taken over. */
const SPAN_MS = 10_000

/**
 * Keeps retries a small share of the streams a cluster starts, so that a cluster in trouble is not given more work
 * because it is in trouble. Attempts that reached no backend (a refused connection) cost no backend anything and are not
 * charged.
 */
export class RetryBudget {
  readonly #share: number
  readonly #perSecondMin: number
  #spanStartMs: number
  #started = 0
  #retried = 0

  constructor(percent: number, perSecondMin: number, nowMs: number) {
    this.#share = percent / 100
    this.#perSecondMin = perSecondMin
    this.#spanStartMs = nowMs
  }

  started(nowMs: number): void {
    this.#age(nowMs)
    this.#started++
  }

  /** One more retry is within the budget. */
  isLeft(nowMs: number): boolean {
    this.#age(nowMs)
    return this.#retried + 1 <= this.#started * this.#share + (this.#perSecondMin * SPAN_MS) / 1000
  }

  /** True, and charged, when one more retry is within the budget. */
  take(nowMs: number): boolean {
    if (!this.isLeft(nowMs)) return false
    this.#retried++
    return true
  }

  #age(nowMs: number): void {
    const spans = Math.floor((nowMs - this.#spanStartMs) / SPAN_MS)
    if (spans <= 0) return
    this.#spanStartMs += spans * SPAN_MS
    const kept = spans > 30 ? 0 : 2 ** -spans
    this.#started *= kept
    this.#retried *= kept
  }
}
