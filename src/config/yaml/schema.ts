/**
 * The shape of `sluice.yaml`, and of what `createBalancer` takes: what a person writes, shorthands included.
 *
 * It says what each value may look like by itself; `rules.ts` says how they must agree. docs/configuration.md
 * explains every key.
 */
import { z } from "zod"
import { type LimitName, limitNames, limitTable } from "../../base/limits.ts"
import { compileRegex, Regex } from "../../regex/regex.ts"
import { readBindAddress } from "../bind-address.ts"
import { METHOD_PATH, ORIGIN_PATTERN } from "../bridge.ts"
import {
  CLIENTS,
  CONTINUITY_ASKS,
  CONTINUITY_MODES,
  continuityProblem,
  FIELD_PATH,
  KEEP_OCTETS,
  LEGS_MAX,
  OVERFLOWS,
  presetNames,
  REFUSALS,
  RESTARTS_WITH,
} from "../continuity.ts"
import { defaults, says } from "../defaults-table.ts"
import { expiresPattern } from "../expires.ts"
import { accessLogFormatNames } from "./access-log-formats.ts"
import { accessShape, zonesSchema } from "./access-schema.ts"
import { cluster, namedCluster } from "./cluster-schema.ts"
import { variableSchema } from "./declared.ts"
import {
  count,
  countOrNone,
  duration,
  durationOrNone,
  grpcStatus,
  headerName,
  headerNames,
  isMessageSize,
  LISTEN_ERROR,
  listenPort,
  listenText,
  MESSAGE_SIZE_ERROR,
  matching,
  oneOrMany,
  size,
  someDuration,
  someDurationOrNone,
  someSizeOrNone,
  status,
  template,
  text,
} from "./field-schemas.ts"
import { filesSchema } from "./files.ts"
import { proxySchema } from "./proxy.ts"
import { sizeOctets } from "./scalars.ts"
import { serviceShape } from "./service-schema.ts"
import { stepSchema, testSchema } from "./step-schema.ts"
import { tcpSchema } from "./tcp-schema.ts"
import { trace, tracing } from "./trace-schema.ts"

const accessLogObject = z
  .strictObject({
    path: text().describe("File, /dev/stdout or stderr."),
    format: z
      .enum(accessLogFormatNames)
      .optional()
      .describe(says("A format with a name.", defaults.accessLog.format)),
    template: template.optional().describe("A format of your own, with $variables."),
    escape: z.enum(["default", "json", "none"]).optional(),
    if: template.optional().describe("The line is written only when this is neither empty nor 0."),
    buffer: size.optional().describe(says("Octets gathered before a write.", defaults.accessLog.buffer)),
    flush: durationOrNone.optional().describe(says("Longest wait in the buffer.", defaults.accessLog.flush)),
  })
  .meta({ id: "AccessLog" })

const ACCESS_LOG_ERROR = 'must be a path, a map with a path, a list of those, or "none"'

const retryConditions = [
  ...(["error", "timeout", "invalid_header", "non_idempotent", "http_403", "http_404", "http_429"] as const),
  ...(["http_500", "http_502", "http_503", "http_504", "grpc_cancelled"] as const),
  ...(["grpc_deadline_exceeded", "grpc_resource_exhausted", "grpc_internal", "grpc_unavailable"] as const),
] as const

const METHOD_ERROR = 'must be a method such as "/chat.Chat/BidStream"'
const ORIGIN_ERROR = 'must be an origin such as "https://app.example", "https://*.example", "~regex" or "*"'

/** Where it is one, it can be read. */
const isOriginRegex = (text: string) => !text.startsWith("~") || compileRegex(text.slice(1)) instanceof Regex

const bridge = z
  .strictObject({
    grpcWeb: z.boolean().optional().describe(says("gRPC-Web, binary and text.", defaults.bridge.grpcWeb)),
    connect: z.boolean().optional().describe(says("Connect, unary and streaming.", defaults.bridge.connect)),
    webSocket: z
      .boolean()
      .optional()
      .describe(
        says("WebSocket with JSON messages, and the grpc-websockets subprotocol.", defaults.bridge.webSocket),
      ),
    method: matching(METHOD_PATH, METHOD_ERROR)
      .optional()
      .describe(says("The method that every such call means.", defaults.bridge.method)),
    pathPrefix: matching(/^\/[!-~]*$/, 'must be the start of a path, such as "/api"')
      .optional()
      .describe("Taken off the path before it says the method."),
    origins: z
      .array(matching(ORIGIN_PATTERN, ORIGIN_ERROR).refine(isOriginRegex, { error: "is no regex" }))
      .optional()
      .describe(says("Origins of other hosts whose pages may call; * for all.", defaults.bridge.origins)),
    descriptorSet: text()
      .optional()
      .describe(says("File with a FileDescriptorSet, for JSON.", defaults.bridge.descriptorSet)),
    metadataQuery: headerNames
      .optional()
      .describe(
        says("Query parameters of a WebSocket that become request headers.", defaults.bridge.metadataQuery),
      ),
    metadataCookie: headerName
      .optional()
      .describe("Cookie of a WebSocket that becomes authorization: Bearer ... ."),
    maxMessageSize: size
      .refine(isMessageSize, { error: MESSAGE_SIZE_ERROR })
      .optional()
      .describe(says("Largest message where a bridge needs it whole.", defaults.bridge.maxMessageSize)),
  })
  .meta({ id: "Bridge" })

const MODE_ERROR = `must be a mode, ${CONTINUITY_MODES.join(", ")}, or a list of them`
const KEEP_ERROR = 'must be a size of at most 16m, such as "64k"'
const FIELD_ERROR = 'must be a field by its number or name, such as "4", "2.1" or "page.after"'
const fieldPath = matching(FIELD_PATH, FIELD_ERROR).optional()
const CONTINUITY_ERROR = `must be a map with a mode, one of ${presetNames.join(", ")}, or "none"`

const continuityObject = z
  .strictObject({
    mode: oneOrMany(z.enum(CONTINUITY_MODES), MODE_ERROR).describe(
      says("How a call goes on, the safest first.", defaults.continuity.mode),
    ),
    keep: size
      .refine((input) => sizeOctets(input) <= KEEP_OCTETS.max, { error: KEEP_ERROR })
      .optional()
      .describe(says("Octets of client messages kept for another leg.", defaults.continuity.keep)),
    gapMax: someDuration.optional().describe(says("Longest time without a leg.", defaults.continuity.gapMax)),
    legsMax: z
      .int()
      .min(LEGS_MAX.min)
      .max(LEGS_MAX.max)
      .optional()
      .describe(says("Most legs in a row that did not last a second.", defaults.continuity.legsMax)),
    ask: z
      .enum(CONTINUITY_ASKS)
      .optional()
      .describe(says("How a backend is asked to hand off.", defaults.continuity.ask)),
    refused: z
      .enum(REFUSALS)
      .optional()
      .describe(says("What follows when a backend refuses to go on.", defaults.continuity.refused)),
    with: z
      .enum(RESTARTS_WITH)
      .optional()
      .describe(says("What mode restart sends again.", defaults.continuity.with)),
    statuses: z
      .array(grpcStatus)
      .optional()
      .describe(says("grpc-statuses that are failures, not answers.", defaults.continuity.statuses)),
    overflow: z
      .enum(OVERFLOWS)
      .optional()
      .describe(says("What follows when more is to be kept than keep.", defaults.continuity.overflow)),
    clients: z
      .enum(CLIENTS)
      .optional()
      .describe(says("Whether clients may keep their streams themselves.", defaults.continuity.clients)),
    hold: size
      .refine((input) => sizeOctets(input) <= KEEP_OCTETS.max, { error: KEEP_ERROR })
      .optional()
      .describe(says("Mode cursor: octets of responses that wait for a token.", defaults.continuity.hold)),
    from: fieldPath.describe("Mode cursor: the field of a response that holds a resume token."),
    into: fieldPath.describe("Mode cursor: the field of the first request that takes it."),
  })
  .superRefine(({ mode, statuses = [], from, into, overflow }, context) => {
    const hasOk = statuses.some((one) => one === 0 || one === "OK")
    const message = hasOk
      ? "statuses must not name OK, which ends a call"
      : continuityProblem([mode].flat(), from, into, overflow)
    if (message !== null) context.addIssue({ code: "custom", message })
  })
  .meta({ id: "Continuity" })

const continuity = z.union([z.literal("none"), z.enum(presetNames), continuityObject], {
  error: CONTINUITY_ERROR,
})

const alpn = z.array(text().max(255)).min(1).optional()

const upstreamTlsShape = {
  verify: z
    .boolean()
    .optional()
    .describe(says("Check the upstream's certificate.", defaults.upstreamTls.verify)),
  verifyDepth: count(0).optional().describe(says("", defaults.upstreamTls.verifyDepth)),
  ca: text().optional().describe("File of trusted certificates."),
  crl: text().optional().describe("File of their revocation lists, one of each."),
  serverName: text()
    .regex(/^[^$]+$/, { error: "must be a name" })
    .optional()
    .describe(says("Name to check and to send.", defaults.upstreamTls.serverName)),
  sendServerName: z.boolean().optional().describe(says("Send SNI.", defaults.upstreamTls.sendServerName)),
  cert: text().optional().describe("Our certificate, for an upstream that asks."),
  key: text().optional(),
  passwords: text().optional().describe("File of passphrases, one a line, of which one opens the key."),
  protocols: z.array(text()).optional(),
  ciphers: text().optional(),
  alpn: alpn.describe("Protocols that TCP sessions offer."),
}
const upstreamTls = z.strictObject(upstreamTlsShape).meta({ id: "UpstreamTls" })
const routeTls = z
  .strictObject({
    ...upstreamTlsShape,
    serverName: template
      .optional()
      .describe(says("Name to check and to send, with $variables.", defaults.upstreamTls.serverName)),
  })
  .meta({ id: "RouteTls" })
const TLS_ERROR = "must be true, false or a map"
const tlsToService = z.union([z.boolean(), upstreamTls], { error: TLS_ERROR })
const tlsToUpstream = z.union([z.boolean(), routeTls], { error: TLS_ERROR })

const BIND_ERROR = 'must be an IP address with a port or without, a text with $variables, or "none"'
const bindAddress = template.refine(
  (value) => value === "none" || value.includes("$") || readBindAddress(value) !== null,
  { error: BIND_ERROR },
)

const addedFields = z.union(
  [
    z.record(
      headerName,
      z.union([template, z.strictObject({ value: template, always: z.boolean().optional() })], {
        error: "must be a template, or a map with value and always",
      }),
    ),
    z.array(z.strictObject({ name: headerName, value: template, always: z.boolean().optional() })),
  ],
  { error: "must be a map of header names to templates" },
)

const settingsShape = {
  connectTimeout: someDuration
    .optional()
    .describe(says("Longest wait for an upstream connection.", defaults.settings.connectTimeout)),
  readTimeout: someDurationOrNone
    .optional()
    .describe(says("Longest silence of the upstream on a stream.", defaults.settings.readTimeout)),
  sendTimeout: someDurationOrNone
    .optional()
    .describe(says("Longest wait for the upstream to take what we hold.", defaults.settings.sendTimeout)),
  bodyTimeout: someDurationOrNone
    .optional()
    .describe(says("Longest silence of a client that has not finished.", defaults.settings.bodyTimeout)),
  idleTimeout: someDurationOrNone
    .optional()
    .describe(says("Longest silence of both sides of a stream.", defaults.settings.idleTimeout)),
  responseTimeout: someDurationOrNone
    .optional()
    .describe(
      says("From the end of the request to the end of the response.", defaults.settings.responseTimeout),
    ),
  maxCallTime: someDurationOrNone
    .optional()
    .describe(says("Longer calls end with DEADLINE_EXCEEDED.", defaults.settings.maxCallTime)),
  grpcTimeoutMax: someDurationOrNone
    .optional()
    .describe(says("Longer deadlines of gRPC clients are this.", defaults.settings.grpcTimeoutMax)),
  maxStreamAge: someDurationOrNone
    .optional()
    .describe(
      says("Older streams end with UNAVAILABLE; give or take a fifth.", defaults.settings.maxStreamAge),
    ),
  maxBodySize: someSizeOrNone
    .optional()
    .describe(says("Most octets of one request, all messages together.", defaults.settings.maxBodySize)),
  retry: z
    .union(
      [
        z.literal("none"),
        z.strictObject({
          on: z.array(z.enum(retryConditions)).optional().describe(says("", defaults.settings.retryOn)),
          tries: countOrNone().optional().describe(says("Most tries in all.", defaults.settings.retryTries)),
          timeout: someDurationOrNone
            .optional()
            .describe(says("No new try after it.", defaults.settings.retryTimeout)),
        }),
      ],
      { error: 'must be a map with on, tries or timeout, or "none"' },
    )
    .optional()
    .describe("When a stream that the upstream cannot have seen is tried on another endpoint."),
  setHeaders: z
    .union([z.record(headerName, template), z.array(z.tuple([headerName, template]))], {
      error: "must be a map of header names to templates",
    })
    .optional()
    .describe("Request headers to set; an empty text removes. host sets :authority."),
  passHeaders: headerNames.optional().describe("Response headers to keep that would be dropped."),
  hideHeaders: headerNames.optional().describe("Response headers to drop, from trailers too."),
  ignoreHeaders: headerNames.optional().describe("Response headers without effect here."),
  addHeaders: addedFields.optional().describe("Response headers to add; always: also on errors."),
  addTrailers: addedFields.optional().describe("Trailers to add to responses; always: also to errors."),
  expires: template
    .refine((value) => value.includes("$") || expiresPattern.test(value), {
      error: 'must be as nginx writes it: off, max, epoch, "30d", "-1", "modified 1h" or "@18h"',
    })
    .optional()
    .describe(says("Expires and Cache-Control, as nginx writes it.", defaults.settings.expires)),
  charset: template
    .optional()
    .describe(says("What Content-Type says of texts; none: nothing.", defaults.settings.charset)),
  charsetTypes: z
    .array(z.string())
    .optional()
    .describe(says("Which are such texts; * is all.", defaults.settings.charsetTypes)),
  socketKeepalive: z
    .boolean()
    .optional()
    .describe(says("TCP keepalive on upstream connections.", defaults.settings.socketKeepalive)),
  bindAddress: bindAddress.optional().describe("Local address to connect from."),
  accessLog: oneOrMany(z.union([text(), accessLogObject], { error: ACCESS_LOG_ERROR }), ACCESS_LOG_ERROR)
    .optional()
    .describe(says("", defaults.settings.accessLog)),
  accessLogInterval: someDurationOrNone
    .optional()
    .describe(
      says("Records of a stream as it begins and while it goes on.", defaults.settings.accessLogInterval),
    ),
  errorStatuses: z
    .array(
      z.strictObject({
        http: oneOrMany(status(300), "must be an HTTP status from 300 to 599, or a list of them"),
        grpcStatus,
        message: template.optional(),
      }),
    )
    .optional()
    .describe("The grpc-status a gRPC client is told in place of an HTTP status."),
  errorPages: z
    .array(
      z.strictObject({
        http: oneOrMany(status(300), "must be an HTTP status from 300 to 599, or a list of them"),
        status: z
          .union([status(0), z.literal("target")], { error: 'must be an HTTP status or "target"' })
          .optional(),
        to: template,
      }),
    )
    .optional()
    .describe("Where errors lead: a path or @name of the server, or an address to redirect to."),
  recursiveErrorPages: z
    .boolean()
    .optional()
    .describe(says("Errors at such a place lead on.", defaults.settings.recursiveErrorPages)),
  interceptErrors: z
    .boolean()
    .optional()
    .describe(
      says(
        "Errors of the upstream go through errorPages and errorStatuses too.",
        defaults.settings.interceptErrors,
      ),
    ),
  serverTokens: text()
    .optional()
    .describe(says("What the pages of errors call the server.", defaults.settings.serverTokens)),
  absoluteRedirect: z
    .boolean()
    .optional()
    .describe(says("A redirect to a path says scheme and host too.", defaults.settings.absoluteRedirect)),
  serverNameInRedirect: z
    .boolean()
    .optional()
    .describe(says("That host is the server's first name.", defaults.settings.serverNameInRedirect)),
  portInRedirect: z
    .boolean()
    .optional()
    .describe(says("A redirect to a path says the port too.", defaults.settings.portInRedirect)),
  ...accessShape(template),
  ...serviceShape(template, tlsToService),
  bridge: bridge.optional().describe(says("What browsers may speak.", defaults.settings.bridge)),
  continuity: continuity
    .optional()
    .describe(says("Streams that outlive their backend.", defaults.settings.continuity)),
  trace: trace.optional(),
} as const

const answer = z.union(
  [
    status(200),
    z.literal("none"),
    z.strictObject({
      status: status(200).optional().describe(says("", defaults.route.returnStatus)),
      text: template.optional().describe("Body or redirect address."),
      contentType: z.string().optional().describe(says("Of the body.", defaults.route.returnContentType)),
      grpcStatus: grpcStatus.optional().describe("What gRPC clients are told."),
      grpcMessage: template.optional().describe(says("With grpcStatus.", defaults.route.returnGrpcMessage)),
    }),
  ],
  { error: 'must be a status from 200 to 599, a map with status, text or grpcStatus, or "none"' },
)

/** Where a route leads. */
const actionShape = {
  cluster: template.optional().describe("Name of a cluster; with $variables, looked up for each stream."),
  resolve: z
    .boolean()
    .optional()
    .describe(says("With $variables: they may come to a host's name and port.", defaults.route.resolve)),
  tlsByScheme: z
    .boolean()
    .optional()
    .describe(
      says(
        "With $variables: tls is for what comes to grpcs://, all else goes without.",
        defaults.route.tlsByScheme,
      ),
    ),
  tls: tlsToUpstream.optional().describe(says("Speak TLS to the upstream.", defaults.route.tls)),
  proxy: proxySchema(template).optional().describe("HTTP/1.1 backends, in place of cluster."),
  files: filesSchema(template).optional().describe("Files of this machine, in place of cluster."),
  return: answer.optional().describe("Answer without an upstream; none: nothing is here."),
} as const

/** Another action and other settings for some of the requests of a route. */
const variant = z.strictObject({ ...actionShape, ...settingsShape })
export type VariantInput = z.input<typeof variant>
const rewrite = z
  .array(stepSchema(template, answer, variant))
  .optional()
  .describe("Steps before anyone is let in: set, rewrite, return, if.")

const METHOD_NAME = matching(/^[A-Z]+$/, 'must be a method such as "GET"')

const routeShape = {
  exact: z.string().optional().describe("Path that must be met exactly."),
  prefix: z.string().optional().describe(says("Start of the path; the longest wins.", defaults.route.prefix)),
  final: z
    .boolean()
    .optional()
    .describe(says("With prefix: regexes do not override it.", defaults.route.final)),
  regex: z.string().optional().describe("Tried in order after prefixes."),
  ignoreCase: z.boolean().optional().describe(says("With regex.", defaults.route.ignoreCase)),
  when: z
    .array(testSchema(template))
    .optional()
    .describe("What must hold beside the path, where the server's order is written."),
  named: matching(/^@/, 'must be a name that begins with "@"')
    .optional()
    .describe("No path leads here, only what names it."),
  ...actionShape,
  internal: z
    .boolean()
    .optional()
    .describe(says("Only what the file sends on is taken.", defaults.route.internal)),
  rewrite,
  except: z
    .strictObject({ methods: z.array(METHOD_NAME).min(1), ...variant.shape })
    .optional()
    .describe("Where other methods than these lead, and what holds for them."),
  ...settingsShape,
} as const

export interface RouteInput extends z.input<z.ZodObject<typeof routeShape>> {
  /** Routes tried within this one, with its settings. */
  routes?: RouteInput[] | undefined
}

const route: z.ZodType<RouteInput, RouteInput> = z
  .strictObject({
    ...routeShape,
    get routes() {
      return z.array(route).optional().describe("Routes tried within this one, with its settings.")
    },
  })
  .meta({ id: "Route" })

const clientShape = {
  clientCa: text().optional().describe("File of authorities that client certificates are checked against."),
  clientCrl: text().optional().describe("File of their revocation lists, one of each."),
  clientOcsp: z
    .strictObject({
      check: z.enum(["leaf", "chain"]),
      responder: z
        .string()
        .regex(/^http:\/\/./, { error: 'must begin with "http://"' })
        .optional(),
    })
    .optional()
    .describe("Their authorities are asked by OCSP whether they were revoked."),
  verifyClient: z
    .enum(["off", "on", "optional", "optional_no_ca"])
    .optional()
    .describe(says("", defaults.listenerTls.verifyClient)),
  verifyDepth: count(0).optional().describe(says("", defaults.listenerTls.verifyDepth)),
} as const

const listenerTls = z
  .strictObject({
    certificates: z
      .array(
        z.strictObject({
          names: z.array(z.string()).optional().describe('"" is that of calls without a host.'),
          cert: text().pipe(template),
          key: text().pipe(template),
          passwords: text()
            .optional()
            .describe("File of passphrases, one a line, of which one opens the key."),
          stapling: z
            .strictObject({
              response: text().optional(),
              responder: text().optional(),
              issuer: text().optional(),
            })
            .optional()
            .describe("Clients are shown its authority's answer by OCSP."),
          clients: z
            .strictObject(clientShape)
            .optional()
            .describe("What is asked of clients who ask for these names, where that differs."),
        }),
      )
      .optional()
      .describe("The first is used when SNI names none of them. There is one, but with rejectOthers."),
    rejectNames: z.array(text()).optional().describe("Server names for which the handshake is refused."),
    rejectOthers: z
      .boolean()
      .optional()
      .describe(says("So are names that no certificate is for.", defaults.listenerTls.rejectOthers)),
    protocols: z.array(text()).optional(),
    ciphers: text().optional(),
    ...clientShape,
    sessionTimeout: duration.optional().describe(says("", defaults.listenerTls.sessionTimeout)),
    alpn: alpn.describe("Protocols that are spoken, of TCP listeners."),
  })
  .meta({ id: "ListenerTls" })

const listenerObject = z
  .strictObject({
    address: z.union([listenPort, listenText], { error: LISTEN_ERROR }),
    protocol: z
      .enum(["http", "tcp"])
      .optional()
      .describe(says("tcp: relayed as it is, by a server of tcp.", defaults.listener.protocol)),
    name: text().optional().describe(says("What servers call it.", defaults.listener.name)),
    backlog: countOrNone().optional().describe(says("", defaults.listener.backlog)),
    reusePort: z.boolean().optional().describe(says("", defaults.listener.reusePort)),
    ipv6Only: z.boolean().optional().describe(says("", defaults.listener.ipv6Only)),
    proxyProtocol: z.boolean().optional().describe(says("", defaults.listener.proxyProtocol)),
    tls: listenerTls.optional(),
    maxConcurrentStreams: countOrNone().optional().describe(says("", defaults.listener.maxConcurrentStreams)),
    headerTimeout: someDurationOrNone
      .optional()
      .describe(says("A whole header block must arrive within it.", defaults.listener.headerTimeout)),
    idleTimeout: durationOrNone
      .optional()
      .describe(says("A connection without streams is closed after it.", defaults.listener.idleTimeout)),
    maxConnectionAge: someDurationOrNone
      .optional()
      .describe(
        says("Then GOAWAY; its streams go on. Give or take a fifth.", defaults.listener.maxConnectionAge),
      ),
    maxConnectionAgeGrace: durationOrNone
      .optional()
      .describe(
        says("After that GOAWAY: then streams that are left end.", defaults.listener.maxConnectionAgeGrace),
      ),
    maxRequestsPerConnection: countOrNone()
      .optional()
      .describe(says("Then GOAWAY.", defaults.listener.maxRequestsPerConnection)),
    socketKeepalive: z.boolean().optional().describe(says("", defaults.listener.socketKeepalive)),
  })
  .meta({ id: "Listener" })

const LISTENER_ERROR = `${LISTEN_ERROR}, or a map with an address`
const listener = z.union([listenPort, listenText, listenerObject], { error: LISTENER_ERROR })

const server = z
  .strictObject({
    names: oneOrMany(z.string(), "must be a name or a list of names")
      .optional()
      .describe("example.com, *.example.com, www.*, ~regex or an empty text, which is the default."),
    listeners: z.array(text()).optional().describe(says("Names of listeners.", defaults.server.listeners)),
    default: z
      .union([z.boolean(), z.array(text())], { error: "must be true, false or a list of listener names" })
      .optional()
      .describe(
        says("Answers unmatched authorities, on its listeners or on those named.", defaults.server.default),
      ),
    order: z
      .enum(["nginx", "written"])
      .optional()
      .describe(
        says("written: the first route as they stand that matches, with its when.", defaults.server.order),
      ),
    underscoresInHeaders: z
      .boolean()
      .optional()
      .describe(
        says("$http_a_b is a field a_b too, where there is no a-b.", defaults.server.underscoresInHeaders),
      ),
    mergeSlashes: z
      .boolean()
      .optional()
      .describe(
        says("Several / in a row are one, for routes, rewrites and files.", defaults.server.mergeSlashes),
      ),
    rewrite,
    routes: z.array(route).optional(),
    ...settingsShape,
  })
  .meta({ id: "Server" })

const ADMIN_ERROR =
  'must be "off", an address (a port, host:port, [v6]:port or unix:/path), or a map with an address'
const admin = z
  .union(
    [
      listenPort,
      listenText,
      z.literal("off"),
      z.strictObject({
        address: z
          .union([listenPort, listenText, z.literal("off")], { error: LISTEN_ERROR })
          .optional()
          .describe(says("Where it listens.", defaults.file.admin)),
        token: text()
          .optional()
          .describe(says("File with the bearer token that callers must show.", defaults.admin.token)),
        hosts: z
          .array(text())
          .optional()
          .describe(says("Names by which browsers may call it, beside localhost.", defaults.admin.hosts)),
        xds: z
          .union(
            [
              listenPort,
              listenText,
              z.strictObject({
                address: z.union([listenPort, listenText], { error: LISTEN_ERROR }),
                certificate: text().optional().describe(says("PEM file.", defaults.xds.certificate)),
                key: text().optional().describe(says("PEM file.", defaults.xds.key)),
                clientCa: text()
                  .optional()
                  .describe(says("Its clients must show a certificate of this CA's.", defaults.xds.clientCa)),
              }),
            ],
            { error: LISTEN_ERROR },
          )
          .optional()
          .describe(
            says("Where gRPC clients without a proxy are told of endpoints, by xDS.", defaults.admin.xds),
          ),
      }),
    ],
    { error: ADMIN_ERROR },
  )
  .meta({ id: "Admin" })

const limits = z.strictObject(
  Object.fromEntries(
    limitNames.map((name) => {
      const { min, max, unit, counts } = limitTable[name]
      return [name, z.int().min(min).max(max).optional().describe(`In ${unit}: ${counts}.`)]
    }),
  ) as Record<LimitName, z.ZodOptional<z.ZodInt>>,
)

const variable = variableSchema(template)
const zones = zonesSchema(template)

export const schema = z
  .strictObject({
    $schema: z.string().optional().describe("For editors; no effect."),
    workers: z
      .union([count(), z.literal("auto")], { error: 'must be a whole number from 1, or "auto"' })
      .optional()
      .describe(says("Data threads.", defaults.file.workers)),
    listeners: z.union([listener, z.array(listener)], {
      error: `${LISTENER_ERROR}, or a list of those`,
    }),
    ...settingsShape,
    routes: z
      .array(route)
      .optional()
      .describe("For a single server. Left out: everything goes to the only cluster."),
    rewrite,
    zones: zones.optional().describe("Where keys are counted, for limits."),
    variables: z.array(variable).optional().describe("Variables of the file's own."),
    servers: z.array(server).optional().describe("Virtual hosts, in place of routes."),
    clusters: z
      .union([z.record(text(), cluster), z.array(namedCluster)], {
        error: "must be a map of names to clusters",
      })
      .optional(),
    tcp: tcpSchema({
      template,
      bindAddress,
      variable,
      zones,
      tls: routeTls,
      accessLog: oneOrMany(z.union([text(), accessLogObject], { error: ACCESS_LOG_ERROR }), ACCESS_LOG_ERROR),
    })
      .optional()
      .describe("Connections that are relayed as they are."),
    log: z
      .strictObject({
        level: z
          .enum(["debug", "info", "warn", "error"])
          .optional()
          .describe(says("", defaults.file.logLevel)),
        path: text().optional().describe(says("", defaults.file.logPath)),
      })
      .optional()
      .describe("Sluice's own log."),
    pidFile: text().optional(),
    admin: admin
      .optional()
      .describe(says("Where the running process is asked and told things.", defaults.file.admin)),
    metrics: z
      .enum(["full", "basic"])
      .optional()
      .describe(
        says(
          "What is counted for /metrics: by cluster and endpoint alone, or by route too, with histograms of times.",
          defaults.file.metrics,
        ),
      ),
    tracing: tracing.optional(),
    shutdown: z
      .strictObject({ grace: duration.optional().describe(says("", defaults.file.shutdownGrace)) })
      .optional()
      .describe("How long live streams may go on after a signal to end."),
    limits: limits.optional().describe("Overrides of the bounds in docs/limits.md."),
  })
  .meta({ title: "sluice.yaml" })

/** What a person writes. */
export type SluiceYaml = z.input<typeof schema>
export type ServerInput = z.input<typeof server>
export type ListenerInput = z.input<typeof listener>
export type AdminInput = z.input<typeof admin>
export type XdsInput = NonNullable<Extract<AdminInput, { address?: unknown }>["xds"]>
export type ClusterInput = z.input<typeof cluster>

/** The document that editors check against: JSON Schema 2020-12. */
export function jsonSchema(): object {
  return z.toJSONSchema(schema, { io: "input" })
}
