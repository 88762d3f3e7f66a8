import type { Config, RouteConfig } from "../../config/model.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"

/** A backend as a route reaches it. */
export interface Target {
  readonly cluster: string
  readonly address: string
  readonly host: string | null
  readonly port: number | null
  readonly unixPath: string | null
  readonly tls: UpstreamTlsConfig | null
  readonly keepaliveIntervalMs: number
  /** Null: no limit of the configuration's own. */
  readonly maxConnections: number | null
  /** Some route needs types for JSON and has no descriptor set: it asks the backend. */
  readonly needsReflection: boolean
}

/** Each endpoint of each cluster that a route names, once for each way to connect. */
export function targetsOf(config: Config): Target[] {
  const targets = new Map<string, Target>()
  for (const { action, settings } of config.servers.flatMap(({ routes }) => routes.flatMap(withNested))) {
    if (action.kind !== "cluster") continue
    const cluster = config.clusters.find(({ name }) => name === action.cluster)
    if (cluster === undefined) continue
    const { connect, webSocket, descriptorSet } = settings.bridge
    const needsReflection = (connect || webSocket) && descriptorSet === null
    for (const { address, host, port, unixPath, down } of cluster.endpoints) {
      if (down) continue
      const key = JSON.stringify([cluster.name, address, action.tls])
      targets.set(key, {
        cluster: cluster.name,
        address,
        host,
        port,
        unixPath,
        tls: action.tls,
        keepaliveIntervalMs: cluster.keepalive.intervalMs,
        maxConnections: cluster.maxConnectionsPerEndpoint,
        needsReflection: needsReflection || targets.get(key)?.needsReflection === true,
      })
    }
  }
  return [...targets.values()]
}

function withNested(route: RouteConfig): RouteConfig[] {
  return [route, ...route.routes.flatMap(withNested)]
}
