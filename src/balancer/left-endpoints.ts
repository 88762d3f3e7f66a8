import type { ClusterConfig, Config } from "../config/model.ts"

export interface LeftEndpoint {
  readonly cluster: string
  readonly address: string
}

/** What a reload does to endpoints that have streams. */
export interface EndpointChanges {
  /** They get no new streams any more, and their cluster gives live ones this long. */
  readonly left: readonly (LeftEndpoint & { readonly graceMs: number })[]
  /** They do, whatever was before. */
  readonly taking: readonly LeftEndpoint[]
}

/** Endpoints that one configuration takes away or puts `down`, where their cluster had a grace for that; and those of the other. */
export function endpointChanges(before: Config, after: Config): EndpointChanges {
  const now = new Map(after.clusters.map((cluster) => [cluster.name, takingStreams(cluster)]))
  const left = before.clusters.flatMap((cluster) => {
    const { name, drainGraceMs: graceMs } = cluster
    if (graceMs === null) return []
    const gone = [...takingStreams(cluster)].filter((address) => now.get(name)?.has(address) !== true)
    return gone.map((address) => ({ cluster: name, address, graceMs }))
  })
  const taking = [...now].flatMap(([cluster, addresses]) =>
    [...addresses].map((address) => ({ cluster, address })),
  )
  return { left, taking }
}

function takingStreams({ endpoints }: ClusterConfig): Set<string> {
  return new Set(endpoints.filter(({ down }) => !down).map(({ address }) => address))
}
