import type { ClusterConfig, EndpointConfig } from "../../config/model.ts"
import { shareOfWeight } from "../slow-start.ts"
import type { EndpointState } from "../state.ts"
import { Column } from "../traffic.ts"
import type { PlannedEndpoint } from "./plan-moves.ts"

export interface EndpointCounts {
  streamsAt(slot: number): number
  trafficAt(slot: number): Float64Array
}

/** What is remembered of an endpoint between two looks. */
interface Known {
  readonly address: string
  /** Since when it has taken streams without a break; `-Infinity`: it did when it was first seen. */
  readonly takesSinceMs: number
  readonly weight: number
}

/**
 * The endpoints of one cluster as the planner sees them: those that take streams, by weight and slow start. Streams of one that
 * drains or is unhealthy are no part of it, a drain is what ends or moves those.
 */
export class PlannedEndpoints {
  config: ClusterConfig
  readonly #counts: EndpointCounts
  #known: ReadonlyMap<number, Known> = new Map()
  #hasRead = false
  /** When a weight was last found to be another. */
  #weightsMs = Number.NEGATIVE_INFINITY

  constructor(config: ClusterConfig, counts: EndpointCounts) {
    this.config = config
    this.#counts = counts
  }

  /** A weight has changed since `ms`. */
  areWeightsNew(ms: number): boolean {
    return this.#weightsMs >= ms
  }

  /** As they are now; none while too few are healthy for that to be believed. */
  read(states: readonly EndpointState[], nowMs: number): PlannedEndpoint[] {
    const taking = states.filter(({ drain }) => !drain)
    const healthy = taking.filter(({ health }) => health !== "unhealthy")
    this.#note(healthy, nowMs)
    if (healthy.length * 100 < taking.length * this.config.panicThresholdPercent) return []
    const priority = Math.min(...healthy.map((state) => state.priority))
    return healthy.map((state) => {
      const { slot } = state
      const row = this.#counts.trafficAt(slot)
      return {
        slot,
        // Where an endpoint of a lower number can be used, those of a higher one are to have none.
        weight: state.priority === priority ? this.#weightOf(state, nowMs) : 0,
        open: this.#counts.streamsAt(slot),
        leaving: Math.max(0, row[Column.leaving]! - row[Column.left]!),
        arriving: Math.max(0, row[Column.arriving]! - row[Column.arrived]!),
        maxStreams: this.#settingsOf(state)?.maxStreams ?? null,
      }
    })
  }

  #note(healthy: readonly EndpointState[], nowMs: number): void {
    const next = new Map<number, Known>()
    const firstMs = this.#hasRead ? nowMs : Number.NEGATIVE_INFINITY
    for (const { slot, address, weight } of healthy) {
      const before = this.#known.get(slot)
      const known = before?.address === address ? before : undefined
      if (known !== undefined && known.weight !== weight) this.#weightsMs = nowMs
      next.set(slot, { address, weight, takesSinceMs: known?.takesSinceMs ?? firstMs })
    }
    this.#known = next
    this.#hasRead = true
  }

  #weightOf(state: EndpointState, nowMs: number): number {
    const windowMs = this.#settingsOf(state)?.slowStartMs ?? this.config.slowStart.windowMs
    const passedMs = nowMs - this.#known.get(state.slot)!.takesSinceMs
    return passedMs >= windowMs
      ? state.weight
      : state.weight * shareOfWeight(passedMs / windowMs, this.config.slowStart)
  }

  #settingsOf({ origin }: EndpointState): EndpointConfig | undefined {
    const { endpoints, discovery } = this.config
    return endpoints[origin] ?? discovery[origin - endpoints.length]?.settings
  }
}
