import type { ClusterConfig, Config, RouteConfig } from "../../config/model.ts"
import type { UpstreamTlsConfig } from "../../config/shared-model.ts"

/** A backend as a route, or a TCP server, reaches it. */
export interface Target {
  /** `tcp`: octets are relayed as they are. */
  readonly protocol: "http2" | "tcp"
  readonly cluster: string
  readonly address: string
  readonly host: string | null
  readonly port: number | null
  readonly unixPath: string | null
  readonly tls: UpstreamTlsConfig | null
  /** What comes before all else: the PROXY protocol's header. */
  readonly header: "none" | "v1" | "v2"
  readonly keepaliveIntervalMs: number
  /** Null: no limit of the configuration's own. */
  readonly maxConnections: number | null
  /** Some route needs types for JSON and has no descriptor set: it asks the backend. */
  readonly needsReflection: boolean
}

/** Each endpoint of each cluster that a route or a TCP server names, once for each way to connect. */
export function targetsOf(config: Config): Target[] {
  const targets = new Map<string, Target>()
  for (const { action, settings } of config.servers.flatMap(({ routes }) => routes.flatMap(withNested))) {
    if (action.kind !== "cluster") continue
    const { connect, webSocket, descriptorSet } = settings.bridge
    const needsReflection = (connect || webSocket) && descriptorSet === null
    add(targets, config.clusters, (cluster) => cluster.name === action.cluster, {
      protocol: "http2",
      tls: action.tls,
      header: "none",
      needsReflection,
    })
  }
  for (const { action, settings } of config.tcp.servers) {
    if (action.kind !== "cluster" && action.kind !== "variable") continue
    // Which of them variables come to is known when a client is there.
    const isMeant = ({ name, protocol }: ClusterConfig) =>
      action.kind === "cluster" ? name === action.cluster : protocol === "tcp"
    add(targets, config.clusters, isMeant, {
      protocol: "tcp",
      tls: action.tls,
      header: settings.sendProxyProtocol,
      needsReflection: false,
    })
  }
  return [...targets.values()]
}

function add(
  targets: Map<string, Target>,
  clusters: readonly ClusterConfig[],
  isMeant: (cluster: ClusterConfig) => boolean,
  way: Pick<Target, "protocol" | "tls" | "header" | "needsReflection">,
): void {
  for (const { name, endpoints, keepalive, maxConnectionsPerEndpoint } of clusters.filter(isMeant))
    for (const { address, host, port, unixPath, down } of endpoints) {
      if (down) continue
      const key = JSON.stringify([name, address, way.tls, way.header])
      targets.set(key, {
        ...way,
        cluster: name,
        address,
        host,
        port,
        unixPath,
        keepaliveIntervalMs: keepalive.intervalMs,
        maxConnections: maxConnectionsPerEndpoint,
        needsReflection: way.needsReflection || targets.get(key)?.needsReflection === true,
      })
    }
}

function withNested(route: RouteConfig): RouteConfig[] {
  return [route, ...route.routes.flatMap(withNested)]
}
