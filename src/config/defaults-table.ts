/**
 * What holds where a configuration says nothing: one row per key of sluice.yaml. The model's defaults, the texts of the
 * JSON Schema and the columns of docs/configuration.md are made from it.
 */
import { durationText, sizeInput } from "./yaml/scalars.ts"

/** `value`: as the model has it. `text`: as sluice.yaml writes it, or in words; `note`: what it means. */
export interface Default<Value> {
  readonly value: Value
  readonly text: string
  readonly note: string
}

function is<const Value extends string | number | boolean>(value: Value, note = ""): Default<Value> {
  return { value, text: String(value), note }
}

function time(ms: number, note = ""): Default<number> {
  return { value: ms, text: durationText(ms), note }
}

function size(octets: number): Default<number> {
  return { value: octets, text: String(sizeInput(octets)), note: "" }
}

/** No limit, nothing, or the system's choice. */
function none(note = ""): Default<null> {
  return { value: null, text: "none", note }
}

function list<const Value extends string>(value: readonly Value[]): Default<readonly Value[]> {
  return { value, text: `[${value.join(", ")}]`, note: "" }
}

/** Taken from elsewhere, in words. */
function words(note: string): Default<null> {
  return { value: null, text: "", note }
}

export const defaults = {
  file: {
    workers: is(1),
    logLevel: is("info"),
    logPath: is("stderr"),
    pidFile: none(),
    shutdownGrace: time(30_000),
    admin: words("a Unix socket that only its own user can open"),
    metrics: is("full"),
    tracing: words("spans are sent nowhere"),
  },
  listener: {
    protocol: is<"http" | "tcp">("http"),
    name: words("the address"),
    backlog: none("as many as the system lets wait"),
    reusePort: is(false),
    ipv6Only: is(true),
    proxyProtocol: is(false),
    maxConcurrentStreams: is(1000),
    headerTimeout: time(10_000),
    idleTimeout: time(75_000),
    maxConnectionAge: none(),
    maxConnectionAgeGrace: none(),
    maxRequestsPerConnection: none(),
    socketKeepalive: is(false),
  },
  listenerTls: {
    rejectOthers: is(false),
    verifyClient: is("off"),
    verifyDepth: is(1),
    sessionTimeout: time(300_000),
  },
  admin: {
    token: none("on loopback and Unix sockets only"),
    hosts: list([]),
    xds: none(),
  },
  xds: {
    certificate: none(),
    key: none(),
    clientCa: none(),
  },
  server: {
    listeners: words("all"),
    default: is(false, "the first server does"),
    order: is<"nginx" | "written">("nginx"),
    underscoresInHeaders: is(false),
    mergeSlashes: is(true),
  },
  route: {
    resolve: is(false),
    tlsByScheme: is(false),
    internal: is(false),
    prefix: is("/"),
    final: is(false),
    ignoreCase: is(false),
    tls: is(false),
    returnStatus: is(200),
    // As in nginx.
    returnContentType: is("text/plain"),
    returnGrpcMessage: words("the text"),
  },
  // Silence is no reason to cut a stream: dead peers are found by PING.
  settings: {
    connectTimeout: time(5_000),
    readTimeout: none(),
    sendTimeout: none(),
    bodyTimeout: none(),
    idleTimeout: none(),
    responseTimeout: none(),
    maxCallTime: none(),
    grpcTimeoutMax: none(),
    maxStreamAge: none(),
    maxBodySize: none(),
    retryOn: list(["error", "timeout"]),
    retryTries: none("as many as there are endpoints"),
    retryTimeout: none(),
    passHeaders: list([]),
    hideHeaders: list([]),
    ignoreHeaders: list([]),
    expires: is("off"),
    charset: none(),
    charsetTypes: list([
      ...["text/html", "text/xml", "text/plain", "text/vnd.wap.wml"],
      ...["application/javascript", "application/rss+xml"],
    ]),
    socketKeepalive: is(false),
    bindAddress: none(),
    accessLog: none(),
    accessLogInterval: none("a record when it ends"),
    satisfy: is("all"),
    limitStatus: is(503),
    recursiveErrorPages: is(false),
    interceptErrors: is(false),
    serverTokens: is("sluice"),
    absoluteRedirect: is(true),
    serverNameInRedirect: is(false),
    portInRedirect: is(true),
    bridge: words("nothing beside gRPC"),
    continuity: words("streams end with their backend"),
    trace: is("off"),
  },
  jwt: {
    realm: is(""),
    token: words("of `authorization: Bearer`"),
    type: is<"signed" | "encrypted" | "nested">("signed"),
    keyCache: words("5m for a url, else each caller's"),
    keyStale: time(3_600_000),
    leeway: time(0),
    issuers: words("any"),
    audiences: words("any"),
    algorithms: words("all but none"),
    require: words("nothing"),
    endStreams: is(false),
  },
  // Envoy's. A stream waits no longer than a person would notice.
  extAuthz: {
    tls: is(false),
    timeout: time(200),
    fail: is<"open" | "closed">("closed"),
    statusOnError: is(403),
  },
  rateLimitService: {
    tls: is(false),
    timeout: time(20),
    fail: is<"open" | "closed">("open"),
  },
  bridge: {
    grpcWeb: is(false),
    connect: is(false),
    webSocket: is(false),
    method: words("what the path says"),
    origins: list([]),
    descriptorSet: words("server reflection"),
    metadataQuery: list([]),
    maxMessageSize: words("limits.messageOctetsMax"),
  },
  proxy: {
    host: words("the cluster's name, or what url comes to"),
    path: words("as it was received"),
    replaces: is(0),
    method: words("the client's"),
    passHeaders: is(true),
    passBody: is(true),
    requestBuffering: is(true),
    passTrailers: is(false),
    redirects: list([]),
    cookieDomains: list([]),
    cookiePaths: list([]),
    cookieFlags: list([]),
    body: none("the client's"),
    ignoreCase: is(false),
  },
  files: {
    replaces: is<number | "all">(0),
    index: list(["index.html"]),
    tryFiles: list([]),
    types: words("html, gif and jpg, as nginx has them"),
    defaultType: is("text/plain"),
    etag: is(true),
    ifModifiedSince: is<"off" | "exact" | "before">("exact"),
    // As many as Apache has; nginx has no bound, and each range costs a part with a head of its own.
    maxRanges: is<number>(200),
  },
  tracing: {
    headers: words("none"),
    // As in nginx's module, but for the name.
    serviceName: is("sluice"),
    resource: words("none"),
    interval: time(5_000),
    batchSize: is(512),
    batchesMax: is(4),
  },
  trace: {
    sample: is("parent"),
    context: is("propagate"),
    spanName: words("the method: `chat.Chat/Talk`"),
    attributes: words("none"),
  },
  continuity: {
    mode: list([]),
    keep: size(65_536),
    gapMax: time(10_000),
    legsMax: is(8),
    ask: is("none"),
    refused: is("end"),
    with: is("first"),
    statuses: list([]),
    overflow: is<"commit" | "slow">("commit"),
    clients: is<"ignored" | "trusted">("ignored"),
    hold: size(32_768),
  },
  // The peer's certificate is not verified unless asked for, as in nginx.
  upstreamTls: {
    verify: is(false),
    verifyDepth: is(1),
    serverName: words("the address's host"),
    sendServerName: is(false),
  },
  accessLog: {
    format: is("grpc"),
    buffer: is(0, "at once"),
    flush: none("until it is full"),
  },
  // Many streams on each upstream connection; a PING every 5 minutes, the most often that gRPC servers put up with.
  cluster: {
    protocol: is<"http" | "tcp">("http"),
    policy: is("round_robin"),
    policyBy: words("streams for random_two, header_time for peak_ewma"),
    inflight: is(false),
    balanceFactor: none(),
    // Envoy's, but that no window is set.
    slowStartWindow: time(0, "no slow start"),
    slowStartAggression: is(1),
    slowStartMinWeight: is(10),
    panicThreshold: is(50),
    outlierDetection: none(),
    rebalance: none(),
    queue: none("refused at once"),
    queueTimeout: time(60_000),
    sticky: none(),
    limit: none(),
    maxStreamsPerConnection: none(),
    maxConnectionsPerEndpoint: none(),
    idleConnections: none("no limit"),
    idleTimeout: time(300_000),
    maxConnectionAge: none(),
    maxRequestsPerConnection: none(),
    rehome: is("never"),
    drainGrace: none("as long as they like"),
    keepaliveInterval: time(300_000),
    keepaliveTimeout: time(20_000),
  },
  // As in nginx, but that a direction may end by itself.
  tcp: {
    names: list([]),
    listeners: words("all with protocol tcp"),
    readHello: is<boolean>(false),
    prereadTimeout: time(30_000),
    prereadSize: size(16_384),
    proxyProtocolTimeout: time(30_000),
    handshakeTimeout: time(60_000, "and no more than limits.handshakeTimeoutMs"),
    connectTimeout: time(60_000),
    idleTimeout: time(600_000),
    retryTries: none("as many as there are endpoints"),
    retryTimeout: none(),
    sendProxyProtocol: is<"none" | "v1" | "v2">("none"),
    halfClose: is<boolean>(true),
    uploadRate: none(),
    downloadRate: none(),
    bindAddress: none(),
    socketKeepalive: is<boolean>(false),
    noDelay: is<boolean>(true),
  },
  // Ours: design of the planner in docs/continuity.md.
  rebalance: {
    tolerance: is(10),
    after: time(30_000),
    dwell: time(60_000),
    streamsPerSecond: is(50),
    maxStreamAge: none("no stream ends for it"),
  },
  // As in NGINX Plus.
  healthCheck: {
    type: is<"grpc" | "http" | "tcp">("grpc"),
    service: words("the server as a whole"),
    grpcStatus: none(),
    uri: is("/"),
    match: words("a status from 200 to 399"),
    send: words("nothing"),
    expect: words("nothing"),
    watch: is(false),
    interval: time(5_000),
    jitter: words("a tenth of the interval either way"),
    timeout: time(5_000),
    passes: is(1),
    fails: is(1),
    port: words("the endpoint's own"),
    mandatory: is(false),
  },
  sticky: {
    expires: words("the end of the browser's session"),
    httpOnly: is(false),
    secure: is(false),
  },
  // Envoy's, but that failure percentage, which it counts and does not enforce, is off.
  outliers: {
    interval: time(10_000),
    baseEjectionTime: time(30_000),
    maxEjectionTime: time(300_000),
    maxEjectionPercent: is(10),
    consecutiveFailures: is(5),
    successRateStdevFactor: is(1900),
    successRateMinimumHosts: is(5),
    successRateRequestVolume: is(100),
    failurePercentage: none("not looked at"),
    failurePercentageThreshold: is(85),
    failurePercentageMinimumHosts: is(5),
    failurePercentageRequestVolume: is(50),
  },
  resolver: {
    valid: none("by the records' TTL"),
    ipv4: is(true),
    ipv6: is(true),
  },
  endpoint: {
    weight: is(1),
    maxFails: is(1),
    failTimeout: time(10_000),
    maxStreams: none(),
    backup: is(false),
    down: is(false),
    slowStart: words("the cluster's"),
    hashKey: words("the address"),
    route: words("the MD5 hash of the address"),
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, Default<unknown>>>>>

/** For the schema: what a key means, and its default. */
export function says(what: string, { text, note }: Default<unknown>): string {
  const value = [text, note].filter((part) => part !== "").join(", ")
  return `${what === "" ? "" : `${what} `}Default: ${value}.`
}

/** For a column of a table in Markdown. */
export function markdownDefault({ text, note }: Default<unknown>): string {
  return [text === "" ? "" : `\`${text}\``, note].filter((part) => part !== "").join(", ")
}
