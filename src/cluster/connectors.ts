import type { ClusterConfig } from "../config/model.ts"
import type { Endpoint } from "./endpoint.ts"
import type { Pool, PooledConnection } from "./pool.ts"

/** Makes a connection to an endpoint and tells `pool` what becomes of it. */
export type Connector<C extends PooledConnection> = (
  endpoint: Endpoint,
  pool: Pool<C>,
  cluster: ClusterConfig,
) => C

/**
 * The pools of a cluster whose connections are made by another connector than the cluster's own: TLS with the settings
 * of a route, for one.
 */
export class Connectors<C extends PooledConnection> {
  readonly #pools = new Map<Connector<C>, Map<Endpoint, Pool<C>>>()
  /** No live route uses them. Streams that began before may still retry with them. */
  readonly #retired = new WeakSet<Connector<C>>()

  isRetired(connector: Connector<C>): boolean {
    return this.#retired.has(connector)
  }

  /** The pool of an endpoint; `make` makes it where there is none yet. */
  pool(endpoint: Endpoint, connector: Connector<C>, make: () => Pool<C>): Pool<C> {
    let pools = this.#pools.get(connector)
    if (pools === undefined) this.#pools.set(connector, (pools = new Map<Endpoint, Pool<C>>()))
    let pool = pools.get(endpoint)
    if (pool === undefined) pools.set(endpoint, (pool = make()))
    return pool
  }

  poolsOf(endpoint: Endpoint): Pool<C>[] {
    return [...this.#pools.values()].flatMap((pools) => pools.get(endpoint) ?? [])
  }

  /** Retires the connections that `connector` made. */
  retire(connector: Connector<C>): void {
    for (const pool of this.#pools.get(connector)?.values() ?? []) pool.close()
    this.#pools.delete(connector)
    this.#retired.add(connector)
  }

  retireAll(): void {
    for (const connector of [...this.#pools.keys()]) this.retire(connector)
  }

  /** The endpoint is gone. */
  closePoolsOf(endpoint: Endpoint): void {
    for (const pools of this.#pools.values()) {
      pools.get(endpoint)?.close()
      pools.delete(endpoint)
    }
  }
}
