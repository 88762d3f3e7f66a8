import { GrpcStatus, parseGrpcStatus } from "../../grpc/status.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { TypeNames } from "../json/message-type.ts"
import { decodeGrpcMessage } from "../shared/grpc-message.ts"
import { readStatusDetails, type StatusDetail, valueToJson } from "../shared/status-details.ts"

/** Source of all here: connectrpc.com/docs/protocol. */

const codeNames = [
  ...["ok", "canceled", "unknown", "invalid_argument", "deadline_exceeded", "not_found", "already_exists"],
  ...[
    "permission_denied",
    "resource_exhausted",
    "failed_precondition",
    "aborted",
    "out_of_range",
    "unimplemented",
  ],
  ...["internal", "unavailable", "data_loss", "unauthenticated"],
]

/** `error` in JSON. */
export interface ConnectErrorJson {
  code: string
  message?: string
  details?: { type: string; value: string; debug?: unknown }[]
}

/** How a call ended, of gRPC's trailers. */
export interface ConnectEnd {
  readonly grpcStatus: number
  /** Null for OK. */
  readonly error: ConnectErrorJson | null
}

/** `names`: where the types of details may be found. */
export function connectEnd(trailers: HeaderList, names: TypeNames | null): ConnectEnd {
  const grpcStatus = parseGrpcStatus(trailers.get("grpc-status") ?? "")
  if (grpcStatus === GrpcStatus.OK) return { grpcStatus, error: null }
  const details = readStatusDetails(trailers.get("grpc-status-details-bin"))
  return connectError(grpcStatus, decodeGrpcMessage(trailers.get("grpc-message") ?? ""), details, names)
}

export function connectError(
  grpcStatus: number,
  message: string,
  details: readonly StatusDetail[] = [],
  names: TypeNames | null = null,
): ConnectEnd {
  const error: ConnectErrorJson = { code: codeNames[grpcStatus] ?? "unknown" }
  if (message !== "") error.message = message
  if (details.length > 0) error.details = details.map((one) => detailJson(one, names))
  return { grpcStatus, error }
}

/** `value` in base64 without padding; `debug` for people, where the type is known. */
function detailJson(
  detail: StatusDetail,
  names: TypeNames | null,
): { type: string; value: string; debug?: unknown } {
  const { typeName, value } = detail
  const debug = valueToJson(detail, names)
  const shown = { type: typeName, value: value.toString("base64").replace(/=+$/, "") }
  return debug === undefined ? shown : { ...shown, debug }
}
