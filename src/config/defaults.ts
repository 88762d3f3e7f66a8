/**
 * The model with the defaults of defaults-table.ts. They are chosen for streams that last all day; docs/nginx.md has the
 * table of where they differ from nginx.
 */
import type { Address } from "./address.ts"
import { defaults } from "./defaults-table.ts"
import type {
  BridgeConfig,
  ClusterConfig,
  Config,
  ContinuityConfig,
  EndpointConfig,
  HealthCheckConfig,
  ListenerConfig,
  OutlierDetectionConfig,
  PickQueueConfig,
  ProxyAction,
  RebalanceConfig,
  ResolverConfig,
  RouteConfig,
  RouteSettings,
  StickyConfig,
} from "./model.ts"
import type { UpstreamTlsConfig } from "./shared-model.ts"
import type { TcpRetryConfig, TcpSettings } from "./tcp-model.ts"

const {
  file,
  listener,
  settings,
  bridge,
  continuity,
  cluster,
  outliers,
  rebalance,
  endpoint,
  healthCheck,
  resolver,
  upstreamTls,
  sticky,
  tcp,
} = defaults

/** An empty configuration: no listener, server or cluster yet. */
export function defaultConfig(): Config {
  return {
    workers: file.workers.value,
    listeners: [],
    servers: [],
    clusters: [],
    tcp: { servers: [], variables: [], zones: [] },
    variables: [],
    zones: [],
    log: { level: file.logLevel.value, path: file.logPath.value },
    pidFile: file.pidFile.value,
    admin: "default",
    xds: null,
    metrics: defaults.file.metrics.value,
    tracing: null,
    shutdown: { graceMs: file.shutdownGrace.value },
    limits: {},
  }
}

export function defaultListener(address: Address): ListenerConfig {
  return {
    protocol: listener.protocol.value,
    name: address.text,
    host: address.host,
    port: address.port,
    unixPath: address.unixPath,
    backlog: listener.backlog.value,
    reusePort: listener.reusePort.value,
    ipv6Only: listener.ipv6Only.value,
    proxyProtocol: listener.proxyProtocol.value,
    tls: null,
    maxConcurrentStreams: listener.maxConcurrentStreams.value,
    headerTimeoutMs: listener.headerTimeout.value,
    idleConnectionTimeoutMs: listener.idleTimeout.value,
    maxConnectionAgeMs: listener.maxConnectionAge.value,
    maxConnectionAgeGraceMs: listener.maxConnectionAgeGrace.value,
    maxRequestsPerConnection: listener.maxRequestsPerConnection.value,
    socketKeepalive: listener.socketKeepalive.value,
  }
}

/** Of what `return` answers, as in nginx. */
export const defaultContentType = defaults.route.returnContentType.value

export function defaultRouteSettings(): RouteSettings {
  return {
    connectTimeoutMs: settings.connectTimeout.value,
    readTimeoutMs: settings.readTimeout.value,
    sendTimeoutMs: settings.sendTimeout.value,
    bodyTimeoutMs: settings.bodyTimeout.value,
    idleTimeoutMs: settings.idleTimeout.value,
    responseTimeoutMs: settings.responseTimeout.value,
    maxCallMs: settings.maxCallTime.value,
    grpcTimeoutMaxMs: settings.grpcTimeoutMax.value,
    maxStreamAgeMs: settings.maxStreamAge.value,
    maxBodyOctets: settings.maxBodySize.value,
    retry: {
      conditions: [...settings.retryOn.value],
      tries: settings.retryTries.value,
      timeoutMs: settings.retryTimeout.value,
    },
    setHeaders: [],
    passHeaders: [],
    hideHeaders: [],
    ignoreHeaders: [],
    addHeaders: [],
    addTrailers: [],
    expires: settings.expires.value,
    charset: settings.charset.value,
    charsetTypes: [...settings.charsetTypes.value],
    socketKeepalive: settings.socketKeepalive.value,
    bindAddress: settings.bindAddress.value,
    accessLogs: [],
    accessLogIntervalMs: settings.accessLogInterval.value,
    errorStatuses: [],
    errorPages: [],
    recursiveErrorPages: settings.recursiveErrorPages.value,
    interceptErrors: settings.interceptErrors.value,
    serverTokens: settings.serverTokens.value,
    absoluteRedirect: settings.absoluteRedirect.value,
    serverNameInRedirect: settings.serverNameInRedirect.value,
    portInRedirect: settings.portInRedirect.value,
    bridge: defaultBridge(),
    access: { satisfy: settings.satisfy.value, rules: [], basic: null, jwt: null, request: null },
    extAuthz: null,
    rateService: null,
    requestLimits: { limits: [], status: settings.limitStatus.value, dryRun: false },
    streamLimits: { limits: [], status: settings.limitStatus.value, dryRun: false },
    messageLimits: [],
    realIp: null,
    continuity: defaultContinuity(),
    trace: null,
  }
}

/** Off, until a mode is written. */
export function defaultContinuity(): ContinuityConfig {
  return {
    modes: [...continuity.mode.value],
    keepOctets: continuity.keep.value,
    gapMaxMs: continuity.gapMax.value,
    legsMax: continuity.legsMax.value,
    ask: continuity.ask.value,
    refused: continuity.refused.value,
    restartWith: continuity.with.value,
    statuses: [...continuity.statuses.value],
    overflow: continuity.overflow.value,
    clients: continuity.clients.value,
    holdOctets: continuity.hold.value,
    cursorFrom: null,
    cursorInto: null,
  }
}

/** Nothing beside gRPC, until it is asked for. */
export function defaultBridge(): BridgeConfig {
  return {
    grpcWeb: bridge.grpcWeb.value,
    connect: bridge.connect.value,
    webSocket: bridge.webSocket.value,
    method: null,
    pathPrefix: null,
    origins: [],
    descriptorSet: null,
    metadataQuery: [],
    metadataCookie: null,
    messageOctetsMax: null,
  }
}

/** A route that takes what comes to it as it is. */
export function defaultRoute(): Pick<RouteConfig, "when" | "internal" | "rewrite" | "except" | "routes"> {
  return { when: [], internal: false, rewrite: [], except: null, routes: [] }
}

export function defaultCluster(name: string): ClusterConfig {
  return {
    name,
    protocol: cluster.protocol.value,
    policy: { name: cluster.policy.value },
    sticky: null,
    endpoints: [],
    discovery: [],
    resolver: null,
    slowStart: {
      windowMs: cluster.slowStartWindow.value,
      aggression: cluster.slowStartAggression.value,
      minWeightPercent: cluster.slowStartMinWeight.value,
    },
    panicThresholdPercent: cluster.panicThreshold.value,
    outlierDetection: null,
    rebalance: null,
    queue: null,
    limits: {
      streams: cluster.limit.value,
      waitingStreams: cluster.limit.value,
      connections: cluster.limit.value,
      retries: cluster.limit.value,
    },
    maxStreamsPerConnection: cluster.maxStreamsPerConnection.value,
    maxConnectionsPerEndpoint: cluster.maxConnectionsPerEndpoint.value,
    idleConnections: cluster.idleConnections.value,
    idleTimeoutMs: cluster.idleTimeout.value,
    maxConnectionAgeMs: cluster.maxConnectionAge.value,
    maxRequestsPerConnection: cluster.maxRequestsPerConnection.value,
    healthCheck: null,
    rehome: cluster.rehome.value,
    drainGraceMs: cluster.drainGrace.value,
    keepalive: { intervalMs: cluster.keepaliveInterval.value, timeoutMs: cluster.keepaliveTimeout.value },
  }
}

export function defaultHealthCheck(): HealthCheckConfig {
  return {
    type: healthCheck.type.value,
    service: "",
    grpcStatus: healthCheck.grpcStatus.value,
    uri: healthCheck.uri.value,
    match: null,
    send: null,
    expect: null,
    watch: healthCheck.watch.value,
    intervalMs: healthCheck.interval.value,
    jitterMs: null,
    timeoutMs: healthCheck.timeout.value,
    passes: healthCheck.passes.value,
    fails: healthCheck.fails.value,
    port: null,
    mandatory: healthCheck.mandatory.value,
  }
}

/** `streams`: 0 stands for none said, which is no queue that may be asked for. */
export function defaultQueue(streams = 0): PickQueueConfig {
  return { streams, timeoutMs: cluster.queueTimeout.value }
}

/** A cookie of which nothing is said but its name. */
export function defaultSticky(cookie: string): StickyConfig {
  return {
    cookie,
    expiresMs: null,
    domain: null,
    path: null,
    httpOnly: sticky.httpOnly.value,
    secure: sticky.secure.value,
    sameSite: null,
  }
}

/** What holds once outlier detection is asked for. */
export function defaultOutlierDetection(): OutlierDetectionConfig {
  return {
    intervalMs: outliers.interval.value,
    baseEjectionMs: outliers.baseEjectionTime.value,
    maxEjectionMs: outliers.maxEjectionTime.value,
    maxEjectionPercent: outliers.maxEjectionPercent.value,
    consecutiveFailures: outliers.consecutiveFailures.value,
    successRate: {
      stdevFactor: outliers.successRateStdevFactor.value,
      minimumHosts: outliers.successRateMinimumHosts.value,
      requestVolume: outliers.successRateRequestVolume.value,
    },
    failurePercentage: null,
  }
}

/** What holds once streams are to move. */
export function defaultRebalance(): RebalanceConfig {
  return {
    tolerancePercent: rebalance.tolerance.value,
    afterMs: rebalance.after.value,
    dwellMs: rebalance.dwell.value,
    streamsPerSecond: rebalance.streamsPerSecond.value,
    maxStreamAgeMs: rebalance.maxStreamAge.value,
  }
}

/** What of failure percentage is not written, once it is asked for. */
export function defaultFailurePercentage(): NonNullable<OutlierDetectionConfig["failurePercentage"]> {
  return {
    threshold: outliers.failurePercentageThreshold.value,
    minimumHosts: outliers.failurePercentageMinimumHosts.value,
    requestVolume: outliers.failurePercentageRequestVolume.value,
  }
}

export function defaultResolver(): ResolverConfig {
  return {
    servers: [],
    validMs: resolver.valid.value,
    ipv4: resolver.ipv4.value,
    ipv6: resolver.ipv6.value,
  }
}

/** What a source names: `what` stands for an address in messages. */
export function discoveredEndpoint(what: string): EndpointConfig {
  return defaultEndpoint({ text: what, host: null, port: null, unixPath: null })
}

export function defaultEndpoint(address: Address): EndpointConfig {
  return {
    address: address.text,
    host: address.host,
    port: address.port,
    unixPath: address.unixPath,
    name: null,
    weight: endpoint.weight.value,
    maxFails: endpoint.maxFails.value,
    failTimeoutMs: endpoint.failTimeout.value,
    maxStreams: endpoint.maxStreams.value,
    backup: endpoint.backup.value,
    down: endpoint.down.value,
    slowStartMs: null,
    hashKey: null,
    route: null,
  }
}

export function defaultUpstreamTls(): UpstreamTlsConfig {
  return {
    verify: upstreamTls.verify.value,
    verifyDepth: upstreamTls.verifyDepth.value,
    caFile: null,
    crlFile: null,
    serverName: null,
    sendServerName: upstreamTls.sendServerName.value,
    certFile: null,
    keyFile: null,
    passwordFile: null,
    protocols: null,
    ciphers: null,
    alpnProtocols: null,
  }
}

/** To a cluster of HTTP/1.1, with the client's own Host and path. */
export function defaultProxy(cluster: string, tls: UpstreamTlsConfig | null): ProxyAction {
  return {
    kind: "proxy",
    target: { cluster },
    tls,
    host: null,
    path: null,
    matchedOctets: 0,
    method: null,
    passHeaders: true,
    passBody: true,
    requestBuffering: false,
    passTrailers: true,
    redirects: [],
    cookieDomains: [],
    cookiePaths: [],
    cookieFlags: [],
    body: null,
  }
}

export function defaultTcpSettings(): TcpSettings {
  return {
    set: [],
    readHello: tcp.readHello.value,
    prereadTimeoutMs: tcp.prereadTimeout.value,
    prereadOctets: tcp.prereadSize.value,
    proxyProtocolTimeoutMs: tcp.proxyProtocolTimeout.value,
    handshakeTimeoutMs: tcp.handshakeTimeout.value,
    connectTimeoutMs: tcp.connectTimeout.value,
    idleTimeoutMs: tcp.idleTimeout.value,
    retry: defaultTcpRetry(),
    sendProxyProtocol: tcp.sendProxyProtocol.value,
    halfClose: tcp.halfClose.value,
    uploadOctetsPerSecond: tcp.uploadRate.value,
    downloadOctetsPerSecond: tcp.downloadRate.value,
    bindAddress: tcp.bindAddress.value,
    socketKeepalive: tcp.socketKeepalive.value,
    noDelay: tcp.noDelay.value,
    rules: [],
    limits: { limits: [], status: defaults.settings.limitStatus.value, dryRun: false },
    realIpFrom: [],
    accessLogs: [],
  }
}

export function defaultTcpRetry(): TcpRetryConfig {
  return { isOn: true, tries: tcp.retryTries.value, timeoutMs: tcp.retryTimeout.value }
}
