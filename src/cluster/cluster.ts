import type { Clock } from "../base/clock.ts"
import type { Limits } from "../base/limits.ts"
import type { Random } from "../base/random.ts"
import type { ClusterConfig, EndpointConfig, Policy } from "../config/model.ts"
import { Backoff } from "./backoff.ts"
import type { StreamCount } from "./counts.ts"
import { Endpoint } from "./endpoint.ts"
import { pickLeastStreams } from "./policies/least-streams.ts"
import type { PickPolicy } from "./policies/policy.ts"
import { pickRoundRobin } from "./policies/round-robin.ts"
import { Pool, type PooledConnection } from "./pool.ts"
import { RetryBudget } from "./retry-budget.ts"
import { makeSnapshot, type Snapshot } from "./state.ts"

const policies: Record<Policy, PickPolicy> = {
  round_robin: pickRoundRobin,
  least_streams: pickLeastStreams,
}

/** Makes a connection to an endpoint and tells `pool` what becomes of it. */
export type Connect<C extends PooledConnection> = (
  endpoint: Endpoint,
  pool: Pool<C>,
  cluster: ClusterConfig,
) => C

export interface ClusterContext<C extends PooledConnection> {
  clock: Clock
  random: Random
  limits: Limits
  connect: Connect<C>
  onLimit: (counter: string) => void
  /** Where streams are counted, for each endpoint in the configuration's order. Default: by the cluster itself. */
  counts?: readonly StreamCount[]
}

/** A named group of endpoints with one policy, and the connections to each. */
export class Cluster<C extends PooledConnection> {
  readonly name: string
  readonly retryBudget: RetryBudget
  #snapshot: Snapshot
  readonly #config: ClusterConfig
  readonly #context: ClusterContext<C>
  readonly #pools = new Map<Endpoint, Pool<C>>()
  /** Of connections that are made in another way, by that way: TLS with the settings of a route. */
  readonly #otherPools = new Map<Connect<C>, Map<Endpoint, Pool<C>>>()
  /** Ways that nothing new asks for. Streams that began before may still retry by them. */
  readonly #forgotten = new WeakSet<Connect<C>>()
  #isClosed = false

  constructor(config: ClusterConfig, context: ClusterContext<C>) {
    this.name = config.name
    this.#config = config
    this.#context = context
    const { limits, clock } = context
    this.retryBudget = new RetryBudget(limits.retryBudgetPercent, limits.retriesPerSecondMin, clock.now())
    this.#snapshot = makeSnapshot(
      config,
      config.endpoints.map((endpoint, place) => this.#addEndpoint(endpoint, context.counts?.[place])),
    )
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  get endpoints(): IterableIterator<Endpoint> {
    return this.#pools.keys()
  }

  /**
   * The connections to `endpoint` that `connect` makes; null: the cluster's own way. Where `close` or `forget` went before,
   * it is a pool for this one time, whose connection ends with its last stream.
   */
  pool(endpoint: Endpoint, connect: Connect<C> | null): Pool<C> {
    if (connect === null) return this.#pools.get(endpoint)!
    if (this.#isClosed || this.#forgotten.has(connect)) {
      const last = this.#makePool(endpoint, connect)
      last.close()
      return last
    }
    let pools = this.#otherPools.get(connect)
    if (pools === undefined) this.#otherPools.set(connect, (pools = new Map()))
    let pool = pools.get(endpoint)
    if (pool === undefined) pools.set(endpoint, (pool = this.#makePool(endpoint, connect)))
    return pool
  }

  /** However the connections are made. */
  poolsOf(endpoint: Endpoint): Pool<C>[] {
    const others = [...this.#otherPools.values()].flatMap((pools) => pools.get(endpoint) ?? [])
    return [this.#pools.get(endpoint)!, ...others]
  }

  /** Retires the connections that `connect` made: nobody asks for them any more. */
  forget(connect: Connect<C>): void {
    for (const pool of this.#otherPools.get(connect)?.values() ?? []) pool.close()
    this.#otherPools.delete(connect)
    this.#forgotten.add(connect)
  }

  /**
   * Picks an endpoint that is not in `tried`: primaries, then backups; those where streams must wait for others to end only
   * when there are no others. When every one of them is out, all of them again rather than none: nginx answers 502 at once,
   * until the first `fail_timeout` is over. The stream is counted there: give that back by `closeStream`.
   */
  pick(snapshot: Snapshot, tried: readonly Endpoint[] | null): Endpoint | undefined {
    const nowMs = this.#context.clock.now()
    for (;;) {
      const endpoint = this.#choose(snapshot, tried, nowMs)
      if (endpoint === undefined || endpoint.tryOpenStream()) return endpoint
    }
  }

  #choose(snapshot: Snapshot, tried: readonly Endpoint[] | null, nowMs: number): Endpoint | undefined {
    const policy = policies[snapshot.config.policy]
    const { primary, backup } = snapshot
    // The only server of a group is never considered unavailable, as in nginx.
    const picked =
      primary.length === 1 && backup.length === 0 && tried === null
        ? eligible(primary, null, "any", nowMs)[0]
        : (policy(eligible(primary, tried, "roomy", nowMs)) ??
          policy(eligible(backup, tried, "roomy", nowMs)) ??
          policy(eligible(primary, tried, "healthy", nowMs)) ??
          policy(eligible(backup, tried, "healthy", nowMs)))
    const endpoint = picked ?? this.#pardonAndPick(policy, snapshot, tried, nowMs)
    endpoint?.picked(nowMs)
    return endpoint
  }

  #pardonAndPick(policy: PickPolicy, snapshot: Snapshot, tried: readonly Endpoint[] | null, nowMs: number) {
    const rest = eligible([...snapshot.primary, ...snapshot.backup], tried, "any", nowMs)
    const isAllOut = [...snapshot.primary, ...snapshot.backup].every(
      (one) => one.isFull || one.isEjected(nowMs),
    )
    if (!isAllOut) return undefined
    for (const endpoint of rest) endpoint.pardon()
    return policy(rest)
  }

  /** Gives way to another configuration: every connection is retired once those that wait have been served. */
  close(): void {
    this.#isClosed = true
    for (const pool of this.#pools.values()) pool.close()
    for (const connect of [...this.#otherPools.keys()]) this.forget(connect)
  }

  #addEndpoint(endpointConfig: EndpointConfig, count: StreamCount | undefined): Endpoint {
    const endpoint = new Endpoint(endpointConfig, count)
    this.#pools.set(endpoint, this.#makePool(endpoint, this.#context.connect))
    return endpoint
  }

  #makePool(endpoint: Endpoint, connect: Connect<C>): Pool<C> {
    const { clock, random, limits, onLimit } = this.#context
    const config = this.#config
    const { reconnectDelayMs: delayMs, reconnectDelayMaxMs: delayMaxMs } = limits
    const pool: Pool<C> = new Pool<C>({
      connect: () => connect(endpoint, pool, config),
      clock,
      backoff: new Backoff({ delayMs, delayMaxMs, random }),
      maxConnections: config.maxConnectionsPerEndpoint ?? limits.connectionsPerEndpointMax,
      maxWaiting: limits.pickQueueMax,
      maxIdle: config.idleConnections ?? Number.POSITIVE_INFINITY,
      onLimit,
      // Connections that are made in another way are other ones: those that are full say nothing of these.
      onSaturated: (is) => {
        if (connect === this.#context.connect) endpoint.isSaturated = is
      },
    })
    return pool
  }
}

/** `roomy` ones are `healthy`, and streams need not wait there for others to end. */
type Asked = "any" | "healthy" | "roomy"

/** Those that may be chosen. Most picks find everyone in order, and then no list is made. */
function eligible(
  endpoints: readonly Endpoint[],
  tried: readonly Endpoint[] | null,
  asked: Asked,
  nowMs: number,
): readonly Endpoint[] {
  for (const endpoint of endpoints)
    if (isOut(endpoint, tried, asked, nowMs))
      return endpoints.filter((each) => !isOut(each, tried, asked, nowMs))
  return endpoints
}

function isOut(endpoint: Endpoint, tried: readonly Endpoint[] | null, asked: Asked, nowMs: number): boolean {
  return (
    endpoint.isFull ||
    (asked !== "any" && endpoint.isEjected(nowMs)) ||
    (asked === "roomy" && endpoint.isSaturated) ||
    (tried?.includes(endpoint) ?? false)
  )
}
