/**
 * Which key of sluice.yaml is which field of the configuration, and how its value reads both ways.
 *
 * One table serves `normalize.ts` and `write.ts`, so that they cannot disagree.
 */
import { isDeepStrictEqual } from "node:util"
import { GrpcStatus } from "../../grpc/status.ts"
import { continuityPreset } from "../continuity.ts"
import {
  defaultBridge,
  defaultContinuity,
  defaultFailurePercentage,
  defaultHealthCheck,
  defaultOutlierDetection,
  defaultQueue,
  defaultRebalance,
  defaultSticky,
  defaultUpstreamTls,
} from "../defaults.ts"
import { defaults } from "../defaults-table.ts"
import type { ErrorPageConfig } from "../error-page-model.ts"
import type {
  AccessLogConfig,
  BridgeConfig,
  ClientCertificates,
  ClientOcspConfig,
  ClusterConfig,
  ContinuityConfig,
  ContinuityMode,
  EndpointConfig,
  ErrorStatusConfig,
  HealthCheckConfig,
  HealthMatch,
  ListenerConfig,
  ListenerTlsConfig,
  OutlierDetectionConfig,
  PickQueueConfig,
  PolicyConfig,
  RebalanceConfig,
  RetryConfig,
  RouteSettings,
  StaplingConfig,
  StickyConfig,
} from "../model.ts"
import { type PolicyMeasure, policyParameters } from "../policy-names.ts"
import type { UpstreamTlsConfig } from "../shared-model.ts"
import { type AccessLogFormat, accessLogFormatOf, accessLogFormats } from "./access-log-formats.ts"
import { access, messageLimits, realIp, requestLimits, streamLimits } from "./access-schema.ts"
import { durationMs, durationText, sizeInput, sizeOctets } from "./scalars.ts"
import { extAuthzCodec, rateServiceCodec } from "./service-schema.ts"
import { traceCodec } from "./trace-schema.ts"

/** `read` is given values that conform to the schema. */
export interface Codec<Value, Input> {
  read(input: Input): Value
  write(value: Value): unknown
}

interface Field<T> {
  key: string
  name: keyof T
  codec: Codec<never, never>
}

export type Fields<T> = readonly Field<T>[]

export function field<T, Name extends keyof T, Input>(
  key: string,
  name: Name,
  codec: Codec<T[Name], Input>,
): Field<T> {
  return { key, name, codec: codec as unknown as Codec<never, never> }
}

/** `base` with what `input` sets. */
export function readFields<T extends object>(fields: Fields<T>, input: object, base: T): T {
  const result = { ...base }
  for (const { key, name, codec } of fields) {
    const value = (input as Record<string, unknown>)[key]
    if (value !== undefined) result[name] = codec.read(value as never)
  }
  return result
}

/** What sets `base` to `value`. */
export function writeFields<T extends object>(fields: Fields<T>, value: T, base: T): Record<string, unknown> {
  const changed = fields.filter(({ name }) => !isDeepStrictEqual(value[name], base[name]))
  return Object.fromEntries(changed.map(({ key, name, codec }) => [key, codec.write(value[name] as never)]))
}

const asIs: Codec<never, never> = { read: (input) => input, write: (value) => value }
export const same = <T>() => asIs as unknown as Codec<T, T>
export const duration: Codec<number, string> = { read: durationMs, write: durationText }
export const size: Codec<number, number | string> = { read: sizeOctets, write: sizeInput }

function orNone<Value, Input>(codec: Codec<Value, Input>): Codec<Value | null, Input | "none"> {
  return {
    read: (input) => (input === "none" ? null : codec.read(input)),
    write: (value) => (value === null ? "none" : codec.write(value)),
  }
}

export const durationOrNone = orNone(duration)
export const sizeOrNone = orNone(size)
export const countOrNone = orNone(same<number>())
export const textOrNone = orNone(same<string>())

/** Left out where it is null: such a key has no spelling for null. */
const given = same<string | null>() as Codec<string | null, string>
const givenSize = size as Codec<number | null, number | string>
const givenList = same<string[] | null>() as Codec<string[] | null, string[]>

function nested<T extends object>(fields: Fields<T>, base: T): Codec<T, object> {
  return {
    read: (input) => readFields(fields, input, base),
    write: (value) => writeFields(fields, value, base),
  }
}

const defaultRetry: RetryConfig = { conditions: ["error", "timeout"], tries: null, timeoutMs: null }
const retry: Codec<RetryConfig, object | "none"> = {
  read: (input) =>
    input === "none" ? { ...defaultRetry, conditions: [] } : readFields(retryFields, input, defaultRetry),
  write(value) {
    const input = writeFields(retryFields, value, defaultRetry)
    return value.conditions.length === 0 && Object.keys(input).length === 1 ? "none" : input
  },
}
const retryFields: Fields<RetryConfig> = [
  field("on", "conditions", same()),
  field("tries", "tries", countOrNone),
  field("timeout", "timeoutMs", durationOrNone),
]

/** Header names keep their order in a map, unless one looks like a number or stands there twice. */
function fitsMap(names: readonly string[]): boolean {
  return (
    new Set(names).size === names.length && !names.some((name) => /^\d+$/.test(name) || name === "__proto__")
  )
}

const setHeaders: Codec<[string, string][], Record<string, string> | [string, string][]> = {
  read: (input) => (Array.isArray(input) ? input : Object.entries(input)),
  write: (pairs) => (fitsMap(pairs.map(([name]) => name)) ? Object.fromEntries(pairs) : pairs),
}

type AddHeader = RouteSettings["addHeaders"][number]
type AddHeaderInput = string | { value: string; always?: boolean }
type NamedHeaderInput = { name: string; value: string; always?: boolean }
const addHeaders: Codec<AddHeader[], Record<string, AddHeaderInput> | NamedHeaderInput[]> = {
  read(input) {
    const entries = Array.isArray(input)
      ? input.map((one) => [one.name, one] as const)
      : Object.entries(input)
    return entries.map(([name, one]) => {
      const { value, always = false } = typeof one === "string" ? { value: one } : one
      return { name, template: value, always }
    })
  },
  write(headers) {
    const always = (header: AddHeader) => (header.always ? { always: true } : {})
    if (!fitsMap(headers.map(({ name }) => name))) {
      return headers.map((header) => ({ name: header.name, value: header.template, ...always(header) }))
    }
    const input = (header: AddHeader) =>
      header.always ? { value: header.template, always: true } : header.template
    return Object.fromEntries(headers.map((header) => [header.name, input(header)]))
  },
}

interface AccessLogInput {
  path: string
  format?: AccessLogFormat
  template?: string
  escape?: AccessLogConfig["escape"]
}

const accessLogFields: Fields<AccessLogConfig> = [
  field("if", "ifTemplate", given),
  field("buffer", "bufferOctets", size),
  field("flush", "flushMs", durationOrNone),
]

function readAccessLog(input: string | AccessLogInput, byDefault: AccessLogFormat): AccessLogConfig {
  const written: AccessLogInput = typeof input === "string" ? { path: input } : input
  const { path, format = byDefault, template } = written
  const named = template === undefined ? accessLogFormats[format] : { template, escape: "default" as const }
  const base = { path, ...named, ifTemplate: null, bufferOctets: 0, flushMs: null }
  return readFields(accessLogFields, written, { ...base, escape: written.escape ?? named.escape })
}

function writeAccessLog(log: AccessLogConfig, byDefault: AccessLogFormat): unknown {
  const format = accessLogFormatOf(log.template)
  const usual = format === undefined ? "default" : accessLogFormats[format].escape
  const input = {
    path: log.path,
    ...(format === undefined ? { template: log.template } : format !== byDefault && { format }),
    ...(log.escape !== usual && { escape: log.escape }),
    ...writeFields(accessLogFields, log, { ...log, ifTemplate: null, bufferOctets: 0, flushMs: null }),
  }
  return Object.keys(input).length === 1 && log.path !== "none" ? log.path : input
}

/** `byDefault`: the format where none is said. */
export function accessLogsOf(
  byDefault: AccessLogFormat,
): Codec<AccessLogConfig[], string | AccessLogInput | (string | AccessLogInput)[]> {
  return {
    read: (input) => (input === "none" ? [] : [input].flat().map((one) => readAccessLog(one, byDefault))),
    write(logs) {
      if (logs.length === 0) return "none"
      const written = logs.map((log) => writeAccessLog(log, byDefault))
      return written.length === 1 ? written[0] : written
    },
  }
}

type GrpcStatusName = keyof typeof GrpcStatus
export const grpcStatus: Codec<number, number | GrpcStatusName> = {
  read: (input) => (typeof input === "number" ? input : GrpcStatus[input]),
  write: (value) => Object.entries(GrpcStatus).find(([, code]) => code === value)?.[0] ?? value,
}

interface ErrorStatusInput {
  http: number | number[]
  grpcStatus: number | GrpcStatusName
  message?: string
}
const errorStatuses: Codec<ErrorStatusConfig[], ErrorStatusInput[]> = {
  read: (input) =>
    input.map(({ http, grpcStatus: grpc, message = "" }) => ({
      httpStatuses: [http].flat(),
      grpcStatus: grpcStatus.read(grpc),
      grpcMessage: message,
    })),
  write: (entries) =>
    entries.map(({ httpStatuses, grpcStatus: grpc, grpcMessage }) => ({
      http: httpStatuses.length === 1 ? httpStatuses[0] : httpStatuses,
      grpcStatus: grpcStatus.write(grpc),
      ...(grpcMessage !== "" && { message: grpcMessage }),
    })),
}

interface ErrorPageInput {
  http: number | number[]
  status?: number | "target"
  to: string
}
const errorPages: Codec<ErrorPageConfig[], ErrorPageInput[]> = {
  read: (input) =>
    input.map(({ http, status: answer = null, to }) => ({
      httpStatuses: [http].flat(),
      status: answer,
      target: to,
    })),
  write: (entries) =>
    entries.map(({ httpStatuses, status: answer, target }) => ({
      http: httpStatuses.length === 1 ? httpStatuses[0] : httpStatuses,
      ...(answer !== null && { status: answer }),
      to: target,
    })),
}

const bridgeFields: Fields<BridgeConfig> = [
  field("grpcWeb", "grpcWeb", same()),
  field("connect", "connect", same()),
  field("webSocket", "webSocket", same()),
  field("method", "method", given),
  field("pathPrefix", "pathPrefix", given),
  field("origins", "origins", same()),
  field("descriptorSet", "descriptorSet", given),
  field("metadataQuery", "metadataQuery", same()),
  field("metadataCookie", "metadataCookie", given),
  field("maxMessageSize", "messageOctetsMax", givenSize),
]

const modes: Codec<ContinuityMode[], ContinuityMode | ContinuityMode[]> = {
  read: (input) => [input].flat(),
  write: (value) => (value.length === 1 ? value[0] : value),
}
const statuses: Codec<number[], (number | GrpcStatusName)[]> = {
  read: (input) => input.map((one) => grpcStatus.read(one)),
  write: (value) => value.map((one) => grpcStatus.write(one)),
}
const continuityFields: Fields<ContinuityConfig> = [
  field("mode", "modes", modes),
  field("keep", "keepOctets", size),
  field("gapMax", "gapMaxMs", duration),
  field("legsMax", "legsMax", same()),
  field("ask", "ask", same()),
  field("refused", "refused", same()),
  field("with", "restartWith", same()),
  field("statuses", "statuses", statuses),
  field("overflow", "overflow", same()),
  field("clients", "clients", same()),
  field("hold", "holdOctets", size),
  field("from", "cursorFrom", given),
  field("into", "cursorInto", given),
]
const continuity: Codec<ContinuityConfig, string | object> = {
  read(input) {
    if (typeof input === "object") return readFields(continuityFields, input, defaultContinuity())
    return continuityPreset(input) ?? defaultContinuity()
  },
  write: (value) =>
    isDeepStrictEqual(value, defaultContinuity())
      ? "none"
      : writeFields(continuityFields, value, defaultContinuity()),
}

export const upstreamTlsFields: Fields<UpstreamTlsConfig> = [
  field("verify", "verify", same()),
  field("verifyDepth", "verifyDepth", same()),
  field("ca", "caFile", given),
  field("crl", "crlFile", given),
  field("serverName", "serverName", given),
  field("sendServerName", "sendServerName", same()),
  field("cert", "certFile", given),
  field("key", "keyFile", given),
  field("passwords", "passwordFile", given),
  field("protocols", "protocols", givenList),
  field("ciphers", "ciphers", given),
  field("alpn", "alpnProtocols", givenList),
]

/** `true` for one that is all defaults. */
const upstreamTls: Codec<UpstreamTlsConfig | null, boolean | object> = {
  read: (input) =>
    input === false ? null : readFields(upstreamTlsFields, input === true ? {} : input, defaultUpstreamTls()),
  write(value) {
    if (value === null) return false
    const input = writeFields(upstreamTlsFields, value, defaultUpstreamTls())
    return Object.keys(input).length === 0 ? true : input
  },
}

export const settingsFields: Fields<RouteSettings> = [
  field("connectTimeout", "connectTimeoutMs", duration),
  field("readTimeout", "readTimeoutMs", durationOrNone),
  field("sendTimeout", "sendTimeoutMs", durationOrNone),
  field("bodyTimeout", "bodyTimeoutMs", durationOrNone),
  field("idleTimeout", "idleTimeoutMs", durationOrNone),
  field("responseTimeout", "responseTimeoutMs", durationOrNone),
  field("maxCallTime", "maxCallMs", durationOrNone),
  field("grpcTimeoutMax", "grpcTimeoutMaxMs", durationOrNone),
  field("maxStreamAge", "maxStreamAgeMs", durationOrNone),
  field("maxBodySize", "maxBodyOctets", sizeOrNone),
  field("retry", "retry", retry),
  field("setHeaders", "setHeaders", setHeaders),
  field("passHeaders", "passHeaders", same()),
  field("hideHeaders", "hideHeaders", same()),
  field("ignoreHeaders", "ignoreHeaders", same()),
  field("addHeaders", "addHeaders", addHeaders),
  field("addTrailers", "addTrailers", addHeaders),
  field("expires", "expires", same()),
  field("charset", "charset", textOrNone),
  field("charsetTypes", "charsetTypes", same()),
  field("socketKeepalive", "socketKeepalive", same()),
  field("bindAddress", "bindAddress", textOrNone),
  field("accessLog", "accessLogs", accessLogsOf(defaults.accessLog.format.value)),
  field("accessLogInterval", "accessLogIntervalMs", durationOrNone),
  field("errorStatuses", "errorStatuses", errorStatuses),
  field("errorPages", "errorPages", errorPages),
  field("recursiveErrorPages", "recursiveErrorPages", same()),
  field("interceptErrors", "interceptErrors", same()),
  field("serverTokens", "serverTokens", same()),
  field("absoluteRedirect", "absoluteRedirect", same()),
  field("serverNameInRedirect", "serverNameInRedirect", same()),
  field("portInRedirect", "portInRedirect", same()),
  field("bridge", "bridge", nested(bridgeFields, defaultBridge())),
  field("access", "access", access),
  field("extAuthz", "extAuthz", extAuthzCodec(upstreamTls)),
  field("rateLimitService", "rateService", rateServiceCodec(upstreamTls)),
  field("requestLimits", "requestLimits", requestLimits),
  field("streamLimits", "streamLimits", streamLimits),
  field("messageLimits", "messageLimits", messageLimits),
  field("realIp", "realIp", realIp),
  field("continuity", "continuity", continuity),
  field("trace", "trace", traceCodec),
]

export const endpointFields: Fields<EndpointConfig> = [
  field("weight", "weight", same()),
  field("maxFails", "maxFails", same()),
  field("failTimeout", "failTimeoutMs", duration),
  field("maxStreams", "maxStreams", countOrNone),
  field("backup", "backup", same()),
  field("down", "down", same()),
  field("slowStart", "slowStartMs", duration as unknown as Codec<number | null, string>),
  field("hashKey", "hashKey", given),
  field("route", "route", given),
]

const keepalive: Fields<ClusterConfig["keepalive"]> = [
  field("interval", "intervalMs", duration),
  field("timeout", "timeoutMs", duration),
]

const slowStart: Fields<ClusterConfig["slowStart"]> = [
  field("window", "windowMs", duration),
  field("aggression", "aggression", same()),
  field("minWeight", "minWeightPercent", same()),
]

type SuccessRate = NonNullable<OutlierDetectionConfig["successRate"]>
type FailurePercentage = NonNullable<OutlierDetectionConfig["failurePercentage"]>

const successRate = orNone(
  nested<SuccessRate>(
    [
      field("stdevFactor", "stdevFactor", same()),
      field("minimumHosts", "minimumHosts", same()),
      field("requestVolume", "requestVolume", same()),
    ],
    defaultOutlierDetection().successRate!,
  ),
)
const failurePercentage = nested<FailurePercentage>(
  [
    field("threshold", "threshold", same()),
    field("minimumHosts", "minimumHosts", same()),
    field("requestVolume", "requestVolume", same()),
  ],
  defaultFailurePercentage(),
) as Codec<FailurePercentage | null, object>

const outlierDetection = nested<OutlierDetectionConfig>(
  [
    field("interval", "intervalMs", duration),
    field("baseEjectionTime", "baseEjectionMs", duration),
    field("maxEjectionTime", "maxEjectionMs", duration),
    field("maxEjectionPercent", "maxEjectionPercent", same()),
    field("consecutiveFailures", "consecutiveFailures", countOrNone),
    field("successRate", "successRate", successRate),
    field("failurePercentage", "failurePercentage", failurePercentage),
  ],
  defaultOutlierDetection(),
) as Codec<OutlierDetectionConfig | null, object>

const rebalance = nested<RebalanceConfig>(
  [
    field("tolerance", "tolerancePercent", same()),
    field("after", "afterMs", duration),
    field("dwell", "dwellMs", duration),
    field("streamsPerSecond", "streamsPerSecond", same()),
    field("maxStreamAge", "maxStreamAgeMs", durationOrNone),
  ],
  defaultRebalance(),
) as Codec<RebalanceConfig | null, object>

const stickyFields: Fields<StickyConfig> = [
  field("cookie", "cookie", same()),
  field("expires", "expiresMs", {
    read: (input: string) => (input === "max" ? "max" : durationMs(input)),
    write: (value) => (typeof value === "number" ? durationText(value) : value),
  }),
  field("domain", "domain", given),
  field("path", "path", given),
  field("httpOnly", "httpOnly", same()),
  field("secure", "secure", same()),
  field("sameSite", "sameSite", given),
]
const sticky = nested<StickyConfig>(stickyFields, defaultSticky("")) as Codec<StickyConfig | null, object>

const queue = nested<PickQueueConfig>(
  [field("streams", "streams", same()), field("timeout", "timeoutMs", duration)],
  defaultQueue(),
) as Codec<PickQueueConfig | null, object>

const clusterLimits: Fields<ClusterConfig["limits"]> = [
  field("streams", "streams", countOrNone),
  field("waitingStreams", "waitingStreams", countOrNone),
  field("connections", "connections", countOrNone),
  field("retries", "retries", countOrNone),
]

interface PolicyInput {
  name: PolicyConfig["name"]
  key?: string
  balanceFactor?: number | "none"
  by?: PolicyMeasure
  inflight?: boolean
}

const policy: Codec<PolicyConfig, PolicyInput["name"] | PolicyInput> = {
  read(input) {
    const written: PolicyInput = typeof input === "string" ? { name: input } : input
    const { name, key = "", balanceFactor = "none", inflight = false } = written
    const parameters = policyParameters[name]
    // `rules.ts` sees to it that they fit the name.
    return {
      name,
      ...(parameters.key && { key }),
      ...(parameters.balanceFactor && { balanceFactorPercent: countOrNone.read(balanceFactor) }),
      ...(parameters.by.length > 0 && { by: written.by ?? parameters.by[0]! }),
      ...(parameters.inflight && { inflight }),
    } as PolicyConfig
  },
  write(value) {
    const { name, by, balanceFactorPercent, ...rest } = value as PolicyConfig & {
      by?: PolicyMeasure
      balanceFactorPercent?: number | null
      inflight?: boolean
    }
    const input = {
      name,
      ...rest,
      ...(balanceFactorPercent != null && { balanceFactor: balanceFactorPercent }),
      ...(by !== undefined && by !== policyParameters[name].by[0] && { by }),
    }
    if (input.inflight === false) delete input.inflight
    return Object.keys(input).length === 1 ? name : input
  },
}

const healthMatch: Codec<HealthMatch | null, Partial<HealthMatch>> = {
  read: ({ status = [], headers = [], body = [] }) => ({ status, headers, body }),
  write: (match) => Object.fromEntries(Object.entries(match!).filter(([, tests]) => tests.length > 0)),
}
const healthCheckFields: Fields<HealthCheckConfig> = [
  field("type", "type", same()),
  field("service", "service", same()),
  field("grpcStatus", "grpcStatus", grpcStatus as Codec<number | null, number | GrpcStatusName>),
  field("uri", "uri", same()),
  field("match", "match", healthMatch),
  field("send", "send", given),
  field("expect", "expect", given),
  field("watch", "watch", same()),
  field("interval", "intervalMs", duration),
  field("jitter", "jitterMs", duration as Codec<number | null, string>),
  field("timeout", "timeoutMs", duration),
  field("passes", "passes", same()),
  field("fails", "fails", same()),
  field("port", "port", same<number | null>() as Codec<number | null, number>),
  field("mandatory", "mandatory", same()),
]
const healthCheck: Codec<HealthCheckConfig | null, object> = {
  read: (input) => readFields(healthCheckFields, input, defaultHealthCheck()),
  write: (value) => writeFields(healthCheckFields, value!, defaultHealthCheck()),
}

/** All but the endpoints. `base` is where `keepalive` takes what is not written. */
export function clusterFields(base: ClusterConfig): Fields<ClusterConfig> {
  return [
    field("protocol", "protocol", same()),
    field("policy", "policy", policy),
    field("slowStart", "slowStart", nested(slowStart, base.slowStart)),
    field("panicThreshold", "panicThresholdPercent", same()),
    field("outlierDetection", "outlierDetection", outlierDetection),
    field("rebalance", "rebalance", rebalance),
    field("sticky", "sticky", sticky),
    field("queue", "queue", queue),
    field("limits", "limits", nested(clusterLimits, base.limits)),
    field("maxStreamsPerConnection", "maxStreamsPerConnection", countOrNone),
    field("maxConnectionsPerEndpoint", "maxConnectionsPerEndpoint", countOrNone),
    field("idleConnections", "idleConnections", countOrNone),
    field("idleTimeout", "idleTimeoutMs", durationOrNone),
    field("maxConnectionAge", "maxConnectionAgeMs", durationOrNone),
    field("maxRequestsPerConnection", "maxRequestsPerConnection", countOrNone),
    field("healthCheck", "healthCheck", healthCheck),
    field("rehome", "rehome", same()),
    field("drainGrace", "drainGraceMs", durationOrNone),
    field("keepalive", "keepalive", nested(keepalive, base.keepalive)),
  ]
}

type Certificate = ListenerTlsConfig["certificates"][number]
const clientOcsp: Codec<ClientOcspConfig | undefined, { check: "leaf" | "chain"; responder?: string }> = {
  read: ({ check, responder = null }) => ({ check, responder }),
  write: (config) => ({
    check: config!.check,
    ...(config!.responder !== null && { responder: config!.responder }),
  }),
}

const defaultClients: ClientCertificates = {
  clientCaFile: null,
  clientCrlFile: null,
  verifyClient: defaults.listenerTls.verifyClient.value,
  verifyDepth: defaults.listenerTls.verifyDepth.value,
}
const clientFields: Fields<ClientCertificates> = [
  field("clientCa", "clientCaFile", given),
  field("clientCrl", "clientCrlFile", given),
  field("clientOcsp", "clientOcsp", clientOcsp),
  field("verifyClient", "verifyClient", same()),
  field("verifyDepth", "verifyDepth", same()),
]

interface CertificateInput {
  names?: string[]
  cert: string
  key: string
  passwords?: string
  clients?: object
  stapling?: { response?: string; responder?: string; issuer?: string }
}
const certificates: Codec<Certificate[], CertificateInput[]> = {
  read: (input) =>
    input.map(({ names = [], cert, key, passwords, stapling, clients }) => ({
      names,
      certFile: cert,
      keyFile: key,
      ...(passwords !== undefined && { passwordFile: passwords }),
      ...(stapling !== undefined && {
        stapling: {
          responseFile: stapling.response ?? null,
          responder: stapling.responder ?? null,
          issuerFile: stapling.issuer ?? null,
        },
      }),
      ...(clients !== undefined && { clients: readFields(clientFields, clients, defaultClients) }),
    })),
  write: (list) =>
    list.map(({ names, certFile, keyFile, passwordFile, stapling, clients }) => ({
      ...(names.length > 0 && { names }),
      cert: certFile,
      key: keyFile,
      ...(passwordFile !== undefined && { passwords: passwordFile }),
      ...(stapling !== undefined && { stapling: writeStapling(stapling) }),
      ...(clients !== undefined && { clients: writeFields(clientFields, clients, defaultClients) }),
    })),
}

function writeStapling({ responseFile, responder, issuerFile }: StaplingConfig): object {
  return {
    ...(responseFile !== null && { response: responseFile }),
    ...(responder !== null && { responder }),
    ...(issuerFile !== null && { issuer: issuerFile }),
  }
}

const listenerTls: Codec<ListenerTlsConfig | null, object> = {
  read: (input) => readFields(listenerTlsFields, input, defaultListenerTls),
  write: (value) => writeFields(listenerTlsFields, value!, defaultListenerTls),
}
const defaultListenerTls: ListenerTlsConfig = {
  certificates: [],
  rejectNames: [],
  rejectOthers: defaults.listenerTls.rejectOthers.value,
  protocols: null,
  ciphers: null,
  ...defaultClients,
  sessionTimeoutMs: defaults.listenerTls.sessionTimeout.value,
  alpnProtocols: null,
}
const listenerTlsFields: Fields<ListenerTlsConfig> = [
  field("certificates", "certificates", certificates),
  field("rejectNames", "rejectNames", same()),
  field("rejectOthers", "rejectOthers", same()),
  field("protocols", "protocols", givenList),
  field("ciphers", "ciphers", given),
  ...(clientFields as unknown as Fields<ListenerTlsConfig>),
  field("sessionTimeout", "sessionTimeoutMs", duration),
  field("alpn", "alpnProtocols", givenList),
]

/** All but the address. */
export const listenerFields: Fields<ListenerConfig> = [
  field("protocol", "protocol", same()),
  field("name", "name", same()),
  field("backlog", "backlog", countOrNone),
  field("reusePort", "reusePort", same()),
  field("ipv6Only", "ipv6Only", same()),
  field("proxyProtocol", "proxyProtocol", same()),
  field("tls", "tls", listenerTls),
  field("maxConcurrentStreams", "maxConcurrentStreams", countOrNone),
  field("headerTimeout", "headerTimeoutMs", durationOrNone),
  field("idleTimeout", "idleConnectionTimeoutMs", durationOrNone),
  field("maxConnectionAge", "maxConnectionAgeMs", durationOrNone),
  field("maxConnectionAgeGrace", "maxConnectionAgeGraceMs", durationOrNone),
  field("maxRequestsPerConnection", "maxRequestsPerConnection", countOrNone),
  field("socketKeepalive", "socketKeepalive", same()),
]
