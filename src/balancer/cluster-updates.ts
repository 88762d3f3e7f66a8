import type { Clock } from "../base/clock.ts"
import { inSlices, type Steps } from "../base/steps.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { EndpointState } from "../cluster/state.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import type { LiveOrders } from "./live-orders.ts"

export interface ClusterUpdatesOptions {
  /** Of the system: one that stands still within a turn would make a slice of everything. */
  readonly clock: Pick<Clock, "now">
  readonly orders: Pick<LiveOrders, "told" | "rehome">
  /** In the configuration in force. */
  find(cluster: string): Cluster<LegConnection> | undefined
}

/** A cluster whose state is on its way. */
interface Update {
  /** The newest that was told since it began; null: none. */
  next: readonly EndpointState[] | null
  done: Promise<void>
}

/**
 * Puts in force what the control side says of endpoints. A state of thousands is made in slices of turns while the one before it
 * serves, and comes in force whole. What is told meanwhile waits, and of that only the newest.
 */
export class ClusterUpdates {
  readonly #options: ClusterUpdatesOptions
  readonly #updates = new Map<string, Update>()
  /** What a reload has left to do; null: nothing. */
  #settling: Promise<void> | null = null

  constructor(options: ClusterUpdatesOptions) {
    this.#options = options
  }

  /** Does what is left of a reload that is in force. Nothing else may be under way; what is told meanwhile waits. */
  settle(work: Steps): Promise<void> {
    let isDone = false
    const whole = function* (): Steps {
      yield* work
      isDone = true
    }
    const settling = inSlices(whole(), this.#options.clock)
    if (isDone) return settling
    this.#settling = settling.finally(() => (this.#settling = null))
    return this.#settling
  }

  /** Resolves once the state is in force, or a newer one is. A state of a few endpoints is when this returns. */
  apply(cluster: string, endpoints: readonly EndpointState[]): Promise<void> {
    const under = this.#updates.get(cluster)
    if (under !== undefined) {
      under.next = endpoints
      return under.done
    }
    const update: Update = { next: null, done: Promise.resolve() }
    this.#updates.set(cluster, update)
    update.done = this.#run(cluster, endpoints, update)
    return update.done
  }

  /** Resolves once nothing is under way. */
  async idle(): Promise<void> {
    while (this.#updates.size > 0 || this.#settling !== null)
      await Promise.allSettled([this.#settling, ...[...this.#updates.values()].map(({ done }) => done)])
  }

  async #run(cluster: string, endpoints: readonly EndpointState[], update: Update): Promise<void> {
    try {
      if (this.#settling !== null) await this.#settling
      for (let state: readonly EndpointState[] | null = endpoints; state !== null; state = update.next) {
        update.next = null
        await inSlices(this.#steps(cluster, state), this.#options.clock)
      }
    } finally {
      this.#updates.delete(cluster)
    }
  }

  *#steps(name: string, endpoints: readonly EndpointState[]): Steps {
    const { orders, find } = this.#options
    const cluster = find(name)
    if (cluster === undefined) return
    const staged = yield* cluster.stage(endpoints)
    cluster.commit(staged)
    if (staged.snapshot !== null) orders.rehome(cluster)
    yield* cluster.retire(staged)
    yield* orders.told(name, endpoints, cluster.leavingSettings)
  }
}
