import type { Coverage } from "./coverage.ts"
import type { Slot } from "./slot.ts"
import type { Target } from "./target.ts"

/** What went wrong in one run. */
export interface Trouble {
  readonly kind: "throws" | "takes too many steps"
  readonly message: string
}

/** Runs a target on one input after another and says what went wrong. */
export class Runner {
  runs = 0
  /** Most blocks that any run took. */
  stepsMost = 0
  readonly #target: Target
  readonly #coverage: Coverage
  readonly #slot: Slot
  /** Thrown where no caller was left to catch it. */
  #stray: Trouble | null = null

  constructor(target: Target, coverage: Coverage, slot: Slot) {
    this.#target = target
    this.#coverage = coverage
    this.#slot = slot
    process.on("uncaughtException", (error) => void (this.#stray ??= troubleOf(error)))
    process.on("unhandledRejection", (error) => void (this.#stray ??= troubleOf(error)))
  }

  /** Null: all was well. */
  async run(octets: Buffer): Promise<Trouble | null> {
    const coverage = this.#coverage
    this.runs++
    this.#stray = null
    coverage.reset()
    this.#slot.begin(octets)
    let trouble: Trouble | null = null
    try {
      const running = this.#target.run(octets)
      if (running !== undefined) await running
    } catch (error) {
      trouble = troubleOf(error)
    }
    this.#slot.end()
    return trouble ?? this.#stray ?? this.#tooManySteps(octets)
  }

  #tooManySteps(octets: Buffer): Trouble | null {
    const { base, perOctet } = this.#target.steps
    const { steps } = this.#coverage
    if (steps > this.stepsMost) this.stepsMost = steps
    const most = base + perOctet * octets.length
    if (steps <= most) return null
    const message = `${steps} blocks run for ${octets.length} octets; ${most} are the most there should be`
    return { kind: "takes too many steps", message }
  }
}

function troubleOf(error: unknown): Trouble {
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { kind: "throws", message }
}
