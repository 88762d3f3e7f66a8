import type { ClusterSnapshot } from "../../balancer/status.ts"
import type { EndpointState } from "../../cluster/state.ts"
import type { ClusterConfig } from "../../config/model.ts"
import type { Clusters } from "./schema.ts"
import type { ControlView } from "./view.ts"

type EndpointSnapshot = ClusterSnapshot["endpoints"][number]
type LiveCluster = Clusters["clusters"][number]
type LiveEndpoint = LiveCluster["endpoints"][number]

/** The clusters as the control side has them, with what the data threads know of each endpoint. */
export async function clustersOf(view: ControlView, nowMs: number): Promise<Clusters> {
  const answers = await view.ask({ kind: "clusters" })
  /** What each thread says of an endpoint, by its slot. */
  const seen = new Map<number, EndpointSnapshot[]>()
  for (const part of answers.flatMap((parts) => parts ?? [])) {
    if (part.kind !== "clusters") continue
    for (const endpoint of part.clusters.flatMap(({ endpoints }) => endpoints))
      seen.set(endpoint.slot, [...(seen.get(endpoint.slot) ?? []), endpoint])
  }
  return {
    atMs: nowMs,
    isComplete: answers.every((parts) => parts !== null) && answers.length === view.threads.length,
    clusters: view.config.clusters.map((cluster) => clusterOf(cluster, view, seen)),
  }
}

function clusterOf(
  cluster: ClusterConfig,
  view: ControlView,
  seen: ReadonlyMap<number, readonly EndpointSnapshot[]>,
): LiveCluster {
  const parts = view.endpointsOf(cluster.name).map((endpoint) => {
    const ofThreads = seen.get(endpoint.slot) ?? []
    return {
      endpoint,
      ofThreads,
      state: stateOf(endpoint, ofThreads),
      streams: view.streamsAt(endpoint.slot),
    }
  })
  // Those of the first priority of which any can be used share the streams.
  const used = Math.min(...parts.flatMap(({ state, endpoint }) => (state === "up" ? endpoint.priority : [])))
  const shares = (part: { endpoint: EndpointState; state: LiveEndpoint["state"] }): boolean =>
    part.state === "up" && part.endpoint.priority === used
  const all = parts.reduce((sum, { streams }) => sum + streams, 0)
  const weights = parts.reduce((sum, part) => sum + (shares(part) ? part.endpoint.weight : 0), 0)
  return {
    name: cluster.name,
    policy: cluster.policy.name,
    streams: all,
    sources: [...view.sourcesOf(cluster.name)],
    endpoints: parts.map((part) => {
      const { endpoint, ofThreads, state, streams } = part
      const sum = (of: (one: EndpointSnapshot) => number): number =>
        ofThreads.reduce((total, one) => total + of(one), 0)
      return {
        address: endpoint.address,
        state,
        priority: endpoint.priority,
        health: endpoint.health,
        zone: endpoint.zone,
        weight: endpoint.weight,
        streams,
        fairStreams: shares(part) && weights > 0 ? (all * endpoint.weight) / weights : null,
        maxStreams: cluster.endpoints[endpoint.origin]?.maxStreams ?? null,
        connections: sum(({ connections }) => connections),
        waiting: sum(({ waiting }) => waiting),
        ejectedForMs: longest(ofThreads),
        slowStartShare: least(ofThreads.map(({ slowStartShare }) => slowStartShare)),
        ejectedThreads: sum(({ isEjected }) => (isEjected ? 1 : 0)),
        streamsAnswered: sum(({ streamsAnswered }) => streamsAnswered),
        streamsFailed: sum(({ streamsFailed }) => streamsFailed),
        connectionsFailed: sum(({ connectionsFailed }) => connectionsFailed),
      }
    }),
  }
}

/** Ejected: in all threads, each of which finds out for itself. */
function stateOf({ drain, health }: EndpointState, seen: readonly EndpointSnapshot[]): LiveEndpoint["state"] {
  if (drain) return "draining"
  if (health === "unhealthy") return "unhealthy"
  return seen.length > 0 && seen.every(({ isEjected }) => isEjected) ? "ejected" : "up"
}

/** Of the threads that say one; null where none does. */
function least(values: readonly (number | null)[]): number | null {
  const said = values.filter((value) => value !== null)
  return said.length === 0 ? null : Math.min(...said)
}

function longest(seen: readonly EndpointSnapshot[]): number | null {
  const left = seen.flatMap(({ ejectedForMs }) => ejectedForMs ?? [])
  return left.length === 0 ? null : Math.max(...left)
}
