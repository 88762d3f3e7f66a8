export interface SlotsOptions {
  /** Streams that are open at the endpoint in `slot`. */
  streamsOpen(slot: number): number
  /** The newest version of states that all data planes have applied. */
  acknowledged(): number
  /** A slot is in use that never was before. */
  onNew(slot: number): void
  /** A slot is free again: what was counted there is another endpoint's. */
  onFree?(slot: number): void
}

/**
 * Which place in the rows of numbers each endpoint has. It keeps it for life. The place is given to another once all data
 * planes have applied a state without the endpoint and no stream is open there, or the counts of two would mix. One that is
 * back before that has its place again.
 */
export class Slots {
  readonly #options: SlotsOptions
  /** Places of endpoints that are gone, by what tells endpoints apart, and the first version without them. */
  readonly #retired = new Map<string, { readonly slot: number; readonly version: number }>()
  readonly #free: number[] = []
  #next = 0

  constructor(options: SlotsOptions) {
    this.#options = options
  }

  /** Places for new endpoints. Cost: O(keys + retired). */
  take(keys: readonly string[]): number[] {
    const known = keys.map((key) => this.#revive(key))
    if (known.includes(undefined)) this.#reclaim()
    return known.map((slot) => slot ?? this.#free.shift() ?? this.#new())
  }

  /** The endpoint is gone from states of `version` on. */
  release(key: string, slot: number, version: number): void {
    this.#retired.set(key, { slot, version })
  }

  #revive(key: string): number | undefined {
    const retired = this.#retired.get(key)
    this.#retired.delete(key)
    return retired?.slot
  }

  #reclaim(): void {
    const { streamsOpen, acknowledged } = this.#options
    const version = acknowledged()
    for (const [key, retired] of this.#retired) {
      if (retired.version > version || streamsOpen(retired.slot) > 0) continue
      this.#retired.delete(key)
      this.#free.push(retired.slot)
      this.#options.onFree?.(retired.slot)
    }
  }

  #new(): number {
    this.#options.onNew(this.#next)
    return this.#next++
  }
}
