import { GrpcStatus } from "../grpc/status.ts"

/** Why a stream could not go on, by where it failed. docs/errors.md has a section on each. */
export type FailureKind =
  | "no_route"
  | "bad_request"
  | "method_not_allowed"
  | "certificate_missing"
  | "certificate_failed"
  | "misdirected"
  | "access_denied"
  | "unauthenticated"
  | "auth_unavailable"
  | "request_limit"
  | "stream_limit"
  | "internal"
  | "no_endpoint"
  | "connect_failed"
  | "connect_timeout"
  | "pick_queue"
  | "upstream_lost"
  | "upstream_refused"
  | "upstream_malformed"
  | "not_continued"
  | "data_loss"
  | "read_timeout"
  | "send_timeout"
  | "body_timeout"
  | "body_too_large"
  | "headers_too_large"
  | "deadline"
  | "overload"
  | "drained"
  | "shutdown"

/** What the downstream is told: the one table from cause to status. Source: design of nginx's statuses, gRPC's codes. */
const statuses: Record<FailureKind, { grpc: number; http: number }> = {
  no_route: { grpc: GrpcStatus.UNIMPLEMENTED, http: 404 },
  bad_request: { grpc: GrpcStatus.INVALID_ARGUMENT, http: 400 },
  method_not_allowed: { grpc: GrpcStatus.UNIMPLEMENTED, http: 405 },
  // nginx's own numbers, which `error_page` may name; a client sees 400.
  certificate_missing: { grpc: GrpcStatus.UNAUTHENTICATED, http: 496 },
  certificate_failed: { grpc: GrpcStatus.UNAUTHENTICATED, http: 495 },
  misdirected: { grpc: GrpcStatus.UNAUTHENTICATED, http: 421 },
  access_denied: { grpc: GrpcStatus.PERMISSION_DENIED, http: 403 },
  unauthenticated: { grpc: GrpcStatus.UNAUTHENTICATED, http: 401 },
  // nginx's 500 for who cannot be asked; gRPC clients may come again.
  auth_unavailable: { grpc: GrpcStatus.UNAVAILABLE, http: 500 },
  request_limit: { grpc: GrpcStatus.RESOURCE_EXHAUSTED, http: 503 },
  stream_limit: { grpc: GrpcStatus.RESOURCE_EXHAUSTED, http: 503 },
  internal: { grpc: GrpcStatus.INTERNAL, http: 500 },
  no_endpoint: { grpc: GrpcStatus.UNAVAILABLE, http: 502 },
  connect_failed: { grpc: GrpcStatus.UNAVAILABLE, http: 502 },
  connect_timeout: { grpc: GrpcStatus.UNAVAILABLE, http: 504 },
  pick_queue: { grpc: GrpcStatus.UNAVAILABLE, http: 503 },
  upstream_lost: { grpc: GrpcStatus.UNAVAILABLE, http: 502 },
  upstream_refused: { grpc: GrpcStatus.UNAVAILABLE, http: 502 },
  not_continued: { grpc: GrpcStatus.UNAVAILABLE, http: 502 },
  data_loss: { grpc: GrpcStatus.DATA_LOSS, http: 502 },
  upstream_malformed: { grpc: GrpcStatus.UNAVAILABLE, http: 502 },
  read_timeout: { grpc: GrpcStatus.UNAVAILABLE, http: 504 },
  send_timeout: { grpc: GrpcStatus.UNAVAILABLE, http: 504 },
  body_timeout: { grpc: GrpcStatus.CANCELLED, http: 408 },
  body_too_large: { grpc: GrpcStatus.RESOURCE_EXHAUSTED, http: 413 },
  headers_too_large: { grpc: GrpcStatus.RESOURCE_EXHAUSTED, http: 431 },
  deadline: { grpc: GrpcStatus.DEADLINE_EXCEEDED, http: 504 },
  overload: { grpc: GrpcStatus.RESOURCE_EXHAUSTED, http: 503 },
  drained: { grpc: GrpcStatus.UNAVAILABLE, http: 503 },
  shutdown: { grpc: GrpcStatus.UNAVAILABLE, http: 503 },
}

/**
 * One failure of one stream. `message` names the cluster, the endpoint and the cause, or the limit reached.
 * `isUnsent` is the replay safety: no backend can have seen the call.
 */
export interface Failure {
  readonly kind: FailureKind
  readonly message: string
  readonly isUnsent: boolean
  readonly grpcStatus: number
  readonly httpStatus: number
  /** Header fields that a client of HTTP is told too, names and values in turn. */
  readonly fields?: readonly string[]
}

export function failure(kind: FailureKind, message: string, isUnsent = false): Failure {
  const { grpc, http } = statuses[kind]
  return { kind, message, isUnsent, grpcStatus: grpc, httpStatus: http }
}

/** No honest client sends such a request, so it counts against its connection. */
export function isCharged({ kind }: Failure): boolean {
  return kind === "bad_request" || kind === "method_not_allowed"
}

export const failureKinds = Object.keys(statuses) as FailureKind[]
