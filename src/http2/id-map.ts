const SMALLEST = 8
/** A map of fewer places, 2 KiB, stays as it is: calls that come and go by the hundred would have it made again and again. */
const LARGE = 256

/**
 * Streams by their id: open addressing with linear probing, and deletion that leaves no holes. Streams come and go all
 * the time; a `Map` would be rebuilt again and again for the entries it has lost, and holds more than twice the memory.
 * The ids are read off the values: an array of their own would be 250 octets for each connection.
 *
 * Ids are from 1 to 2^31-1.
 */
export class IdMap<V extends { readonly id: number }> {
  #size = 0
  #mask = SMALLEST - 1
  #values: (V | undefined)[] = empty<V>(SMALLEST)

  get size(): number {
    return this.#size
  }

  get(id: number): V | undefined {
    const values = this.#values
    const mask = this.#mask
    for (let slot = home(id, mask); ; slot = (slot + 1) & mask) {
      const found = values[slot]
      if (found === undefined || found.id === id) return found
    }
  }

  set(value: V): void {
    if ((this.#size + 1) * 2 > this.#mask) this.#resize((this.#mask + 1) * 2)
    const values = this.#values
    const mask = this.#mask
    let slot = home(value.id, mask)
    while (values[slot] !== undefined && values[slot]!.id !== value.id) slot = (slot + 1) & mask
    if (values[slot] === undefined) this.#size++
    values[slot] = value
  }

  delete(id: number): void {
    const values = this.#values
    const mask = this.#mask
    let hole = home(id, mask)
    for (;;) {
      const found = values[hole]
      if (found === undefined) return
      if (found.id === id) break
      hole = (hole + 1) & mask
    }
    // An entry that was placed past the hole moves into it, until a free slot ends the run.
    for (let slot = (hole + 1) & mask; ; slot = (slot + 1) & mask) {
      const next = values[slot]
      if (next === undefined) break
      const distance = (slot - home(next.id, mask)) & mask
      if (distance < ((slot - hole) & mask)) continue
      values[hole] = next
      hole = slot
    }
    values[hole] = undefined
    this.#size--
    if (mask >= LARGE && this.#size * 16 < mask) this.#resize((mask + 1) / 4)
  }

  /** A copy: what is done with the values may change the map. In no order. */
  values(): V[] {
    return this.#values.filter((value) => value !== undefined)
  }

  #resize(slots: number): void {
    const values = this.#values
    this.#mask = slots - 1
    this.#values = empty<V>(slots)
    this.#size = 0
    for (const value of values) if (value !== undefined) this.set(value)
  }
}

function empty<V>(slots: number): (V | undefined)[] {
  return new Array<V | undefined>(slots).fill(undefined)
}

/** Ids of one side are two apart, so that the places between stay free: what is deleted has no run behind it. */
function home(id: number, mask: number): number {
  return id & mask
}
