/** The streams that are open at one endpoint now, over all that count there. */
export interface StreamCount {
  readonly open: number
  /** One more, unless there are `most` already: then false. */
  tryAdd(most: number): boolean
  subtract(): void
}

/** A count of one thread. */
export class OwnStreamCount implements StreamCount {
  open = 0

  tryAdd(most: number): boolean {
    if (this.open >= most) return false
    this.open++
    return true
  }

  subtract(): void {
    this.open--
  }
}

/** The count of each endpoint: by its slot, which it keeps for life. */
export interface StreamCounts {
  countOf(slot: number): StreamCount
}

/** Counts of one thread. */
export class OwnStreamCounts implements StreamCounts {
  readonly #bySlot: OwnStreamCount[] = []

  countOf(slot: number): OwnStreamCount {
    while (this.#bySlot.length <= slot) this.#bySlot.push(new OwnStreamCount())
    return this.#bySlot[slot]!
  }
}
