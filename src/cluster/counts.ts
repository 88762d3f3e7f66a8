import { TRAFFIC_ROW } from "./traffic.ts"

/** The streams that are open at one endpoint now, over all that count there. */
export interface StreamCount {
  readonly open: number
  /** One more, unless there are `most` already: then false. */
  tryAdd(most: number): boolean
  subtract(): void
}

/** A count of one thread. */
export class OwnStreamCount implements StreamCount {
  open = 0

  tryAdd(most: number): boolean {
    if (this.open >= most) return false
    this.open++
    return true
  }

  subtract(): void {
    this.open--
  }
}

/** How calls and connections to one endpoint end. */
export interface OutcomeCount {
  succeeded(): void
  failed(): void
}

/** What an `OutcomeCount` has counted, by all that count there. The first two go round at 2^32. */
export interface OutcomeCounts {
  readonly successes: number
  readonly failures: number
  /** Since the last success. */
  readonly consecutiveFailures: number
}

/** Outcomes of one thread. */
export class OwnOutcomeCount implements OutcomeCount, OutcomeCounts {
  successes = 0
  failures = 0
  consecutiveFailures = 0

  succeeded(): void {
    this.successes = (this.successes + 1) >>> 0
    this.consecutiveFailures = 0
  }

  failed(): void {
    this.failures = (this.failures + 1) >>> 0
    this.consecutiveFailures++
  }
}

/** The counts of each endpoint: by its slot, which it keeps for life. */
export interface StreamCounts {
  /** A row of `Column`s. */
  trafficOf(slot: number): Float64Array
  countOf(slot: number): StreamCount
  outcomesOf(slot: number): OutcomeCount
  outcomesAt(slot: number): OutcomeCounts
  /** One for each bound of a cluster, as in `Breakers`, and the last for its `PickQueue`. */
  limitsOf(cluster: string): readonly StreamCount[]
}

/** How many bounds a cluster may have. */
export const LIMITS = 5

/** Counts of one thread. */
export class OwnStreamCounts implements StreamCounts {
  readonly #traffic: Float64Array[] = []
  readonly #bySlot: OwnStreamCount[] = []
  readonly #outcomes: OwnOutcomeCount[] = []
  readonly #limits = new Map<string, readonly StreamCount[]>()

  trafficOf(slot: number): Float64Array {
    while (this.#traffic.length <= slot) this.#traffic.push(new Float64Array(TRAFFIC_ROW))
    return this.#traffic[slot]!
  }

  outcomesOf(slot: number): OwnOutcomeCount {
    while (this.#outcomes.length <= slot) this.#outcomes.push(new OwnOutcomeCount())
    return this.#outcomes[slot]!
  }

  limitsOf(cluster: string): readonly StreamCount[] {
    const known = this.#limits.get(cluster) ?? Array.from({ length: LIMITS }, () => new OwnStreamCount())
    this.#limits.set(cluster, known)
    return known
  }

  outcomesAt(slot: number): OutcomeCounts {
    const { successes, failures, consecutiveFailures } = this.outcomesOf(slot)
    return { successes, failures, consecutiveFailures }
  }

  countOf(slot: number): OwnStreamCount {
    while (this.#bySlot.length <= slot) this.#bySlot.push(new OwnStreamCount())
    return this.#bySlot[slot]!
  }
}
