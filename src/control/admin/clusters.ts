import type { ClusterSnapshot } from "../../balancer/status.ts"
import type { ClusterConfig, EndpointConfig } from "../../config/model.ts"
import type { Clusters } from "./schema.ts"
import type { ControlView } from "./view.ts"

type EndpointSnapshot = ClusterSnapshot["endpoints"][number]

/** The clusters as the control side has them, with what the data threads know of each endpoint. */
export async function clustersOf(view: ControlView, nowMs: number): Promise<Clusters> {
  const answers = await view.ask({ kind: "clusters" })
  const seen = answers
    .flatMap((parts) => parts ?? [])
    .flatMap((part) => (part.kind === "clusters" ? [part] : []))
  const byName = new Map<string, EndpointSnapshot[][]>()
  for (const { clusters } of seen)
    for (const { name, endpoints } of clusters) byName.set(name, [...(byName.get(name) ?? []), endpoints])
  return {
    atMs: nowMs,
    isComplete: answers.every((parts) => parts !== null) && answers.length === view.threads.length,
    clusters: view.config.clusters.map((cluster) =>
      clusterOf(cluster, view.streamsOf(cluster.name), byName.get(cluster.name) ?? []),
    ),
  }
}

function clusterOf(
  { name, policy, endpoints }: ClusterConfig,
  streams: readonly number[],
  threads: readonly EndpointSnapshot[][],
): Clusters["clusters"][number] {
  const all = streams.reduce((sum, each) => sum + each, 0)
  const parts = endpoints.map((config) => {
    const seen = threads.flatMap((known) => known.find(({ address }) => address === config.address) ?? [])
    return { config, seen, state: stateOf(config, seen, threads.length) }
  })
  const isUsed = (state: string, { backup }: EndpointConfig): boolean => state === "up" && !backup
  const weights = parts.reduce(
    (sum, { state, config }) => sum + (isUsed(state, config) ? config.weight : 0),
    0,
  )
  return {
    name,
    policy,
    streams: all,
    endpoints: parts.map(({ config, seen, state }, index) => ({
      address: config.address,
      state,
      role: config.backup ? "backup" : "primary",
      weight: config.weight,
      streams: streams[index] ?? 0,
      fairStreams: isUsed(state, config) ? (all * config.weight) / weights : null,
      maxStreams: config.maxStreams,
      connections: sum(seen, ({ connections }) => connections),
      waiting: sum(seen, ({ waiting }) => waiting),
      ejectedForMs: longest(seen),
      ejectedThreads: sum(seen, ({ isEjected }) => (isEjected ? 1 : 0)),
      streamsAnswered: sum(seen, ({ streamsAnswered }) => streamsAnswered),
      streamsFailed: sum(seen, ({ streamsFailed }) => streamsFailed),
      connectionsFailed: sum(seen, ({ connectionsFailed }) => connectionsFailed),
    })),
  }
}

/** Ejected: in all threads, each of which finds out for itself. */
function stateOf(
  { down }: EndpointConfig,
  seen: readonly EndpointSnapshot[],
  threads: number,
): Clusters["clusters"][number]["endpoints"][number]["state"] {
  if (down) return "down"
  return threads > 0 && seen.length > 0 && seen.every(({ isEjected }) => isEjected) ? "ejected" : "up"
}

function longest(seen: readonly EndpointSnapshot[]): number | null {
  const left = seen.flatMap(({ ejectedForMs }) => ejectedForMs ?? [])
  return left.length === 0 ? null : Math.max(...left)
}

function sum(seen: readonly EndpointSnapshot[], of: (endpoint: EndpointSnapshot) => number): number {
  return seen.reduce((total, each) => total + of(each), 0)
}
