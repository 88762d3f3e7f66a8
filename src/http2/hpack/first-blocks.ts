import type { HeaderList } from "../header-list.ts"
import { copyUnpooled } from "../own-octets.ts"
import { MAX_BLOCK_OCTETS, sameOctets, seenKeys } from "./block-memory.ts"
import type { DynamicTable } from "./dynamic-table.ts"

/** Blocks remembered, each of `MAX_BLOCK_OCTETS` at most. */
const SLOTS = 64
/** Larger lists are not remembered: clients choose them, and no budget counts what is kept here. */
const LIST_OCTETS_MAX = 4096

/** What the first block of a connection stands for, and what it leaves in the table. */
interface FirstBlock {
  readonly block: Buffer
  readonly list: HeaderList
  readonly table: DynamicTable
}

/**
 * The first blocks of connections, remembered for all connections of a side. What a block means to an empty table does not
 * depend on whose it is, and clients of a kind begin alike: one that comes for a single call costs no decoding, and its
 * list is one that all the steps behind know.
 *
 * Only what comes twice is remembered, as in `BlockMemory`. A block that is known has all its octets compared.
 */
export class FirstBlocks {
  readonly #seen = seenKeys()
  readonly #blocks = new Array<FirstBlock | undefined>(SLOTS).fill(undefined)

  find(key: number, block: Uint8Array, start: number, end: number): FirstBlock | undefined {
    const known = this.#blocks[key % SLOTS]
    return known !== undefined && sameOctets(known.block, block, start, end) ? known : undefined
  }

  /** `table`: as `block` has left it, from an empty one. */
  offer(
    key: number,
    block: Uint8Array,
    start: number,
    end: number,
    list: HeaderList,
    table: DynamicTable,
  ): void {
    if (end - start > MAX_BLOCK_OCTETS || list.octets > LIST_OCTETS_MAX) return
    const slot = key % this.#seen.length
    if (this.#seen[slot] !== key) this.#seen[slot] = key
    else this.#blocks[key % SLOTS] = { block: copyUnpooled(block, start, end), list, table: table.copy() }
  }
}
