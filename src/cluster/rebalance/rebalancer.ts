import type { Clock, Timer } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import { type TurnCause, turnCauses } from "../../base/turn-cause.ts"
import type { ClusterConfig, RebalanceConfig } from "../../config/model.ts"
import type { ClusterStates } from "../cluster-states.ts"
import type { OutcomeLog } from "../outcomes.ts"
import { Column } from "../traffic.ts"
import type { MoveOrder } from "./move-order.ts"
import { balanceOf, FULL_PACE, nextPace, type Pace, planMoves } from "./plan-moves.ts"
import { PlannedEndpoints } from "./planned-endpoints.ts"

const EVERY_MS = 1_000

export interface RebalancerOptions {
  readonly clock: Clock
  readonly random: Random
  readonly log: OutcomeLog
  readonly states: Pick<ClusterStates, "endpointsOf">
  /** Live streams at the endpoint in `slot`, of all data planes. */
  streamsAt(slot: number): number
  /** What all data planes have counted there: a row of `Column`s. */
  trafficAt(slot: number): Float64Array
  /** Has the data planes move streams. Resolves with how many were given a turn. */
  tell(order: MoveOrder): Promise<number>
}

/** One cluster that is kept in balance. */
interface Watch {
  readonly settings: RebalanceConfig
  readonly endpoints: PlannedEndpoints
  /** Since when endpoints have had a surplus, by slot. */
  readonly surplusSinceMs: Map<number, number>
  pace: Pace
  /** Planned moves that were made and that failed, at the last look. */
  seen: Moves
  /** Of the present imbalance; null: the cluster is in balance. */
  imbalance: { readonly sinceMs: number; readonly cause: TurnCause; readonly before: Moves } | null
  /** The last order has not been answered. */
  isTelling: boolean
}

interface Moves {
  readonly moved: number
  readonly failed: number
}

/**
 * The planner of moves, one for all data planes: once a second it looks at how many streams each endpoint has, and has some of
 * those moved that are too many where their number has lasted. The rule is `planMoves`; here is what it remembers.
 *
 * Cost: nothing without a cluster that asks for it; with one, O(endpoints) a second, and no stream is looked at here.
 */
export class Rebalancer {
  readonly #options: RebalancerOptions
  readonly #watches = new Map<string, Watch>()
  #timer: Timer | null = null

  constructor(options: RebalancerOptions) {
    this.#options = options
  }

  /** The clusters of the configuration in force. What is known of one stays where its settings did. */
  watch(clusters: readonly ClusterConfig[]): void {
    const wanted = new Map(clusters.map((config) => [config.name, config]))
    for (const [name, { settings, endpoints }] of this.#watches) {
      const config = wanted.get(name)
      if (JSON.stringify(config?.rebalance) === JSON.stringify(settings)) endpoints.config = config!
      else this.#watches.delete(name)
    }
    for (const config of clusters) {
      const { name, rebalance } = config
      if (rebalance === null || this.#watches.has(name)) continue
      this.#watches.set(name, {
        settings: rebalance,
        endpoints: new PlannedEndpoints(config, this.#options),
        surplusSinceMs: new Map(),
        pace: FULL_PACE,
        seen: this.#count(name),
        imbalance: null,
        isTelling: false,
      })
    }
    if (this.#watches.size > 0) this.#timer ??= this.#later()
  }

  close(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#watches.clear()
  }

  #later(): Timer {
    return this.#options.clock.after(EVERY_MS, () => {
      for (const [name, watch] of this.#watches) this.#look(name, watch)
      this.#timer = this.#watches.size > 0 ? this.#later() : null
    })
  }

  #look(cluster: string, watch: Watch): void {
    const { clock, random, states } = this.#options
    const { settings, surplusSinceMs } = watch
    const nowMs = clock.now()
    const endpoints = watch.endpoints.read(states.endpointsOf(cluster), nowMs)
    const { streams, surplus, imbalance } = balanceOf(endpoints, settings.tolerancePercent)
    const has = new Set(surplus)
    for (const slot of surplusSinceMs.keys()) if (!has.has(slot)) surplusSinceMs.delete(slot)
    for (const slot of surplus) if (!surplusSinceMs.has(slot)) surplusSinceMs.set(slot, nowMs)
    const mature = new Set(surplus.filter((slot) => nowMs - surplusSinceMs.get(slot)! >= settings.afterMs))
    const made = this.#sinceLastLook(cluster, watch)
    if (mature.size === 0) return this.#balanced(cluster, watch, nowMs)
    this.#imbalanced(cluster, watch, imbalance, nowMs)
    const { pace, most } = nextPace(watch.pace, made, streams, settings.streamsPerSecond)
    watch.pace = pace
    if (watch.isTelling) return
    const moves = planMoves(endpoints, mature, settings.tolerancePercent, most, random)
    if (moves.length === 0) return
    const { dwellMs, maxStreamAgeMs } = settings
    const { cause } = watch.imbalance!
    watch.isTelling = true
    void this.#options.tell({ cluster, cause, moves, dwellMs, maxStreamAgeMs }).finally(() => {
      watch.isTelling = false
    })
  }

  #imbalanced(cluster: string, watch: Watch, imbalance: number, nowMs: number): void {
    if (watch.imbalance !== null) return
    const cause = watch.endpoints.areWeightsNew(nowMs - watch.settings.afterMs) ? "rollout" : "rebalance"
    watch.imbalance = { sinceMs: nowMs, cause, before: watch.seen }
    this.#options.log.info("cluster is out of balance, streams move", {
      cluster,
      cause,
      imbalance: Number.isFinite(imbalance) ? imbalance.toFixed(2) : "streams where none belong",
    })
  }

  #balanced(cluster: string, watch: Watch, nowMs: number): void {
    const { imbalance, seen } = watch
    watch.pace = FULL_PACE
    if (imbalance === null) return
    watch.imbalance = null
    this.#options.log.info("cluster is in balance again", {
      cluster,
      moved: seen.moved - imbalance.before.moved,
      failed: seen.failed - imbalance.before.failed,
      tookMs: Math.round(nowMs - imbalance.sinceMs),
    })
  }

  #sinceLastLook(cluster: string, watch: Watch): Moves {
    const { moved, failed } = watch.seen
    watch.seen = this.#count(cluster)
    // An endpoint that has left takes its numbers along.
    return {
      moved: Math.max(0, watch.seen.moved - moved),
      failed: Math.max(0, watch.seen.failed - failed),
    }
  }

  /** Planned moves of all endpoints, since they joined. */
  #count(cluster: string): Moves {
    let moved = 0
    let failed = 0
    for (const { slot } of this.#options.states.endpointsOf(cluster)) {
      const row = this.#options.trafficAt(slot)
      for (const cause of PLANNED) {
        moved += row[Column.moved + cause]!
        failed += row[Column.movesFailed + cause]!
      }
    }
    return { moved, failed }
  }
}

const PLANNED = [turnCauses.indexOf("rebalance"), turnCauses.indexOf("rollout")]
