import { allocUnpooled } from "../../../http2/own-octets.ts"

/** Room of a log that is small: the least that holds it of these. */
const CELL_OCTETS = [128, 256, 512] as const
export const CELL_OCTETS_MAX = 512
/** How many are cut from one piece of memory. */
const CELLS_EACH = 128

/** A piece of memory, and where in it the cells begin that are free. */
interface CellBlock {
  readonly octets: Buffer
  readonly free: number[]
}

/**
 * Room for small logs, which most are: cut from pieces that all calls share. A Buffer for each would be as much again
 * as what is in it.
 */
export class LogCells {
  readonly #sizes = CELL_OCTETS.map((octets) => new CellSize(octets))

  /** Those that `octets` fit in; null: none is so large. */
  fitting(octets: number): CellSize | null {
    for (const cells of this.#sizes) if (octets <= cells.size) return cells
    return null
  }

  /** Cells in use. */
  get used(): number {
    return this.#sizes.reduce((sum, { used }) => sum + used, 0)
  }
}

/** Cells of one size. A piece of which no cell is used is let go, but for one. */
export class CellSize {
  readonly size: number
  readonly #blocks = new Map<Buffer, CellBlock>()
  /** Those with a cell that is free; the last one gives the next. */
  readonly #open: CellBlock[] = []

  constructor(size: number) {
    this.size = size
  }

  /** The piece that the next cell is of. */
  get octets(): Buffer {
    return this.#openBlock().octets
  }

  /** Takes a cell of `octets`: where it begins. */
  take(): number {
    const { free } = this.#openBlock()
    const at = free.pop()!
    if (free.length === 0) this.#open.pop()
    return at
  }

  /** The cell at `at` of `octets` is free. */
  give(octets: Buffer, at: number): void {
    const block = this.#blocks.get(octets)!
    block.free.push(at)
    if (block.free.length === 1) this.#open.push(block)
    if (block.free.length < CELLS_EACH || this.#open.length === 1) return
    this.#blocks.delete(octets)
    this.#open.splice(this.#open.indexOf(block), 1)
  }

  #openBlock(): CellBlock {
    const open = this.#open.at(-1)
    if (open !== undefined) return open
    const octets = allocUnpooled(this.size * CELLS_EACH)
    const block = { octets, free: Array.from({ length: CELLS_EACH }, (_, at) => at * this.size) }
    this.#blocks.set(octets, block)
    this.#open.push(block)
    return block
  }

  /** Cells in use. */
  get used(): number {
    let used = 0
    for (const { free } of this.#blocks.values()) used += CELLS_EACH - free.length
    return used
  }
}
