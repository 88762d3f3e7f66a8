/** Something with output to write. */
export interface Flushable {
  flush(): void
}

/**
 * Writes once per destination per turn of the event loop: everything that the reads of this turn produced goes out in
 * one system call each. This alone is most of what makes small messages cheap.
 */
export class Flusher {
  #dirty: Flushable[] = []
  #spare: Flushable[] = []
  #isScheduled = false
  readonly #afterReads: (callback: () => void) => void
  readonly #run = (): void => {
    this.#isScheduled = false
    const dirty = this.#dirty
    this.#dirty = this.#spare
    for (let i = 0; i < dirty.length; i++) dirty[i]!.flush()
    dirty.length = 0
    this.#spare = dirty
  }

  /** `afterReads` calls back once the reads of this turn are done: see `Network`. */
  constructor(afterReads: (callback: () => void) => void) {
    this.#afterReads = afterReads
  }

  /** Call once per piece of output that follows an empty one. */
  add(flushable: Flushable): void {
    this.#dirty.push(flushable)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#afterReads(this.#run)
  }
}
