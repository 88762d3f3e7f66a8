import { counterIds } from "../../base/counters.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import { parseGrpcTimeout } from "../../grpc/timeout.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { Template } from "../../record/template.ts"
import type { Served } from "../overload/cut-calls.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { Phase, PhaseContext, ReturnAction } from "./phase.ts"

/** Where a stream of this route goes, compiled. */
export type CompiledAction =
  | { readonly kind: "cluster"; readonly cluster: string }
  | { readonly kind: "variable"; readonly template: Template }
  | ReturnAction
  | { readonly kind: "none" }

type FindCluster = (name: string) => Cluster<LegConnection> | undefined

/** As nginx has it, whatever the route says: what TRACE sends back may be a secret of the client's. */
const refuseMethods: Phase = ({ record }) => {
  const { method } = record.head
  if (method !== "TRACE" && method !== "CONNECT") return null
  return failure("method_not_allowed", `${method} is not served`, true)
}

/** nginx: `ssl_verify_client`. */
const checkCertificate: Phase = ({ record }) => {
  const { tls } = record.connection
  if (tls === null || tls.clientRefused === null) return null
  if (tls.clientRefused === "missing")
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
const checkBodySize =
  (maxBodyOctets: number): Phase =>
  ({ record }) =>
    record.head.contentLength > maxBodyOctets ? bodyTooLarge(maxBodyOctets) : null

export function bodyTooLarge(maxBodyOctets: number): Failure {
  const message = `the request is larger than client_max_body_size (${maxBodyOctets} octets)`
  return failure("body_too_large", message)
}

const refuseUnrouted: Phase = ({ record }) => failure("no_route", `no route for ${record.head.path}`, true)

const findCluster =
  (find: FindCluster, action: Extract<CompiledAction, { kind: "cluster" | "variable" }>): Phase =>
  (call, { env }) => {
    const name = action.kind === "cluster" ? action.cluster : action.template.render(call.record, env)
    const cluster = find(name)
    if (cluster === undefined) return failure("no_endpoint", `there is no cluster ${name}`, true)
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

const FIRST: readonly Phase[] = [refuseMethods, checkCertificate, readDeadline]

/** The phases of a route, in order. What it does not configure has none. */
export function compilePhases(
  action: CompiledAction,
  maxBodyOctets: number | null,
  find: FindCluster,
): readonly Phase[] {
  const first = maxBodyOctets === null ? FIRST : [...FIRST, checkBodySize(maxBodyOctets)]
  switch (action.kind) {
    case "none":
      return [...first, refuseUnrouted]
    case "return":
      return [...first, () => action]
    default:
      return [...first, findCluster(find, action), admit]
  }
}
