import type { Clock } from "../../base/clock.ts"
import type { Span } from "../../record/span.ts"

/** How long a span waits for others. */
const WAIT_MS = 1000
/** As many are handed over at once, though the second is not over. */
const BATCH = 512

export interface SpanBatchesOptions {
  readonly clock: Clock
  /** Spans in a second. */
  readonly most: number
  tell(spans: readonly Span[]): void
  onDropped(): void
}

/** Spans on their way to the control side: a message for each would cost more than the span itself. */
export class SpanBatches {
  readonly #options: SpanBatchesOptions
  #spans: Span[] = []
  /** Of this second. */
  #told = 0
  #isCounting = false

  constructor(options: SpanBatchesOptions) {
    this.#options = options
  }

  add(spans: readonly Span[]): void {
    const { clock, most, onDropped } = this.#options
    for (const span of spans) {
      if (this.#told >= most) onDropped()
      else {
        this.#told++
        this.#spans.push(span)
      }
    }
    if (this.#spans.length >= BATCH) this.flush()
    if (this.#isCounting) return
    this.#isCounting = true
    clock.after(WAIT_MS, () => {
      this.#isCounting = false
      this.#told = 0
      this.flush()
    })
  }

  flush(): void {
    if (this.#spans.length === 0) return
    this.#options.tell(this.#spans)
    this.#spans = []
  }
}
