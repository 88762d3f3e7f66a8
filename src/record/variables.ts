/**
 * The `$variables` of nginx that a stream has an answer to, and Sluice's own.
 *
 * Names are case-insensitive. Values are octet strings; undefined is nginx's "not found", which log formats show as
 * `-` and headers as nothing. Lists over several tries are joined with `, `.
 * Source: nginx.org/en/docs/varindex.html; where its manual is silent, nginx 1.22 itself (variables.nginx.test.ts).
 */
import type { Clock } from "../base/clock.ts"
import { octetText } from "../base/octet-text.ts"
import type { Random } from "../base/random.ts"
import type { HeaderList } from "../http2/header-list.ts"
import { isAbsentVariable } from "./absent-variables.ts"
import { binaryAddress } from "./binary-address.ts"
import { claimText } from "./caller-token.ts"
import { CONNECTION_FIELD_NAMES, connectionField } from "./connection-fields.ts"
import type { StreamRecord } from "./record.ts"
import { perTry, sinceStart, TCP_VARIABLES } from "./tcp-variables.ts"
import { gmtTime, isoTime, isoTimeMs, localTime, seconds, zonedTime } from "./time-text.ts"
import { TLS_VARIABLES } from "./tls-variables.ts"
import { hexDigits, traceParentOf } from "./trace.ts"
import { normalizeUri, queryOf } from "./uri.ts"

/** A stream has begun, goes on, has ended. */
export type StreamEvent = "start" | "alive" | "end"

/** What a template may ask of the process rather than of the stream. */
export interface TemplateEnvironment {
  clock: Clock
  /** Makes request ids. */
  random: Random
  /** `$pid`: the worker's. */
  pid: number
  hostname: string
  /** `$stream_event`: which record of a stream is written now. */
  streamEvent: StreamEvent
  /** `$nginx_version`: Sluice's own version. */
  version: string
}

export type Variable = (record: StreamRecord, env: TemplateEnvironment) => string | undefined

/** Whether `compileTemplate` takes `$name`. Without the dollar sign. */
export function isKnownVariable(name: string): boolean {
  return findVariable(name) !== undefined
}

/** Every fixed name, and each family by its prefix (`http_`, `arg_` …): for did-you-mean and the documents. */
export function variableNames(): string[] {
  return [...FIXED.keys(), ...FAMILIES.map(([prefix]) => prefix)]
}

/** @param underscores whether `$http_a_b` is a field `a_b` too, where there is no `a-b` */
export function findVariable(name: string, underscores = false): Variable | undefined {
  const lower = name.toLowerCase()
  const fixed = FIXED.get(lower) ?? CAPTURES.get(lower)
  if (fixed !== undefined) return fixed
  if (underscores && lower.startsWith("http_")) return requestHeader(lower.slice("http_".length), true)
  for (const [prefix, make] of FAMILIES) {
    if (lower.startsWith(prefix)) return make(lower.slice(prefix.length))
  }
  return isAbsentVariable(lower) ? () => undefined : undefined
}

/** Those that are others with a blank between. A template writes these, rather than what they make when they are joined. */
export const COMPOSED: ReadonlyMap<string, readonly string[]> = new Map([
  ["request", ["request_method", "request_uri", "server_protocol"]],
])

const uri: Variable = ({ path, state }) => (state === null ? (normalizeUri(path) ?? undefined) : state.uri)
/** Empty for `unix:`. */
const port = (number: number): string => (number === 0 ? "" : String(number))
const argsOf = ({ path, state }: StreamRecord): string => (state === null ? queryOf(path) : state.args)
const args: Variable = (record) => argsOf(record) || undefined
/** The client's own address, where proxies in front of us name it. */
const clientAddress = ({ connection, state }: StreamRecord): string =>
  state?.realClient?.address ?? connection.remoteAddress
const clientPort = ({ connection, state }: StreamRecord): string =>
  port(state?.realClient?.port ?? connection.remotePort)

const FIXED: ReadonlyMap<string, Variable> = new Map<string, Variable>([
  // The connection
  ["remote_addr", clientAddress],
  ["remote_port", clientPort],
  ["realip_remote_addr", ({ connection }) => connection.remoteAddress],
  ["realip_remote_port", ({ connection }) => port(connection.remotePort)],
  ["proxy_protocol_addr", ({ connection }) => connection.proxied?.sourceAddress],
  ["proxy_protocol_port", ({ connection }) => connection.proxied?.sourcePort.toString()],
  ["proxy_protocol_server_addr", ({ connection }) => connection.proxied?.destinationAddress],
  ["proxy_protocol_server_port", ({ connection }) => connection.proxied?.destinationPort.toString()],
  ["binary_remote_addr", (record) => binaryAddress(clientAddress(record))],
  ["server_addr", ({ connection }) => connection.localAddress],
  ["server_port", ({ connection }) => port(connection.localPort)],
  ["server_protocol", ({ connection }) => connection.protocol],
  ["connection", ({ connection }) => String(connection.id)],
  ["connection_time", ({ connection }, env) => seconds(env.clock.now() - connection.openedMs)],
  ["connection_requests", ({ requestNumber }) => String(requestNumber)],
  ["scheme", ({ connection }) => (connection.tls === null ? "http" : "https")],
  ["https", ({ connection }) => (connection.tls === null ? "" : "on")],
  ...TLS_VARIABLES,
  [
    "http2",
    ({ connection }) => (connection.protocol === "HTTP/2.0" ? (connection.tls === null ? "h2c" : "h2") : ""),
  ],
  ["http3", () => ""],

  // The request
  ["request", (record) => `${record.method} ${record.path} ${record.connection.protocol}`],
  ["request_method", ({ method, state }) => state?.method ?? method],
  ["request_uri", ({ path }) => path],
  ["uri", uri],
  ["document_uri", uri],
  ["args", args],
  ["query_string", args],
  ["is_args", (record) => (argsOf(record) === "" ? "" : "?")],
  ["host", (record) => hostOf(record.authority) || record.serverName],
  ["http_host", (record) => record.requestHeaders.get("host") ?? (record.authority || undefined)],
  ["request_port", (record) => portOf(record.authority) || undefined],
  ["is_request_port", (record) => (portOf(record.authority) === "" ? "" : ":")],
  ["server_name", ({ serverName }) => serverName],
  ["content_type", ({ requestHeaders }) => requestHeaders.get("content-type")],
  ["content_length", ({ requestHeaders }) => requestHeaders.get("content-length")],
  ["remote_user", ({ requestHeaders }) => basicUser(requestHeaders.get("authorization"))],
  ["proxy_add_x_forwarded_for", forwardedFor],
  ["request_id", requestId],
  ["trace_id", (record) => record.trace?.traceId ?? traceParentOf(record.requestHeaders)?.traceId],
  ["otel_trace_id", ({ trace }) => trace?.traceId],
  ["otel_span_id", ({ trace }) => trace?.spanId],
  ["otel_parent_id", ({ trace }) => trace?.parent?.spanId],
  ["otel_parent_sampled", ({ trace }) => (trace?.parent?.isSampled === true ? "1" : "0")],
  ["request_length", (record) => String(record.requestOctets + textOctets(record.requestHeaders))],
  ["request_time", (record, env) => seconds((record.endMs || env.clock.now()) - record.startMs)],

  // The response
  ["status", ({ status }) => (status < 100 ? String(status).padStart(3, "0") : String(status))],
  ["body_bytes_sent", ({ responseOctets }) => String(responseOctets)],
  ["bytes_sent", bytesSent],
  ["pipe", () => "."],
  ["request_completion", ({ endMs, status }) => (endMs > 0 && status > 0 && status !== 499 ? "OK" : "")],
  ["request_body", ({ state }) => state?.body?.text],
  // Bodies are never written to disk.
  ["request_body_file", () => undefined],
  ["limit_rate", () => "0"],
  ["gzip_ratio", () => undefined],

  ["limit_req_status", ({ state }) => state?.limitReqStatus ?? undefined],
  ["limit_conn_status", ({ state }) => state?.limitConnStatus ?? undefined],
  ["jwt_payload", ({ state }) => (state?.token == null ? undefined : octetText(state.token.payload))],

  // gRPC
  ["grpc_status", ({ grpcStatus }) => (grpcStatus < 0 ? undefined : String(grpcStatus))],
  ["grpc_message", ({ grpcMessage }) => grpcMessage || undefined],
  ["grpc_messages_sent", ({ responseMessages }) => String(responseMessages)],
  ["grpc_messages_received", ({ requestMessages }) => String(requestMessages)],
  ["stream_event", (_record, env) => env.streamEvent],
  ["stream_resumes", ({ resumes }) => String(resumes)],
  ["continuity_legs", ({ continuity }) => continuity?.legs.toString()],
  ["continuity_gap", ({ continuity }) => (continuity === null ? undefined : seconds(continuity.gapMs))],
  ["continuity_moves", ({ continuity }) => continuity?.moves.toString()],
  ["continuity_move_cause", ({ continuity }) => continuity?.moveCause ?? undefined],

  // The upstream, one entry per try
  ["upstream_addr", perTry(({ address }) => address)],
  ["upstream_status", perTry(({ status }) => (status === 0 ? "-" : String(status)))],
  ["upstream_connect_time", perTry(({ startMs, connectedMs }) => sinceStart(startMs, connectedMs))],
  ["upstream_header_time", perTry(({ startMs, headersMs }) => sinceStart(startMs, headersMs))],
  ["upstream_response_time", perTry(({ startMs, endMs }) => sinceStart(startMs, endMs))],
  ["upstream_response_length", perTry(({ octetsReceived }) => String(octetsReceived))],
  ["upstream_bytes_sent", perTry(({ octetsSent }) => String(octetsSent))],
  ["upstream_bytes_received", perTry(({ octetsReceived }) => String(octetsReceived))],

  ...TCP_VARIABLES,

  // There is no cache.
  ["upstream_cache_status", () => undefined],
  ["upstream_cache_last_modified", () => undefined],
  ["upstream_cache_etag", () => undefined],

  // The process
  ["time_local", (_record, env) => localTime(env.clock.wallMs())],
  ["time_iso8601", (_record, env) => isoTime(env.clock.wallMs())],
  ["time_iso8601_ms", (_record, env) => isoTimeMs(env.clock.wallMs())],
  ["date_local", (_record, env) => zonedTime(env.clock.wallMs())],
  ["date_gmt", (_record, env) => gmtTime(env.clock.wallMs())],
  ["msec", (_record, env) => seconds(env.clock.wallMs())],
  ["pid", (_record, env) => String(env.pid)],
  ["hostname", (_record, env) => env.hostname],
  ["nginx_version", (_record, env) => env.version],
])

/** What the groups of the last regex hold that matched in the course of the request. */
const CAPTURES: ReadonlyMap<string, Variable> = new Map(
  Array.from({ length: 9 }, (_, index): [string, Variable] => [
    String(index + 1),
    ({ state }) => state?.captures?.group(index + 1),
  ]),
)

const FAMILIES: readonly [prefix: string, make: (rest: string) => Variable][] = [
  ["http_", (rest) => requestHeader(rest, false)],
  ["sent_http_", (rest) => underlined(rest, (record) => record.responseHeaders)],
  ["sent_trailer_", (rest) => underlined(rest, (record) => record.responseTrailers)],
  ["upstream_http_", (rest) => underlined(rest, (record) => record.attempts.at(-1)?.responseHeaders)],
  ["upstream_trailer_", (rest) => underlined(rest, (record) => record.attempts.at(-1)?.responseTrailers)],
  [
    "upstream_cookie_",
    (rest) =>
      ({ attempts }) =>
        setCookie(attempts.at(-1)?.responseHeaders, rest),
  ],
  ["arg_", (rest) => (record) => queryArgument(argsOf(record), rest)],
  ["cookie_", (rest) => (record) => cookieOf(record.requestHeaders, rest)],
  [
    "jwt_header_",
    (rest) =>
      ({ state }) =>
        claimText(state?.token?.header, [rest]),
  ],
  [
    "jwt_claim_",
    (rest) =>
      ({ state }) =>
        claimText(state?.token?.claims, [rest]),
  ],
]

type Fields = HeaderList | null | undefined

/**
 * Fields of the connection, which are kept apart, and all others. One whose own name has `_` is not meant unless the
 * configuration says so: past a proxy that removes `x-user` a client could say it as `x_user`.
 */
function requestHeader(rest: string, underscores: boolean): Variable {
  const name = rest.replaceAll("_", "-")
  if (CONNECTION_FIELD_NAMES.has(name)) return ({ requestHeaders }) => connectionField(requestHeaders, name)
  return (underscores ? underlined : headerOf)(rest, (record) => record.requestHeaders)
}

/** A field whose own name has `_` counts where none has `-`. */
function underlined(rest: string, fieldsOf: (record: StreamRecord) => Fields): Variable {
  const ofName = headerOf(rest, fieldsOf)
  if (!rest.includes("_")) return ofName
  return (record, env) => ofName(record, env) ?? joinedUnderLines(fieldsOf(record), rest, ", ")
}

/** nginx writes `-` as `_` in variable names. */
function headerOf(rest: string, fieldsOf: (record: StreamRecord) => Fields): Variable {
  const name = rest.replaceAll("_", "-")
  const separator = name === "cookie" ? "; " : ", "
  // A peer that says the same again is heard as the same list: see `HeaderDecoder`.
  let last: Fields = null
  let value: string | undefined
  return (record) => {
    const list = fieldsOf(record)
    if (list !== last) {
      last = list
      value = joined(list, name, separator)
    }
    return value
  }
}

/** All values of `name`, in order. */
function joined(list: Fields, name: string, separator: string): string | undefined {
  if (list === null || list === undefined) return undefined
  const { fields } = list
  let values: string | undefined
  for (let i = 0; i < fields.length; i += 2) {
    if (fields[i] === name) values = values === undefined ? fields[i + 1] : values + separator + fields[i + 1]
  }
  return values
}

/** All values of fields whose name is `rest` once `-` is read as `_`, in order. */
function joinedUnderLines(list: Fields, rest: string, separator: string): string | undefined {
  const fields = list?.fields ?? []
  const values: string[] = []
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name.includes("_") && name.replaceAll("-", "_") === rest) values.push(fields[i + 1]!)
  }
  return values.length === 0 ? undefined : values.join(separator)
}

/** Names and values, without the 32 octets that HTTP/2 adds for its tables: what is on the wire before HPACK. */
function textOctets(list: Fields): number {
  return list === null || list === undefined ? 0 : list.octets - 16 * list.fields.length
}

function bytesSent(record: StreamRecord): string {
  return String(
    record.responseOctets + textOctets(record.responseHeaders) + textOctets(record.responseTrailers),
  )
}

function forwardedFor(record: StreamRecord): string {
  const before = joined(record.requestHeaders, "x-forwarded-for", ", ")
  const address = clientAddress(record)
  return before === undefined ? address : `${before}, ${address}`
}

/** W3C Trace Context §3.2: of the header that callers send and that is passed on as it came. */
/** 32 hex digits, the same for a stream whenever it is asked. */
export function requestId(record: StreamRecord, { random }: TemplateEnvironment): string {
  if (record.requestId === "") record.requestId = hexDigits(random, 32)
  return record.requestId
}

/** Lower case, without port and closing dot. */
function hostOf(authority: string): string {
  const colon = authority.startsWith("[") ? authority.indexOf("]") + 1 || -1 : authority.indexOf(":")
  const host = colon < 0 ? authority : authority.slice(0, colon)
  return (host.endsWith(".") ? host.slice(0, -1) : host).toLowerCase()
}

/** What stands behind the host; empty: nothing does. */
function portOf(authority: string): string {
  return /:(\d+)$/.exec(authority)?.[1] ?? ""
}

/** The first `name=value` of the query, value as written; a name without `=` does not count. */
function queryArgument(query: string, name: string): string | undefined {
  for (let at = 0; at >= 0; at = query.indexOf("&", at) + 1 || -1) {
    const equals = at + name.length
    if (query[equals] !== "=" || query.slice(at, equals).toLowerCase() !== name) continue
    const end = query.indexOf("&", equals)
    return query.slice(equals + 1, end < 0 ? query.length : end)
  }
  return undefined
}

function cookieOf(headers: HeaderList, name: string): string | undefined {
  const cookies = joined(headers, "cookie", "; ")
  if (cookies === undefined) return undefined
  for (const cookie of cookies.split(";")) {
    const equals = cookie.indexOf("=")
    if (equals > 0 && cookie.slice(0, equals).trim().toLowerCase() === name)
      return cookie.slice(equals + 1).trim()
  }
  return undefined
}

/** The value that a response gives to a cookie. */
function setCookie(list: Fields, name: string): string | undefined {
  for (let i = 0; i < (list?.fields.length ?? 0); i += 2) {
    const [pair] = list!.fields[i + 1]!.split(";")
    const equals = pair!.indexOf("=")
    if (list!.fields[i] === "set-cookie" && pair!.slice(0, equals).trim().toLowerCase() === name)
      return pair!.slice(equals + 1).trim()
  }
  return undefined
}

/** The user of `Basic` credentials: RFC 7617. */
function basicUser(authorization: string | undefined): string | undefined {
  if (authorization === undefined || authorization.slice(0, 6).toLowerCase() !== "basic ") return undefined
  const credentials = Buffer.from(authorization.slice(6).trim(), "base64").toString("latin1")
  const colon = credentials.indexOf(":")
  return colon > 0 ? credentials.slice(0, colon) : undefined
}
