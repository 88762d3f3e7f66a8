import { stringify } from "yaml"
import type { Address } from "../address.ts"
import {
  defaultCluster,
  defaultConfig,
  defaultContentType,
  defaultEndpoint,
  defaultListener,
  defaultRouteSettings,
  defaultUpstreamTls,
} from "../defaults.ts"
import type {
  ClusterConfig,
  Config,
  ListenerConfig,
  RewriteStep,
  RouteAction,
  RouteConfig,
  RouteMatch,
  RouteSettings,
  ServerConfig,
} from "../model.ts"
import { writeZone } from "./access-schema.ts"
import { writeAdmin } from "./admin.ts"
import { writeVariable } from "./declared.ts"
import { writeDiscovery, writeResolver } from "./discovery-fields.ts"
import {
  clusterFields,
  endpointFields,
  grpcStatus,
  listenerFields,
  settingsFields,
  upstreamTlsFields,
  writeFields,
} from "./fields.ts"
import { writeFiles } from "./files.ts"
import { writeProxy } from "./proxy.ts"
import { durationText, listenInput } from "./scalars.ts"
import { writeSteps, writeTest } from "./steps.ts"
import { writeTcp } from "./tcp.ts"
import { writeTracing } from "./trace-schema.ts"

type Input = Record<string, unknown>

/**
 * The configuration as sluice.yaml, without what is the default anyway. `loadYaml` reads it back as an equal one.
 *
 * @param schema where editors find the schema to check the file against; null: they are not told
 */
export function toYaml(config: Config, schema: string | null = null): string {
  const comment = schema === null ? "" : `# yaml-language-server: $schema=${schema}\n`
  return comment + stringify(toInput(config), { lineWidth: 0, aliasDuplicateObjects: false })
}

function toInput(config: Config): Input {
  const base = defaultConfig()
  const { log, shutdown } = config
  const listenerNames = config.listeners.filter(({ protocol }) => protocol === "http").map(({ name }) => name)
  const admin = writeAdmin(config)
  return {
    ...(config.workers !== base.workers && { workers: config.workers }),
    listeners:
      config.listeners.length === 1
        ? listenerInput(config.listeners[0]!)
        : config.listeners.map(listenerInput),
    ...(listenerNames.length > 0 && serversInput(config.servers, listenerNames)),
    ...writeTcp(config),
    ...(config.zones.length > 0 && { zones: config.zones.map(writeZone) }),
    ...(config.variables.length > 0 && { variables: config.variables.map(writeVariable) }),
    ...(config.clusters.length > 0 && { clusters: clustersInput(config.clusters) }),
    ...changed("log", { level: log.level, path: log.path }, base.log),
    ...(config.pidFile !== null && { pidFile: config.pidFile }),
    ...(admin !== undefined && { admin }),
    ...(config.metrics !== base.metrics && { metrics: config.metrics }),
    ...(config.tracing !== null && { tracing: writeTracing(config.tracing) }),
    ...(shutdown.graceMs !== base.shutdown.graceMs && {
      shutdown: { grace: durationText(shutdown.graceMs) },
    }),
    ...(Object.keys(config.limits).length > 0 && { limits: config.limits }),
  }
}

/** `{ key: … }` with the entries that differ from the defaults, or nothing when none does. */
function changed(key: string, value: Input, base: Readonly<Input>): Input {
  const entries = Object.entries(value).filter(([name, one]) => one !== base[name])
  return entries.length === 0 ? {} : { [key]: Object.fromEntries(entries) }
}

function addressOf(
  { host, port, unixPath }: Pick<ListenerConfig, "host" | "port" | "unixPath">,
  text: string,
): Address {
  return { text, host, port, unixPath }
}

function listenerInput(listener: ListenerConfig): unknown {
  const { host, port, unixPath } = listener
  const text = unixPath === null ? `${host!.includes(":") ? `[${host}]` : host}:${port}` : `unix:${unixPath}`
  const address = addressOf(listener, text)
  const input = writeFields(listenerFields, listener, defaultListener(address))
  return Object.keys(input).length === 0 ? listenInput(address) : { address: listenInput(address), ...input }
}

function clustersInput(clusters: ClusterConfig[]): unknown {
  // Keys that look like numbers would change places in a map.
  const fitsMap = !clusters.some(({ name }) => /^\d+$/.test(name) || name === "__proto__")
  if (fitsMap) return Object.fromEntries(clusters.map((cluster) => [cluster.name, clusterInput(cluster)]))
  return clusters.map((cluster) => {
    const input = clusterInput(cluster)
    return { name: cluster.name, ...(Array.isArray(input) ? { endpoints: input } : input) }
  })
}

function clusterInput(cluster: ClusterConfig): unknown[] | Input {
  const base = defaultCluster(cluster.name)
  const endpoints = cluster.endpoints.map((endpoint) => {
    const input = writeFields(
      endpointFields,
      endpoint,
      defaultEndpoint(addressOf(endpoint, endpoint.address)),
    )
    return Object.keys(input).length === 0 ? endpoint.address : { address: endpoint.address, ...input }
  })
  const { policy, ...input } = writeFields(clusterFields(base), cluster, base)
  const found = {
    ...(cluster.discovery.length > 0 && { discovery: cluster.discovery.map(writeDiscovery) }),
    ...(cluster.resolver !== null && { resolver: writeResolver(cluster.resolver) }),
    ...input,
  }
  if (policy === undefined && Object.keys(found).length === 0) return endpoints
  return { ...(policy !== undefined && { policy }), ...(endpoints.length > 0 && { endpoints }), ...found }
}

function serversInput(servers: ServerConfig[], listeners: string[]): Input {
  const inputs = servers.map((server) => serverInput(server, listeners))
  const [only] = inputs
  const plain =
    only !== undefined &&
    inputs.length === 1 &&
    !["names", "listeners", "default", "order", "underscoresInHeaders", "mergeSlashes"].some(
      (key) => key in only,
    )
  return plain ? { ...only, routes: only.routes ?? [] } : { servers: inputs }
}

function serverInput(server: ServerConfig, listeners: string[]): Input {
  const { names, defaultFor, order, routes, fallback } = server
  const all = equal(server.listeners, listeners)
  const everywhere = equal(defaultFor, server.listeners)
  return {
    ...(!equal(names, [""]) && { names: names.length === 1 ? names[0] : names }),
    ...(!all && { listeners: server.listeners }),
    ...(defaultFor.length > 0 && { default: everywhere ? true : defaultFor }),
    ...(order !== "nginx" && { order }),
    ...(server.underscoresInHeaders && { underscoresInHeaders: true }),
    ...(!server.mergeSlashes && { mergeSlashes: false }),
    ...writeFields(settingsFields, fallback, defaultRouteSettings()),
    ...stepsInput(server.rewrite, fallback),
    ...(routes.length > 0 && { routes: routes.map((route) => routeInput(route, fallback)) }),
  }
}

function routeInput(route: RouteConfig, outer: RouteSettings): Input {
  const { match, when, settings, internal, rewrite, except, routes } = route
  return {
    ...matchInput(match),
    ...(when.length > 0 && { when: when.map(writeTest) }),
    ...variantInput(route, outer),
    ...(internal && { internal }),
    ...stepsInput(rewrite, settings),
    ...(except !== null && { except: { methods: except.methods, ...variantInput(except, settings) } }),
    ...(routes.length > 0 && { routes: routes.map((route) => routeInput(route, settings)) }),
  }
}

function variantInput(
  { action, settings }: Pick<RouteConfig, "action" | "settings">,
  outer: RouteSettings,
): Input {
  return { ...actionInput(action), ...writeFields(settingsFields, settings, outer) }
}

function stepsInput(steps: readonly RewriteStep[], outer: RouteSettings): Input {
  if (steps.length === 0) return {}
  const writers = {
    writeReturn: (action: RouteAction) => actionInput(action).return,
    writeRoute: (route: Pick<RouteConfig, "action" | "settings">) => variantInput(route, outer),
  }
  return { rewrite: writeSteps(steps, writers) }
}

function matchInput(match: RouteMatch): Input {
  switch (match.kind) {
    case "exact":
      return { exact: match.path }
    case "prefix":
      return { prefix: match.path, ...(match.final && { final: true }) }
    case "named":
      return { named: match.name }
    case "regex":
      return { regex: match.pattern, ...(match.ignoreCase && { ignoreCase: true }) }
  }
}

function actionInput(action: RouteAction): Input {
  if (action.kind === "none") return { return: "none" }
  if (action.kind === "return") {
    const { status, template, grpcStatus: grpc, grpcMessage, contentType } = action
    const isPlain = contentType === defaultContentType
    if (template === "" && isPlain && grpc === null && grpcMessage === null) return { return: status }
    return {
      return: {
        ...(status !== 200 && { status }),
        ...(template !== "" && { text: template }),
        ...(!isPlain && { contentType }),
        ...(grpc !== null && { grpcStatus: grpcStatus.write(grpc) }),
        ...(grpcMessage !== null && { grpcMessage }),
      },
    }
  }
  if (action.kind === "files") return { files: writeFiles(action.files) }
  const { tls } = action
  const tlsInput = tls && writeFields(upstreamTlsFields, tls, defaultUpstreamTls())
  const where =
    action.kind === "proxy"
      ? { proxy: writeProxy(action) }
      : action.kind === "cluster"
        ? { cluster: action.cluster }
        : {
            cluster: action.template,
            ...(action.resolve && { resolve: true }),
            ...(action.tlsByScheme && { tlsByScheme: true }),
          }
  return {
    ...where,
    ...(tlsInput !== null && { tls: Object.keys(tlsInput).length === 0 ? true : tlsInput }),
  }
}

function equal(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((name, index) => name === other[index])
}
