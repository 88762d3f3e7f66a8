import type { Clock } from "../base/clock.ts"
import type { Limits } from "../base/limits.ts"
import type { Random } from "../base/random.ts"
import type { ClusterConfig } from "../config/model.ts"
import { Backoff } from "./backoff.ts"
import type { Breakers } from "./breakers.ts"
import { type Connector, Connectors } from "./connectors.ts"
import type { Endpoint } from "./endpoint.ts"
import type { Outcomes } from "./outcomes.ts"
import { Pool, type PooledConnection } from "./pool.ts"

export interface PoolsContext<C extends PooledConnection> {
  clock: Clock
  random: Random
  limits: Limits
  /** The cluster's own way to connect. */
  connect: Connector<C>
  onLimit: (counter: string) => void
}

export interface PoolsOptions<C extends PooledConnection> extends PoolsContext<C> {
  config: ClusterConfig
  outcomes: Outcomes
  breakers: Breakers | null
  /** It is an endpoint of the cluster now. */
  isMember(endpoint: Endpoint): boolean
  /** A pool began or ceased to find out whether the endpoint is back. */
  onProbing(endpoint: Endpoint, is: boolean): void
  hasDemand(): boolean
}

/**
 * The pools of a cluster: one for each endpoint that had a stream, and further ones where routes have connectors of their
 * own.
 */
export class Pools<C extends PooledConnection> {
  readonly #options: PoolsOptions<C>
  readonly #own = new Map<Endpoint, Pool<C>>()
  readonly #others = new Connectors<C>()
  #isClosed = false

  constructor(options: PoolsOptions<C>) {
    this.#options = options
  }

  /** The endpoint is gone: its connections end with their last streams. */
  remove(endpoint: Endpoint): void {
    this.#own.get(endpoint)?.close()
    this.#own.delete(endpoint)
    this.#others.closePoolsOf(endpoint)
  }

  /**
   * The connections to `endpoint` that `connector` makes; null: the cluster's own. Where `close`, `remove` or
   * `retireConnector` went before, it is a pool for this one time, whose connection ends with its last stream.
   */
  pool(endpoint: Endpoint, connector: Connector<C> | null): Pool<C> {
    const own = connector === null ? this.#own.get(endpoint) : undefined
    if (own !== undefined) return own
    const by = connector ?? this.#options.connect
    const isHere = this.#options.isMember(endpoint)
    if (connector !== null && isHere && !this.#isClosed && !this.#others.isRetired(by))
      return this.#others.pool(endpoint, by, () => this.#make(endpoint, by))
    const pool = this.#make(endpoint, by)
    if (connector === null && isHere) this.#own.set(endpoint, pool)
    if (connector !== null || !isHere || this.#isClosed) pool.close()
    return pool
  }

  /** However the connections are made. */
  poolsOf(endpoint: Endpoint): Pool<C>[] {
    const own = this.#own.get(endpoint)
    const others = this.#others.poolsOf(endpoint)
    return own === undefined ? others : [own, ...others]
  }

  /** No live route connects by it any more: retires the connections that it made. */
  retireConnector(connector: Connector<C>): void {
    this.#others.retire(connector)
  }

  /** Every connection is retired once those that wait have been served. */
  close(): void {
    this.#isClosed = true
    for (const pool of this.#own.values()) pool.close()
    this.#others.retireAll()
  }

  #make(endpoint: Endpoint, connector: Connector<C>): Pool<C> {
    const { clock, random, limits, config, outcomes, breakers, connect, onLimit, onProbing, hasDemand } =
      this.#options
    const { reconnectDelayMs: delayMs, reconnectDelayMaxMs: delayMaxMs } = limits
    const pool: Pool<C> = new Pool<C>({
      connect: () => connector(endpoint, pool, config),
      clock,
      backoff: new Backoff({ delayMs, delayMaxMs, random }),
      maxConnections: config.maxConnectionsPerEndpoint ?? limits.connectionsPerEndpointMax,
      maxOpening: limits.connectionsOpeningMax,
      maxWaiting: limits.pickQueueMax,
      breakers,
      maxIdle: config.idleConnections ?? Number.POSITIVE_INFINITY,
      onLimit,
      // Connections that another connector makes are other ones: those that are full say nothing of these.
      onSaturated: (is) => {
        if (connector === connect) endpoint.isSaturated = is
      },
      onFailed: (reason) => outcomes.connectFailed(endpoint, reason),
      onProven: () => outcomes.connectionProven(endpoint),
      onProbing: (is) => onProbing(endpoint, is),
      hasDemand,
    })
    return pool
  }
}
