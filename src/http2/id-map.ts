const SMALLEST = 8

/**
 * Values by stream id: open addressing with linear probing, and deletion that leaves no holes. Streams come and go all
 * the time; a `Map` would be rebuilt again and again for the entries it has lost, and holds twice the memory.
 *
 * Ids are from 1 to 2^31-1.
 */
export class IdMap<V> {
  #size = 0
  #mask = SMALLEST - 1
  #ids = new Int32Array(SMALLEST)
  #values: (V | undefined)[] = new Array<V | undefined>(SMALLEST).fill(undefined)

  get size(): number {
    return this.#size
  }

  get(id: number): V | undefined {
    const ids = this.#ids
    const mask = this.#mask
    for (let slot = home(id, mask); ; slot = (slot + 1) & mask) {
      const found = ids[slot]!
      if (found === id) return this.#values[slot]
      if (found === 0) return undefined
    }
  }

  set(id: number, value: V): void {
    if ((this.#size + 1) * 2 > this.#mask) this.#resize((this.#mask + 1) * 2)
    let slot = home(id, this.#mask)
    while (this.#ids[slot] !== 0 && this.#ids[slot] !== id) slot = (slot + 1) & this.#mask
    if (this.#ids[slot] === 0) this.#size++
    this.#ids[slot] = id
    this.#values[slot] = value
  }

  delete(id: number): void {
    const ids = this.#ids
    const values = this.#values
    const mask = this.#mask
    let hole = home(id, mask)
    while (ids[hole] !== id) {
      if (ids[hole] === 0) return
      hole = (hole + 1) & mask
    }
    // Whoever probed past the hole moves into it, until a free slot ends the run.
    for (let slot = (hole + 1) & mask; ids[slot] !== 0; slot = (slot + 1) & mask) {
      const distance = (slot - home(ids[slot]!, mask)) & mask
      if (distance < ((slot - hole) & mask)) continue
      ids[hole] = ids[slot]!
      values[hole] = values[slot]
      hole = slot
    }
    ids[hole] = 0
    values[hole] = undefined
    this.#size--
    if (mask >= 64 && this.#size * 16 < mask) this.#resize((mask + 1) / 4)
  }

  /** A copy: what is done with the values may change the map. In no order. */
  values(): V[] {
    const values: V[] = []
    for (let slot = 0; slot <= this.#mask; slot++) if (this.#ids[slot] !== 0) values.push(this.#values[slot]!)
    return values
  }

  #resize(slots: number): void {
    const ids = this.#ids
    const values = this.#values
    this.#mask = slots - 1
    this.#ids = new Int32Array(slots)
    this.#values = new Array<V | undefined>(slots).fill(undefined)
    this.#size = 0
    for (let slot = 0; slot < ids.length; slot++) if (ids[slot] !== 0) this.set(ids[slot]!, values[slot]!)
  }
}

/** Ids of one side are two apart. */
function home(id: number, mask: number): number {
  return (id >>> 1) & mask
}
