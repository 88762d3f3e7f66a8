/**
 * What is noted of objects that come and go quickly, at the objects themselves: what a Map by them is, without a table of them
 * that would keep those that are gone; see `Roster`.
 */
export class Tags<Key extends object, Value extends string | object> {
  /** How many objects have a value. */
  size = 0
  readonly #tag = Symbol("tag")

  get(key: Key): Value | undefined {
    return (key as Record<symbol, Value | undefined>)[this.#tag]
  }

  has(key: Key): boolean {
    return this.get(key) !== undefined
  }

  set(key: Key, value: Value): void {
    if (!this.has(key)) this.size++
    ;(key as Record<symbol, Value | undefined>)[this.#tag] = value
  }

  /** False: it had none. */
  delete(key: Key): boolean {
    if (!this.has(key)) return false
    this.size--
    // To take a property away would make a slow object of it.
    ;(key as Record<symbol, Value | undefined>)[this.#tag] = undefined
    return true
  }
}
