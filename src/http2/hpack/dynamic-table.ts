/** What an entry costs beside its octets. RFC 7541 §4.1. */
export const ENTRY_OVERHEAD_OCTETS = 32

const FIRST_CAPACITY = 4
const NO_FIELDS: string[] = []

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
  /** Name, value, name, value: the field of slot `i` is at `2 * i`. */
  #ring = NO_FIELDS
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

  /** Another one with the same entries. */
  copy(): DynamicTable {
    const copy = new DynamicTable(this.maxOctets)
    copy.#ring = this.#ring.slice()
    copy.mask = this.mask
    copy.nextSequence = this.nextSequence
    copy.length = this.length
    copy.octets = this.octets
    return copy
  }

  /** Nothing has ever been added. */
  get isNew(): boolean {
    return this.nextSequence === 0
  }

  /** The name at `distance` from the newest entry, which is at 1. The distance must be within `length`. */
  nameAt(distance: number): string {
    return this.#ring[2 * ((this.nextSequence - distance) & this.mask)]!
  }

  valueAt(distance: number): string {
    return this.#ring[2 * ((this.nextSequence - distance) & this.mask) + 1]!
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
    const at = 2 * (this.nextSequence & this.mask)
    this.#ring[at] = name
    this.#ring[at + 1] = value
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
    const ring = this.#ring
    const at = 2 * ((this.nextSequence - this.length) & this.mask)
    this.octets -= ring[at]!.length + ring[at + 1]!.length + ENTRY_OVERHEAD_OCTETS
    this.length--
    ring[at] = ""
    ring[at + 1] = ""
  }

  protected grow(): void {
    const before = this.#ring
    const maskBefore = this.mask
    const capacity = Math.max(FIRST_CAPACITY, 2 * (maskBefore + 1))
    const ring = new Array<string>(2 * capacity).fill("")
    const mask = capacity - 1
    for (let sequence = this.nextSequence - this.length; sequence < this.nextSequence; sequence++) {
      const from = 2 * (sequence & maskBefore)
      const to = 2 * (sequence & mask)
      ring[to] = before[from]!
      ring[to + 1] = before[from + 1]!
    }
    this.#ring = ring
    this.mask = mask
  }
}
