import { getHeapStatistics, setFlagsFromString } from "node:v8"
import { runInNewContext } from "node:vm"
import type { Random } from "../../../src/base/random.ts"
import type { Coverage } from "./coverage.ts"
import type { Dictionary } from "./dictionary.ts"
import { causeOf, type Finding } from "./finding.ts"
import { mutateOctets } from "./mutate.ts"
import { Pool } from "./pool.ts"
import type { Runner, Trouble } from "./runner.ts"
import { shrink } from "./shrink.ts"
import type { Target } from "./target.ts"

/** What a second run over the same inputs may leave behind. */
const GROWTH_OCTETS_MAX = 1024 * 1024
const GROWTH_PASSES = 3
const GROWTH_MS = 1000
/** A fuzzer that finds more than these has found enough. */
const FINDINGS_MAX = 20

export interface FuzzerOptions {
  readonly name: string
  readonly target: Target
  readonly maxOctets: number
  readonly runner: Runner
  readonly coverage: Coverage
  readonly dictionary: Dictionary
  readonly random: Random
  readonly onFinding: (finding: Finding) => void
}

/** Makes inputs from inputs, and keeps those that reach something new. */
export class Fuzzer {
  readonly pool = new Pool()
  readonly #options: FuzzerOptions
  readonly #causes = new Set<string>()

  constructor(options: FuzzerOptions) {
    this.#options = options
  }

  /** Runs an input as it is. */
  async seed(octets: Buffer): Promise<void> {
    await this.#try(octets.subarray(0, this.#options.maxOctets), true)
  }

  /** Goes on until `isOver`, or until it has found enough. */
  async fuzz(isOver: () => boolean): Promise<void> {
    const { random, target, dictionary, maxOctets } = this.#options
    const { words } = dictionary
    if (this.pool.size === 0) await this.seed(Buffer.alloc(0))
    while (!isOver() && this.#causes.size < FINDINGS_MAX) {
      const other = this.pool.choose(random)
      const material = { random, words, other, maxOctets }
      const mutate = target.mutate !== undefined && random() < 0.5 ? target.mutate : mutateOctets
      await this.#try(mutate(this.pool.choose(random), material).subarray(0, maxOctets), false)
    }
  }

  /** Runs all it keeps twice: the second time must leave nothing behind. */
  async checkGrowth(): Promise<void> {
    const inputs = [...this.pool.inputs()]
    const untilMs = performance.now() + GROWTH_MS
    let runs = 0
    for (; performance.now() < untilMs; runs++) await this.#options.runner.run(inputs[runs % inputs.length]!)
    // Pools fill up and code is compiled: only what grows every time goes on growing.
    let grown = 0
    for (let pass = 0; pass < GROWTH_PASSES; pass++) {
      const before = heldOctets()
      for (let i = 0; i < runs; i++) await this.#options.runner.run(inputs[i % inputs.length]!)
      grown = heldOctets() - before
      if (grown <= GROWTH_OCTETS_MAX) return
    }
    const message = `${grown} octets more after ${runs} runs of inputs that had all been run before`
    this.#options.onFinding({
      target: this.#options.name,
      kind: "grows",
      message,
      octets: Buffer.alloc(0),
    })
  }

  async #try(octets: Buffer, isSeed: boolean): Promise<void> {
    const { coverage, runner } = this.#options
    const trouble = await runner.run(octets)
    if (trouble !== null) return this.#found(octets, trouble)
    const news = coverage.merge()
    if (news !== null || (isSeed && this.pool.size === 0)) this.pool.add(octets, coverage.ran())
  }

  async #found(octets: Buffer, trouble: Trouble): Promise<void> {
    const { name, runner, onFinding } = this.#options
    const cause = causeOf({ target: name, octets, ...trouble })
    if (this.#causes.has(cause)) return
    this.#causes.add(cause)
    let last = trouble
    const smallest = await shrink(octets, async (candidate) => {
      const again = await runner.run(candidate)
      if (again === null || causeOf({ target: name, octets, ...again }) !== cause) return false
      last = again
      return true
    })
    onFinding({ target: name, octets: smallest, ...last })
  }
}

setFlagsFromString("--expose-gc")
const collect = runInNewContext("gc") as () => void

/** Octets in use in this thread, garbage not counted. */
function heldOctets(): number {
  collect()
  collect()
  const { used_heap_size, external_memory } = getHeapStatistics()
  return used_heap_size + external_memory
}
