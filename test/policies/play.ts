import { SharedNumbers } from "../../src/balancer/thread/shared-numbers.ts"
import type { Clock } from "../../src/base/clock.ts"
import { defaultLimits } from "../../src/base/limits.ts"
import type { Random } from "../../src/base/random.ts"
import { Cluster } from "../../src/cluster/cluster.ts"
import type { Endpoint } from "../../src/cluster/endpoint.ts"
import type { PickSubject } from "../../src/cluster/policies/policy.ts"
import type { PooledConnection } from "../../src/cluster/pool.ts"
import { configuredEndpoints, type EndpointState, layOver } from "../../src/cluster/state.ts"
import { hostAddress } from "../../src/config/address.ts"
import { defaultCluster, defaultEndpoint } from "../../src/config/defaults.ts"
import type { ClusterConfig } from "../../src/config/model.ts"
import { SharedCounts } from "../../src/control/shared-counts.ts"
import { EndTimes } from "./end-times.ts"

export interface PlayOptions {
  /** How many endpoints there are, those included that join later. */
  readonly endpoints: number
  readonly cluster: Partial<ClusterConfig>
  /** Data threads, each with a cluster of its own over the counts that they share. */
  readonly threads: number
  readonly random: Random
}

/** A stream that is picked for: its key is whatever a template is rendered for. */
class Subject implements PickSubject {
  key = ""

  render(): string {
    return this.key
  }
}

/**
 * A cluster under load on virtual time: the balancer's own clusters and policies, as many as there are data threads, over
 * counts in shared memory. Streams pick, stay open, and end; no connection is made.
 */
export class Play {
  nowMs = 0
  readonly #random: Random
  readonly #clusters: readonly Cluster<PooledConnection>[]
  readonly #states: EndpointState[]
  readonly #subject = new Subject()
  readonly #ends = new EndTimes<Endpoint>()
  readonly #open: number[]

  constructor({ endpoints: many, cluster, threads, random }: PlayOptions) {
    this.#random = random
    const counts = new SharedCounts(threads)
    for (let slot = 0; slot < many; slot++) counts.add(slot)
    const config: ClusterConfig = {
      ...defaultCluster("play"),
      endpoints: Array.from({ length: many }, (_, slot) => defaultEndpoint(addressOf(slot))),
      ...cluster,
    }
    this.#states = configuredEndpoints(config).map((known, slot) => layOver(known, slot, [], undefined))
    this.#open = this.#states.map(() => 0)
    const clock: Clock = { now: () => this.nowMs, wallMs: () => this.nowMs, after: () => ({ cancel() {} }) }
    this.#clusters = Array.from({ length: threads }, (_, index) => {
      return new Cluster<PooledConnection>(config, this.#states, {
        clock,
        random,
        limits: defaultLimits,
        log: { info() {}, warn() {} },
        counts: new SharedNumbers(counts.memory, index),
        onLimit() {},
        connect() {
          throw new Error("a play makes no connections")
        },
      })
    })
  }

  /** Streams open, by endpoint. */
  get open(): readonly number[] {
    return this.#open
  }

  get streams(): number {
    return this.#ends.size
  }

  /** A stream that ends after `lengthMs`; the endpoint that it got. */
  begin(lengthMs: number, key = ""): number {
    const endpoint = this.pick(key)
    this.#open[endpoint.slot]!++
    this.#ends.add(this.nowMs + lengthMs, endpoint)
    return endpoint.slot
  }

  /** What a stream gets that is over at once. */
  slotOf(key: string): number {
    const endpoint = this.pick(key)
    endpoint.closeStream()
    return endpoint.slot
  }

  /** One thread's pick, whichever comes first to its turn. */
  pick(key: string): Endpoint {
    const at = this.#clusters.length === 1 ? 0 : Math.floor(this.#random() * this.#clusters.length)
    const cluster = this.#clusters[at]!
    this.#subject.key = key
    return cluster.pick(cluster.snapshot, null, this.#subject)!
  }

  /** Ends what ends until then. */
  advanceTo(ms: number): void {
    for (let endpoint = this.#ends.takeUntil(ms); endpoint !== null; endpoint = this.#ends.takeUntil(ms)) {
      endpoint.closeStream()
      this.#open[endpoint.slot]!--
    }
    this.nowMs = ms
  }

  /** Tells all threads which endpoints there are, and how they are. */
  apply(change: (state: EndpointState) => Partial<EndpointState> | null): void {
    const states = this.#states.flatMap((state) => {
      const changed = change(state)
      return changed === null ? [] : [{ ...state, ...changed }]
    })
    for (const cluster of this.#clusters) cluster.apply(states)
  }
}

function addressOf(slot: number) {
  return hostAddress(`10.${slot >> 16}.${(slot >> 8) & 255}.${slot & 255}`, 3000)
}
