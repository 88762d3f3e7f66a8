import type { Address } from "../../config/address.ts"
import type { RouteSettings } from "../../config/model.ts"
import type { Filter, FilterChain } from "../gen/envoy/config/listener/v3/listener_components_pb.ts"
import type { Listener } from "../gen/envoy/config/listener/v3/listener_pb.ts"
import {
  HttpConnectionManager_CodecType as Codec,
  type HttpConnectionManager,
  type HttpFilter,
} from "../gen/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.ts"
import type { TcpProxy } from "../gen/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.ts"
import { typeNameOf, unpack } from "./extensions.ts"
import { refuse } from "./refusal.ts"
import { planRoutes, type RoutesPlan } from "./route-plan.ts"
import { planTransportSocket, type TlsPlan } from "./tls-plan.ts"
import { addressOf, checkSource, timeoutOf } from "./values.ts"

/** A listener as its resource has it, apart from all others. */
export interface ListenerPlan {
  readonly name: string
  /** None: clients without a proxy read it, and it is bound to nothing. */
  readonly addresses: readonly Address[]
  readonly chains: readonly ChainPlan[]
  readonly proxyProtocol: boolean
  readonly backlog: number | null
  /** ClientHellos are read: connections may be told apart by the names in them. */
  readonly readsHello: boolean
}

/** One filter chain. */
export interface ChainPlan {
  readonly path: string
  /** By SNI; empty: any. */
  readonly names: readonly string[]
  readonly tls: TlsPlan | null
  readonly to: HttpPlan | TcpPlan
}

export interface HttpPlan {
  readonly kind: "http"
  readonly routes: { readonly name: string } | RoutesPlan
  readonly grpcWeb: boolean
  readonly settings: Partial<RouteSettings>
  readonly idleConnectionTimeoutMs: number | null | undefined
  readonly maxConnectionAgeMs: number | null | undefined
  readonly maxRequestsPerConnection: number | undefined
  readonly maxConcurrentStreams: number | undefined
  readonly headerTimeoutMs: number | null | undefined
}

export interface TcpPlan {
  readonly kind: "tcp"
  readonly clusters: readonly { readonly name: string; readonly weight: number }[]
  readonly idleTimeoutMs: number | null | undefined
  readonly tries: number
  /** Sessions of an address have an endpoint of their own. */
  readonly hashesAddress: boolean
}

/** Errors: throws a `Refusal`. */
export function planListener(listener: Listener): ListenerPlan {
  const { name, apiListener, listenerFilters } = listener
  if (name === "") refuse("name", "a listener needs one")
  const api = apiListener?.apiListener
  if (api !== undefined) {
    const path = "api_listener.api_listener"
    const to = planManager(unpack(api)!.message as HttpConnectionManager, path)
    const chains = [{ path, names: [], tls: null, to }]
    return { name, addresses: [], chains, proxyProtocol: false, backlog: null, readsHello: false }
  }
  const addresses = [
    addressOf(listener.address, "address"),
    ...listener.additionalAddresses.map(({ address }, at) =>
      addressOf(address, `additional_addresses[${at}].address`),
    ),
  ]
  const filters = listenerFilters.map((filter, at) => listenerFilter(filter, `listener_filters[${at}]`))
  const chains = [
    ...listener.filterChains.map((chain, at) => planChain(chain, `filter_chains[${at}]`)),
    ...(listener.defaultFilterChain === undefined
      ? []
      : [{ ...planChain(listener.defaultFilterChain, "default_filter_chain"), names: [] }]),
  ]
  checkTogether(chains)
  return {
    name,
    addresses,
    chains,
    proxyProtocol: filters.includes("proxy_protocol"),
    backlog: listener.tcpBacklogSize ?? null,
    readsHello: filters.includes("tls_inspector"),
  }
}

/** Of one listener: all or none speak TLS, all are HTTP or all are TCP. */
function checkTogether(chains: readonly ChainPlan[]): void {
  const [first] = chains
  if (first === undefined) return refuse("filter_chains", "there is none")
  for (const chain of chains) {
    if (chain.to.kind !== first.to.kind) refuse(chain.path, "HTTP and TCP do not share a listener")
    if ((chain.tls === null) !== (first.tls === null))
      refuse(chain.path, "connections with TLS and without do not share a listener")
    if (chain.tls === null && chain.names.length > 0 && chain.to.kind === "http")
      refuse(
        `${chain.path}.filter_chain_match.server_names`,
        "a name is said in TLS, which this chain does not speak",
      )
    if (chain.tls !== null && sharedText(chain.tls) !== sharedText(first.tls!))
      refuse(
        `${chain.path}.transport_socket`,
        "TLS of the chains of a listener differs in certificates alone",
      )
  }
}

const sharedText = (tls: TlsPlan): string => JSON.stringify({ ...tls, certificates: null })

/** What a listener filter is; null: nothing that matters here. */
function listenerFilter(
  { name, configType }: Listener["listenerFilters"][number],
  path: string,
): "tls_inspector" | "proxy_protocol" | null {
  const type = configType.case === "typedConfig" ? typeNameOf(configType.value) : name
  if (/tls_inspector/.test(type)) return "tls_inspector"
  if (/proxy_protocol/.test(type)) return "proxy_protocol"
  if (/http_inspector/.test(type)) return null
  return refuse(path, `${type} is not supported`)
}

function planChain(chain: FilterChain, path: string): ChainPlan {
  const { filterChainMatch: match, filters } = chain
  const { serverNames = [], transportProtocol = "", applicationProtocols = [] } = match ?? {}
  const tls = planTransportSocket(chain.transportSocket, "DownstreamTlsContext", `${path}.transport_socket`)
  if (transportProtocol === "raw_buffer" && tls !== null)
    refuse(`${path}.filter_chain_match.transport_protocol`, "TLS is spoken on it")
  // A chain for what HTTP/2 and HTTP/1.1 are negotiated by is one for all that HTTP may be.
  const other = applicationProtocols.find((one) => one !== "h2" && !one.startsWith("http/1."))
  if (other !== undefined)
    refuse(`${path}.filter_chain_match.application_protocols`, `${other} is not supported`)
  const last = filters.at(-1)
  if (last === undefined) return refuse(`${path}.filters`, "there is none")
  for (const [at, filter] of filters.slice(0, -1).entries()) {
    const type = filter.configType.case === "typedConfig" ? typeNameOf(filter.configType.value) : filter.name
    refuse(`${path}.filters[${at}]`, `${type} is not supported`)
  }
  const place = `${path}.filters[${filters.length - 1}]`
  return { path, names: serverNames, tls, to: planFilter(last, place) }
}

function planFilter({ configType, name }: Filter, path: string): HttpPlan | TcpPlan {
  const found = configType.case === "typedConfig" ? unpack(configType.value) : null
  switch (found?.desc.name) {
    case "HttpConnectionManager":
      return planManager(found.message as HttpConnectionManager, `${path}.typed_config`)
    case "TcpProxy":
      return planTcp(found.message as TcpProxy, `${path}.typed_config`)
    default:
      return refuse(
        path,
        `${configType.case === "typedConfig" ? typeNameOf(configType.value) : name} is not supported`,
      )
  }
}

function planManager(manager: HttpConnectionManager, path: string): HttpPlan {
  const { routeSpecifier: one, commonHttpProtocolOptions: common, http2ProtocolOptions: http2 } = manager
  if (manager.codecType === Codec.HTTP3) refuse(`${path}.codec_type`, "there is no QUIC")
  let routes: HttpPlan["routes"]
  if (one.case === "rds") {
    checkSource(one.value.configSource, `${path}.rds.config_source`)
    routes = { name: one.value.routeConfigName }
  } else if (one.case === "routeConfig") routes = planRoutes(one.value)
  else return refuse(path, "nothing says which routes")
  const idle = timeoutOf(manager.streamIdleTimeout)
  const whole = timeoutOf(common?.maxStreamDuration)
  return {
    kind: "http",
    routes,
    grpcWeb: planFilters(manager.httpFilters, `${path}.http_filters`),
    settings: {
      ...(idle !== undefined && { idleTimeoutMs: idle }),
      ...(whole !== undefined && { maxCallMs: whole }),
    },
    idleConnectionTimeoutMs: timeoutOf(common?.idleTimeout),
    maxConnectionAgeMs: timeoutOf(common?.maxConnectionDuration),
    maxRequestsPerConnection: common?.maxRequestsPerConnection || undefined,
    maxConcurrentStreams: http2?.maxConcurrentStreams,
    headerTimeoutMs: timeoutOf(manager.requestHeadersTimeout),
  }
}

const ROUTER = "envoy.extensions.filters.http.router.v3.Router"
/** Of metrics alone. */
const WITHOUT_EFFECT = /grpc_stats/

/** Whether gRPC-Web is spoken. */
function planFilters(filters: readonly HttpFilter[], path: string): boolean {
  let isGrpcWeb = false
  const used = filters.filter(({ disabled }) => !disabled)
  for (const [at, filter] of used.entries()) {
    const type = filter.configType.case === "typedConfig" ? typeNameOf(filter.configType.value) : filter.name
    const isLast = at === used.length - 1
    if (type === ROUTER || type === "envoy.filters.http.router") {
      if (isLast) return isGrpcWeb
      refuse(`${path}[${at}]`, "filters behind the router are never asked")
    } else if (/grpc_web/.test(type)) isGrpcWeb = true
    else if (!filter.isOptional && !WITHOUT_EFFECT.test(type))
      refuse(`${path}[${at}]`, `${type} is not supported`)
  }
  return refuse(path, "the last one must be the router")
}

function planTcp(proxy: TcpProxy, path: string): TcpPlan {
  const { clusterSpecifier: one, idleTimeout, maxConnectAttempts, hashPolicy } = proxy
  const clusters =
    one.case === "cluster"
      ? [{ name: one.value, weight: 1 }]
      : one.case === "weightedClusters"
        ? one.value.clusters.map(({ name, weight }) => ({ name, weight }))
        : refuse(path, "nothing says which cluster")
  const some = clusters.filter(({ weight }) => weight > 0)
  if (some.length === 0) return refuse(`${path}.weighted_clusters`, "no cluster has a weight")
  return {
    kind: "tcp",
    clusters: some,
    idleTimeoutMs: timeoutOf(idleTimeout),
    tries: maxConnectAttempts ?? 1,
    hashesAddress: hashPolicy.length > 0,
  }
}

/** Routes that it asks for by name. */
export function routeNamesOf({ chains }: ListenerPlan): string[] {
  return chains.flatMap(({ to }) => (to.kind === "http" && !("hosts" in to.routes) ? [to.routes.name] : []))
}

/** Clusters that it names itself. */
export function clustersOf({ chains }: ListenerPlan): string[] {
  return chains.flatMap(({ to }) => {
    if (to.kind === "tcp") return to.clusters.map(({ name }) => name)
    return "hosts" in to.routes ? [...to.routes.clusters] : []
  })
}
