import type { Clock } from "../base/clock.ts"
import type { Random } from "../base/random.ts"
import { resolveLimits } from "../base/resolve-limits.ts"
import type { ClusterStates } from "../cluster/cluster-states.ts"
import { OutlierDetection, type OutlierDetectionOptions } from "../cluster/outlier-detection.ts"
import { Rebalancer, type RebalancerOptions } from "../cluster/rebalance/rebalancer.ts"
import type { Config } from "../config/model.ts"
import type { Log } from "../log/logger.ts"
import type { Assignments } from "./discovery/assigned-source.ts"
import type { SourceStatus } from "./discovery/cluster-discovery.ts"
import { Discovery, type PreparedDiscovery } from "./discovery/discovery.ts"
import { HealthChecks } from "./health/health-checks.ts"

export interface ClusterCareOptions {
  readonly states: ClusterStates
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  readonly outcomesAt: OutlierDetectionOptions["outcomesAt"]
  readonly streamsAt: RebalancerOptions["streamsAt"]
  readonly trafficAt: RebalancerOptions["trafficAt"]
  readonly move: RebalancerOptions["tell"]
  config(): Config
  onDiscoveryRefused(): void
  /** Of the control plane; null: there is none. */
  readonly assignments: Assignments | null
}

/** Those who watch the endpoints of all clusters while Sluice runs: who they are, how they are, and how full. */
export class ClusterCare {
  readonly #discovery: Discovery
  readonly #checks: HealthChecks
  readonly #outliers: OutlierDetection
  readonly #rebalancer: Rebalancer

  constructor(options: ClusterCareOptions) {
    const { assignments, states, clock, random, log, outcomesAt, streamsAt, trafficAt, move: tell } = options
    this.#discovery = new Discovery({
      clock,
      random,
      assignments,
      log,
      states,
      endpointsMax: () => resolveLimits(options.config().limits).limits.discoveredEndpointsMax,
      onProblem: () => options.onDiscoveryRefused(),
    })
    this.#checks = new HealthChecks({ states, clock, random, log })
    this.#outliers = new OutlierDetection({ clock, log, states, outcomesAt })
    this.#rebalancer = new Rebalancer({ clock, random, log, states, streamsAt, trafficAt, tell })
  }

  /** Asks the sources of a configuration that is about to be put in force. */
  prepare({ clusters }: Config): Promise<PreparedDiscovery> {
    return this.#discovery.prepare(clusters)
  }

  /** It is in force. */
  use(config: Config): void {
    this.#outliers.watch(config.clusters)
    this.#rebalancer.watch(config.clusters)
    this.#checks.use(config)
  }

  /** Endpoints of a cluster came or went. */
  changed(cluster: string): void {
    this.#checks.changed(cluster)
  }

  /** What the sources of a cluster have said may be old: an endpoint of it was ejected. */
  refresh(cluster: string): void {
    this.#discovery.refresh(cluster)
  }

  sourcesOf(cluster: string): SourceStatus[] {
    return this.#discovery.statusOf(cluster)
  }

  stop(): void {
    this.#checks.close()
    this.#outliers.close()
    this.#rebalancer.close()
    this.#discovery.stop()
  }
}
