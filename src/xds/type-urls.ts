/** What clients of xDS ask for, by the URL of its type. */
export const CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
export const ENDPOINTS = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
export const LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
export const ROUTES = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"

export const SECRET = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret"

/** In the order in which a change is told, so that nothing names what a client has not heard of: make before break. */
export const TYPE_URLS = [CLUSTER, ENDPOINTS, LISTENER, ROUTES] as const

export type TypeUrl = (typeof TYPE_URLS)[number]

/** What a data plane asks for, in the order in which it does. */
export const DATA_PLANE_TYPES = [...TYPE_URLS, SECRET] as const

export type DataPlaneType = (typeof DATA_PLANE_TYPES)[number]

/** For people: `Cluster`. */
export function shortName(url: string): string {
  return url.slice(url.lastIndexOf(".") + 1)
}
