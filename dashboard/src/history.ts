/** So many samples are kept: 15 minutes of one a second. */
export const SAMPLES_MAX = 900

/** What is plotted. Rates are per second; null: not known then. */
export interface Reading {
  readonly live: number | null
  readonly opened: number | null
  readonly endedOk: number | null
  readonly endedOther: number | null
  readonly toEndpoint: number | null
  readonly toClient: number | null
  /** Longest turn of a data thread within the last second, in milliseconds: so long octets waited. */
  readonly turnMs: number | null
  /** How long messages were in Sluice at most, in milliseconds: half of them, and 99 of 100. */
  readonly insideP50Ms: number | null
  readonly insideP99Ms: number | null
  readonly heldBytes: number | null
}

export type Series = keyof Reading

/** The readings of the last quarter of an hour, in columns. Bounded: the oldest make room. */
export class History {
  /** Seconds since 1970. */
  readonly times: number[] = []
  readonly #columns = new Map<Series, (number | null)[]>()

  add(atMs: number, reading: Reading): void {
    // Two readings of one moment, or a clock that was set back, would break the axis.
    const last = this.times.at(-1)
    if (last !== undefined && atMs / 1000 <= last) return
    this.times.push(atMs / 1000)
    for (const [name, value] of Object.entries(reading)) this.column(name as Series).push(value)
    if (this.times.length <= SAMPLES_MAX) return
    this.times.shift()
    for (const column of this.#columns.values()) column.shift()
  }

  column(name: Series): (number | null)[] {
    let column = this.#columns.get(name)
    if (column === undefined) this.#columns.set(name, (column = []))
    return column
  }
}
