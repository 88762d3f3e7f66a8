// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates have braces.
import fc from "fast-check"
import { limitNames, limitTable } from "../../src/base/limits.ts"
import { type Address, hostAddress, unixAddress } from "../../src/config/address.ts"
import { CONTINUITY_MODES } from "../../src/config/continuity.ts"
import {
  defaultBridge,
  defaultCluster,
  defaultConfig,
  defaultContinuity,
  defaultEndpoint,
  defaultHealthCheck,
  defaultListener,
  defaultOutlierDetection,
  defaultRebalance,
  defaultRouteSettings,
  defaultUpstreamTls,
  discoveredEndpoint,
} from "../../src/config/defaults.ts"
import { discoveryName } from "../../src/config/discovery-name.ts"
import type {
  AccessLogConfig,
  AdminConfig,
  BridgeConfig,
  ClusterConfig,
  Config,
  ContinuityConfig,
  ContinuityMode,
  DiscoveryConfig,
  EndpointConfig,
  HealthCheckConfig,
  HealthMatch,
  ListenerConfig,
  ListenerTlsConfig,
  PolicyConfig,
  RewriteStep,
  RewriteTest,
  RouteAction,
  RouteConfig,
  RouteMatch,
  RouteSettings,
  ServerConfig,
} from "../../src/config/model.ts"
import type { UpstreamTlsConfig } from "../../src/config/shared-model.ts"
import { TRACE_CONTEXTS, type TraceSettings, type TracingConfig } from "../../src/config/trace-model.ts"

/** Configurations that hold together, most of them near the defaults and with the odd names that files may have. */
export function arbitraryConfig(): fc.Arbitrary<Config> {
  return parts().chain(({ listeners, clusters, ...rest }) =>
    fc
      .array(
        server(
          listeners.map(({ name }) => name),
          clusters.map(({ name }) => name),
        ),
        { maxLength: 3 },
      )
      .map((servers) => ({ ...rest, listeners, clusters, servers: withoutSharedDefaults(servers) })),
  )
}

const text = fc.string({ unit: "binary", minLength: 1, maxLength: 12 })
const plainText = text.map((value) => value.replaceAll("$", "") || "x")
const template = fc
  .tuple(plainText, fc.constantFrom("", "$host", "${request_id}", "$http_x_odd"))
  .map((two) => two.join(" "))
const number = fc.oneof(fc.nat(10), fc.constantFrom(60_000, 86_400_000, 1024, 5 * 2 ** 20), fc.nat(2 ** 31))
const positive = number.map((value) => value + 1)
const orNull = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null })
const list = <T>(value: fc.Arbitrary<T>) => fc.array(value, { maxLength: 3 })
const serverName = fc.constantFrom("a.test", "*.b.test", "~^c", "_", "yes")
const headerName = fc.constantFrom("x-a", "X-B", "10", "7", "__proto__", "constructor", "te", "host")

/** `base` with a few fields changed: files change few things at a time. */
function near<T extends object>(
  base: T,
  fields: { [Name in keyof T]?: fc.Arbitrary<T[Name]> },
): fc.Arbitrary<T> {
  const some = fc.record(fields as { [Name in keyof T]: fc.Arbitrary<T[Name]> }, { requiredKeys: [] })
  return fc.oneof(
    fc.constant(base),
    some.map((changes) => ({ ...base, ...changes })),
  )
}

const address: fc.Arbitrary<Address> = fc.oneof(
  fc
    .tuple(
      fc.constantFrom("0.0.0.0", "127.0.0.1", "::", "::1", "chat.test"),
      fc.integer({ min: 1, max: 65_535 }),
    )
    .map(([host, port]) => hostAddress(host, port)),
  text.map(unixAddress),
)

const clients = {
  clientCaFile: orNull(text),
  clientCrlFile: orNull(text),
  verifyClient: fc.constantFrom(
    "off" as const,
    "on" as const,
    "optional" as const,
    "optional_no_ca" as const,
  ),
  verifyDepth: fc.nat(5),
}

const listenerTls: fc.Arbitrary<ListenerTlsConfig> = fc.record({
  certificates: fc.array(
    fc.record(
      {
        names: list(serverName),
        certFile: text,
        keyFile: text,
        passwordFile: text,
        clients: fc.record(clients),
      },
      { requiredKeys: ["names", "certFile", "keyFile"] },
    ),
    { minLength: 1, maxLength: 2 },
  ),
  rejectNames: list(serverName),
  rejectOthers: fc.boolean(),
  protocols: orNull(list(text)),
  ciphers: orNull(text),
  ...clients,
  sessionTimeoutMs: number,
  alpnProtocols: orNull(fc.array(text, { minLength: 1, maxLength: 2 })),
})

const listener: fc.Arbitrary<ListenerConfig> = address.chain((where) =>
  near(defaultListener(where), {
    name: text,
    backlog: orNull(positive),
    reusePort: fc.boolean(),
    ipv6Only: fc.boolean(),
    proxyProtocol: fc.boolean(),
    tls: orNull(listenerTls),
    maxConcurrentStreams: orNull(positive),
    headerTimeoutMs: orNull(positive),
    idleConnectionTimeoutMs: orNull(number),
    maxConnectionAgeMs: orNull(positive),
    maxConnectionAgeGraceMs: orNull(number),
    maxRequestsPerConnection: orNull(positive),
    socketKeepalive: fc.boolean(),
  }),
)

const endpoint: fc.Arbitrary<EndpointConfig> = address.chain((where) =>
  near(defaultEndpoint(where), {
    weight: positive,
    maxFails: number,
    failTimeoutMs: number,
    maxStreams: orNull(positive),
    backup: fc.boolean(),
    down: fc.boolean(),
    slowStartMs: orNull(number),
    hashKey: orNull(text),
    route: fc.constantFrom(null, "a", "b.1"),
  }),
)

const apiTls = { caFile: orNull(plainText), certFile: orNull(plainText), keyFile: orNull(plainText) }
const source: fc.Arbitrary<Record<string, unknown>> = fc.oneof(
  fc.record({ kind: fc.constant("file"), path: plainText }),
  fc.record({ kind: fc.constant("dns"), host: plainText, service: plainText }),
  fc.record({
    kind: fc.constant("etcd"),
    urls: fc.array(fc.constantFrom("http://a:1", "https://b:2"), { minLength: 1, maxLength: 2 }),
    prefix: plainText,
    user: orNull(plainText),
    passwordFile: orNull(plainText),
    ...apiTls,
  }),
  fc.record({
    kind: fc.constant("consul"),
    url: fc.constant("http://a:8500"),
    service: plainText,
    datacenter: orNull(plainText),
    tags: fc.array(plainText, { maxLength: 2 }),
    tokenFile: orNull(plainText),
    ...apiTls,
  }),
  fc.record({ kind: fc.constant("xds"), services: fc.array(plainText, { minLength: 1, maxLength: 2 }) }),
  fc.record({
    kind: fc.constant("kubernetes"),
    service: plainText,
    namespace: orNull(plainText),
    port: fc.oneof(fc.constant(null), plainText, fc.integer({ min: 1, max: 65535 })),
    kubeconfig: orNull(plainText),
  }),
)
const discovery: fc.Arbitrary<DiscoveryConfig> = fc.tuple(source, endpoint).map(([from, settings]) => {
  const { address, host, port, unixPath } = discoveredEndpoint(discoveryName(from as never))
  return { ...from, settings: { ...settings, address, host, port, unixPath } } as DiscoveryConfig
})

const status = fc.constantFrom("200", "200 204", "200-399", "! 500-599 404")
const healthMatch: fc.Arbitrary<HealthMatch> = fc.record({
  status: fc.array(status, { maxLength: 2 }),
  headers: fc.array(fc.constantFrom("A-b", "! C", "A = x y", "A !~ ^x$"), { maxLength: 2 }),
  body: fc.array(fc.constantFrom("~ ok", "!~ a.b"), { maxLength: 2 }),
})
/** What each asks, with what goes along with it alone. */
const asked: fc.Arbitrary<Partial<HealthCheckConfig>> = fc.oneof(
  fc.record({
    type: fc.constant("grpc" as const),
    service: fc.oneof(text, fc.constant("")),
    grpcStatus: orNull(fc.nat(16)),
    watch: fc.boolean(),
  }),
  fc.record({
    type: fc.constant("http" as const),
    uri: fc.constantFrom("/", "/health?x=1"),
    match: orNull(healthMatch),
  }),
  fc.record({
    type: fc.constant("tcp" as const),
    send: orNull(text),
    expect: orNull(fc.constantFrom("= +PONG", "~ ^\\d")),
  }),
)
const timesOfChecks: fc.Arbitrary<HealthCheckConfig> = near(defaultHealthCheck(), {
  intervalMs: positive,
  jitterMs: orNull(number),
  timeoutMs: positive,
  passes: positive,
  fails: positive,
  port: orNull(fc.integer({ min: 1, max: 65535 })),
  mandatory: fc.boolean(),
})
const healthCheck = fc.tuple(timesOfChecks, asked).map(([times, what]) => ({ ...times, ...what }))

const clusterName = fc.oneof(
  plainText,
  fc.constantFrom("10", "9", "__proto__", "true", "null", "a: b", "- c"),
)
const policy: fc.Arbitrary<PolicyConfig> = fc.oneof(
  fc.constantFrom<PolicyConfig>(
    { name: "round_robin" },
    { name: "least_streams" },
    { name: "random" },
    { name: "ip_hash" },
    { name: "random_two", by: "streams" },
    { name: "random_two", by: "last_byte_time" },
    { name: "peak_ewma", by: "header_time", inflight: false },
    { name: "peak_ewma", by: "last_byte_time", inflight: true },
  ),
  fc.record({
    name: fc.constantFrom("ring_hash", "maglev"),
    key: template,
    balanceFactorPercent: orNull(fc.integer({ min: 100, max: 1000 })),
  }),
  fc.record({ name: fc.constantFrom("nginx_hash", "nginx_consistent_hash"), key: template }),
)
const cluster: fc.Arbitrary<ClusterConfig> = clusterName.chain((name) => unboundStreams(name))

/** Numbers of streams say where they go only where no key and no cookie does. */
const unboundStreams = (name: string): fc.Arbitrary<ClusterConfig> =>
  anyCluster(name).map((config) => {
    const { policy, sticky, rebalance } = config
    const isBound = "key" in policy || policy.name === "ip_hash" || sticky !== null
    return { ...config, rebalance: isBound ? null : rebalance }
  })

const anyCluster = (name: string): fc.Arbitrary<ClusterConfig> =>
  near(
    { ...defaultCluster(name), endpoints: [defaultEndpoint(hostAddress("127.0.0.1", 3000))] },
    {
      policy,
      slowStart: fc.record({
        windowMs: number,
        aggression: fc.constantFrom(0.5, 1, 2),
        minWeightPercent: fc.integer({ min: 1, max: 100 }),
      }),
      sticky: orNull(
        fc.record({
          cookie: fc.constantFrom("srv_id", "a"),
          expiresMs: fc.oneof(orNull(number), fc.constant("max" as const)),
          domain: orNull(template),
          path: fc.constantFrom(null, "/", "/a b"),
          httpOnly: fc.boolean(),
          secure: fc.boolean(),
          sameSite: fc.constantFrom(null, "strict", "Lax", "$http_x"),
        }),
      ),
      queue: orNull(fc.record({ streams: positive, timeoutMs: positive })),
      limits: fc.record({
        streams: orNull(number),
        waitingStreams: orNull(number),
        connections: orNull(number),
        retries: orNull(number),
      }),
      outlierDetection: orNull(
        near(defaultOutlierDetection(), {
          intervalMs: positive,
          baseEjectionMs: positive,
          maxEjectionMs: positive,
          maxEjectionPercent: fc.integer({ min: 0, max: 100 }),
          consecutiveFailures: orNull(positive),
          successRate: orNull(
            fc.record({ stdevFactor: positive, minimumHosts: positive, requestVolume: positive }),
          ),
          failurePercentage: orNull(
            fc.record({
              threshold: fc.integer({ min: 1, max: 100 }),
              minimumHosts: positive,
              requestVolume: positive,
            }),
          ),
        }),
      ),
      rebalance: orNull(
        near(defaultRebalance(), {
          tolerancePercent: fc.integer({ min: 0, max: 1000 }),
          afterMs: number,
          dwellMs: number,
          streamsPerSecond: positive,
          maxStreamAgeMs: orNull(number),
        }),
      ),
      panicThresholdPercent: fc.integer({ min: 0, max: 100 }),
      discovery: fc.array(discovery, { maxLength: 2 }),
      resolver: orNull(
        fc.record({
          servers: fc.array(fc.constantFrom("127.0.0.1", "[::1]:53", "10.0.0.1:5353"), { maxLength: 2 }),
          validMs: orNull(positive),
          ipv4: fc.boolean(),
          ipv6: fc.boolean(),
        }),
      ),
      endpoints: fc.array(endpoint, { minLength: 1, maxLength: 3 }),
      maxStreamsPerConnection: orNull(positive),
      maxConnectionsPerEndpoint: orNull(positive),
      idleConnections: orNull(number),
      idleTimeoutMs: orNull(number),
      maxConnectionAgeMs: orNull(number),
      maxRequestsPerConnection: orNull(positive),
      healthCheck: orNull(healthCheck),
      rehome: fc.constantFrom("never", "idle", "always"),
      drainGraceMs: orNull(number),
      keepalive: fc.record({ intervalMs: positive, timeoutMs: positive }),
    },
  )

const accessLog: fc.Arbitrary<AccessLogConfig> = fc.record({
  path: fc.oneof(text, fc.constantFrom("none", "/dev/stdout")),
  template: fc.oneof(template, fc.constantFrom("", "main")),
  escape: fc.constantFrom("default", "json", "none"),
  ifTemplate: orNull(template),
  bufferOctets: number,
  flushMs: orNull(number),
})

const bridge: fc.Arbitrary<BridgeConfig> = near(defaultBridge(), {
  grpcWeb: fc.boolean(),
  connect: fc.boolean(),
  webSocket: fc.boolean(),
  method: fc.constantFrom(null, "/chat.Chat/BidStream", "/a/b"),
  pathPrefix: fc.constantFrom(null, "/api", "/"),
  origins: list(fc.constantFrom("*", "https://a.test", "http://[::1]:8080")),
  descriptorSet: orNull(text),
  metadataQuery: list(headerName),
  metadataCookie: orNull(headerName),
  messageOctetsMax: orNull(fc.integer({ min: 1024, max: 2 ** 31 - 1 })),
})

const fieldPath = fc.constantFrom("4", "2.1", "536870911")

const distinct = <Value>(value: fc.Arbitrary<Value>) =>
  fc.uniqueArray(fc.tuple(fc.constantFrom("x.one", "x.two", "x.three"), value), {
    maxLength: 2,
    selector: ([name]) => name,
  })

const tracing: fc.Arbitrary<TracingConfig> = fc.record({
  endpoint: fc.constantFrom("http://127.0.0.1:4318", "grpcs://collector.example:4317"),
  headers: distinct(text),
  serviceName: text,
  resource: distinct(text),
  intervalMs: positive,
  batchSize: fc.integer({ min: 1, max: 65_536 }),
  batchesMax: fc.integer({ min: 1, max: 1024 }),
})

const trace: fc.Arbitrary<TraceSettings> = fc
  .record({
    sample: fc.constantFrom("on", "off", "parent", "$otel_parent_sampled"),
    share: fc.constantFrom(1, 0.5, 0.125),
    context: fc.constantFrom(...TRACE_CONTEXTS),
    spanName: orNull(template),
    attributes: distinct(template),
  })
  .map(({ share, ...settings }) => ({ ...settings, ratio: settings.sample === "parent" ? share : 1 }))

const continuity: fc.Arbitrary<ContinuityConfig> = fc
  .uniqueArray(fc.constantFrom(...CONTINUITY_MODES), { minLength: 1 })
  .chain((modes) => continuityOf(modes))

const continuityOf = (modes: ContinuityMode[]): fc.Arbitrary<ContinuityConfig> =>
  fc.record({
    modes: fc.constant(modes),
    keepOctets: fc.integer({ min: 0, max: 2 ** 24 }),
    gapMaxMs: positive,
    legsMax: fc.integer({ min: 2, max: 100 }),
    ask: fc.constantFrom("none", "half-close", "call"),
    refused: fc.constantFrom("end", "restart"),
    restartWith: fc.constantFrom("first", "last", "none"),
    statuses: list(fc.integer({ min: 1, max: 16 })),
    clients: fc.constantFrom("ignored", "trusted"),
    overflow: modes.includes("replay") ? fc.constant("commit") : fc.constantFrom("commit", "slow"),
    holdOctets: fc.integer({ min: 0, max: 2 ** 24 }),
    cursorFrom: modes.includes("cursor") ? fieldPath : fc.constant(null),
    cursorInto: modes.includes("cursor") ? fieldPath : fc.constant(null),
  })

const settings = (outer: RouteSettings): fc.Arbitrary<RouteSettings> =>
  near(outer, {
    connectTimeoutMs: positive,
    readTimeoutMs: orNull(positive),
    idleTimeoutMs: orNull(positive),
    responseTimeoutMs: orNull(positive),
    maxCallMs: orNull(positive),
    grpcTimeoutMaxMs: orNull(positive),
    sendTimeoutMs: orNull(positive),
    bodyTimeoutMs: orNull(positive),
    maxStreamAgeMs: orNull(positive),
    accessLogIntervalMs: orNull(positive),
    maxBodyOctets: orNull(positive),
    retry: fc.record({
      conditions: fc.uniqueArray(fc.constantFrom("error", "timeout", "non_idempotent", "http_503"), {
        maxLength: 3,
      }),
      tries: orNull(positive),
      timeoutMs: orNull(positive),
    }),
    setHeaders: list(fc.tuple(headerName, template)),
    passHeaders: list(headerName),
    hideHeaders: list(headerName),
    ignoreHeaders: list(headerName),
    addHeaders: list(fc.record({ name: headerName, template, always: fc.boolean() })),
    addTrailers: list(fc.record({ name: headerName, template, always: fc.boolean() })),
    socketKeepalive: fc.boolean(),
    bindAddress: orNull(fc.constantFrom("127.0.0.2", "::1")),
    accessLogs: list(accessLog),
    errorStatuses: list(
      fc.record({
        httpStatuses: fc.array(fc.integer({ min: 300, max: 599 }), { minLength: 1, maxLength: 3 }),
        grpcStatus: fc.nat(16),
        grpcMessage: fc.oneof(template, fc.constant("")),
      }),
    ),
    interceptErrors: fc.boolean(),
    expires: fc.constantFrom("off", "max", "30d", "-1", "modified 1h", "@18h", "$arg_e"),
    charset: orNull(fc.constantFrom("utf-8", "$arg_c")),
    charsetTypes: fc.constantFrom(["*"], ["text/html", "text/css"]),
    absoluteRedirect: fc.boolean(),
    serverNameInRedirect: fc.boolean(),
    portInRedirect: fc.boolean(),
    bridge,
    continuity: fc.oneof(fc.constant(defaultContinuity()), continuity),
    trace: orNull(trace),
  })

const upstreamTls: fc.Arbitrary<UpstreamTlsConfig> = near(defaultUpstreamTls(), {
  verify: fc.boolean(),
  verifyDepth: fc.nat(5),
  caFile: text,
  serverName: text,
  sendServerName: fc.boolean(),
  certFile: text,
  keyFile: text,
  passwordFile: text,
  protocols: list(text),
  ciphers: text,
})

const match: fc.Arbitrary<RouteMatch> = fc.oneof(
  fc.record({ kind: fc.constant("exact" as const), path: text.map((path) => `/${path}`) }),
  fc.record({
    kind: fc.constant("prefix" as const),
    path: fc.constantFrom("/", "/a", "/b/"),
    final: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("regex" as const),
    pattern: fc.constantFrom("^/a", "\\.b$", ""),
    ignoreCase: fc.boolean(),
  }),
)

function proxy(clusters: string[], tls: fc.Arbitrary<UpstreamTlsConfig | null>): fc.Arbitrary<RouteAction> {
  const rule = fc.record({
    match: fc.oneof(
      fc.record({ text: fc.constantFrom("http://a/", "$host") }),
      fc.record({ pattern: fc.constantFrom("^a", "b$"), ignoreCase: fc.boolean() }),
    ),
    replacement: template,
  })
  const url = fc.record({
    template: fc.constantFrom("http://$host", "https://a$arg_b/x"),
    resolve: fc.boolean(),
  })
  const named = clusters.length === 0 ? [] : [fc.record({ cluster: fc.constantFrom(...clusters) })]
  return fc.record({
    kind: fc.constant("proxy" as const),
    target: fc.oneof(url, ...named),
    tls,
    host: fc.constantFrom("a.example", "b:80"),
    path: orNull(fc.constantFrom("/", "/x/")),
    matchedOctets: fc.nat(20),
    method: orNull(fc.constantFrom("GET", "$request_method")),
    passHeaders: fc.boolean(),
    passBody: fc.boolean(),
    requestBuffering: fc.boolean(),
    passTrailers: fc.boolean(),
    redirects: fc.array(rule, { maxLength: 2 }),
    cookieDomains: fc.array(rule, { maxLength: 1 }),
    cookiePaths: fc.array(rule, { maxLength: 1 }),
    cookieFlags: fc.array(
      fc.record({
        match: fc.constantFrom({ text: "a" }, { pattern: "^a", ignoreCase: true }),
        flags: fc.constantFrom<string[]>(["secure"], ["nosecure", "samesite=$arg_s"]),
      }),
      { maxLength: 2 },
    ),
    body: orNull(fc.constantFrom("", "from $host")),
  })
}

const files: fc.Arbitrary<RouteAction> = fc.record({
  kind: fc.constant("files" as const),
  files: fc.record({
    root: fc.constantFrom("/srv/www", "/srv/$host/"),
    replaces: fc.oneof(fc.nat(20), fc.constant("all" as const)),
    index: fc.array(fc.constantFrom("index.html", "$host.html"), { maxLength: 2 }),
    tryFiles: fc.constantFrom<string[]>([], ["$uri", "$uri/", "=404"], ["$uri", "@other"]),
    types: fc.dictionary(fc.constantFrom("html", "js", "txt"), fc.constantFrom("text/html", "text/x")),
    defaultType: fc.constantFrom("text/plain", ""),
    etag: fc.boolean(),
    ifModifiedSince: fc.constantFrom("off" as const, "exact" as const, "before" as const),
    maxRanges: fc.nat({ max: 9 }),
  }),
})

function action(clusters: string[]): fc.Arbitrary<RouteAction> {
  const tls = orNull(upstreamTls)
  const kinds: fc.Arbitrary<RouteAction>[] = [
    fc.constant({ kind: "none" }),
    fc.record({
      kind: fc.constant("variable" as const),
      template: fc.constantFrom("$host", "a$arg_b"),
      resolve: fc.boolean(),
      tls,
      tlsByScheme: fc.boolean(),
    }),
    proxy(clusters, tls),
    files,
    fc.record({
      kind: fc.constant("return" as const),
      status: fc.integer({ min: 200, max: 599 }),
      template: fc.oneof(template, fc.constant("")),
      contentType: fc.constantFrom("text/plain", "application/json", ""),
      grpcStatus: orNull(fc.nat(16)),
      grpcMessage: orNull(fc.oneof(template, fc.constant(""))),
    }),
  ]
  if (clusters.length > 0) {
    kinds.push(
      fc.record({ kind: fc.constant("cluster" as const), cluster: fc.constantFrom(...clusters), tls }),
    )
  }
  return fc.oneof(...kinds)
}

const rewriteTest = fc.oneof(
  fc.record({ operator: fc.constantFrom("set", "unset"), value: template }),
  fc.record({ operator: fc.constantFrom("=", "!="), value: template, text }),
  fc.record({
    operator: fc.constantFrom("~", "!~*"),
    value: template,
    pattern: fc.constantFrom("a", "(b)"),
  }),
  fc.record({ operator: fc.constantFrom("-f", "!-d"), value: template }),
) as fc.Arbitrary<RewriteTest>

/** Built once: it is large. */
const variant = settings(defaultRouteSettings()).map((own) => ({
  action: { kind: "none" as const },
  settings: own,
}))
const beforeContent = fc.record({
  internal: fc.boolean(),
  rewrite: fc.oneof({ arbitrary: fc.constant<RewriteStep[]>([]), weight: 4 }, steps(variant)),
  except: fc.oneof(
    { arbitrary: fc.constant(null), weight: 4 },
    variant.map((other) => ({ methods: ["GET", "HEAD"], ...other })),
  ),
})

function routes(clusters: string[], outer: RouteSettings, depth: number): fc.Arbitrary<RouteConfig[]> {
  const route = fc.tuple(match, action(clusters), settings(outer)).chain(([matched, acts, own]) => {
    const below = depth === 0 ? fc.constant<RouteConfig[]>([]) : routes(clusters, own, depth - 1)
    return fc.tuple(below, beforeContent).map(([inner, phases]) => ({
      match: matched,
      when: [],
      action: acts,
      settings: own,
      ...phases,
      routes: inner,
    }))
  })
  return fc.uniqueArray(route, {
    maxLength: 3,
    selector: ({ match: { kind, ...where } }) => `${kind} ${"path" in where ? where.path : ""}`,
  })
}

function server(listeners: string[], clusters: string[]): fc.Arbitrary<ServerConfig> {
  return fc
    .record({
      names: fc.oneof({ weight: 3, arbitrary: fc.constant<string[]>([""]) }, list<string>(serverName)),
      listeners: fc.oneof(fc.constant(listeners), fc.subarray(listeners)),
      rewrite: steps(null),
      underscoresInHeaders: fc.boolean(),
      mergeSlashes: fc.boolean(),
      fallback: settings(defaultRouteSettings()),
    })
    .chain((own) =>
      fc
        .record({
          defaultFor: fc.oneof(
            { weight: 2, arbitrary: fc.constant<string[]>([]) },
            fc.subarray(own.listeners),
          ),
          routes: routes(clusters, own.fallback, 2),
          order: fc.constantFrom("nginx" as const, "written" as const),
          conditions: fc.array(rewriteTest, { maxLength: 2 }),
        })
        .map(({ conditions, ...rest }) => ({
          ...own,
          ...rest,
          routes: rest.order === "nginx" ? rest.routes : inWrittenOrder(rest.routes, conditions),
        })),
    )
}

/** Where the first counts, with conditions. */
function inWrittenOrder(found: RouteConfig[], when: RouteConfig["when"]): RouteConfig[] {
  return found.map((route) => ({
    ...route,
    match: route.match.kind === "prefix" ? { ...route.match, final: false } : route.match,
    when,
    routes: [],
  }))
}

/** A listener has one default server. */
function withoutSharedDefaults(servers: ServerConfig[]): ServerConfig[] {
  const taken = new Set<string>()
  return servers.map((server) => {
    const defaultFor = server.defaultFor.filter((name) => !taken.has(name))
    for (const name of defaultFor) taken.add(name)
    return { ...server, defaultFor }
  })
}

const ZONES: Config["zones"] = [
  { name: "often", key: "$remote_addr", octets: 1024 * 1024, rate: 2.5 },
  { name: "many", key: "$server_name", octets: 65_536, rate: null },
]

const adminListener: fc.Arbitrary<AdminConfig> = fc
  .record({
    address: fc.constantFrom(
      { host: "127.0.0.1", port: 9901, unixPath: null },
      { host: "::1", port: 0, unixPath: null },
      { host: null, port: null, unixPath: "/run/sluice/admin.sock" },
    ),
    tokenFile: orNull(text),
    hosts: fc.array(text, { maxLength: 2 }),
  })
  .map(({ address, ...rest }) => ({ ...address, ...rest }))
const xdsListener: fc.Arbitrary<NonNullable<Config["xds"]>> = fc
  .record({
    address: fc.constantFrom("127.0.0.1:18000", "[::1]:0", "unix:/run/xds.sock"),
    files: orNull(fc.record({ certFile: text, keyFile: text, clientCaFile: orNull(text) })),
  })
  .map(({ address, files }) => ({
    address,
    ...(files ?? { certFile: null, keyFile: null, clientCaFile: null }),
  }))
const entries = fc.array(fc.tuple(fc.string({ maxLength: 4 }), template), { maxLength: 3 })
const networks = fc.array(fc.tuple(fc.constantFrom("10.0.0.0/8", "::1", "1.2.3.4"), text), { maxLength: 2 })
const variable: fc.Arbitrary<Config["variables"][number]> = fc.oneof(
  fc.record({
    kind: fc.constant("map" as const),
    name: fc.constantFrom("a", "b"),
    source: template,
    entries: entries.map((list) => list.filter(([key]) => !key.startsWith("~"))),
    default: template,
    hostnames: fc.boolean(),
    volatile: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("geo" as const),
    name: fc.constantFrom("c", "d"),
    source: template,
    entries: networks,
    default: text,
    proxies: fc.subarray(["10.0.0.0/8"]),
    proxyRecursive: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("referers" as const),
    name: fc.constantFrom("g", "h"),
    none: fc.boolean(),
    blocked: fc.boolean(),
    hosts: fc.constantFrom<[string, string][]>([], [["*.a.example", "/x"]], [["a.*", ""]]),
    regexes: fc.constantFrom<string[]>([], ["^a", "b"]),
    hostRegexes: fc.constantFrom<string[]>([], ["^a$"]),
  }),
  fc.record({
    kind: fc.constant("secureLinkPath" as const),
    name: fc.constantFrom("k", "l"),
    secret: text,
  }),
  fc.record({
    kind: fc.constant("secureLink" as const),
    name: fc.constantFrom("i", "j"),
    of: template,
    md5: orNull(template),
  }),
  fc.record({
    kind: fc.constant("split" as const),
    name: fc.constantFrom("e", "f"),
    source: template,
    parts: fc.constantFrom<[number | null, string][]>(
      [[0.5, "x"]],
      [
        [50, "y"],
        [null, "z"],
      ],
    ),
  }),
)

/** @param route what may hold from an `if` on; null: nothing else */
type Then = Extract<RewriteStep, { kind: "if" }>["route"]

function steps(
  route: fc.Arbitrary<{ action: RouteAction; settings: RouteSettings }> | null,
): fc.Arbitrary<RewriteStep[]> {
  const plain: fc.Arbitrary<RewriteStep> = fc.oneof(
    fc.record({ kind: fc.constant("set" as const), variable: fc.constantFrom("x", "y"), template }),
    fc.record({
      kind: fc.constant("rewrite" as const),
      pattern: fc.constantFrom("^/a(.*)$", "b"),
      replacement: template.filter((value) => value !== ""),
      flag: fc.constantFrom("last", "break", "redirect", "permanent", null),
    }),
    fc.constant<RewriteStep>({ kind: "break" }),
  )
  const condition: fc.Arbitrary<RewriteStep> = fc.record({
    kind: fc.constant("if" as const),
    test: rewriteTest,
    steps: fc.array(plain, { maxLength: 2 }),
    route: route === null ? fc.constant(null) : (fc.option(route) as fc.Arbitrary<NonNullable<Then> | null>),
  })
  return fc.array(fc.oneof(plain, condition), { maxLength: 3 })
}

function parts(): fc.Arbitrary<Omit<Config, "servers">> {
  const { workers, log, pidFile, admin, xds, metrics, tracing: none, shutdown, tcp } = defaultConfig()
  const limits = fc.subarray(limitNames, { maxLength: 3 }).map((names) => {
    return Object.fromEntries(names.map((name) => [name, limitTable[name].value]))
  })
  const listeners = fc.uniqueArray(listener, { minLength: 1, maxLength: 3, selector: ({ name }) => name })
  return fc
    .record({
      listeners: listeners.filter(
        (all) =>
          new Set(all.map(({ host, port, unixPath }) => `${host} ${port} ${unixPath}`)).size === all.length,
      ),
      clusters: fc.uniqueArray(cluster, { maxLength: 3, selector: ({ name }) => name }),
      limits,
      variables: fc.array(variable, { maxLength: 2 }),
      zones: fc.constantFrom<Config["zones"]>([], [...ZONES]),
    })
    .chain((fixed) =>
      near(
        { workers, log, pidFile, admin, xds, metrics, tracing: none, shutdown, tcp, ...fixed },
        {
          workers: fc.oneof(fc.constant("auto" as const), positive),
          log: fc.record({ level: fc.constantFrom("debug", "info", "warn", "error"), path: text }),
          pidFile: orNull(text),
          admin: fc.oneof(fc.constant("off" as const), adminListener),
          tracing: orNull(tracing),
          xds: orNull(xdsListener),
          metrics: fc.constantFrom("full" as const, "basic" as const),
          shutdown: fc.record({ graceMs: number }),
        },
      ),
    )
}
