/** Something with output to write. */
export interface Flushable {
  flush(): void
}

/** Told of every turn of the event loop that reads or writes: from its first octets until all output is written. */
export interface TurnWatch {
  turnBegan(): void
  turnEnded(): void
}

/**
 * Writes once per destination per turn of the event loop: everything that the reads of this turn produced goes out in
 * one system call each. This alone is most of what makes small messages cheap.
 */
export class Flusher {
  #dirty: Flushable[] = []
  #spare: Flushable[] = []
  #isScheduled = false
  #isFlushing = false
  readonly #afterReads: (callback: () => void) => void
  readonly #watch: TurnWatch
  readonly #run = (): void => {
    this.#isScheduled = false
    this.#isFlushing = true
    const dirty = this.#dirty
    this.#dirty = this.#spare
    for (let i = 0; i < dirty.length; i++) dirty[i]!.flush()
    dirty.length = 0
    this.#spare = dirty
    this.#isFlushing = false
    this.#watch.turnEnded()
    // What flushing itself brought about is the next turn's.
    if (this.#isScheduled) this.#watch.turnBegan()
  }

  /** `afterReads` calls back once the reads of this turn are done: see `Network`. */
  constructor(afterReads: (callback: () => void) => void, watch: TurnWatch) {
    this.#afterReads = afterReads
    this.#watch = watch
  }

  /** Call before what a read brought is looked at. */
  reading(): void {
    if (!this.#isScheduled) this.#schedule()
  }

  /** Call once per piece of output that follows an empty one. */
  add(flushable: Flushable): void {
    this.#dirty.push(flushable)
    if (!this.#isScheduled) this.#schedule()
  }

  #schedule(): void {
    this.#isScheduled = true
    if (!this.#isFlushing) this.#watch.turnBegan()
    this.#afterReads(this.#run)
  }
}
