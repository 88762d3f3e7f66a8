/**
 * What holds where a configuration says nothing. Chosen for streams that last all day; docs/nginx.md has the table
 * of where this differs from nginx.
 */
import type { Address } from "./address.ts"
import type {
  BridgeConfig,
  ClusterConfig,
  Config,
  EndpointConfig,
  ListenerConfig,
  RouteSettings,
  UpstreamTlsConfig,
} from "./model.ts"

/** An empty configuration: no listener, server or cluster yet. */
export function defaultConfig(): Config {
  return {
    workers: 1,
    listeners: [],
    servers: [],
    clusters: [],
    log: { level: "info", path: "stderr" },
    pidFile: null,
    shutdown: { graceMs: 30_000 },
    limits: {},
  }
}

export function defaultListener(address: Address): ListenerConfig {
  return {
    name: address.text,
    host: address.host,
    port: address.port,
    unixPath: address.unixPath,
    backlog: null,
    reusePort: false,
    ipv6Only: true,
    proxyProtocol: false,
    tls: null,
    maxConcurrentStreams: 1000,
    headerTimeoutMs: 10_000,
    idleConnectionTimeoutMs: 75_000,
    maxRequestsPerConnection: null,
    socketKeepalive: false,
  }
}

/** Of what `return` answers, as in nginx. */
export const defaultContentType = "text/plain"

/** Silence is no reason to cut a stream: dead peers are found by PING. */
export function defaultRouteSettings(): RouteSettings {
  return {
    connectTimeoutMs: 5_000,
    readTimeoutMs: null,
    sendTimeoutMs: null,
    bodyTimeoutMs: null,
    maxBodyOctets: null,
    retry: { conditions: ["error", "timeout"], tries: null, timeoutMs: null },
    setHeaders: [],
    passHeaders: [],
    hideHeaders: [],
    ignoreHeaders: [],
    addHeaders: [],
    socketKeepalive: false,
    bindAddress: null,
    accessLogs: [],
    errorStatuses: [],
    interceptErrors: false,
    bridge: defaultBridge(),
  }
}

/** Nothing beside gRPC, until it is asked for. */
export function defaultBridge(): BridgeConfig {
  return {
    grpcWeb: false,
    connect: false,
    webSocket: false,
    method: null,
    pathPrefix: null,
    origins: [],
    descriptorSet: null,
    metadataQuery: [],
    metadataCookie: null,
    messageOctetsMax: null,
  }
}

/** Many streams on each upstream connection; a PING every 5 minutes, the most often that gRPC servers put up with. */
export function defaultCluster(name: string): ClusterConfig {
  return {
    name,
    policy: "round_robin",
    endpoints: [],
    maxStreamsPerConnection: null,
    maxConnectionsPerEndpoint: null,
    idleConnections: null,
    idleTimeoutMs: 300_000,
    maxConnectionAgeMs: null,
    maxRequestsPerConnection: null,
    keepalive: { intervalMs: 300_000, timeoutMs: 20_000 },
  }
}

export function defaultEndpoint(address: Address): EndpointConfig {
  return {
    address: address.text,
    host: address.host,
    port: address.port,
    unixPath: address.unixPath,
    weight: 1,
    maxFails: 1,
    failTimeoutMs: 10_000,
    maxStreams: null,
    backup: false,
    down: false,
  }
}

/** The peer's certificate is not verified unless asked for, as in nginx. */
export function defaultUpstreamTls(): UpstreamTlsConfig {
  return {
    verify: false,
    verifyDepth: 1,
    caFile: null,
    serverName: null,
    sendServerName: false,
    certFile: null,
    keyFile: null,
    protocols: null,
    ciphers: null,
  }
}
