/** What an entry costs beside its octets. RFC 7541 §4.1. */
export const ENTRY_OVERHEAD_OCTETS = 32

const FIRST_CAPACITY = 8

/**
 * The dynamic table: a queue of fields, newest first, that evicts its oldest to stay within a size.
 *
 * A ring: entries never move. Each has a sequence number, one more than that of the entry before it; the number's low
 * bits are its slot. The ring doubles as the table fills, so an unused table holds next to nothing.
 *
 * Unit:   octets of name and value, plus 32 per entry.
 * Source: RFC 7541 §2.3.2, §4.
 */
export class DynamicTable {
  protected names: string[] = []
  protected values: string[] = []
  protected mask = -1
  /** The sequence number that the next entry gets. */
  protected nextSequence = 0
  /** Entries in the table. */
  length = 0
  octets = 0
  maxOctets: number

  constructor(maxOctets: number) {
    this.maxOctets = maxOctets
  }

  /** The name at `distance` from the newest entry, which is at 1. The distance must be within `length`. */
  nameAt(distance: number): string {
    return this.names[(this.nextSequence - distance) & this.mask]!
  }

  valueAt(distance: number): string {
    return this.values[(this.nextSequence - distance) & this.mask]!
  }

  /** Evicts what no longer fits. RFC 7541 §4.3. */
  setMaxOctets(maxOctets: number): void {
    this.maxOctets = maxOctets
    this.#evictTo(maxOctets)
  }

  /** Adds a field, evicting first. One that is larger than the table empties it and is not added: RFC 7541 §4.4. */
  insert(name: string, value: string): void {
    const octets = name.length + value.length + ENTRY_OVERHEAD_OCTETS
    this.#evictTo(Math.max(0, this.maxOctets - octets))
    if (octets > this.maxOctets) return
    if (this.length > this.mask) this.grow()
    const slot = this.nextSequence & this.mask
    this.names[slot] = name
    this.values[slot] = value
    this.nextSequence++
    this.length++
    this.octets += octets
  }

  clear(): void {
    this.#evictTo(0)
  }

  #evictTo(octets: number): void {
    while (this.octets > octets) this.dropOldest()
  }

  protected dropOldest(): void {
    const slot = (this.nextSequence - this.length) & this.mask
    this.octets -= this.names[slot]!.length + this.values[slot]!.length + ENTRY_OVERHEAD_OCTETS
    this.length--
    this.names[slot] = ""
    this.values[slot] = ""
  }

  protected grow(): void {
    const mask = Math.max(FIRST_CAPACITY, (this.mask + 1) * 2) - 1
    this.names = this.#moved(this.names, mask)
    this.values = this.#moved(this.values, mask)
    this.mask = mask
  }

  /** The live slots of a ring, in one of the size that `mask` gives. */
  #moved(ring: string[], mask: number): string[] {
    const moved = Array.from({ length: mask + 1 }, () => "")
    for (let sequence = this.nextSequence - this.length; sequence < this.nextSequence; sequence++) {
      moved[sequence & mask] = ring[sequence & this.mask]!
    }
    return moved
  }
}
