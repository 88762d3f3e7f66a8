/** What ends when: a heap by time. */
export class EndTimes<Item> {
  readonly #times: number[] = []
  readonly #items: Item[] = []

  get size(): number {
    return this.#times.length
  }

  add(time: number, item: Item): void {
    const times = this.#times
    const items = this.#items
    let at = times.length
    times.push(time)
    items.push(item)
    while (at > 0) {
      const above = (at - 1) >> 1
      if (times[above]! <= time) break
      times[at] = times[above]!
      items[at] = items[above]!
      at = above
    }
    times[at] = time
    items[at] = item
  }

  /** The next that ends by then; null: nothing does. */
  takeUntil(time: number): Item | null {
    if (this.#times.length === 0 || this.#times[0]! > time) return null
    const first = this.#items[0]!
    const lastTime = this.#times.pop()!
    const lastItem = this.#items.pop()!
    if (this.#times.length > 0) this.#sink(lastTime, lastItem)
    return first
  }

  #sink(time: number, item: Item): void {
    const times = this.#times
    const items = this.#items
    let at = 0
    for (;;) {
      let below = 2 * at + 1
      if (below >= times.length) break
      if (below + 1 < times.length && times[below + 1]! < times[below]!) below++
      if (times[below]! >= time) break
      times[at] = times[below]!
      items[at] = items[below]!
      at = below
    }
    times[at] = time
    items[at] = item
  }
}
