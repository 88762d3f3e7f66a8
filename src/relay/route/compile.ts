import { octetText } from "../../base/octet-text.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import type { Connector } from "../../cluster/connectors.ts"
import type { FilesConfig } from "../../config/files-model.ts"
import type {
  ProxyAction,
  RouteAction,
  RouteConfig,
  RouteSettings,
  ServerConfig,
  UpstreamTlsConfig,
} from "../../config/model.ts"
import type { AccessLog } from "../../log/access-log.ts"
import type { Failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableTable } from "../../record/variable-table.ts"
import { Regex } from "../../regex/regex.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import { type AccessParts, checkAccess, findRealClient, hasAccess } from "./access.ts"
import { compileContinuity } from "./continuity-plan.ts"
import { compileErrorPages } from "./error-page.ts"
import { RequestRewrite, ResponseRewrite } from "./head-rewrite.ts"
import { redirectInside } from "./internal-redirect.ts"
import { limitRequests, limitStreams, type Zone } from "./limit-phases.ts"
import {
  type CompiledAction,
  checkBodySize,
  contentPhases,
  exceptMethods,
  FIRST,
  keepGroups,
  refuseExternal,
  rewriteInLocation,
  rewriteInServer,
} from "./phases.ts"
import { ProxyRequestRewrite, readProxyTarget } from "./proxy-request.ts"
import { ProxyResponseRewrite } from "./proxy-response.ts"
import { compileRewrite, type RewriteParts } from "./rewrite.ts"
import type { Phase, ReturnAction, Route, Verdict } from "./route.ts"
import type { RouteMeter } from "./route-meter.ts"
import { routeName } from "./route-name.ts"
import { hostOf, type RoutesOf } from "./router.ts"
import { schemePhases, withoutScheme } from "./said-scheme.ts"

/** What routes are made of beside their own configuration. */
export interface RouteParts extends AccessParts {
  readonly table: VariableTable
  /** Of one regex. */
  readonly stepsMax: number
  zoneOf(name: string): Zone
  findCluster(name: string, mayResolve: boolean): Cluster<LegConnection> | undefined
  openLog(config: RouteSettings["accessLogs"][number]): AccessLog
  connectAs(tls: UpstreamTlsConfig | null, settings: RouteSettings): Connector<LegConnection>
  /** To backends that speak HTTP/1.1. */
  connectHttp1(action: ProxyAction, settings: RouteSettings): Connector<LegConnection>
  /** Null: routes are not counted. */
  meterOf(server: string, route: string): RouteMeter | null
  /** The phase that answers with a file. */
  serveFiles(config: FilesConfig, parts: FilesParts): Phase
}

/** What the files of a route are found by. */
export interface FilesParts {
  templateOf(source: string): Template
  /** To another path of the same server, with a query of its own, or to `@name`. */
  redirect(record: StreamRecord, target: string, args?: string): Verdict
}

/** @param config null: where no location of the server matches */
export function compileRoute(
  server: ServerConfig,
  config: RouteConfig | null,
  host: RoutesOf<Route>,
  parts: RouteParts,
): Route {
  const settings = config?.settings ?? server.fallback
  const action = config?.action ?? { kind: "none" as const }
  const name = routeName(config?.match ?? null)
  const compiled = compileAction(action, host, parts)
  const locationPhases = [
    ...(config === null ? [] : beforeContent(server, config, host, parts)),
    ...admission(server, settings, parts),
    ...schemePhases(action, parts.table, (plain) =>
      compileVariant(server, { name, action: plain, settings }, host, parts),
    ),
    ...contentPhases(compiled, parts.findCluster),
  ]
  const route = makeRoute(server, action, settings, host, parts, locationPhases)
  return { ...route, name, meter: parts.meterOf(route.serverName, name) }
}

const ROUTED: ReadonlySet<RouteAction["kind"]> = new Set(["cluster", "variable", "proxy"])

/** A route of which the phases are known. */
function makeRoute(
  server: ServerConfig,
  action: RouteAction,
  settings: RouteSettings,
  host: RoutesOf<Route>,
  parts: RouteParts,
  ownPhases: readonly Phase[],
): Omit<Route, "name" | "meter"> {
  const { table, findCluster, openLog, connectAs } = parts
  const errorStatuses = new Map<number, { grpcStatus: number; message: Template }>()
  for (const { httpStatuses, grpcStatus, grpcMessage } of settings.errorStatuses)
    for (const status of httpStatuses)
      if (!errorStatuses.has(status))
        errorStatuses.set(status, { grpcStatus, message: compileTemplate(grpcMessage, "header", table) })
  const tls = action.kind === "cluster" || action.kind === "variable" ? action.tls : null
  const { maxBodyOctets } = settings
  const locationPhases = maxBodyOctets === null ? ownPhases : [checkBodySize(maxBodyOctets), ...ownPhases]
  const serverSteps = compileServerSteps(server, host, parts)
  return {
    serverName: server.names[0] ?? "",
    isAnswer: action.kind === "return",
    servesGrpc: action.kind === "return" ? action.grpcStatus !== null : ROUTED.has(action.kind),
    phases: [...FIRST, ...serverPhases(server, parts), ...serverSteps, ...locationPhases],
    locationPhases,
    serverSteps,
    findCluster: () => (action.kind === "cluster" ? findCluster(action.cluster, false) : undefined),
    connect:
      action.kind === "proxy"
        ? parts.connectHttp1(action, settings)
        : tls === null && settings.bindAddress === null && !settings.socketKeepalive
          ? null
          : connectAs(tls, settings),
    settings,
    continuity: compileContinuity(settings.continuity),
    ...rewritesOf(action, settings, parts),
    accessLogs: settings.accessLogs.map(openLog),
    errorStatuses,
    errorPages: compileErrorPages(settings.errorPages, parts.templateOf),
    hasStreamTimeouts:
      settings.readTimeoutMs !== null || settings.sendTimeoutMs !== null || settings.bodyTimeoutMs !== null,
    templateOf: parts.templateOf,
    host,
  }
}

function rewritesOf(
  action: RouteAction,
  settings: RouteSettings,
  { table, stepsMax }: RouteParts,
): Pick<Route, "requestRewrite" | "responseRewrite"> {
  if (action.kind === "proxy")
    return {
      requestRewrite: new ProxyRequestRewrite(settings, action, table),
      responseRewrite: new ProxyResponseRewrite(settings, action, table, stepsMax),
    }
  const tls = action.kind === "cluster" || action.kind === "variable" ? action.tls : null
  return {
    requestRewrite: new RequestRewrite(settings, tls !== null, table),
    responseRewrite: new ResponseRewrite(settings, table),
  }
}

function serverPhases(server: ServerConfig, { stepsMax }: RouteParts): Phase[] {
  const names = server.names
    .filter((name) => name.startsWith("~") && name.includes("("))
    .map((name) => new Regex(octetText(name.slice(1)), { isCaseless: true, stepsMax }))
    .filter(({ groups }) => groups > 0)
    .map((regex) => keepGroups(regex, (_state, authority) => hostOf(authority)))
  const { realIp } = server.fallback
  return realIp === null ? names : [findRealClient(realIp), ...names]
}

function compileServerSteps(server: ServerConfig, host: RoutesOf<Route>, parts: RouteParts): Phase[] {
  if (server.rewrite.length === 0) return []
  return [rewriteInServer(compileRewrite(server.rewrite, rewriteParts(server, "", host, parts)), host)]
}

/** From the moment that the location is found. */
function beforeContent(
  server: ServerConfig,
  config: RouteConfig,
  host: RoutesOf<Route>,
  parts: RouteParts,
): Phase[] {
  const { match, internal, rewrite, except } = config
  const { stepsMax } = parts
  const phases: Phase[] = []
  if (internal) phases.push(refuseExternal)
  if (match.kind === "regex" && match.pattern.includes("(")) {
    const regex = new Regex(octetText(match.pattern), { isCaseless: match.ignoreCase, stepsMax })
    if (regex.groups > 0) phases.push(keepGroups(regex, ({ uri }) => uri))
  }
  const name = routeName(match)
  if (except !== null)
    phases.push(exceptMethods(except.methods, compileVariant(server, { ...except, name }, host, parts)))
  if (rewrite.length > 0) {
    const program = compileRewrite(rewrite, rewriteParts(server, name, host, parts))
    phases.push(rewriteInLocation(program, host))
  }
  return phases
}

/** What another action and other settings make of a location: nginx's `if` and `limit_except`. `name`: the location's. */
function compileVariant(
  server: ServerConfig,
  { name, action, settings }: Pick<RouteConfig, "action" | "settings"> & { name: string },
  host: RoutesOf<Route>,
  parts: RouteParts,
): Route {
  const phases = [
    ...admission(server, settings, parts),
    ...schemePhases(action, parts.table, (plain) =>
      compileVariant(server, { name, action: plain, settings }, host, parts),
    ),
    ...contentPhases(compileAction(action, host, parts), parts.findCluster),
  ]
  const route = makeRoute(server, action, settings, host, parts, phases)
  return { ...route, name: "if", meter: parts.meterOf(route.serverName, name) }
}

/** Preaccess and access: who is let in, and how many. */
function admission(server: ServerConfig, settings: RouteSettings, parts: RouteParts): Phase[] {
  const { zoneOf } = parts
  const { realIp, requestLimits, streamLimits, access } = settings
  const phases: Phase[] = []
  if (realIp !== null && server.fallback.realIp === null) phases.push(findRealClient(realIp))
  const serverKey = JSON.stringify([server.names, server.listeners])
  const who = hasAccess(access) ? checkAccess(access, parts, serverKey) : null
  if (who !== null) phases.push(...who.first)
  if (streamLimits.limits.length > 0) phases.push(limitStreams(streamLimits, zoneOf))
  if (requestLimits.limits.length > 0) phases.push(limitRequests(requestLimits, zoneOf))
  if (who !== null) phases.push(...who.phases)
  return phases
}

function rewriteParts(
  server: ServerConfig,
  name: string,
  host: RoutesOf<Route>,
  parts: RouteParts,
): RewriteParts {
  return {
    table: parts.table,
    stepsMax: parts.stepsMax,
    compileReturn: (action) => compileReturn(action, parts.table),
    compileThen: (then) => compileVariant(server, { ...then, name }, host, parts),
  }
}

/** The same route with an answer in place of where it leads. */
export function withAnswer(route: Route, action: ReturnAction, responseRewrite: ResponseRewrite): Route {
  const { maxBodyOctets } = route.settings
  const body = maxBodyOctets === null ? [] : [checkBodySize(maxBodyOctets)]
  const locationPhases = [...body, () => action]
  return { ...route, phases: [...FIRST, ...locationPhases], locationPhases, isAnswer: true, responseRewrite }
}

/** The same route where every request fails. */
export function withFailure(route: Route, what: Failure): Route {
  const locationPhases = [() => what]
  return { ...route, phases: locationPhases, locationPhases, isAnswer: true }
}

function compileAction(action: RouteAction, host: RoutesOf<Route>, parts: RouteParts): CompiledAction {
  const { table, templateOf } = parts
  switch (action.kind) {
    case "cluster":
      return { kind: "cluster", cluster: action.cluster }
    case "variable":
      return {
        kind: "variable",
        template: withoutScheme(compileTemplate(action.template, "header", table)),
        mayResolve: action.resolve,
        needsPort: true,
      }
    case "return":
      return compileReturn(action, table)
    case "proxy":
      return compileProxy(action.target, table)
    case "files": {
      const redirect: FilesParts["redirect"] = (record, target, args) =>
        redirectInside(record, target, args, host)
      return { kind: "files", serve: parts.serveFiles(action.files, { templateOf, redirect }) }
    }
    case "none":
      return action
  }
}

function compileProxy(target: ProxyAction["target"], table: VariableTable): CompiledAction {
  if ("cluster" in target) return { kind: "cluster", cluster: target.cluster }
  const url = compileTemplate(target.template, "header", table)
  // What names the cluster is the middle of it.
  const nameOf: Template["render"] = (record, env) => readProxyTarget(url.render(record, env))?.name ?? ""
  return {
    kind: "variable",
    template: { ...url, render: nameOf },
    mayResolve: target.resolve,
    needsPort: false,
  }
}

function compileReturn(action: Extract<RouteAction, { kind: "return" }>, table: VariableTable): ReturnAction {
  return {
    ...action,
    template: compileTemplate(action.template, "header", table),
    contentType: octetText(action.contentType),
    grpcMessage: action.grpcMessage === null ? null : compileTemplate(action.grpcMessage, "header", table),
  }
}
