import { DynamicTable } from "./dynamic-table.ts"
import { STATIC_LENGTH } from "./static-table.ts"

const NONE_OLDER: number[] = []

/**
 * The encoder's dynamic table: it also finds fields. Entries of one name are linked, newest first, and searched in that
 * order; how many there may be is the encoder's to say.
 */
export class SearchableTable extends DynamicTable {
  /** The newest entry's sequence number, by name. */
  #newest = new Map<string, number>()
  /** By slot: the sequence number of the next older entry of the same name; below the oldest when there is none. */
  #older = NONE_OLDER
  /** After `find`: how many entries of that name it saw. */
  valuesSeen = 0

  /**
   * Looks a field up.
   *
   * @returns its HPACK index; or, negated, the index of an entry with the same name; or 0.
   */
  find(name: string, value: string): number {
    this.valuesSeen = 0
    const newest = this.#newest.get(name)
    if (newest === undefined) return 0
    const oldest = this.nextSequence - this.length
    for (let sequence = newest; sequence >= oldest; sequence = this.#older[sequence & this.mask]!) {
      const distance = this.nextSequence - sequence
      if (this.valueAt(distance) === value) return STATIC_LENGTH + distance
      this.valuesSeen++
    }
    return newest - this.nextSequence - STATIC_LENGTH
  }

  override insert(name: string, value: string): void {
    const sequence = this.nextSequence
    super.insert(name, value)
    if (this.nextSequence === sequence) return
    this.#older[sequence & this.mask] = this.#newest.get(name) ?? -1
    this.#newest.set(name, sequence)
  }

  protected override dropOldest(): void {
    const sequence = this.nextSequence - this.length
    const name = this.nameAt(this.length)
    if (this.#newest.get(name) === sequence) this.#newest.delete(name)
    super.dropOldest()
  }

  protected override grow(): void {
    const { mask } = this
    super.grow()
    const older = new Array<number>(this.mask + 1).fill(-1)
    for (let sequence = this.nextSequence - this.length; sequence < this.nextSequence; sequence++) {
      older[sequence & this.mask] = this.#older[sequence & mask]!
    }
    this.#older = older
  }
}
