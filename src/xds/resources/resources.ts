import { type DescMessage, type MessageShape, toBinary } from "@bufbuild/protobuf"
import { AnySchema, anyPack } from "@bufbuild/protobuf/wkt"
import type { EndpointState } from "../../cluster/state.ts"
import type { Config } from "../../config/model.ts"
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import { ClusterLoadAssignmentSchema } from "../gen/envoy/config/endpoint/v3/endpoint_pb.ts"
import { ListenerSchema } from "../gen/envoy/config/listener/v3/listener_pb.ts"
import type { Route } from "../gen/envoy/config/route/v3/route_components_pb.ts"
import { RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.ts"
import { CLUSTER, type ENDPOINTS, LISTENER, ROUTES, type TypeUrl } from "../type-urls.ts"
import { clusterResource } from "./clusters.ts"
import { Destinations } from "./destinations.ts"
import { clusterLoadAssignment } from "./endpoints.ts"
import { listenerResource } from "./listeners.ts"
import { routeConfiguration, routesOfServer, routesToCluster } from "./routes.ts"

/** Resources by name, each as a `google.protobuf.Any` on the wire. */
export type Resources = ReadonlyMap<string, Uint8Array>

/** What a configuration comes to, but for its endpoints. */
export interface ConfiguredResources {
  readonly byType: ReadonlyMap<Exclude<TypeUrl, typeof ENDPOINTS>, Resources>
  /** Names for `xds:///NAME`: servers by name, and each cluster whose name no server has. */
  readonly targets: readonly string[]
  /** Servers that clients cannot be told of, with the reason. */
  readonly left: readonly { readonly server: string; readonly reason: string }[]
}

/** The clusters that clients can be told of: gRPC's. */
export function toldClusters({ clusters }: Config): Config["clusters"] {
  return clusters.filter(({ protocol }) => protocol === "http")
}

/** Resources of a configuration: pure. */
export function configuredResources(config: Config): ConfiguredResources {
  const destinations = new Destinations(config)
  const routes = new Map<string, Route[]>()
  const left: { server: string; reason: string }[] = []
  for (const server of config.servers)
    for (const name of server.names.filter(isPlainName)) {
      if (routes.has(name)) continue
      const told = routesOfServer(server, destinations)
      if (typeof told === "string") left.push({ server: name, reason: told })
      // A server without a gRPC route is none of a client's business.
      else if (told.some(({ action }) => action.case === "route")) routes.set(name, told)
    }
  for (const { name } of toldClusters(config))
    if (!routes.has(name)) routes.set(name, routesToCluster(name, destinations))
  const targets = [...routes.keys()]
  return {
    targets,
    left,
    byType: new Map([
      [LISTENER, new Map(targets.map((name) => [name, packed(ListenerSchema, listenerResource(name))]))],
      [
        ROUTES,
        new Map(
          [...routes].map(([name, told]) => [
            name,
            packed(RouteConfigurationSchema, routeConfiguration(name, told)),
          ]),
        ),
      ],
      [
        CLUSTER,
        new Map(
          destinations.reached.map((reached) => [
            reached.name,
            packed(ClusterSchema, clusterResource(reached)),
          ]),
        ),
      ],
    ]),
  }
}

/** The endpoints of one cluster. */
export function endpointResource(
  { name, policy }: Config["clusters"][number],
  endpoints: readonly EndpointState[],
): Uint8Array {
  return packed(ClusterLoadAssignmentSchema, clusterLoadAssignment(name, endpoints, policy))
}

/** No wildcard, no regex, not empty: what a client can write as its target. */
function isPlainName(name: string): boolean {
  return /^[\w.-]+$/.test(name) && name !== "_"
}

function packed<D extends DescMessage>(schema: D, message: MessageShape<D>): Uint8Array {
  return toBinary(AnySchema, anyPack(schema, message))
}
