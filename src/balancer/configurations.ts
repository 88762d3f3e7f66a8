import type { Clock } from "../base/clock.ts"
import { atOnce, inSlices, type Steps } from "../base/steps.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { ClusterStates } from "../cluster/cluster-states.ts"
import type { Connector } from "../cluster/connectors.ts"
import type { ClusterState, EndpointState } from "../cluster/state.ts"
import type { Config } from "../config/model.ts"
import type { Http1Origins } from "../origin/http1/origins.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import type { Upstreams } from "../relay/upstream/upstreams.ts"
import type { Care, FoundEndpoints } from "./care.ts"
import { ClusterUpdates } from "./cluster-updates.ts"
import type { ConfigCompiler, LiveConfig } from "./config-compiler.ts"
import type { Listeners } from "./listeners.ts"
import type { LiveOrders } from "./live-orders.ts"

type Clusters = ReadonlyMap<string, Cluster<LegConnection>>

/** A configuration that is compiled and whose new listeners are open. One of the two is to be called, once. */
export interface PreparedReload {
  /** Puts it in force. Errors: throws when the balancer is closing, and the old one stays. */
  commit(): void
  /** Forgets it. */
  abandon(): void
}

export interface ConfigurationsParts {
  /** Of the system: one that stands still within a turn would make a slice of everything. */
  readonly clock: Clock
  readonly compiler: ConfigCompiler
  readonly listeners: Listeners
  readonly orders: LiveOrders
  readonly upstreams: Upstreams
  readonly origins: Http1Origins
  /** Where no control side has them. */
  readonly states: ClusterStates | null
  /** A bug, met after a change came in force. */
  onBug(error: unknown): void
}

/** The configuration in force with the states of its clusters, and how others take its place. */
export class Configurations {
  readonly #parts: ConfigurationsParts
  readonly #updates: ClusterUpdates
  #live: LiveConfig
  #isClosing = false

  /** With the first configuration. `given`: the states of its clusters, where the control side has them. */
  constructor(config: Config, given: ClusterState | null, parts: ConfigurationsParts) {
    this.#parts = parts
    const { compiler, clock, orders, states } = parts
    this.#updates = new ClusterUpdates({ clock, orders, find: (name) => this.#live.clusters.get(name) })
    const own = given === null ? states!.prepare(config.clusters) : null
    const state = given ?? own!.state
    this.#live = atOnce(compiler.compile(config, null, state))
    this.#live.tls.commit()
    own?.commit()
    atOnce(this.#tellOrders(state))
  }

  get live(): LiveConfig {
    return this.#live
  }

  /** The balancer closes: a reload must not open again what is closed from now on. */
  refuseOthers(): void {
    this.#isClosing = true
  }

  /** Asks the sources of the first configuration, before anything listens. Null: another has done that. */
  async find(care: Care | null): Promise<void> {
    if (care === null) return
    const { config } = this.#live
    const found = await care.prepare(config)
    this.#mayGoOn(found)
    found.commit()
    this.#parts.states!.publish()
    await this.#updates.idle()
    this.#mustNotBeClosing()
    care.use(config)
  }

  /** Puts `config` in force, with what its sources say. Errors: as `prepare`. */
  async reload(config: Config, care: Care): Promise<void> {
    const found = await care.prepare(config)
    this.#mayGoOn(found)
    try {
      const prepared = await this.prepare(config, null, found.endpointsOf)
      prepared.commit()
    } catch (error) {
      found.abandon()
      throw error
    }
    found.commit()
    care.use(config)
  }

  #mayGoOn(found: FoundEndpoints): void {
    if (this.#isClosing) found.abandon()
    this.#mustNotBeClosing()
  }

  /** Takes over what the control side says of a cluster's endpoints; live streams are not touched. Resolves when it is done. */
  apply(cluster: string, endpoints: readonly EndpointState[]): Promise<void> {
    return this.#updates.apply(cluster, endpoints)
  }

  /**
   * Compiles `config`, in slices of turns while the present one serves, and opens what listens anew. One at a time. `discovered`:
   * the endpoints of a cluster by its sources, or null. Errors: why it cannot be; the present one stays.
   */
  async prepare(
    config: Config,
    given: ClusterState | null,
    discovered: FoundEndpoints["endpointsOf"] = () => null,
  ): Promise<PreparedReload> {
    this.#mustNotBeClosing()
    const { states, compiler, clock, listeners } = this.#parts
    const own = given === null ? states!.prepare(config.clusters, discovered) : null
    const state = given ?? own!.state
    let next: LiveConfig
    try {
      await this.#updates.idle()
      next = await inSlices(compiler.compile(config, this.#live, state), clock)
    } catch (error) {
      own?.abandon()
      throw error
    }
    const opened: string[] = []
    const abandon = (): void => {
      own?.abandon()
      for (const name of opened) listeners.remove(name)
      for (const cluster of without(next.clusters, this.#live.clusters)) cluster.close()
      next.tls.abandon()
    }
    try {
      for (const listener of config.listeners) {
        if (listeners.isOpen(listener, config.listeners)) continue
        this.#mustNotBeClosing()
        await listeners.open(listener, next)
        opened.push(listener.name)
      }
    } catch (error) {
      abandon()
      throw error
    }
    const commit = (): void => {
      if (this.#isClosing) abandon()
      this.#mustNotBeClosing()
      this.#commit(next, state)
      own?.commit()
    }
    return { commit, abandon }
  }

  #commit(next: LiveConfig, state: ClusterState): void {
    const { listeners, orders, upstreams, origins, onBug } = this.#parts
    const before = this.#live
    const { config, staged } = next
    const names = new Set(config.listeners.map(({ name }) => name))
    this.#live = next
    for (const [cluster, its] of staged) cluster.commit(its)
    for (const [name, cluster] of next.clusters)
      if (before.clusters.get(name) !== cluster || staged.get(cluster)?.snapshot != null)
        orders.rehome(cluster)
    for (const name of listeners.names) if (!names.has(name)) listeners.remove(name)
    for (const cluster of without(before.clusters, next.clusters))
      cluster.close(next.clusters.get(cluster.name) ?? null)
    for (const upstream of next.tls.commit())
      for (const connector of [
        ...upstreams.retireConnectors(upstream),
        ...origins.retireConnectors(upstream),
      ])
        this.retireConnector(connector)
    listeners.lead(next)
    this.#updates.settle(this.#settle(next, state)).catch(onBug)
  }

  /** No call connects by it any more: its connections end with their streams. */
  retireConnector(connector: Connector<LegConnection>): void {
    for (const cluster of this.#live.clusters.values()) cluster.retireConnector(connector)
    this.#parts.compiler.retireConnector(connector)
  }

  /** What may be done once another configuration is in force. */
  *#settle({ staged }: LiveConfig, state: ClusterState): Steps {
    for (const [cluster, its] of staged) yield* cluster.retire(its)
    yield* this.#parts.orders.retain(new Set(this.#live.clusters.keys()))
    yield* this.#tellOrders(state)
  }

  *#tellOrders({ clusters }: ClusterState): Steps {
    for (const { name, endpoints } of clusters) {
      const cluster = this.#live.clusters.get(name)
      if (cluster !== undefined) yield* this.#parts.orders.told(name, endpoints, cluster.leavingSettings)
    }
  }

  #mustNotBeClosing(): void {
    if (this.#isClosing) throw new Error("the balancer is shutting down")
  }
}

/** The clusters of one configuration that are not the same in another. */
function without(these: Clusters, those: Clusters): Cluster<LegConnection>[] {
  return [...these].filter(([name, cluster]) => those.get(name) !== cluster).map(([, cluster]) => cluster)
}
