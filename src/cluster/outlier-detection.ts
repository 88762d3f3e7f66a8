import type { Clock, Timer } from "../base/clock.ts"
import type { ClusterConfig, OutlierDetectionConfig } from "../config/model.ts"
import type { ClusterStates } from "./cluster-states.ts"
import type { OutcomeCounts } from "./counts.ts"
import type { OutcomeLog } from "./outcomes.ts"
import { detectOutliers, type OutlierState } from "./outliers.ts"

/** Who says so in `ClusterStates.setHealth`. */
const JUDGE = "outlier"

export interface OutlierDetectionOptions {
  readonly clock: Clock
  readonly log: OutcomeLog
  readonly states: Pick<ClusterStates, "endpointsOf" | "setHealth">
  /** What all data planes have counted at the endpoint in `slot`. */
  outcomesAt(slot: number): OutcomeCounts
}

/** One cluster. */
interface Watch {
  readonly settings: OutlierDetectionConfig
  /** By address, at the last reading. */
  before: ReadonlyMap<string, OutcomeCounts>
  states: ReadonlyMap<string, OutlierState>
  timer: Timer
}

/** Reads the outcomes of clusters that ask for it once per interval, and says which endpoints are unhealthy by them. */
export class OutlierDetection {
  readonly #options: OutlierDetectionOptions
  readonly #watches = new Map<string, Watch>()

  constructor(options: OutlierDetectionOptions) {
    this.#options = options
  }

  /** The clusters of the configuration in force. What is known of one stays where its settings did. */
  watch(clusters: readonly ClusterConfig[]): void {
    const wanted = new Map(clusters.map(({ name, outlierDetection }) => [name, outlierDetection]))
    for (const [name, { settings }] of this.#watches)
      if (JSON.stringify(wanted.get(name)) !== JSON.stringify(settings)) this.#end(name)
    for (const [name, settings] of wanted)
      if (settings != null && !this.#watches.has(name)) this.#begin(name, settings)
  }

  close(): void {
    for (const { timer } of this.#watches.values()) timer.cancel()
    this.#watches.clear()
  }

  #begin(cluster: string, settings: OutlierDetectionConfig): void {
    const watch: Watch = {
      settings,
      before: this.#read(cluster),
      states: new Map(),
      timer: this.#later(cluster, settings),
    }
    this.#watches.set(cluster, watch)
  }

  #end(cluster: string): void {
    const { timer, states } = this.#watches.get(cluster)!
    timer.cancel()
    this.#watches.delete(cluster)
    for (const [address, { ejectedUntilMs }] of states)
      if (ejectedUntilMs !== null) this.#options.states.setHealth(cluster, address, "unknown", JUDGE)
  }

  #later(cluster: string, { intervalMs }: OutlierDetectionConfig): Timer {
    return this.#options.clock.after(intervalMs, () => this.#look(cluster))
  }

  #look(cluster: string): void {
    const { clock, log, states } = this.#options
    const watch = this.#watches.get(cluster)
    if (watch === undefined) return
    const now = this.#read(cluster)
    // Of one that has just joined nothing has been counted; others may have had its slot before.
    const before = new Map(
      [...now].map(([address, counts]) => [address, watch.before.get(address) ?? counts]),
    )
    const reading = detectOutliers(before, now, watch.states, watch.settings, clock.now())
    watch.before = now
    watch.states = reading.states
    watch.timer = this.#later(cluster, watch.settings)
    for (const { endpoint, cause, detail } of reading.orders) {
      if (cause === null) log.info("outlier is used again", { cluster, endpoint, reason: detail })
      else {
        const forMs = Math.round(reading.states.get(endpoint)!.ejectedUntilMs! - clock.now())
        log.warn("outlier is ejected", { cluster, endpoint, reason: detail, forMs })
      }
      states.setHealth(cluster, endpoint, cause === null ? "unknown" : "unhealthy", JUDGE)
    }
  }

  /** By address, of those that take new streams. An address that is there twice counts once. */
  #read(cluster: string): Map<string, OutcomeCounts> {
    const { states, outcomesAt } = this.#options
    const counts = new Map<string, OutcomeCounts>()
    for (const { address, slot, drain } of states.endpointsOf(cluster)) {
      if (drain) continue
      const here = outcomesAt(slot)
      const there = counts.get(address)
      counts.set(address, there === undefined ? here : both(here, there))
    }
    return counts
  }
}

function both(one: OutcomeCounts, other: OutcomeCounts): OutcomeCounts {
  return {
    successes: (one.successes + other.successes) >>> 0,
    failures: (one.failures + other.failures) >>> 0,
    consecutiveFailures: Math.max(one.consecutiveFailures, other.consecutiveFailures),
  }
}
