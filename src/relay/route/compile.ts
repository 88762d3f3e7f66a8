import { defaultRouteSettings } from "../../config/defaults.ts"
import type { RouteAction, RouteConfig, RouteSettings, ServerConfig } from "../../config/model.ts"
import type { AskedService } from "../../config/service-model.ts"
import type { Failure } from "../../record/failure.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import { findRealClient } from "./access.ts"
import { compileTrailers } from "./added-trailers.ts"
import { admissionPhases } from "./admission-phases.ts"
import { hasStreamTimeouts, limitCall } from "./call-limits.ts"
import { compileAction, compileReturn } from "./compile-action.ts"
import { compilePlans, hasNamedCursor, onePlan, type PlanOf } from "./continuity-plan.ts"
import { connectorFor } from "./endpoint-connector.ts"
import { compileErrorPages } from "./error-page.ts"
import type { ResponseRewrite } from "./head-rewrite.ts"
import { keepBody } from "./keep-body.ts"
import { compileMessageRates } from "./message-rates.ts"
import { nameGroups } from "./name-groups.ts"
import {
  checkBodySize,
  contentPhases,
  exceptMethods,
  FIRST,
  keepGroups,
  keepNameGroups,
  refuseExternal,
  rewriteInLocation,
  rewriteInServer,
} from "./phases.ts"
import { ProxyRequestRewrite } from "./proxy-request.ts"
import { ProxyResponseRewrite } from "./proxy-response.ts"
import { ReflectedPlans } from "./reflected-plans.ts"
import { compileRewrite, type RewriteParts } from "./rewrite.ts"
import type { Phase, ReturnAction, Route } from "./route.ts"
import { checkConditions } from "./route-conditions.ts"
import { routeName } from "./route-name.ts"
import type { RouteParts } from "./route-parts.ts"
import type { RoutesOf } from "./router.ts"
import { schemePhases } from "./said-scheme.ts"
import { TracePlan } from "./trace-plan.ts"

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
    ...admissionPhases(server, settings, parts, (service) => serviceRoute(server, service, host, parts)),
    ...schemePhases(action, parts.table, (plain) =>
      compileVariant(server, { name, action: plain, settings }, host, parts),
    ),
    ...contentPhases(compiled, parts.findCluster),
  ]
  const conditions =
    config === null || config.when.length === 0 ? [] : [checkConditions(config.when, host, parts)]
  if (config !== null && parts.keepsBody(config)) conditions.push(keepBody)
  const route = makeRoute(server, action, settings, host, parts, locationPhases, conditions)
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
  /** Before all that is its own. */
  conditions: readonly Phase[] = [],
): Omit<Route, "name" | "meter"> {
  const { table, findCluster, openLog } = parts
  const errorStatuses = new Map<number, { grpcStatus: number; message: Template }>()
  for (const { httpStatuses, grpcStatus, grpcMessage } of settings.errorStatuses)
    for (const status of httpStatuses)
      if (!errorStatuses.has(status))
        errorStatuses.set(status, { grpcStatus, message: compileTemplate(grpcMessage, "header", table) })
  const { maxBodyOctets } = settings
  const trace = settings.trace === null ? null : new TracePlan(settings.trace, table)
  const { planOf, learn } = continuityOf(settings, parts)
  const isLearning = learn !== null && ROUTED.has(action.kind)
  const locationPhases = [
    ...conditions,
    ...(trace === null ? [] : [trace.begin]),
    ...(maxBodyOctets === null ? [] : [checkBodySize(maxBodyOctets)]),
    ...limitCall(settings),
    // The last one admits the call.
    ...(isLearning ? ownPhases.toSpliced(-1, 0, learn) : ownPhases),
  ]
  const serverSteps = compileServerSteps(server, host, parts)
  return {
    serverName: server.names[0] ?? "",
    isAnswer: action.kind === "return",
    servesGrpc: action.kind === "return" ? action.grpcStatus !== null : ROUTED.has(action.kind),
    phases: [...FIRST, ...serverPhases(server, parts), ...serverSteps, ...locationPhases],
    locationPhases,
    serverSteps,
    findCluster: () => (action.kind === "cluster" ? findCluster(action.cluster, false, false) : undefined),
    connectorFor: connectorFor(action, settings, parts),
    settings,
    continuity: planOf,
    trace,
    messageRates: compileMessageRates(settings.messageLimits, parts.zoneOf),
    ...rewritesOf(action, settings, parts),
    addedTrailers: compileTrailers(settings, parts.table),
    accessLogs: settings.accessLogs.map(openLog),
    errorStatuses,
    errorPages: compileErrorPages(settings.errorPages, parts.templateOf),
    hasStreamTimeouts: hasStreamTimeouts(settings),
    templateOf: parts.templateOf,
    host,
  }
}

/** How its streams outlive their backend; `learn`: the phase in which its backends are asked what is needed for that. */
function continuityOf(
  { continuity, bridge: { descriptorSet } }: RouteSettings,
  { cursorFieldsOf }: RouteParts,
): { readonly planOf: PlanOf | null; readonly learn: Phase | null } {
  if (!hasNamedCursor(continuity)) return { planOf: onePlan(continuity), learn: null }
  if (descriptorSet !== null)
    return { planOf: compilePlans(continuity, cursorFieldsOf(descriptorSet)), learn: null }
  const plans = new ReflectedPlans(continuity)
  return { planOf: (path) => plans.planOf(path), learn: plans.learn }
}

function rewritesOf(
  action: RouteAction,
  settings: RouteSettings,
  { table, stepsMax, headRewrites }: RouteParts,
): Pick<Route, "requestRewrite" | "responseRewrite"> {
  if (action.kind === "proxy")
    return {
      requestRewrite: new ProxyRequestRewrite(settings, action, table),
      responseRewrite: new ProxyResponseRewrite(settings, action, table, stepsMax),
    }
  const tls = action.kind === "cluster" || action.kind === "variable" ? action.tls : null
  return {
    requestRewrite: headRewrites.request(settings, tls !== null),
    responseRewrite: headRewrites.response(settings),
  }
}

function serverPhases(server: ServerConfig, { regexOf }: RouteParts): Phase[] {
  const keep = nameGroups(server.names, (pattern) => regexOf(pattern, true))
  const names = keep === null ? [] : [keepNameGroups(keep)]
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
  const phases: Phase[] = []
  if (internal) phases.push(refuseExternal)
  if (match.kind === "regex" && match.pattern.includes("(")) {
    const regex = parts.regexOf(match.pattern, match.ignoreCase)
    if (regex.groups > 0) phases.push(keepGroups(regex))
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
    ...admissionPhases(server, settings, parts, (service) => serviceRoute(server, service, host, parts)),
    ...schemePhases(action, parts.table, (plain) =>
      compileVariant(server, { name, action: plain, settings }, host, parts),
    ),
    ...contentPhases(compileAction(action, host, parts), parts.findCluster),
  ]
  const route = makeRoute(server, action, settings, host, parts, phases)
  return { ...route, name: "if", meter: parts.meterOf(route.serverName, name) }
}

/** A route to a service that is asked about calls. */
function serviceRoute(
  server: ServerConfig,
  { cluster, tls }: AskedService,
  host: RoutesOf<Route>,
  parts: RouteParts,
): Route {
  const action = { kind: "cluster" as const, cluster, tls }
  const variant = { action, settings: defaultRouteSettings(), name: cluster }
  const route = compileVariant(server, variant, host, parts)
  return { ...route, phases: route.locationPhases }
}

function rewriteParts(
  server: ServerConfig,
  name: string,
  host: RoutesOf<Route>,
  parts: RouteParts,
): RewriteParts {
  return {
    table: parts.table,
    regexOf: parts.regexOf,
    templateOf: parts.templateOf,
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
