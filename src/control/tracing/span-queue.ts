import type { Clock, Timer } from "../../base/clock.ts"
import type { TracingConfig } from "../../config/trace-model.ts"
import type { Log } from "../../log/logger.ts"
import type { Span } from "../../record/span.ts"
import type { SpanSender } from "./otlp.ts"

/** At the end of the process, this long for what still waits. */
const CLOSE_MS = 2000

export interface SpanQueueOptions {
  readonly config: TracingConfig
  readonly sender: SpanSender
  readonly clock: Clock
  readonly log: Log
  /** One was thrown away. */
  onDropped(): void
}

/** Spans that wait for their collector: sent in batches, one at a time, and no more kept than the configuration says. */
export class SpanQueue {
  readonly #options: SpanQueueOptions
  #spans: Span[] = []
  #timer: Timer | null = null
  #sending: Promise<void> | null = null
  #isFailing = false

  constructor(options: SpanQueueOptions) {
    this.#options = options
  }

  add(spans: readonly Span[]): void {
    const { config, clock, onDropped } = this.#options
    const room = config.batchSize * config.batchesMax - this.#spans.length
    this.#spans.push(...spans.slice(0, Math.max(0, room)))
    for (let dropped = room; dropped < spans.length; dropped++) if (dropped >= 0) onDropped()
    if (this.#spans.length >= config.batchSize) this.#send()
    else this.#timer ??= clock.after(config.intervalMs, () => this.#due())
  }

  /** Sends what waits. */
  async close(): Promise<void> {
    const { clock, sender } = this.#options
    this.#timer?.cancel()
    let isOver = false
    const over = new Promise<void>((resolve) => {
      clock.after(CLOSE_MS, () => {
        isOver = true
        resolve()
      })
    })
    while (!isOver && (this.#spans.length > 0 || this.#sending !== null)) {
      this.#send()
      await Promise.race([this.#sending, over])
    }
    await Promise.race([sender.close().catch(() => {}), over])
  }

  #due(): void {
    this.#timer = null
    this.#send()
  }

  #send(): void {
    if (this.#sending !== null || this.#spans.length === 0) return
    const { config, sender } = this.#options
    this.#timer?.cancel()
    this.#timer = null
    const batch = this.#spans.splice(0, config.batchSize)
    this.#sending = sender.send(batch).then((problem) => {
      this.#sending = null
      this.#told(problem, batch.length)
      if (this.#spans.length >= config.batchSize) this.#send()
      else if (this.#spans.length > 0)
        this.#timer ??= this.#options.clock.after(config.intervalMs, () => this.#due())
    })
  }

  /** Said once, until it is otherwise. */
  #told(problem: string | null, spans: number): void {
    const { config, log, onDropped } = this.#options
    if (problem !== null) for (let i = 0; i < spans; i++) onDropped()
    if ((problem !== null) === this.#isFailing) return
    this.#isFailing = problem !== null
    const { endpoint } = config
    if (problem === null) log.info("spans are taken again", { endpoint })
    else log.warn("spans are not taken", { endpoint, reason: problem })
  }
}
