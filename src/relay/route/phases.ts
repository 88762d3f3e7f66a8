import { counterIds } from "../../base/counters.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import { parseAddress } from "../../config/address.ts"
import { parseGrpcTimeout } from "../../grpc/timeout.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import { stateOf } from "../../record/request-state.ts"
import type { Template } from "../../record/template.ts"
import type { Regex } from "../../regex/regex.ts"
import type { Served } from "../overload/cut-calls.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import { cycle, lookUp } from "./internal-redirect.ts"
import { keepMatch } from "./kept-match.ts"
import type { KeepNameGroups } from "./name-groups.ts"
import type { Phase, PhaseContext, ReturnAction, Route } from "./route.ts"
import { hostOf, type RoutesOf } from "./router.ts"

/** Where a stream of this route goes, compiled. */
export type CompiledAction =
  | { readonly kind: "cluster"; readonly cluster: string }
  | {
      readonly kind: "variable"
      readonly template: Template
      readonly mayResolve: boolean
      readonly needsPort: boolean
    }
  | ReturnAction
  | { readonly kind: "files"; readonly serve: Phase }
  | { readonly kind: "none" }

/** Where no cluster has the name, with `mayResolve` it may be a host's, and with `needsPort` it has to say a port. */
type FindCluster = (
  name: string,
  mayResolve: boolean,
  needsPort: boolean,
) => Cluster<LegConnection> | undefined

/** As nginx has it, whatever the route says: what TRACE sends back may be a secret of the client's. */
const refuseMethods: Phase = ({ record }) => {
  const { method } = record.head
  if (method !== "TRACE" && method !== "CONNECT") return null
  return failure("method_not_allowed", `${method} is not served`, true)
}

/** nginx: `ssl_verify_client`. */
const checkCertificate: Phase = ({ record }) => {
  const { tls } = record.connection
  if (tls === null) return null
  const clients = tls.clientsAt?.(hostOf(record.authority)) ?? "same"
  if (clients === "others")
    return failure("misdirected", "this host asks for a client certificate: connect to it by its name", true)
  const refused = clients === "missing" ? clients : tls.clientRefused
  if (refused === null || clients === "not asked") return null
  if (refused === "missing")
    return failure("certificate_missing", "no client certificate was sent, and one is required", true)
  const reason = tls.clientVerify.slice("FAILED:".length)
  return failure("certificate_failed", `the client certificate is not accepted: ${reason}`, true)
}

const readDeadline: Phase = (call, { limits, counters, log }) => {
  const timeout = call.isGrpc ? call.record.head.list.get("grpc-timeout") : undefined
  if (timeout === undefined) return null
  const timeoutMs = parseGrpcTimeout(timeout, limits.grpcTimeoutDigitsMax)
  if (timeoutMs === null) {
    counters.add(counterIds.grpc_timeout_malformed)
    log.warn("limit reached: grpc_timeout_malformed", { client: call.record.connection.remoteAddress })
    return failure("bad_request", `malformed grpc-timeout: ${timeout.slice(0, 40)}`, true)
  }
  // The start was rounded down; no deadline may come early.
  call.record.deadlineMs = call.record.startMs + 1 + timeoutMs
  return null
}

/** nginx: `client_max_body_size`, for what the request says of itself. */
export const checkBodySize =
  (maxBodyOctets: number): Phase =>
  ({ record }) =>
    record.head.contentLength > maxBodyOctets && record.state?.isAtErrorPage !== true
      ? bodyTooLarge(maxBodyOctets)
      : null

export function bodyTooLarge(maxBodyOctets: number): Failure {
  const message = `the request is larger than client_max_body_size (${maxBodyOctets} octets)`
  return failure("body_too_large", message)
}

/** As nginx answers where there is no file. */
const refuseUnrouted: Phase = ({ record, isGrpc }) => {
  const method = record.state?.method ?? record.head.method
  const isRead = isGrpc || method === "GET" || method === "HEAD" || method === "POST"
  return isRead ? unrouted(record.head.path) : { ...unrouted(record.head.path), httpStatus: 405 }
}

/** No location has anything for that path. */
export function unrouted(path: string): Failure {
  return failure("no_route", `no route for ${path}`, true)
}

const findCluster =
  (find: FindCluster, action: Extract<CompiledAction, { kind: "cluster" | "variable" }>): Phase =>
  (call, { env }) => {
    const name = action.kind === "cluster" ? action.cluster : action.template.render(call.record, env)
    const cluster =
      action.kind === "cluster" ? find(name, false, false) : find(name, action.mayResolve, action.needsPort)
    if (cluster === undefined) {
      const what = failure("no_endpoint", `there is no cluster ${name}`, true)
      // As nginx has it: a name that is not known is another thing than what is no address.
      const isNone = action.kind === "variable" && parseAddress(name, action.needsPort ? null : 80) === null
      return isNone ? { ...what, httpStatus: 500 } : what
    }
    call.cluster = cluster
    return null
  }

/** The last one: what it takes `leave` gives back. */
const admit: Phase = ({ record }, { admission, cutCalls }) => {
  const refusal = admission.enter(record.startMs)
  if (refusal !== null) return refusal
  const cut = cutCalls.begin(record)
  if (cut !== null) admission.leave()
  return cut
}

/** A call that was admitted is over. */
export function leave(record: StreamRecord, { admission, cutCalls }: PhaseContext, served: Served): void {
  admission.leave()
  cutCalls.end(record, served)
}

/** Before a location counts: the server's own settings say how the refusal is answered. */
function ofServer(phase: Phase): Phase {
  return (call, context) => {
    const verdict = phase(call, context)
    if (verdict !== null) call.route = call.route.host.fallback
    return verdict
  }
}

/** What every request goes through, whatever its route. */
export const FIRST: readonly Phase[] = [ofServer(refuseMethods), ofServer(checkCertificate), readDeadline]

/** nginx: `internal`. */
export const refuseExternal: Phase = ({ record }) =>
  record.state?.isInternal === true ? null : unrouted(record.head.path)

/** Keeps what the groups of a location's regex hold. */
export function keepGroups(regex: Regex): Phase {
  return ({ record }) => {
    const state = stateOf(record)
    const match = regex.exec(state.uri)
    if (match !== "none" && match !== "limit") keepMatch(state, regex, match)
    return null
  }
}

/** Keeps what the groups of a server's name hold. */
export function keepNameGroups(keep: KeepNameGroups): Phase {
  return ({ record }) => {
    keep(record, hostOf(record.authority))
    return null
  }
}

/** nginx: `limit_except`. */
export function exceptMethods(methods: readonly string[], otherwise: Route): Phase {
  return ({ record }) =>
    methods.includes(record.state?.method ?? record.head.method)
      ? null
      : { kind: "goto", route: otherwise, phases: otherwise.locationPhases }
}

/**
 * The steps of a server, before its location counts: an answer is made as the server's own settings have it, and a changed
 * path is looked for.
 */
export function rewriteInServer(rewrite: Phase, host: RoutesOf<Route>): Phase {
  return (call, context) => {
    const state = stateOf(call.record)
    const before = state.uri
    const verdict = rewrite(call, context)
    if (verdict !== null) {
      call.route = host.fallback
      return verdict
    }
    // `break` ends the steps alone: the location is found after them all the same.
    state.isUriChanged = false
    return state.uri === before ? null : lookUp(state, host)
  }
}

/** The steps of a location: a changed path is looked for, ten times at most. */
export function rewriteInLocation(rewrite: Phase, host: RoutesOf<Route>): Phase {
  return (call, context) => {
    const before = call.route
    const verdict = rewrite(call, context)
    if (verdict !== null) return verdict
    const state = call.record.state!
    if (state.isUriChanged) return state.changeUri() ? lookUp(state, host) : cycle(state)
    const { route } = call
    return route === before ? null : { kind: "goto", route, phases: route.locationPhases }
  }
}

/** The last phases of a route: where its calls go. What it does not configure has none. */
export function contentPhases(action: CompiledAction, find: FindCluster): readonly Phase[] {
  switch (action.kind) {
    case "none":
      return [refuseUnrouted]
    case "return":
      return [() => action]
    case "files":
      return [action.serve]
    default:
      return [findCluster(find, action), admit]
  }
}
