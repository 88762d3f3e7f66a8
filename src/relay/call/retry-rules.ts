import type { RetryCondition, RetryConfig } from "../../config/model.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import type { LegEnd } from "./leg-end.ts"

/** Methods that may be sent twice: RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PROPFIND"])

/** Answers of gRPC's that may be tried elsewhere. */
const GRPC: Readonly<Record<number, RetryCondition>> = {
  [GrpcStatus.CANCELLED]: "grpc_cancelled",
  [GrpcStatus.DEADLINE_EXCEEDED]: "grpc_deadline_exceeded",
  [GrpcStatus.RESOURCE_EXHAUSTED]: "grpc_resource_exhausted",
  [GrpcStatus.INTERNAL]: "grpc_internal",
  [GrpcStatus.UNAVAILABLE]: "grpc_unavailable",
}

/** A call as `grpc_next_upstream` sees it when a leg has ended. */
export interface RetriedCall {
  readonly method: string
  /** Endpoints asked so far. One that GOAWAY lets be asked again counts once. */
  readonly legs: number
  /** Endpoints there are, backups included. */
  readonly endpoints: number
  readonly elapsedMs: number
}

/** As what nginx has the end in `grpc_next_upstream`; null: as nothing. */
export function conditionOf(end: LegEnd): RetryCondition | null {
  switch (end.kind) {
    case "not_connected":
      return end.isTimeout ? "timeout" : "error"
    case "unprocessed":
    case "lost":
      return "error"
    // As nginx has it: a stream that is reset before its head is no `error`.
    case "reset":
    case "malformed":
      return "invalid_header"
    case "timeout":
      return "timeout"
    case "status":
      return end.status >= 400 ? (`http_${end.status}` as RetryCondition) : (GRPC[end.grpcStatus] ?? null)
    default:
      return null
  }
}

/** No backend can have seen the call, or the one that has asks for it again. */
export function isUnsent(end: LegEnd): boolean {
  if (end.kind === "status") return end.pushbackMs !== null && end.pushbackMs >= 0
  return end.kind === "not_connected" || end.kind === "unprocessed"
}

/**
 * Whether nginx's `grpc_next_upstream`, `_tries` and `_timeout` let a call go to another endpoint. What a backend may
 * have seen is sent again only if that does no harm, or if `non_idempotent` says that it does not matter.
 */
export function mayRetry(config: RetryConfig, call: RetriedCall, end: LegEnd): boolean {
  const { conditions, tries, timeoutMs } = config
  const condition = conditionOf(end)
  if (condition === null || !conditions.includes(condition)) return false
  const isSafe = isUnsent(end) || IDEMPOTENT.has(call.method) || conditions.includes("non_idempotent")
  // However many tries are allowed, no endpoint is left once each has been tried.
  const legsMax = Math.min(tries ?? Number.POSITIVE_INFINITY, call.endpoints)
  const isInTime = timeoutMs === null || call.elapsedMs < timeoutMs
  return isSafe && call.legs < legsMax && isInTime
}
