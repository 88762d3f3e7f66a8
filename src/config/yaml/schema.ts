/**
 * The shape of `sluice.yaml`, and of what `createBalancer` takes: what a person writes, shorthands included.
 *
 * It says what each value may look like by itself; `rules.ts` says how they must agree. docs/configuration.md
 * explains every key.
 */
import { isIP } from "node:net"
import { z } from "zod"
import { type LimitName, limitNames, limitTable } from "../../base/limits.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import { checkTemplate } from "../../record/template.ts"
import { variableNames } from "../../record/variables.ts"
import { parseAddress } from "../address.ts"
import { MESSAGE_OCTETS, METHOD_PATH, ORIGIN } from "../bridge.ts"
import { didYouMean } from "../problem.ts"
import { accessLogFormatNames } from "./access-log-formats.ts"
import {
  DURATION,
  DURATION_MAX_MS,
  DURATION_OR_NONE,
  durationMs,
  listenAddress,
  SIZE,
  SIZE_OR_NONE,
  sizeOctets,
} from "./scalars.ts"

const text = (error = "must be text that is not empty") => z.string({ error }).min(1, { error })
const matching = (pattern: RegExp, error: string) => z.string({ error }).regex(pattern, { error })
const oneOrMany = <Item extends z.ZodType>(item: Item, error: string) =>
  z.union([item, z.array(item)], { error })
const count = (min = 1) => z.int().min(min)
const orNone = (number: z.ZodInt, min: number) =>
  z.union([number, z.literal("none")], { error: `must be a whole number from ${min}, or "none"` })
const countOrNone = (min = 1) => orNone(count(min), min)

const isWritable = (duration: string) => !DURATION.test(duration) || durationMs(duration) <= DURATION_MAX_MS
const durationOf = (pattern: RegExp, error: string) => matching(pattern, error).refine(isWritable, { error })
const duration = durationOf(DURATION, 'must be a time such as "30s", "5m" or "1h30m"')
const durationOrNone = durationOf(DURATION_OR_NONE, 'must be a time such as "30s" or "5m", or "none"')
/** Not 0, where that would fail everything at once. */
const isSome = (duration: string) => !DURATION.test(duration) || durationMs(duration) > 0
const someDuration = duration.refine(isSome, { error: "must be longer than 0" })
const someDurationOrNone = durationOrNone.refine(isSome, { error: 'must be longer than 0, or "none"' })
const SIZE_ERROR = 'must be a size such as "64k", "1m" or a number of octets'
const size = z.union([z.int().min(0), matching(SIZE, SIZE_ERROR)], { error: SIZE_ERROR })
const MESSAGE_SIZE_ERROR = 'must be a size from 1k to 2g, such as "16m"'
const isMessageSize = (input: number | string) => {
  const octets = sizeOctets(input)
  return octets >= MESSAGE_OCTETS.min && octets <= MESSAGE_OCTETS.max
}
const someSizeText = matching(SIZE_OR_NONE, `${SIZE_ERROR}, or "none"`).refine(
  (text) => !SIZE.test(text) || sizeOctets(text) > 0,
  { error: 'must be at least 1, or "none"' },
)
const someSizeOrNone = z.union([z.int().min(1), someSizeText], { error: `${SIZE_ERROR}, or "none"` })

/** Text that `check` has nothing to say against. */
function checked(error: string, check: (value: string) => boolean): z.ZodString {
  return z.string({ error }).refine(check, { error })
}

const ADDRESS_ERROR = "must be an address: host:port, [v6]:port or unix:/path"
const endpointAddress = checked(ADDRESS_ERROR, (value) => parseAddress(value, null) !== null)
const LISTEN_ERROR = "must be a port, host:port, [v6]:port or unix:/path"
const listenText = checked(LISTEN_ERROR, (value) => listenAddress(value) !== null)
const listenPort = z.int({ error: LISTEN_ERROR }).min(0).max(65535)

/** Text with nginx's `$variables`. */
const template = z.string().superRefine((value, context) => {
  const problem = checkTemplate(value)
  if (problem === null) return
  const { message, offset, length } = problem
  const name = `$${value.slice(offset, offset + length).replace(/[${}]/g, "")}`
  const known = variableNames().map((one) => `$${one}`)
  const hint = message.startsWith("unknown") ? didYouMean(name, known) : null
  context.addIssue({ code: "custom", message, params: { offset, length, hint } })
})

const headerName = matching(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/, "must be a header name")
const headerNames = z.array(headerName)

const status = (min: number) => z.int().min(min).max(599)
const GRPC_STATUS_ERROR = "must be a gRPC status: its name, for instance UNAVAILABLE, or its number"
const grpcStatusNames = Object.keys(GrpcStatus) as (keyof typeof GrpcStatus)[]
const grpcStatus = z.union([z.enum(grpcStatusNames), z.int().min(0).max(16)], { error: GRPC_STATUS_ERROR })

const accessLogObject = z
  .strictObject({
    path: text().describe("File, /dev/stdout or stderr."),
    format: z.enum(accessLogFormatNames).optional().describe("A format with a name. Default: main."),
    template: template.optional().describe("A format of your own, with $variables."),
    escape: z.enum(["default", "json", "none"]).optional(),
    if: template.optional().describe("The line is written only when this is neither empty nor 0."),
    buffer: size.optional().describe("Octets gathered before a write. Default: 0, at once."),
    flush: durationOrNone.optional().describe("Longest wait in the buffer. Default: none."),
  })
  .meta({ id: "AccessLog" })

const ACCESS_LOG_ERROR = 'must be a path, a map with a path, a list of those, or "none"'

const retryConditions = [
  ...(["error", "timeout", "invalid_header", "non_idempotent", "http_403", "http_404", "http_429"] as const),
  ...(["http_500", "http_502", "http_503", "http_504"] as const),
] as const

const METHOD_ERROR = 'must be a method such as "/chat.Chat/BidStream"'
const ORIGIN_ERROR = 'must be an origin such as "https://app.example", or "*"'

const bridge = z
  .strictObject({
    grpcWeb: z.boolean().optional().describe("gRPC-Web, binary and text. Default: false."),
    connect: z.boolean().optional().describe("Connect, unary and streaming. Default: false."),
    webSocket: z
      .boolean()
      .optional()
      .describe("WebSocket with JSON messages, and the grpc-websockets subprotocol. Default: false."),
    method: matching(METHOD_PATH, METHOD_ERROR)
      .optional()
      .describe("The method that every such call means. Default: what the path says."),
    pathPrefix: matching(/^\/[!-~]*$/, 'must be the start of a path, such as "/api"')
      .optional()
      .describe("Taken off the path before it says the method."),
    origins: z
      .array(matching(ORIGIN, ORIGIN_ERROR))
      .optional()
      .describe("Origins of other hosts whose pages may call; * for all. Default: none."),
    descriptorSet: text()
      .optional()
      .describe("File with a FileDescriptorSet, for JSON. Default: server reflection."),
    metadataQuery: headerNames
      .optional()
      .describe("Query parameters of a WebSocket that become request headers. Default: none."),
    metadataCookie: headerName
      .optional()
      .describe("Cookie of a WebSocket that becomes authorization: Bearer ... ."),
    maxMessageSize: size
      .refine(isMessageSize, { error: MESSAGE_SIZE_ERROR })
      .optional()
      .describe("Largest message where a bridge needs it whole. Default: limits.messageOctetsMax, 4 MiB."),
  })
  .meta({ id: "Bridge" })

const settingsShape = {
  connectTimeout: someDuration.optional().describe("Longest wait for an upstream connection. Default: 5s."),
  readTimeout: someDurationOrNone
    .optional()
    .describe("Longest silence of the upstream on a stream. Default: none."),
  sendTimeout: someDurationOrNone
    .optional()
    .describe("Longest wait for the upstream to take what we hold. Default: none."),
  bodyTimeout: someDurationOrNone
    .optional()
    .describe("Longest silence of a client that has not finished. Default: none."),
  maxBodySize: someSizeOrNone
    .optional()
    .describe("Most octets of one request, all messages together. Default: none."),
  retry: z
    .union(
      [
        z.literal("none"),
        z.strictObject({
          on: z.array(z.enum(retryConditions)).optional().describe("Default: [error, timeout]."),
          tries: countOrNone()
            .optional()
            .describe("Most tries in all. Default: none, as many as there are endpoints."),
          timeout: someDurationOrNone.optional().describe("No new try after it. Default: none."),
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
  addHeaders: z
    .union(
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
    .optional()
    .describe("Response headers to add; always: also on errors."),
  socketKeepalive: z.boolean().optional().describe("TCP keepalive on upstream connections. Default: false."),
  bindAddress: checked(
    'must be an IP address without a port, or "none"',
    (value) => value === "none" || isIP(value) !== 0,
  )
    .optional()
    .describe("Local address to connect from."),
  accessLog: oneOrMany(z.union([text(), accessLogObject], { error: ACCESS_LOG_ERROR }), ACCESS_LOG_ERROR)
    .optional()
    .describe("Default: none."),
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
  interceptErrors: z
    .boolean()
    .optional()
    .describe("Errors of the upstream go through errorStatuses too. Default: false."),
  bridge: bridge.optional().describe("What browsers may speak. Default: nothing beside gRPC."),
} as const

const upstreamTls = z
  .strictObject({
    verify: z.boolean().optional().describe("Check the upstream's certificate. Default: false."),
    verifyDepth: count(0).optional().describe("Default: 1."),
    ca: text().optional().describe("File of trusted certificates."),
    serverName: text().optional().describe("Name to check and to send. Default: the address's host."),
    sendServerName: z.boolean().optional().describe("Send SNI. Default: false."),
    cert: text().optional().describe("Our certificate, for an upstream that asks."),
    key: text().optional(),
    protocols: z.array(text()).optional(),
    ciphers: text().optional(),
  })
  .meta({ id: "UpstreamTls" })

const routeShape = {
  exact: z.string().optional().describe("Path that must be met exactly."),
  prefix: z.string().optional().describe("Start of the path; the longest wins. Default: /."),
  final: z.boolean().optional().describe("With prefix: regexes do not override it. Default: false."),
  regex: z.string().optional().describe("Tried in order after prefixes."),
  ignoreCase: z.boolean().optional().describe("With regex. Default: false."),
  cluster: template.optional().describe("Name of a cluster; with $variables, looked up for each stream."),
  tls: z
    .union([z.boolean(), upstreamTls], { error: "must be true, false or a map" })
    .optional()
    .describe("Speak TLS to the upstream. Default: false."),
  return: z
    .union(
      [
        status(200),
        z.literal("none"),
        z.strictObject({
          status: status(200).optional().describe("Default: 200."),
          text: template.optional().describe("Body or redirect address."),
          contentType: z.string().optional().describe("Of the body. Default: text/plain."),
          grpcStatus: grpcStatus.optional().describe("What gRPC clients are told."),
          grpcMessage: template.optional().describe("With grpcStatus. Default: the text."),
        }),
      ],
      { error: 'must be a status from 200 to 599, a map with status, text or grpcStatus, or "none"' },
    )
    .optional()
    .describe("Answer without an upstream; none: nothing is here."),
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

const listenerTls = z
  .strictObject({
    certificates: z
      .array(z.strictObject({ names: z.array(text()).optional(), cert: text(), key: text() }))
      .min(1)
      .describe("The first is used when SNI names none of them."),
    protocols: z.array(text()).optional(),
    ciphers: text().optional(),
    clientCa: text().optional().describe("File of authorities that client certificates are checked against."),
    verifyClient: z.enum(["off", "on", "optional", "optional_no_ca"]).optional().describe("Default: off."),
    verifyDepth: count(0).optional().describe("Default: 1."),
    sessionTimeout: duration.optional().describe("Default: 5m."),
  })
  .meta({ id: "ListenerTls" })

const listenerObject = z
  .strictObject({
    address: z.union([listenPort, listenText], { error: LISTEN_ERROR }),
    name: text().optional().describe("What servers call it. Default: the address."),
    backlog: countOrNone().optional().describe("Default: none, the system's."),
    reusePort: z.boolean().optional().describe("Default: false."),
    ipv6Only: z.boolean().optional().describe("Default: true."),
    proxyProtocol: z.boolean().optional().describe("Default: false."),
    tls: listenerTls.optional(),
    maxConcurrentStreams: countOrNone().optional().describe("Default: 1000."),
    headerTimeout: someDurationOrNone
      .optional()
      .describe("A whole header block must arrive within it. Default: 10s."),
    idleTimeout: durationOrNone
      .optional()
      .describe("A connection without streams is closed after it. Default: 75s."),
    maxRequestsPerConnection: countOrNone().optional().describe("Then GOAWAY. Default: none."),
    socketKeepalive: z.boolean().optional().describe("Default: false."),
  })
  .meta({ id: "Listener" })

const LISTENER_ERROR = `${LISTEN_ERROR}, or a map with an address`
const listener = z.union([listenPort, listenText, listenerObject], { error: LISTENER_ERROR })

const endpointObject = z
  .strictObject({
    address: endpointAddress,
    weight: count().optional().describe("Default: 1."),
    maxFails: count(0).optional().describe("Failures that take it out; 0: never. Default: 1."),
    failTimeout: duration
      .optional()
      .describe("Within which they count, and for how long it is out. Default: 10s."),
    maxStreams: countOrNone().optional().describe("Streams open at once. Default: none."),
    backup: z.boolean().optional().describe("Used when no other is up. Default: false."),
    down: z.boolean().optional().describe("Default: false."),
  })
  .meta({ id: "Endpoint" })

const endpoints = z
  .array(z.union([endpointAddress, endpointObject], { error: `${ADDRESS_ERROR}, or a map with one` }))
  .min(1)

const clusterShape = {
  policy: z.enum(["round_robin", "least_streams"]).optional().describe("Default: round_robin."),
  endpoints,
  maxStreamsPerConnection: countOrNone()
    .optional()
    .describe("Then another connection is opened. Default: none."),
  maxConnectionsPerEndpoint: countOrNone().optional().describe("Default: none."),
  idleConnections: countOrNone(0).optional().describe("Kept per endpoint. Default: none, no limit."),
  idleTimeout: durationOrNone
    .optional()
    .describe("An idle upstream connection is closed after it. Default: 5m."),
  maxConnectionAge: durationOrNone.optional().describe("Default: none."),
  maxRequestsPerConnection: countOrNone().optional().describe("Default: none."),
  keepalive: z
    .strictObject({
      interval: someDuration.optional().describe("Default: 5m."),
      timeout: someDuration.optional().describe("Default: 20s."),
    })
    .optional()
    .describe("HTTP/2 PING to find dead peers."),
}
const CLUSTER_ERROR = "must be a list of endpoints, or a map with endpoints"
const cluster = z
  .union([endpoints, z.strictObject(clusterShape)], { error: CLUSTER_ERROR })
  .meta({ id: "Cluster" })
const namedCluster = z.strictObject({ name: text(), ...clusterShape })

const server = z
  .strictObject({
    names: oneOrMany(z.string(), "must be a name or a list of names")
      .optional()
      .describe("example.com, *.example.com, www.*, ~regex or an empty text, which is the default."),
    listeners: z.array(text()).optional().describe("Names of listeners. Default: all."),
    default: z
      .union([z.boolean(), z.array(text())], { error: "must be true, false or a list of listener names" })
      .optional()
      .describe("Answers unmatched authorities, on its listeners or on those named. Default: false."),
    routes: z.array(route).optional(),
    ...settingsShape,
  })
  .meta({ id: "Server" })

const limits = z.strictObject(
  Object.fromEntries(
    limitNames.map((name) => {
      const { min, max, unit, counts } = limitTable[name]
      return [name, z.int().min(min).max(max).optional().describe(`In ${unit}: ${counts}.`)]
    }),
  ) as Record<LimitName, z.ZodOptional<z.ZodInt>>,
)

export const schema = z
  .strictObject({
    $schema: z.string().optional().describe("For editors; no effect."),
    workers: z
      .union([count(), z.literal("auto")], { error: 'must be a whole number from 1, or "auto"' })
      .optional()
      .describe("Processes. Default: 1."),
    listeners: z.union([listener, z.array(listener).min(1)], {
      error: `${LISTENER_ERROR}, or a list of those`,
    }),
    ...settingsShape,
    routes: z
      .array(route)
      .optional()
      .describe("For a single server. Left out: everything goes to the only cluster."),
    servers: z.array(server).optional().describe("Virtual hosts, in place of routes."),
    clusters: z
      .union([z.record(text(), cluster), z.array(namedCluster)], {
        error: "must be a map of names to clusters",
      })
      .optional(),
    log: z
      .strictObject({
        level: z.enum(["debug", "info", "warn", "error"]).optional().describe("Default: info."),
        path: text().optional().describe("Default: stderr."),
      })
      .optional()
      .describe("Sluice's own log."),
    pidFile: text().optional(),
    shutdown: z
      .strictObject({ grace: duration.optional().describe("Default: 30s.") })
      .optional()
      .describe("How long live streams may go on after a signal to end."),
    limits: limits.optional().describe("Overrides of the bounds in docs/limits.md."),
  })
  .meta({ title: "sluice.yaml" })

/** What a person writes. */
export type SluiceYaml = z.input<typeof schema>
export type ServerInput = z.input<typeof server>
export type ListenerInput = z.input<typeof listener>
export type ClusterInput = z.input<typeof cluster>

/** The document that editors check against: JSON Schema 2020-12. */
export function jsonSchema(): object {
  return z.toJSONSchema(schema, { io: "input" })
}
