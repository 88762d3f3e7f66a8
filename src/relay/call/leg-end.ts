import { GrpcStatus, parseGrpcStatus } from "../../grpc/status.ts"
import { ErrorCode, errorCodeName } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import { type Failure, type FailureKind, failure, isCharged } from "../../record/failure.ts"
import type { Served } from "../overload/cut-calls.ts"

import { pushbackOf } from "./retry-delay.ts"

/** How a leg ended. Nothing else is remembered of that: what follows is decided from this and the call's facts. */
export type LegEnd =
  /** The answer is whole; of the request no more is wanted. */
  | { readonly kind: "complete" }
  /** No connection could be made. */
  | { readonly kind: "not_connected"; readonly isTimeout: boolean; readonly reason: string }
  /** The endpoint is connected, and no stream became free there; `reason` names the limit. */
  | { readonly kind: "no_slot"; readonly reason: string }
  /** The endpoint has said that it did nothing for the stream. `isGoaway`: so it says of all on its connection. */
  | {
      readonly kind: "unprocessed"
      readonly isGoaway: boolean
      readonly code: number
      readonly reason: string
    }
  /** The endpoint reset the stream. `isAnswered`: after its head. */
  | { readonly kind: "reset"; readonly code: number; readonly isAnswered: boolean }
  /** The connection is gone. `isGoodbye`: one of its ends had said that it would go, and not for a fault. */
  | { readonly kind: "lost"; readonly isGoodbye: boolean; readonly reason: string }
  /** What the endpoint sent breaks HTTP/2. `isOverrun`: it goes on past the window, and so for as long as it is let. */
  | {
      readonly kind: "malformed"
      readonly isAnswered: boolean
      readonly isOverrun: boolean
      readonly reason: string
    }
  /**
   * A head that may not be passed on: with this HTTP status or, where that is 200, a whole answer with this grpc-status.
   * `pushbackMs`: when the endpoint wants to be asked again; negative: not at all; null: it has not said.
   */
  | {
      readonly kind: "status"
      readonly status: number
      readonly grpcStatus: number
      readonly pushbackMs: number | null
    }
  /** The endpoint stops serving the stream. `received`: client messages in what it hands off; null: it did not say. */
  | { readonly kind: "handed_off"; readonly received: number | null }
  /** Sluice moves the call away from an endpoint that works. */
  | { readonly kind: "moved" }
  /** Trailers with a grpc-status that the route has as a failure. */
  | { readonly kind: "failed_status"; readonly grpcStatus: number }
  /** The endpoint of a later leg cannot go on with the stream. */
  | { readonly kind: "refused"; readonly reason: string }
  /** The head of a later leg does not fit what the client has. */
  | { readonly kind: "unfit"; readonly reason: string }
  /** A timeout of the route. `isAnswered`: the response had begun. */
  | { readonly kind: "timeout"; readonly what: Failure; readonly isAnswered: boolean }
  /** The client reset its stream with `code`, or is gone. */
  | { readonly kind: "cancelled"; readonly code: number }
  /** The call's own deadline has passed. */
  | { readonly kind: "deadline"; readonly what: Failure }
  /** What the client sent cannot be passed on. `isCharged`: that counts against its connection already. */
  | { readonly kind: "rejected"; readonly isCharged: boolean }
  /** Sluice ends the call: it shuts down or is short of memory, or the client does not take what was answered. */
  | { readonly kind: "ended" }

/** In the order of their columns. */
export const legEndKinds = [
  ...([
    "complete",
    "not_connected",
    "no_slot",
    "unprocessed",
    "reset",
    "lost",
    "malformed",
    "status",
  ] as const),
  ...(["handed_off", "moved", "failed_status", "refused", "unfit", "timeout", "cancelled"] as const),
  ...(["deadline", "rejected", "ended"] as const),
] as const satisfies readonly LegEnd["kind"][]

export const COMPLETE: LegEnd = { kind: "complete" }
export const REJECTED: LegEnd = { kind: "rejected", isCharged: false }
const CHARGED: LegEnd = { kind: "rejected", isCharged: true }
export const ENDED: LegEnd = { kind: "ended" }

/** How the upstream stream says that it ended. `isAnswered`: after its head. `isGoodbye` is for a connection that is gone. */
export function legEndOf(end: StreamEnd, isAnswered: boolean, isGoodbye: boolean): LegEnd {
  const { code, origin, reason } = end
  if (end.unprocessed) return { kind: "unprocessed", isGoaway: origin === "connection", code, reason }
  if (origin === "peer") return { kind: "reset", code, isAnswered }
  if (origin === "connection") return { kind: "lost", isGoodbye, reason }
  return { kind: "malformed", isAnswered, isOverrun: code === ErrorCode.FLOW_CONTROL_ERROR, reason }
}

/** A head that another leg may take the place of; null: it is an answer as it stands. */
export function statusEndOf({ status, list }: ResponseHead, isTrailersOnly: boolean): LegEnd | null {
  if (status >= 400) return { kind: "status", status, grpcStatus: -1, pushbackMs: pushbackOf(list) }
  const grpcStatus = isTrailersOnly ? parseGrpcStatus(list.get("grpc-status") ?? "0") : GrpcStatus.OK
  if (grpcStatus === GrpcStatus.OK) return null
  return { kind: "status", status, grpcStatus, pushbackMs: pushbackOf(list) }
}

/** Codes by which an endpoint says that it does not want a stream, and nothing of itself. */
const UNWANTED: ReadonlySet<number> = new Set([ErrorCode.NO_ERROR, ErrorCode.CANCEL])

/** The client's own code goes up, where it means something to the endpoint. */
export function cancelledBy({ origin, code }: StreamEnd): LegEnd {
  const isClients = origin === "peer" && code !== ErrorCode.NO_ERROR
  return { kind: "cancelled", code: isClients ? code : ErrorCode.CANCEL }
}

/** Whose fault it was. An endpoint's counts against it (`max_fails`), a client's never does. */
export function faultOf(end: LegEnd): "endpoint" | "client" | "none" {
  switch (end.kind) {
    case "not_connected":
      return "endpoint"
    case "lost":
      return end.isGoodbye ? "none" : "endpoint"
    case "reset":
      return end.isAnswered || UNWANTED.has(end.code) ? "none" : "endpoint"
    case "malformed":
      return end.isAnswered ? "none" : "endpoint"
    case "status":
      // As nginx has it, these two say something of the call, not of the endpoint; so does a status of gRPC's.
      return end.status < 400 || end.status === 403 || end.status === 404 ? "none" : "endpoint"
    case "timeout":
      return end.isAnswered && end.what.kind === "read_timeout" ? "none" : "endpoint"
    case "cancelled":
    case "deadline":
    case "rejected":
      return "client"
    default:
      return "none"
  }
}

/** `$upstream_status` of a leg without a head, as nginx logs it; 0: none. */
export function statusOf(end: LegEnd): number {
  switch (end.kind) {
    case "not_connected":
      return end.isTimeout ? 504 : 502
    case "timeout":
      return 504
    case "unprocessed":
    case "reset":
    case "lost":
    case "malformed":
      return 502
    default:
      return 0
  }
}

/** The code of the RST_STREAM that ends the stream, where it is still open. */
export function resetCodeOf(end: LegEnd): number {
  if (end.kind === "complete") return ErrorCode.NO_ERROR
  return end.kind === "cancelled" ? end.code : ErrorCode.CANCEL
}

/** What the client is told where no other leg follows. `where` names the cluster and the endpoint. */
export function failureOf(end: LegEnd, where: string): Failure {
  switch (end.kind) {
    case "not_connected":
      return failure(end.isTimeout ? "connect_timeout" : "connect_failed", `${where}: ${end.reason}`, true)
    case "no_slot":
      return failure("pick_queue", `${where}: ${end.reason}`, true)
    case "unprocessed": {
      const message = `${where}: ${end.reason} (${errorCodeName(end.code)})`
      return failure("upstream_refused", message, true)
    }
    case "malformed":
      return failure("upstream_malformed", `${where}: ${end.reason}`)
    case "status":
      if (end.status >= 400) return failure("upstream_refused", `${where}: HTTP status ${end.status}`)
      return {
        ...failure("upstream_refused", `${where}: grpc-status ${end.grpcStatus}`),
        grpcStatus: end.grpcStatus,
      }
    case "timeout":
    case "deadline":
      return end.what
    case "lost":
      return failure("upstream_lost", `${where}: ${end.reason}`)
    case "handed_off":
      return failure("upstream_lost", `${where}: handed the stream off`)
    case "failed_status":
      return failure("upstream_lost", `${where}: grpc-status ${end.grpcStatus}`)
    case "reset":
      return failure("upstream_lost", `${where}: ${reasonOf(end)}`)
    default:
      return failure("upstream_lost", `${where}: ${end.kind}`)
  }
}

/** What of it is logged when it puts the endpoint out. */
export function reasonOf(end: LegEnd): string {
  switch (end.kind) {
    case "not_connected":
    case "lost":
    case "malformed":
      return end.reason
    case "status":
      return `HTTP status ${end.status}`
    case "timeout":
      return end.what.message
    case "reset":
      return `RST_STREAM (${errorCodeName(end.code)})`
    default:
      return end.kind
  }
}

/** Failures of what the client sent: the leg that they end is not to blame. */
const REJECTIONS: ReadonlySet<FailureKind> = new Set(["bad_request", "body_too_large", "body_timeout"])

/** How a leg ends whose call Sluice fails. */
export function legEndOfFailure(what: Failure): LegEnd {
  if (what.kind === "deadline") return { kind: "deadline", what }
  if (!REJECTIONS.has(what.kind)) return ENDED
  return isCharged(what) ? CHARGED : REJECTED
}

/** What a call with a stream upstream has come to, for what its client may cost endpoints. Null: not over yet. */
export function servedBy(end: LegEnd | null): Served {
  if (end === null) return "otherwise"
  if (end.kind === "complete") return "answered"
  return faultOf(end) === "client" ? "cut" : "otherwise"
}
