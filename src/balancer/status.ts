import { type CounterName, type Counters, counterNames } from "../base/counters.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { Endpoint } from "../cluster/endpoint.ts"
import type { Pool } from "../cluster/pool.ts"
import type { ClientConnection } from "../relay/downstream/client-connection.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import type { UpstreamConnection } from "../relay/upstream/upstream.ts"

/** An address that is open. */
export interface OpenAddress {
  readonly name: string
  readonly host: string | null
  /** The port in use, also when 0 was asked for; null for a Unix socket. */
  readonly port: number | null
  readonly unixPath: string | null
}

/** What a balancer is doing at one moment: plain data, safe to keep and to turn into JSON. */
export interface BalancerSnapshot {
  addresses: OpenAddress[]
  clusters: ClusterSnapshot[]
  connections: number
  /** Clients whose TLS handshake is under way; they are no connections yet. */
  handshakes: number
  streams: StreamSnapshot[]
  streamsEnded: number
  /** Held for slow receivers and for streams that may have to be repeated, in all. */
  bufferedOctets: number
  /**
   * Of them, those of no stream: heads, trailers and beginnings of prefaces that wait at connections, of both sides, and the
   * last of what a client of HTTP/1 has not taken.
   */
  overflowOctets: number
  /** Streams that have a time limit running, and what else waits for a time. */
  deadlines: number
  /** Only those that are not 0. */
  counters: Partial<Record<CounterName, number>>
}

export interface ClusterSnapshot {
  name: string
  endpoints: {
    address: string
    /** Its place in the rows of numbers. */
    slot: number
    /** Streams that have picked it. */
    streamsOpen: number
    /** Those of them that hold a slot on one of its connections. */
    leases: number
    connections: number
    isEjected: boolean
    /** For how long still; null: it is not ejected, or it is until a connection has proved it. */
    ejectedForMs: number | null
    /** In slow start: which share of its weight it has now, from 0 to 1; null: it has all of it. */
    slowStartShare: number | null
    waiting: number
    /** Since it was made: streams that it answered, and what failed through its fault. */
    streamsAnswered: number
    streamsFailed: number
    connectionsFailed: number
  }[]
}

export interface StreamSnapshot {
  client: string
  authority: string
  path: string
  /** Empty while it waits for one. */
  endpoint: string
  ageMs: number
  requestMessages: number
  responseMessages: number
  requestOctets: number
  responseOctets: number
  /** Held for it in this process. */
  bufferedOctets: number
}

export function describe(from: {
  nowMs: number
  addresses: OpenAddress[]
  clusters: Iterable<Cluster<LegConnection>>
  downstream: Iterable<ClientConnection>
  upstream: Iterable<UpstreamConnection>
  handshakes: number
  streamsEnded: number
  bufferedOctets: number
  deadlines: number
  counters: Counters
}): BalancerSnapshot {
  const streams: StreamSnapshot[] = []
  let connections = 0
  let overflow = 0
  for (const { http2 } of from.upstream) overflow += http2.sender.overflowOctets
  for (const { streams: owners, record, overflowOctets } of from.downstream) {
    connections++
    overflow += overflowOctets
    for (const owner of owners) {
      streams.push({
        client: `${record.remoteAddress}:${record.remotePort}`,
        authority: owner.record.authority,
        path: owner.record.path,
        endpoint: owner.endpointAddress,
        ageMs: Math.round(from.nowMs - owner.record.startMs),
        requestMessages: owner.record.requestMessages,
        responseMessages: owner.record.responseMessages,
        requestOctets: owner.record.requestOctets,
        responseOctets: owner.record.responseOctets,
        bufferedOctets: owner.bufferedOctets,
      })
    }
  }
  const counters: BalancerSnapshot["counters"] = {}
  for (const name of counterNames) if (from.counters.get(name) > 0) counters[name] = from.counters.get(name)
  return {
    addresses: from.addresses,
    clusters: [...from.clusters].map((cluster) => describeCluster(cluster, from.nowMs)),
    connections,
    handshakes: from.handshakes,
    streams,
    streamsEnded: from.streamsEnded,
    bufferedOctets: from.bufferedOctets,
    overflowOctets: overflow,
    deadlines: from.deadlines,
    counters,
  }
}

function leasesOf(pools: readonly Pool<LegConnection>[]): number {
  let leases = 0
  for (const { connections } of pools) for (const { streamsOpen } of connections) leases += streamsOpen
  return leases
}

function ejectedForMs(endpoint: Endpoint, nowMs: number): number | null {
  const left = Math.ceil(endpoint.ejectedUntilMs - nowMs)
  return endpoint.isEjected(nowMs) && Number.isFinite(left) ? left : null
}

export function describeCluster(cluster: Cluster<LegConnection>, nowMs: number): ClusterSnapshot {
  return {
    name: cluster.name,
    endpoints: [...cluster.endpoints].map((endpoint) => {
      const pools = cluster.poolsOf(endpoint)
      return {
        address: endpoint.address,
        slot: endpoint.slot,
        streamsOpen: endpoint.streamsOpen,
        leases: leasesOf(pools),
        connections: pools.reduce((sum, { connections }) => sum + connections.length, 0),
        isEjected: endpoint.isEjected(nowMs),
        ejectedForMs: ejectedForMs(endpoint, nowMs),
        slowStartShare: cluster.slowStartShareOf(endpoint, nowMs),
        waiting: pools.reduce((sum, { waiting }) => sum + waiting, 0),
        streamsAnswered: endpoint.streamsAnswered,
        streamsFailed: endpoint.streamsFailed,
        connectionsFailed: endpoint.connectionsFailed,
      }
    }),
  }
}
