/** `tcp` of sluice.yaml and of the model, both ways. */
import { defaultTcpRetry, defaultTcpSettings, defaultUpstreamTls } from "../defaults.ts"
import type { Config, ListenerConfig, UpstreamTlsConfig } from "../model.ts"
import type { TcpAction, TcpConfig, TcpRetryConfig, TcpServerConfig, TcpSettings } from "../tcp-model.ts"
import { readZone, streamLimits, writeZone } from "./access-schema.ts"
import { readVariable, writeVariable } from "./declared.ts"
import {
  accessLogsOf,
  type Codec,
  countOrNone,
  duration,
  durationOrNone,
  type Fields,
  field,
  readFields,
  same,
  size,
  sizeOrNone,
  textOrNone,
  upstreamTlsFields,
  writeFields,
} from "./fields.ts"
import type { SluiceYaml } from "./schema.ts"

type Input = Record<string, unknown>
type TcpInput = NonNullable<SluiceYaml["tcp"]>
type ServerInput = NonNullable<TcpInput["servers"]>[number]

const retryFields: Fields<TcpRetryConfig> = [
  field("tries", "tries", countOrNone),
  field("timeout", "timeoutMs", durationOrNone),
]
const retry: Codec<TcpRetryConfig, object | "none"> = {
  read: (input) =>
    input === "none"
      ? { ...defaultTcpRetry(), isOn: false }
      : readFields(retryFields, input, defaultTcpRetry()),
  write: (value) => (value.isOn ? writeFields(retryFields, value, defaultTcpRetry()) : "none"),
}

const set: Codec<TcpSettings["set"], Record<string, string>> = {
  read: (input) => Object.entries(input),
  write: (pairs) => Object.fromEntries(pairs),
}

type Rules = { rules?: ({ allow: string } | { deny: string })[] | undefined }
const rules: Codec<TcpSettings["rules"], Rules> = {
  read: ({ rules: written = [] }) =>
    written.map((rule) =>
      "allow" in rule ? { allow: true, from: rule.allow } : { allow: false, from: rule.deny },
    ),
  write: (value) => ({ rules: value.map(({ allow, from }) => ({ [allow ? "allow" : "deny"]: from })) }),
}

/** A text with variables is a template. */
const rate: Codec<number | string | null, number | string> = {
  read: (input) => (typeof input === "string" && input.includes("$") ? input : sizeOrNone.read(input)),
  write: (value) => (typeof value === "string" ? value : sizeOrNone.write(value)),
}

const settingsFields: Fields<TcpSettings> = [
  field("set", "set", set),
  field("readHello", "readHello", same()),
  field("prereadTimeout", "prereadTimeoutMs", duration),
  field("prereadSize", "prereadOctets", size),
  field("proxyProtocolTimeout", "proxyProtocolTimeoutMs", duration),
  field("handshakeTimeout", "handshakeTimeoutMs", duration),
  field("connectTimeout", "connectTimeoutMs", duration),
  field("idleTimeout", "idleTimeoutMs", duration),
  field("retry", "retry", retry),
  field("sendProxyProtocol", "sendProxyProtocol", same()),
  field("halfClose", "halfClose", same()),
  field("uploadRate", "uploadOctetsPerSecond", rate),
  field("downloadRate", "downloadOctetsPerSecond", rate),
  field("bindAddress", "bindAddress", textOrNone),
  field("socketKeepalive", "socketKeepalive", same()),
  field("noDelay", "noDelay", same()),
  field("access", "rules", rules),
  field("limits", "limits", streamLimits),
  field("realIpFrom", "realIpFrom", same()),
  field("accessLog", "accessLogs", accessLogsOf("tcp")),
]

export function readTcp(
  { servers = [], variables = [], zones = [] }: TcpInput,
  all: ListenerConfig[],
): TcpConfig {
  const listeners = all.filter(({ protocol }) => protocol === "tcp").map(({ name }) => name)
  return {
    servers: servers.map((server) => readServer(server, listeners)),
    variables: variables.map(readVariable),
    zones: zones.map(readZone),
  }
}

function readServer(input: ServerInput, all: string[]): TcpServerConfig {
  const { names = [], listeners = all, default: byDefault = false, ...rest } = input
  return {
    names: [names].flat(),
    listeners,
    defaultFor: byDefault === true ? [...listeners] : byDefault || [],
    action: readAction(input),
    settings: readFields(settingsFields, rest, defaultTcpSettings()),
  }
}

function readAction({ cluster, resolve = false, tls, pass, return: answer }: ServerInput): TcpAction {
  if (pass !== undefined) return { kind: "pass", template: pass }
  if (answer !== undefined) return { kind: "return", template: answer }
  if (cluster === undefined) return { kind: "none" }
  if (cluster.includes("$")) return { kind: "variable", template: cluster, resolve, tls: readTls(tls) }
  return { kind: "cluster", cluster, tls: readTls(tls) }
}

function readTls(tls: ServerInput["tls"]): UpstreamTlsConfig | null {
  if (tls === undefined || tls === false) return null
  return readFields(upstreamTlsFields, tls === true ? {} : tls, defaultUpstreamTls())
}

/** Nothing, where there is none. */
export function writeTcp({ tcp, listeners }: Config): Input {
  const { servers, variables, zones } = tcp
  const all = listeners.filter(({ protocol }) => protocol === "tcp").map(({ name }) => name)
  const input = {
    ...(servers.length > 0 && { servers: servers.map((server) => writeServer(server, all)) }),
    ...(variables.length > 0 && { variables: variables.map(writeVariable) }),
    ...(zones.length > 0 && { zones: zones.map(writeZone) }),
  }
  return Object.keys(input).length === 0 ? {} : { tcp: input }
}

function writeServer(
  { names, listeners, defaultFor, action, settings }: TcpServerConfig,
  all: string[],
): Input {
  return {
    ...(names.length > 0 && { names: names.length === 1 ? names[0] : names }),
    ...(!equal(listeners, all) && { listeners }),
    ...(defaultFor.length > 0 && { default: equal(defaultFor, listeners) ? true : defaultFor }),
    ...writeAction(action),
    ...writeFields(settingsFields, settings, defaultTcpSettings()),
  }
}

function writeAction(action: TcpAction): Input {
  if (action.kind === "none") return {}
  if (action.kind === "return") return { return: action.template }
  if (action.kind === "pass") return { pass: action.template }
  const { tls } = action
  const written = tls && writeFields(upstreamTlsFields, tls, defaultUpstreamTls())
  return {
    ...(action.kind === "cluster"
      ? { cluster: action.cluster }
      : { cluster: action.template, ...(action.resolve && { resolve: true }) }),
    ...(written !== null && { tls: Object.keys(written).length === 0 ? true : written }),
  }
}

function equal(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index])
}
