import type { Limits } from "../limits.ts"
import type { Http2Stream } from "./stream.ts"

/**
 * What all connections of a process hold for receivers that are slow. Near its end no new credit is given, so senders
 * stop by themselves; past it, `onExceeded` is asked to make room.
 *
 * Unit: octets queued. Source: `bufferedOctetsMax`, `bufferedWithholdPercent` in `limits.ts`.
 */
export class BufferBudget {
  #octets = 0
  readonly #max: number
  readonly #withholdFrom: number
  /** Streams whose credit was withheld; bounded by the streams there are. */
  readonly #withheld = new Set<Http2Stream<unknown>>()
  /** Called on every addition past the maximum. */
  onExceeded: () => void = () => {}
  onWithheld: () => void = () => {}

  constructor(limits: Limits) {
    this.#max = limits.bufferedOctetsMax
    this.#withholdFrom = (limits.bufferedOctetsMax * limits.bufferedWithholdPercent) / 100
  }

  get octets(): number {
    return this.#octets
  }

  /** How much must go; 0 within the budget. */
  get excess(): number {
    return Math.max(0, this.#octets - this.#max)
  }

  get isTight(): boolean {
    return this.#octets >= this.#withholdFrom
  }

  /** `octets` more are held; fewer, where negative. */
  add(octets: number): void {
    this.#octets += octets
    if (octets > 0) {
      if (this.#octets > this.#max) this.onExceeded()
    } else if (this.#withheld.size > 0 && !this.isTight) this.#release()
  }

  /** Gives a stream's credit back later. */
  withhold(stream: Http2Stream<unknown>): void {
    if (this.#withheld.size === 0) this.onWithheld()
    this.#withheld.add(stream)
  }

  forget(stream: Http2Stream<unknown>): void {
    if (this.#withheld.size > 0) this.#withheld.delete(stream)
  }

  #release(): void {
    const streams = [...this.#withheld]
    this.#withheld.clear()
    for (const stream of streams) stream.consume(0)
  }
}
