import type { Limits } from "../base/limits.ts"

/** Whose credit can be withheld: a stream. */
export interface CreditHolder {
  consume(octets: number): void
}

/** Someone who holds octets just in case. */
export interface Reclaimable {
  /** Where it stands among those; -1: it is none of them. Kept by the budget. */
  spareAt: number
  /** Lets go of them. */
  reclaim(): void
}

/**
 * What all connections of a process hold for receivers that are slow. Near its end what is only held just in case goes,
 * and streams of which something is held get no new credit, so their senders stop by themselves; past it, `onExceeded` is
 * asked to make room. A stream whose octets are all taken adds nothing, and would wait for others without end.
 *
 * Unit: octets queued. Source: `bufferedOctetsMax`, `bufferedWithholdPercent` in `limits.ts`.
 */
export class BufferBudget {
  #octets = 0
  readonly #max: number
  readonly #withholdFrom: number
  /** Streams whose credit was withheld; bounded by the streams there are. */
  readonly #withheld = new Set<CreditHolder>()
  /** Replay copies are dropped first, before any live stream is slowed. */
  readonly #spares: Reclaimable[] = []
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

  get isAboveHighWatermark(): boolean {
    return this.#octets >= this.#withholdFrom
  }

  /** `octets` more are held; fewer, where negative. */
  add(octets: number): void {
    this.#octets += octets
    if (octets > 0) {
      if (this.isAboveHighWatermark) this.#dropSpares()
      if (this.#octets > this.#max) this.onExceeded()
    } else if (this.#withheld.size > 0 && !this.isAboveHighWatermark) this.#release()
  }

  /** What `holder` holds may be dropped at any time, until `pinned`. */
  reclaimable(holder: Reclaimable): void {
    if (holder.spareAt < 0) holder.spareAt = this.#spares.push(holder) - 1
  }

  pinned(holder: Reclaimable): void {
    const at = holder.spareAt
    if (at < 0) return
    holder.spareAt = -1
    const last = this.#spares.pop()!
    if (last === holder) return
    this.#spares[at] = last
    last.spareAt = at
  }

  /** One after the other: what one lets go of may have another pinned. */
  #dropSpares(): void {
    for (let holder = this.#spares.pop(); holder !== undefined; holder = this.#spares.pop()) {
      holder.spareAt = -1
      holder.reclaim()
    }
  }

  /** Gives a stream's credit back later, or now where that makes room. */
  withhold(stream: CreditHolder): void {
    this.#dropSpares()
    if (!this.isAboveHighWatermark) return stream.consume(0)
    if (this.#withheld.size === 0) this.onWithheld()
    this.#withheld.add(stream)
  }

  forget(stream: CreditHolder): void {
    if (this.#withheld.size > 0) this.#withheld.delete(stream)
  }

  #release(): void {
    const streams = [...this.#withheld]
    this.#withheld.clear()
    for (const stream of streams) stream.consume(0)
  }
}
