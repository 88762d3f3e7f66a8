import type { JsonValue } from "@bufbuild/protobuf"
import { resource } from "./stand-ins/control-plane.ts"

export const CLUSTER = "envoy.config.cluster.v3.Cluster"
export const ENDPOINTS = "envoy.config.endpoint.v3.ClusterLoadAssignment"
export const LISTENER = "envoy.config.listener.v3.Listener"
export const ROUTES = "envoy.config.route.v3.RouteConfiguration"
export const SECRET = "envoy.extensions.transport_sockets.tls.v3.Secret"

const ADS = { ads: {}, resourceApiVersion: "V3" }

export const cluster = (name: string, more: Record<string, JsonValue> = {}) =>
  resource(CLUSTER, {
    name,
    type: "EDS",
    edsClusterConfig: { edsConfig: ADS },
    typedExtensionProtocolOptions: {
      "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
        "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        explicitHttpConfig: { http2ProtocolOptions: {} },
      },
    },
    ...more,
  })

export const endpoints = (name: string, ...ports: number[]) =>
  resource(ENDPOINTS, {
    clusterName: name,
    endpoints: [
      {
        lbEndpoints: ports.map((portValue) => ({
          endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue } } },
        })),
      },
    ],
  })

/** `manager`: of the connection manager; `chain`: of its filter chain. */
export const listener = (
  name: string,
  port: number,
  routes = "routes",
  manager: Record<string, JsonValue> = {},
  chain: Record<string, JsonValue> = {},
) =>
  resource(LISTENER, {
    name,
    address: { socketAddress: { address: "127.0.0.1", portValue: port } },
    filterChains: [
      {
        filters: [
          {
            name: "hcm",
            typedConfig: {
              "@type":
                "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
              statPrefix: "in",
              rds: { configSource: ADS, routeConfigName: routes },
              httpFilters: [
                {
                  name: "router",
                  typedConfig: {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router",
                  },
                },
              ],
              ...manager,
            },
          },
        ],
        ...chain,
      },
    ],
  })

export const routes = (name: string, ...all: JsonValue[]) =>
  resource(ROUTES, { name, virtualHosts: [{ name: "all", domains: ["*"], routes: all }] })
export const everything = (to: string): JsonValue => ({ match: { prefix: "/" }, route: { cluster: to } })
