import type { Clock } from "../base/clock.ts"
import type { Random } from "../base/random.ts"
import type { ClusterStates } from "../cluster/cluster-states.ts"
import { OutlierDetection, type OutlierDetectionOptions } from "../cluster/outlier-detection.ts"
import { Rebalancer, type RebalancerOptions } from "../cluster/rebalance/rebalancer.ts"
import type { KnownEndpoint } from "../cluster/state.ts"
import type { Config } from "../config/model.ts"
import type { Log } from "../log/logger.ts"

/** What sources have said of a configuration that is about to be put in force. One of the two is to be called, once. */
export interface FoundEndpoints {
  /** Null: it has no sources, and they have nothing to say of it. */
  endpointsOf(cluster: string): readonly KnownEndpoint[] | null
  commit(): void
  abandon(): void
}

/** Those who watch the endpoints of all clusters while a balancer runs. */
export interface Care {
  /** Asks the sources of a configuration that is about to be put in force. */
  prepare(config: Config): Promise<FoundEndpoints>
  /** It is in force. */
  use(config: Config): void
  /** Endpoints of a cluster came or went. */
  changed(cluster: string): void
  /** The balancer closes: what is left of its streams is not spread any more, its endpoints are watched on. */
  drain(): void
  stop(): void
}

export interface CareOptions {
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
}

/** How a balancer gets those who watch its endpoints. */
export interface CareMaker {
  /** They check the health of endpoints, so that those which must be checked may wait for it. */
  readonly hasChecks: boolean
  make(options: CareOptions): Care
}

/** What needs no socket: which endpoints fail more than their like, and whether streams are in balance. */
export class CountCare implements Care {
  readonly #outliers: OutlierDetection
  readonly #rebalancer: Rebalancer

  constructor({ states, clock, random, log, outcomesAt, streamsAt, trafficAt, move: tell }: CareOptions) {
    this.#outliers = new OutlierDetection({ clock, log, states, outcomesAt })
    this.#rebalancer = new Rebalancer({ clock, random, log, states, streamsAt, trafficAt, tell })
  }

  async prepare(): Promise<FoundEndpoints> {
    return NOTHING_FOUND
  }

  use({ clusters }: Config): void {
    this.#outliers.watch(clusters)
    this.#rebalancer.watch(clusters)
  }

  changed(): void {}

  drain(): void {
    this.#rebalancer.close()
  }

  stop(): void {
    this.#outliers.close()
    this.#rebalancer.close()
  }
}

const NOTHING_FOUND: FoundEndpoints = { endpointsOf: () => null, commit() {}, abandon() {} }

export const countCare: CareMaker = { hasChecks: false, make: (options) => new CountCare(options) }
