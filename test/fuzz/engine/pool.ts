import type { Random } from "../../../src/base/random.ts"
import { pick } from "./mutate.ts"

interface Entry {
  readonly octets: Buffer
  readonly blocks: readonly number[]
}

/**
 * The inputs that reached something new, to make others from. For each block it knows the shortest input that reaches
 * it: those are chosen more often, and are what a corpus keeps.
 */
export class Pool {
  readonly #entries: Entry[] = []
  readonly #shortest = new Map<number, Entry>()
  #favoured: Entry[] = []
  #isStale = false

  get size(): number {
    return this.#entries.length
  }

  add(octets: Buffer, blocks: Iterable<number>): void {
    const entry = { octets: Buffer.from(octets), blocks: [...blocks] }
    this.#entries.push(entry)
    for (const block of entry.blocks) {
      const known = this.#shortest.get(block)
      if (known !== undefined && known.octets.length <= octets.length) continue
      this.#shortest.set(block, entry)
      this.#isStale = true
    }
  }

  /** One to begin from. */
  choose(random: Random): Buffer {
    const chance = random()
    if (chance < 0.6) return pick(random, this.#favour()).octets
    // What came last has been tried least.
    const recent = Math.max(1, this.#entries.length >> 3)
    return pick(random, chance < 0.8 ? this.#entries.slice(-recent) : this.#entries).octets
  }

  *inputs(): Iterable<Buffer> {
    for (const { octets } of this.#entries) yield octets
  }

  /** Few and short inputs that together reach every block. */
  smallest(): Buffer[] {
    const left = new Set(this.#shortest.keys())
    const kept: Buffer[] = []
    // Blocks that few reach decide first; what reaches them reaches most others on the way.
    const rarity = new Map<number, number>()
    for (const { blocks } of this.#entries)
      for (const block of blocks) rarity.set(block, (rarity.get(block) ?? 0) + 1)
    for (const block of [...left].sort((a, b) => rarity.get(a)! - rarity.get(b)!)) {
      if (!left.has(block)) continue
      const { octets, blocks } = this.#shortest.get(block)!
      kept.push(octets)
      for (const one of blocks) left.delete(one)
    }
    return kept
  }

  #favour(): readonly Entry[] {
    if (this.#isStale) this.#favoured = [...new Set(this.#shortest.values())]
    this.#isStale = false
    return this.#favoured
  }
}
