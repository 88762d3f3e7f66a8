import { parseAddress } from "../address.ts"
import {
  defaultCluster,
  defaultConfig,
  defaultContentType,
  defaultEndpoint,
  defaultListener,
  defaultRoute,
  defaultRouteSettings,
  defaultUpstreamTls,
} from "../defaults.ts"
import { defaults } from "../defaults-table.ts"
import type {
  ClusterConfig,
  Config,
  EndpointConfig,
  ExceptMethods,
  ListenerConfig,
  RewriteStep,
  RouteAction,
  RouteConfig,
  RouteMatch,
  RouteSettings,
  ServerConfig,
} from "../model.ts"
import type { Problem } from "../problem.ts"
import type { UpstreamTlsConfig } from "../shared-model.ts"
import { readZone } from "./access-schema.ts"
import { readAdmin } from "./admin.ts"
import { readVariable } from "./declared.ts"
import { readDiscovery, readResolver } from "./discovery-fields.ts"
import { type Fault, type Path, pathText, shapeFaults } from "./faults.ts"
import {
  clusterFields,
  endpointFields,
  grpcStatus,
  listenerFields,
  readFields,
  settingsFields,
  upstreamTlsFields,
} from "./fields.ts"
import { readFiles } from "./files.ts"
import { readProxy } from "./proxy.ts"
import { ruleFaults } from "./rules.ts"
import { durationMs, listenAddress } from "./scalars.ts"
import type {
  ClusterInput,
  ListenerInput,
  RouteInput,
  ServerInput,
  SluiceYaml,
  VariantInput,
} from "./schema.ts"
import { readSteps, readTest } from "./steps.ts"
import { readTcp } from "./tcp.ts"
import { readTracing } from "./trace-schema.ts"
import { readXds } from "./xds.ts"

type ReturnAction = Extract<RouteAction, { kind: "return" }>

/** What `Problem.file` says of an input that is no file. */
export const INPUT_NAME = "options"

/**
 * The configuration that an input means, for programs.
 * Errors: `config` is null when a problem is an error. Problems have no line; their message begins with the path.
 */
export function fromInput(input: SluiceYaml): { config: Config | null; problems: Problem[] } {
  const { config, faults } = settle(input)
  const problems = faults.map(({ severity, path, message, hint }) => {
    return { severity, file: INPUT_NAME, line: 0, column: 0, length: 1, message: placed(message, path), hint }
  })
  return { config, problems }
}

/** `routes[0].cluster: there is no …`; where the message begins with the last of the path, the whole stands there. */
function placed(message: string, path: Path): string {
  const place = pathText(path)
  const [, name, rest] = /^"([^"]+)" (.*)$/s.exec(message) ?? []
  if (name !== undefined && place.endsWith(name)) return `${place} ${rest}`
  return place === "" ? message : `${place}: ${message}`
}

/** The same for a value of unknown shape, with its faults by path. */
export function settle(input: unknown): { config: Config | null; faults: Fault[] } {
  const faults = [...shapeFaults(input), ...ruleFaults(input)]
  const fit = !faults.some(({ severity }) => severity === "error")
  return { config: fit ? normalized(input as SluiceYaml) : null, faults }
}

/** A list of named entries, whether written as a map or as a list. */
export function clusterEntries(clusters: SluiceYaml["clusters"]): [name: string, cluster: ClusterInput][] {
  if (Array.isArray(clusters)) return clusters.map(({ name, ...cluster }) => [name, cluster])
  return Object.entries(clusters ?? {})
}

function normalized(input: SluiceYaml): Config {
  const base = defaultConfig()
  const listeners = [input.listeners].flat().map(listenerOf)
  const clusters = clusterEntries(input.clusters).map(([name, cluster]) => clusterOf(name, cluster))
  const settings = readFields(settingsFields, input, defaultRouteSettings())
  const http = listeners.filter(({ protocol }) => protocol === "http").map(({ name }) => name)
  const only = clusters.find(({ protocol }) => protocol === "http")?.name
  const servers = input.servers ?? [
    { rewrite: input.rewrite, routes: input.routes ?? (only === undefined ? [] : [{ cluster: only }]) },
  ]
  return {
    workers: input.workers ?? base.workers,
    listeners,
    servers: http.length === 0 ? [] : servers.map((server) => serverOf(server, http, settings)),
    clusters,
    tcp: readTcp(input.tcp ?? {}, listeners),
    zones: (input.zones ?? []).map(readZone),
    variables: (input.variables ?? []).map(readVariable),
    log: { level: input.log?.level ?? base.log.level, path: input.log?.path ?? base.log.path },
    pidFile: input.pidFile ?? base.pidFile,
    admin: input.admin === undefined ? base.admin : readAdmin(input.admin),
    xds:
      typeof input.admin === "object" && input.admin.xds !== undefined ? readXds(input.admin.xds) : base.xds,
    metrics: input.metrics ?? base.metrics,
    tracing: input.tracing === undefined ? base.tracing : readTracing(input.tracing),
    shutdown:
      input.shutdown?.grace === undefined ? base.shutdown : { graceMs: durationMs(input.shutdown.grace) },
    limits: limitsOf(input.limits ?? {}),
  }
}

function limitsOf(input: NonNullable<SluiceYaml["limits"]>): Record<string, number> {
  const limits: Record<string, number> = {}
  for (const [name, value] of Object.entries(input)) if (value !== undefined) limits[name] = value
  return limits
}

function listenerOf(input: ListenerInput): ListenerConfig {
  const written = typeof input === "object" ? input : { address: input }
  return readFields(listenerFields, written, defaultListener(listenAddress(written.address)!))
}

function clusterOf(name: string, input: ClusterInput): ClusterConfig {
  const written: Exclude<ClusterInput, unknown[]> = Array.isArray(input) ? { endpoints: input } : input
  const base = defaultCluster(name)
  const endpoints = (written.endpoints ?? []).map((endpoint): EndpointConfig => {
    const { address, ...rest } = typeof endpoint === "string" ? { address: endpoint } : endpoint
    return readFields(endpointFields, rest, defaultEndpoint(parseAddress(address, null)!))
  })
  const { discovery = [], resolver } = written
  return {
    ...readFields(clusterFields(base), written, base),
    endpoints,
    discovery: discovery.map(readDiscovery),
    resolver: resolver === undefined ? null : readResolver(resolver),
  }
}

function serverOf(input: ServerInput, listeners: string[], outer: RouteSettings): ServerConfig {
  const own = input.listeners ?? listeners
  const settings = readFields(settingsFields, input, outer)
  return {
    names: [input.names ?? ""].flat(),
    listeners: own,
    defaultFor: input.default === true ? [...own] : input.default || [],
    order: input.order ?? defaults.server.order.value,
    underscoresInHeaders: input.underscoresInHeaders ?? defaults.server.underscoresInHeaders.value,
    mergeSlashes: input.mergeSlashes ?? defaults.server.mergeSlashes.value,
    routes: (input.routes ?? []).map((route) => routeOf(route, settings)),
    rewrite: stepsOf(input.rewrite, settings),
    fallback: settings,
  }
}

function routeOf(input: RouteInput, outer: RouteSettings): RouteConfig {
  const settings = readFields(settingsFields, input, outer)
  return {
    match: matchOf(input),
    when: (input.when ?? []).map(readTest),
    action: actionOf(input),
    settings,
    internal: input.internal ?? defaultRoute().internal,
    rewrite: stepsOf(input.rewrite, settings),
    except: input.except === undefined ? null : exceptOf(input.except, settings),
    routes: (input.routes ?? []).map((route) => routeOf(route, settings)),
  }
}

function stepsOf(input: RouteInput["rewrite"], outer: RouteSettings): RewriteStep[] {
  return readSteps(input ?? [], {
    readReturn: (answer) => returnOf(answer as Exclude<VariantInput["return"], undefined>),
    readRoute: (route) => variantOf(route as VariantInput, outer),
  })
}

function variantOf(input: VariantInput, outer: RouteSettings): Pick<RouteConfig, "action" | "settings"> {
  return { action: actionOf(input), settings: readFields(settingsFields, input, outer) }
}

function exceptOf(input: Exclude<RouteInput["except"], undefined>, outer: RouteSettings): ExceptMethods {
  return { methods: input.methods, ...variantOf(input, outer) }
}

function matchOf({
  named,
  exact,
  prefix = "/",
  final = false,
  regex,
  ignoreCase = false,
}: RouteInput): RouteMatch {
  if (named !== undefined) return { kind: "named", name: named }
  if (exact !== undefined) return { kind: "exact", path: exact }
  if (regex !== undefined) return { kind: "regex", pattern: regex, ignoreCase }
  return { kind: "prefix", path: prefix, final }
}

function actionOf({
  cluster,
  resolve = false,
  tls,
  tlsByScheme = false,
  proxy,
  files,
  return: answer = "none",
}: VariantInput): RouteAction {
  if (files !== undefined) return { kind: "files", files: readFiles(files) }
  if (proxy !== undefined) return { kind: "proxy", tls: upstreamTlsOf(tls), ...readProxy(proxy) }
  if (cluster !== undefined) {
    return cluster.includes("$")
      ? { kind: "variable", template: cluster, resolve, tls: upstreamTlsOf(tls), tlsByScheme }
      : { kind: "cluster", cluster, tls: upstreamTlsOf(tls) }
  }
  return answer === "none" ? { kind: "none" } : returnOf(answer)
}

function returnOf(answer: Exclude<VariantInput["return"], undefined>): ReturnAction {
  const written = typeof answer === "number" ? { status: answer } : answer === "none" ? {} : answer
  const {
    status = 200,
    text = "",
    grpcStatus: grpc,
    grpcMessage = null,
    contentType = defaultContentType,
  } = written
  return {
    kind: "return",
    status,
    template: text,
    contentType,
    grpcStatus: grpc === undefined ? null : grpcStatus.read(grpc),
    grpcMessage,
  }
}

function upstreamTlsOf(tls: RouteInput["tls"]): UpstreamTlsConfig | null {
  if (tls === undefined || tls === false) return null
  return readFields(upstreamTlsFields, tls === true ? {} : tls, defaultUpstreamTls())
}
