import type { DeclaredVariable } from "../record/declared/declared.ts"
import type { ErrorPageConfig } from "./error-page-model.ts"
import type { FilesConfig } from "./files-model.ts"
import type { JwtConfig } from "./jwt-model.ts"
import type { ProxyConfig } from "./proxy-model.ts"
import type { ExtAuthzConfig, RateServiceConfig } from "./service-model.ts"
import type {
  AccessLogConfig,
  MessageLimit,
  StreamLimits,
  UpstreamTlsConfig,
  ZoneConfig,
} from "./shared-model.ts"
import type { TcpConfig } from "./tcp-model.ts"
import type { TraceSettings, TracingConfig } from "./trace-model.ts"

export type {
  AccessLogConfig,
  MessageLimit,
  StreamLimits,
  UpstreamTlsConfig,
  ZoneConfig,
} from "./shared-model.ts"

/**
 * The configuration, checked and with every default filled in: what `sluice.yaml` and nginx.conf both become.
 *
 * Plain data: no functions, no live objects. `null` means "none" (for a timeout or a limit: never). Times are
 * milliseconds, sizes are octets. Strings named *template* may hold `$variables`.
 */
export interface Config {
  workers: number | "auto"
  listeners: ListenerConfig[]
  /** Virtual hosts, in file order. */
  servers: ServerConfig[]
  clusters: ClusterConfig[]
  tcp: TcpConfig
  /** Variables of the configuration's own. What it sets by `set` or captures is not among them. */
  variables: DeclaredVariable[]
  zones: ZoneConfig[]
  /** `path` is a file, or `stderr`. */
  log: { level: LogLevel; path: string }
  pidFile: string | null
  admin: AdminConfig
  /** Where clients without a proxy are told of endpoints: docs/xds.md. Null: nowhere. */
  xds: XdsListenConfig | null
  /** `full`: also by route, with histograms; not where there is no admin API. */
  metrics: "full" | "basic"
  /** Null: spans are sent nowhere. */
  tracing: TracingConfig | null
  shutdown: { graceMs: number }
  /** Overrides of `limits.ts`, by name. */
  limits: Record<string, number>
}

/**
 * Where the process is asked and told things: docs/admin.md. `default`: on a Unix socket that its own user alone can open.
 */
export type AdminConfig = "default" | "off" | AdminListenConfig

export interface AdminListenConfig {
  host: string | null
  port: number | null
  unixPath: string | null
  /** File with the bearer token that every caller must show. Null: none, on loopback and Unix sockets only. */
  tokenFile: string | null
  /** Names by which browsers may call it, beside the address and `localhost`. */
  hosts: string[]
}

/** The xDS server. */
export interface XdsListenConfig {
  /** `127.0.0.1:18000`, `unix:/run/xds.sock`. */
  address: string
  /** Both null: clients come without TLS. */
  certFile: string | null
  keyFile: string | null
  /** Its clients must show a certificate of this CA's. */
  clientCaFile: string | null
}

export type LogLevel = "debug" | "info" | "warn" | "error"

export interface ListenerConfig {
  /** `tcp`: octets are relayed as they are, by a server of `Config.tcp`. */
  protocol: "http" | "tcp"
  /** Unique; servers refer to it. `address` as written, for instance `0.0.0.0:8080`, `[::]:80`, `unix:/run/s.sock`. */
  name: string
  host: string | null
  port: number | null
  unixPath: string | null
  backlog: number | null
  reusePort: boolean
  ipv6Only: boolean
  proxyProtocol: boolean
  tls: ListenerTlsConfig | null
  maxConcurrentStreams: number | null
  /** A whole header block must arrive within it. */
  headerTimeoutMs: number | null
  /** A connection without streams is closed after it. nginx: `keepalive_timeout`. */
  idleConnectionTimeoutMs: number | null
  /** At this age, give or take a fifth, the connection gets GOAWAY; its streams go on. */
  maxConnectionAgeMs: number | null
  /** How long after that GOAWAY until the streams that are left end with UNAVAILABLE. */
  maxConnectionAgeGraceMs: number | null
  /** After so many requests the connection gets GOAWAY. nginx: `keepalive_requests`. */
  maxRequestsPerConnection: number | null
  socketKeepalive: boolean
}

/** What clients are shown beside a certificate: the answer of its authority's OCSP responder. nginx: `ssl_stapling`. */
export interface StaplingConfig {
  /** DER; null: the responder is asked. */
  responseFile: string | null
  /** `http:`; null: what the certificate says. */
  responder: string | null
  /** PEM with the issuer's certificate; null: it stands in the chain. */
  issuerFile: string | null
}

/** Whose revocation is asked after by OCSP, of clients' certificates that are accepted otherwise. nginx: `ssl_ocsp`. */
export interface ClientOcspConfig {
  /** The client's own, or all of its chain but the root. */
  check: "leaf" | "chain"
  /** `http:`; null: what each certificate says. */
  responder: string | null
}

export interface ListenerCertificate {
  names: string[]
  certFile: string
  keyFile: string
  /** Passphrases, one a line, of which one opens the key. nginx: `ssl_password_file`. */
  passwordFile?: string
  stapling?: StaplingConfig
  /** What is asked of clients who ask for these names, where that is not what the listener asks. */
  clients?: ClientCertificates
}

/** What is asked of clients. */
export interface ClientCertificates {
  clientCaFile: string | null
  /** Revocation lists, one of each authority of clients' certificates. nginx: `ssl_crl`. */
  clientCrlFile: string | null
  clientOcsp?: ClientOcspConfig
  verifyClient: "off" | "on" | "optional" | "optional_no_ca"
  verifyDepth: number
}

export interface ListenerTlsConfig extends ClientCertificates {
  /** The first is used when SNI names none of them. */
  certificates: ListenerCertificate[]
  /** Names that no certificate is shown for: the handshake ends. nginx: `ssl_reject_handshake`. */
  rejectNames: string[]
  /** The same for all names that have no certificate, and where none is said. */
  rejectOthers: boolean
  protocols: string[] | null
  ciphers: string | null
  sessionTimeoutMs: number
  /** Those that are spoken, the preferred first; null: those of HTTP, and on a TCP listener none. */
  alpnProtocols: string[] | null
}

export interface ServerConfig {
  /** `example.com`, `*.example.com`, `www.*`, `~regex`, `_`, ``; nginx's matching order applies. */
  names: string[]
  listeners: string[]
  /** Listener names for which this server answers unmatched authorities. Otherwise the first server of a listener does. */
  defaultFor: string[]
  /**
   * Which of its routes a request takes. `nginx`: exact paths, then the longest prefix, then regexes in order. `written`: the
   * first, as they stand, of which path and `when` hold; none has routes within it.
   */
  order: "nginx" | "written"
  /** `$http_a_b` is a field `a_b` too, where there is no `a-b`. nginx: `underscores_in_headers`. */
  underscoresInHeaders: boolean
  /** Of several `/` in a row in a path one counts. nginx: `merge_slashes`. */
  mergeSlashes: boolean
  routes: RouteConfig[]
  /** What is done to a request before its route is found. nginx: `if`, `set`, `rewrite`, `return` of a server. */
  rewrite: RewriteStep[]
  /** Applies where no route matches. */
  fallback: RouteSettings
}

export interface RouteConfig {
  match: RouteMatch
  /** What must hold beside its path, in servers whose order is `written`; else the next route is looked at. */
  when: RewriteTest[]
  action: RouteAction
  settings: RouteSettings
  /** Only what the configuration itself sends on is taken; anyone else finds nothing here. */
  internal: boolean
  /** What is done to a request that came here, before anyone is let in. */
  rewrite: RewriteStep[]
  /** Other methods than these have another action and settings. nginx: `limit_except`. */
  except: ExceptMethods | null
  /** nginx's nested locations. */
  routes: RouteConfig[]
}

export interface ExceptMethods {
  /** Upper case; with GET, HEAD too. */
  methods: string[]
  action: RouteAction
  settings: RouteSettings
}

/** A step of nginx's rewrite module. Texts are templates, patterns are regexes. */
export type RewriteStep =
  | { kind: "set"; variable: string; template: string }
  /**
   * `redirect` and `permanent` answer 302 and 301, as does a replacement with a scheme; `last` finds the route anew, and so
   * does no flag once the steps are through; `break` stays.
   */
  | {
      kind: "rewrite"
      pattern: string
      replacement: string
      flag: "last" | "break" | "redirect" | "permanent" | null
    }
  | { kind: "break" }
  | { kind: "return"; action: Extract<RouteAction, { kind: "return" }> }
  | {
      kind: "if"
      test: RewriteTest
      steps: RewriteStep[]
      /** What holds from here on for a request that passes the test; null: as before. nginx: `if` in a location. */
      route: { action: RouteAction; settings: RouteSettings } | null
    }

/** `set`: neither empty nor 0. `=`: the texts are equal. `~`: a regex is met, `~*` without regard to case. */
export type RewriteTest =
  | { operator: "set" | "unset"; value: string }
  | { operator: "=" | "!="; value: string; text: string }
  | { operator: "~" | "!~" | "~*" | "!~*"; value: string; pattern: string }
  /** A file, a directory, anything, something that may be executed. */
  | { operator: "-f" | "!-f" | "-d" | "!-d" | "-e" | "!-e" | "-x" | "!-x"; value: string }

export type RouteMatch =
  | { kind: "exact"; path: string }
  /** The longest prefix wins; `final` (nginx `^~`) keeps regexes from overriding it. */
  | { kind: "prefix"; path: string; final: boolean }
  /** Tried in file order after prefixes. */
  | { kind: "regex"; pattern: string; ignoreCase: boolean }
  /** nginx's `@name`: no path leads here. */
  | { kind: "named"; name: string }

export type RouteAction =
  /** The name of a cluster. `tls` is the default `null` for plain HTTP/2 (`grpc://`). */
  | { kind: "cluster"; cluster: string; tls: UpstreamTlsConfig | null }
  /** A cluster or an address named by variables, for instance `$backend`; with `resolve`, a host's name too. */
  | {
      kind: "variable"
      template: string
      resolve: boolean
      tls: UpstreamTlsConfig | null
      /** `tls` is for what comes to `grpcs://`; all else goes without. */
      tlsByScheme: boolean
    }
  /**
   * Answers by itself. `template` is the body, or the address for a redirect (301, 302, 303, 307, 308). Where
   * `grpcStatus` is set, gRPC clients get that, with `grpcMessage`, a template too; null: with the body as message.
   * Status 444 ends the stream without an answer.
   */
  | {
      kind: "return"
      status: number
      template: string
      /** Of the body; empty: none is said. nginx: `default_type`. */
      contentType: string
      grpcStatus: number | null
      grpcMessage: string | null
    }
  /** An HTTP/1.1 backend. `tls` is for `https://`. */
  | ({ kind: "proxy"; tls: UpstreamTlsConfig | null } & ProxyConfig)
  /** Files. */
  | { kind: "files"; files: FilesConfig }
  /** Nothing is here: 404, or UNIMPLEMENTED to a gRPC client. */
  | { kind: "none" }

export type ProxyAction = Extract<RouteAction, { kind: "proxy" }>

export interface RouteSettings {
  connectTimeoutMs: number
  /** Longest silence of the upstream on a stream. */
  readTimeoutMs: number | null
  /** Longest wait for the upstream to take bytes we hold for it. */
  sendTimeoutMs: number | null
  /** Longest silence of the downstream before its half-close. nginx: `client_body_timeout`. */
  bodyTimeoutMs: number | null
  /** Longest silence of both sides. Envoy: `idle_timeout`. */
  idleTimeoutMs: number | null
  /** Longest time from the end of the request to the end of the response. Envoy: `timeout`. */
  responseTimeoutMs: number | null
  /** A call that lasts longer ends with DEADLINE_EXCEEDED. Envoy: `max_stream_duration`. */
  maxCallMs: number | null
  /** Longer deadlines of gRPC clients are this. Envoy: `grpc_timeout_header_max`. */
  grpcTimeoutMaxMs: number | null
  /** Older streams end with UNAVAILABLE, so that they come again elsewhere; give or take a fifth. */
  maxStreamAgeMs: number | null
  /** Most DATA octets one request may carry in all. nginx: `client_max_body_size`. */
  maxBodyOctets: number | null
  retry: RetryConfig
  /** Replaces or adds; an empty value removes. Values are templates. `host` sets `:authority`. */
  setHeaders: [name: string, template: string][]
  /** Response headers to keep or to drop on their way down. */
  passHeaders: string[]
  hideHeaders: string[]
  ignoreHeaders: string[]
  /** Added to responses. nginx: `add_header`; `always` also on errors. */
  addHeaders: { name: string; template: string; always: boolean }[]
  /** Added to the trailers of responses, which go with HTTP/1.1 in chunks. nginx: `add_trailer`. */
  addTrailers: { name: string; template: string; always: boolean }[]
  /** `Expires` and `Cache-Control`, as nginx writes it: `off`, `max`, `epoch`, `30d`, `-1`, `modified 1h`, `@18h`; a template. */
  expires: string
  /** What `Content-Type` says of texts that do not say it themselves; a template. Null: nothing. nginx: `charset`. */
  charset: string | null
  /** Which media types are such texts. */
  charsetTypes: string[]
  socketKeepalive: boolean
  /** An IP address, with a port or without, or a template that comes to one; null: any. nginx: `grpc_bind`. */
  bindAddress: string | null
  accessLogs: AccessLogConfig[]
  /** A record when a stream begins, and one in so many milliseconds while it goes on. Null: only when it ends. */
  accessLogIntervalMs: number | null
  /** What a gRPC client is told in place of an HTTP status; the first entry with that status applies. */
  errorStatuses: ErrorStatusConfig[]
  /** Where errors lead; the first entry with the status applies. nginx: `error_page`. */
  errorPages: ErrorPageConfig[]
  /** Errors at such a place lead on. nginx: `recursive_error_pages`. */
  recursiveErrorPages: boolean
  /** Errors of the upstream (300 and above) go through `errorPages` and `errorStatuses` too. nginx: `grpc_intercept_errors`. */
  interceptErrors: boolean
  /** What the pages of errors call the server. nginx: `server_tokens`. */
  serverTokens: string
  /** A redirect of the configuration's to a path gets scheme, host and port before it. */
  absoluteRedirect: boolean
  /** The host is then the server's first name, not what the client asked for. */
  serverNameInRedirect: boolean
  /** And the port is said, unless it is that of the scheme. */
  portInRedirect: boolean
  bridge: BridgeConfig
  access: AccessConfig
  extAuthz: ExtAuthzConfig | null
  rateService: RateServiceConfig | null
  requestLimits: RequestLimits
  streamLimits: StreamLimits
  messageLimits: MessageLimit[]
  realIp: RealIpConfig | null
  continuity: ContinuityConfig
  /** Null: calls are not traced, and what they say of a trace goes on as it came. */
  trace: TraceSettings | null
}

/** How a call goes on when a leg of it ended: docs/continuity.md. */
export type ContinuityMode = "handoff" | "resume" | "cursor" | "lockstep" | "restart" | "replay"

/** Streams that outlive their backend: docs/continuity.md. */
export interface ContinuityConfig {
  /** The first that fits the end of a leg is taken. Empty: streams end with their backend. */
  modes: ContinuityMode[]
  /** Most octets of client messages that are kept for another leg, beside those that no leg has sent. */
  keepOctets: number
  /** The longest time without a leg. */
  gapMaxMs: number
  /** Most legs in a row that did not last a second. */
  legsMax: number
  /** How a backend is asked to hand a stream off. */
  ask: ContinuityAsk
  /** What follows when a backend refuses a later leg. */
  refused: "end" | "restart"
  /** What a leg of mode `restart` is sent again: the client's first message, its last, or none. */
  restartWith: "first" | "last" | "none"
  /** grpc-statuses in trailers that count as a failure of the backend, not as an answer. */
  statuses: number[]
  /** What follows when more is to be kept than `keepOctets`: the oldest leave, or the client waits. */
  overflow: "commit" | "slow"
  /** Fields of continuity from a client: `trusted`, one that offers it keeps its streams itself, and they pass both ways. */
  clients: "ignored" | "trusted"
  /** Mode `cursor`: most octets of responses that wait for the next resume token. */
  holdOctets: number
  /** Mode `cursor`: the field of a response that holds a resume token, and of the first request that takes it. */
  cursorFrom: string | null
  cursorInto: string | null
}

export type ContinuityAsk = "none" | "half-close" | "call"

/** What browsers may speak on a route beside gRPC: docs/browsers.md. */
export interface BridgeConfig {
  /** gRPC-Web, binary and text. */
  grpcWeb: boolean
  /** Connect, unary and streaming. */
  connect: boolean
  /** WebSocket: JSON messages, and the `grpc-websockets` subprotocol. */
  webSocket: boolean
  /** The method that every such call means, for instance `/chat.Chat/BidStream`. Null: the path says it. */
  method: string | null
  /** Taken off the front of the path before it says the method, for instance `/api`. Not beside `method`. */
  pathPrefix: string | null
  /** Origins of other hosts whose pages may call: `https://app.example`, or `*` for all. */
  origins: string[]
  /** A file with a FileDescriptorSet, for JSON. Null: the cluster is asked by server reflection. */
  descriptorSet: string | null
  /** Query parameters of a WebSocket that become request headers: pages cannot set headers there. */
  metadataQuery: string[]
  /** The cookie of a WebSocket whose value becomes `authorization: Bearer …`. */
  metadataCookie: string | null
  /** Most octets of one message where a bridge needs it whole. Null: the limit `messageOctetsMax`. */
  messageOctetsMax: number | null
}

/** nginx: `error_page 502 = @unavailable`, where that location returns a `grpc-status` header. */
export interface ErrorStatusConfig {
  /** From 300 to 599. */
  httpStatuses: number[]
  /** From 0 to 16. */
  grpcStatus: number
  /** A template. */
  grpcMessage: string
}

export type RetryCondition =
  | "error"
  | "timeout"
  | "invalid_header"
  | "non_idempotent"
  | `http_${403 | 404 | 429 | 500 | 502 | 503 | 504}`
  /** The endpoint's whole answer is that status, in a head of its own: no message came before. */
  | `grpc_${"cancelled" | "deadline_exceeded" | "resource_exhausted" | "internal" | "unavailable"}`

export interface RetryConfig {
  conditions: RetryCondition[]
  /** Most tries in all; null: as many as there are endpoints. */
  tries: number | null
  timeoutMs: number | null
}

/** How endpoints are chosen: docs/policies.md. A `key` is a template. */
/** Who is let in: nginx's access phase. */
export interface AccessConfig {
  /** `any`: one of those that have something to say is enough. */
  satisfy: "all" | "any"
  /** In order; the first that fits counts. `from`: a network, `unix:` or `all`. */
  rules: { allow: boolean; from: string }[]
  /**
   * nginx: `auth_basic`. Both are templates; a realm that comes to `off` asks nothing, and variables of a path must come
   * to an absolute one that climbs nowhere.
   */
  basic: { realm: string; userFile: string } | null
  jwt: JwtConfig | null
  request: AuthRequestConfig | null
}

/** nginx: `auth_request`. */
export interface AuthRequestConfig {
  /** A path of the same server. */
  uri: string
  /** Variables, and templates of what they become, of the answer. */
  set: [variable: string, template: string][]
}

/** nginx: `limit_req`. */
export interface RequestLimits {
  limits: {
    zone: string
    /** Requests beyond the rate that are taken. */
    burst: number
    /** Those beyond so many wait for their turn; null: none waits. */
    delay: number | null
  }[]
  /** Of the refusal. */
  status: number
  /** It is only counted and logged. */
  dryRun: boolean
}

/** The client behind proxies that are believed. nginx: `set_real_ip_from`. */
export interface RealIpConfig {
  /** Networks, or `unix:`. */
  from: string[]
  /** Lower case, or `proxy_protocol`. */
  header: string
  recursive: boolean
}

/** Until when an endpoint's time is taken; of a TCP session, the head is the first octets. `connect_time`: of TCP alone. */
export type ResponseMeasure = "header_time" | "last_byte_time" | "connect_time"

export type PolicyConfig =
  | { name: "round_robin" }
  /** nginx: `least_conn`. */
  | { name: "least_streams" }
  | { name: "random" }
  /** The better of two that chance drew. nginx: `random two`. */
  | { name: "random_two"; by: "streams" | ResponseMeasure }
  /** nginx: `least_time`. `inflight`: calls without an answer yet count with the time they have waited. */
  | { name: "peak_ewma"; by: ResponseMeasure; inflight: boolean }
  /** As Envoy and gRPC place keys; nothing is bounded where `balanceFactorPercent` is null. */
  | { name: "ring_hash" | "maglev"; key: string; balanceFactorPercent: number | null }
  /** As nginx places them: `hash KEY` and `hash KEY consistent`. */
  | { name: "nginx_hash" | "nginx_consistent_hash"; key: string }
  | { name: "ip_hash" }

/**
 * Which endpoints fail more than their like, and are left out for a while. Names are Envoy's; what is null is not looked at.
 */
export interface OutlierDetectionConfig {
  intervalMs: number
  /** Left out for this, times how often it was in a row, at most `maxEjectionMs`. */
  baseEjectionMs: number
  maxEjectionMs: number
  /** No more than this share of the endpoints is left out at once; one may be, however few there are. */
  maxEjectionPercent: number
  /** So many failures in a row. */
  consecutiveFailures: number | null
  /** A success rate below the mean by so many thousandths of a standard deviation. */
  successRate: { stdevFactor: number; minimumHosts: number; requestVolume: number } | null
  /** So many failures of all calls, in percent. */
  failurePercentage: { threshold: number; minimumHosts: number; requestVolume: number } | null
}

/** Live streams move to endpoints that have too few: docs/continuity.md. */
export interface RebalanceConfig {
  /** So many percent beyond its share an endpoint may have. */
  tolerancePercent: number
  /** What is beyond that has lasted so long before any stream moves. */
  afterMs: number
  /** A stream that has changed its endpoint stays there so long. */
  dwellMs: number
  /** The most that move in a second, and never more than a hundredth of the cluster's streams. */
  streamsPerSecond: number
  /** Where too few streams can move, those that are older, give or take a fifth, end while the imbalance lasts. */
  maxStreamAgeMs: number | null
}

/** nginx: `sticky cookie`. What is null is not said. */
export interface StickyConfig {
  cookie: string
  /** How long a browser keeps it: `max` is until the end of 2037. */
  expiresMs: number | "max" | null
  /** A template. */
  domain: string | null
  path: string | null
  httpOnly: boolean
  secure: boolean
  /** `strict`, `lax`, `none`, or a template that comes to one of them. */
  sameSite: string | null
}

/** `idle`: once no octets have come for a while. */
export type RehomeMode = "never" | "idle" | "always"

/** `streams`: most that wait at once, over all data threads. */
export interface PickQueueConfig {
  streams: number
  timeoutMs: number
}

export interface ClusterConfig {
  name: string
  /** `tcp`: for servers of `Config.tcp` alone. */
  protocol: "http" | "tcp"
  policy: PolicyConfig
  /** Clients come back to their endpoint by a cookie. */
  sticky: StickyConfig | null
  endpoints: EndpointConfig[]
  /** Where endpoints come from besides those. */
  discovery: DiscoveryConfig[]
  /** Who is asked for the addresses of names; null: the system. */
  resolver: ResolverConfig | null
  /** Endpoints that have just joined or are back get a growing share of new streams. `windowMs` 0: their full share at once. */
  slowStart: { windowMs: number; aggression: number; minWeightPercent: number }
  /** What becomes of live streams whose key has another owner since endpoints came or went; policies with a key alone. */
  rehome: RehomeMode
  /** Where a smaller share of the endpoints is healthy, all are used; 0: only where none is. */
  panicThresholdPercent: number
  outlierDetection: OutlierDetectionConfig | null
  /** Null: streams stay where they are. Not with policies that place by a key, nor with a sticky cookie. */
  rebalance: RebalanceConfig | null
  /** Streams that find every endpoint full wait, first come first served; null: they are refused. nginx: `queue`. */
  queue: PickQueueConfig | null
  /** Circuit breakers, over all data threads; null: no bound. */
  limits: {
    streams: number | null
    /** Streams that wait for a connection. */
    waitingStreams: number | null
    connections: number | null
    /** Retries under way. */
    retries: number | null
  }
  /** How many streams one upstream connection carries before another is opened; the peer's own limit rules too. */
  maxStreamsPerConnection: number | null
  /** Most connections to one endpoint. */
  maxConnectionsPerEndpoint: number | null
  /** Idle connections kept per endpoint. nginx: `keepalive`. Null: no limit of its own. */
  idleConnections: number | null
  idleTimeoutMs: number | null
  maxConnectionAgeMs: number | null
  maxRequestsPerConnection: number | null
  /** Active checks; null: endpoints are watched by their streams alone. */
  healthCheck: HealthCheckConfig | null
  /** How long live streams may go on where an endpoint drains, is unhealthy or has left; null: for as long as they like. */
  drainGraceMs: number | null
  /** HTTP/2 PING to find dead peers. */
  keepalive: { intervalMs: number; timeoutMs: number }
}

export interface ResolverConfig {
  /** Name servers: `address` or `address:port`. Empty: those of the system. */
  servers: string[]
  /** Asked again so often, whatever the records' TTL; null: by TTL. nginx: `valid=`. */
  validMs: number | null
  ipv4: boolean
  ipv6: boolean
}

/** A source of endpoints. `settings` are those of each of them; its address stands for the source in messages. */
export type DiscoveryConfig = (
  | DnsDiscovery
  | { kind: "file"; path: string }
  | EtcdDiscovery
  | ConsulDiscovery
  | KubernetesDiscovery
  | XdsDiscovery
) & { settings: EndpointConfig }

/** SRV records. nginx: `service=`. */
export interface DnsDiscovery {
  kind: "dns"
  host: string
  /** `http` asks for `_http._tcp.HOST`, `_grpc._tcp` is asked as written. */
  service: string
}

/** How the API of a source is reached by TLS. */
export interface ApiTlsConfig {
  caFile: string | null
  certFile: string | null
  keyFile: string | null
}

export interface EtcdDiscovery extends ApiTlsConfig {
  kind: "etcd"
  /** Members: `http://host:2379`. */
  urls: string[]
  /** Endpoints are the keys below it. */
  prefix: string
  user: string | null
  passwordFile: string | null
}

export interface ConsulDiscovery extends ApiTlsConfig {
  kind: "consul"
  url: string
  service: string
  datacenter: string | null
  tags: string[]
  tokenFile: string | null
}

export interface KubernetesDiscovery {
  kind: "kubernetes"
  service: string
  /** Null: that of the account, or of the kubeconfig's context. */
  namespace: string | null
  /** Of the Service's ports: a name or a number; null: its only one. */
  port: string | number | null
  /** Null: as the account of the pod that it runs in. */
  kubeconfig: string | null
}

/** What the control plane of `--xds` says by EDS, of one service after the other. */
export interface XdsDiscovery {
  kind: "xds"
  services: string[]
}

/** nginx: `health_check`. The connection is made as the routes to the cluster make theirs. */
export interface HealthCheckConfig {
  /** `grpc`: grpc.health.v1 `Check`. `http`: a request by HTTP/1.1. `tcp`: that it accepts a connection. */
  type: "grpc" | "http" | "tcp"
  /** Empty: the server as a whole. nginx: `grpc_service=`. */
  service: string
  /** A grpc-status that counts as healthy too. nginx: `grpc_status=`. */
  grpcStatus: number | null
  /** Of type http: what is asked for. nginx: `uri=`. */
  uri: string
  /** Of type http: what the answer must be; null: a status from 200 to 399. */
  match: HealthMatch | null
  /** Of type tcp: what it is sent, where `\x0a` stands for an octet; null: nothing. */
  send: string | null
  /** Of type tcp: what must come, `= text` or `~ regex`; null: nothing need. */
  expect: string | null
  /** `Watch` too, on which an endpoint says at once that it does not serve any more. */
  watch: boolean
  intervalMs: number
  /** Added to the interval at random, up to so much; null: a tenth of it either way. */
  jitterMs: number | null
  timeoutMs: number
  /** In a row, until it is healthy or unhealthy. */
  passes: number
  fails: number
  /** Where it is asked, if not at its own port. */
  port: number | null
  /** It gets no streams before it has passed. */
  mandatory: boolean
}

/** nginx's `match`, in its words, each a test that must pass: `200-399`, `Content-Type = text/html`, `~ ok`. */
export interface HealthMatch {
  status: string[]
  headers: string[]
  body: string[]
}

export interface EndpointConfig {
  /** `host:port`, `[v6]:port` or `unix:/path`, as people will read it in messages. */
  address: string
  host: string | null
  port: number | null
  unixPath: string | null
  /** The name that it was found by, where `host` is an address of that; TLS goes by it. */
  name: string | null
  weight: number
  /** Failures within `failTimeoutMs` that take it out for `failTimeoutMs`; 0: never. */
  maxFails: number
  failTimeoutMs: number
  /** Streams open at once; null: no limit. nginx: `max_conns`. */
  maxStreams: number | null
  backup: boolean
  down: boolean
  /** Null: the cluster's. nginx: `slow_start`. */
  slowStartMs: number | null
  /** What hashes place it by; null: its address. Envoy: `hash_key`. */
  hashKey: string | null
  /** What a sticky cookie calls it; null: the MD5 hash of its address. */
  route: string | null
}
