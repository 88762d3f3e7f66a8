import { GrpcStatus, parseGrpcStatus } from "../../grpc/status.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { TypeNames } from "../json/message-type.ts"
import { decodeGrpcMessage } from "../shared/grpc-message.ts"
import { grpcRequestHead } from "../shared/request-head.ts"
import { readStatusDetails, type StatusDetail, valueToJson } from "../shared/status-details.ts"

/** Source of all here: connectrpc.com/docs/protocol. */

export type ConnectCodec = "proto" | "json"

/** Which kind of Connect call a request is, or null when it is none. */
export interface ConnectKind {
  readonly isStream: boolean
  readonly codec: ConnectCodec
  /** The query of a GET, which holds the message; null for a POST. */
  readonly query: URLSearchParams | null
}

const GRPC_TIMEOUT_DIGITS = 8
const TIMEOUT_DIGITS = 10
/** What a Connect-Timeout-Ms that is no number becomes: the call refuses it as a malformed grpc-timeout. */
const MALFORMED_TIMEOUT = "malformed"

/** Of a content type or of a GET's query. Null: not Connect. */
export function connectKind(head: RequestHead): ConnectKind | null {
  if (head.method === "GET") {
    const mark = head.path.indexOf("?")
    const query = new URLSearchParams(mark < 0 ? "" : head.path.slice(mark))
    const codec = codecOf(query.get("encoding") ?? "")
    return query.has("message") && codec !== null ? { isStream: false, codec, query } : null
  }
  const type = /^application\/(connect\+)?([a-z]+)\s*(?:;|$)/i.exec(head.list.get("content-type") ?? "")
  const codec = head.method === "POST" && type !== null ? codecOf(type[2]!.toLowerCase()) : null
  return codec === null ? null : { isStream: type![1] !== undefined, codec, query: null }
}

function codecOf(name: string): ConnectCodec | null {
  return name === "proto" || name === "json" ? name : null
}

/** How messages may be compressed, in the terms of gRPC; null: none of it. */
interface Encodings {
  readonly message: string | null
  readonly accepted: string | null
}

/** What a request says of compression: RFC 9110 §8.4 for unary calls, fields of its own for streams. */
export function encodingsOf({ list }: RequestHead, { isStream, query }: ConnectKind): Encodings {
  const field = (name: string): string | null => list.get(isStream ? `connect-${name}` : name) ?? null
  const message = query === null ? field("content-encoding") : query.get("compression")
  const accepted = (field("accept-encoding") ?? "").split(",").map((one) => one.split(";", 1)[0]!.trim())
  const names = accepted.filter((name) => /^[a-z0-9-]+$/.test(name))
  return {
    message: message === null || message === "" || message === "identity" ? null : message,
    accepted: names.length === 0 ? null : names.join(","),
  }
}

/** The gRPC request of a Connect one. With JSON the messages are made anew, and so never compressed. */
export function connectHead(from: RequestHead, path: string, kind: ConnectKind): RequestHead {
  const carriage = ["content-type", "application/grpc+proto"]
  const timeout = from.list.get("connect-timeout-ms")
  if (timeout !== undefined) carriage.push("grpc-timeout", grpcTimeout(timeout))
  const { message, accepted } = encodingsOf(from, kind)
  if (kind.codec === "proto" && message !== null) carriage.push("grpc-encoding", message)
  if (kind.codec === "json") carriage.push("grpc-accept-encoding", "identity")
  else if (accepted !== null) carriage.push("grpc-accept-encoding", accepted)
  return grpcRequestHead(from, path, carriage)
}

/** Milliseconds as gRPC writes them, in 8 digits: what does not fit is told in seconds. */
function grpcTimeout(text: string): string {
  if (text.length > TIMEOUT_DIGITS || !/^\d+$/.test(text)) return MALFORMED_TIMEOUT
  const ms = Number(text)
  return ms < 10 ** GRPC_TIMEOUT_DIGITS ? `${ms}m` : `${Math.ceil(ms / 1000)}S`
}

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
