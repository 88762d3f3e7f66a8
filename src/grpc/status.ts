/** Status codes: gRPC, doc/statuscodes.md. */
export const GrpcStatus = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
  UNAUTHENTICATED: 16,
} as const

/** What a gRPC client makes of a bare HTTP status: gRPC, doc/http-grpc-status-mapping.md. */
export function grpcStatusOfHttp(status: number): number {
  switch (status) {
    case 400:
      return GrpcStatus.INTERNAL
    case 401:
      return GrpcStatus.UNAUTHENTICATED
    case 403:
      return GrpcStatus.PERMISSION_DENIED
    case 404:
      return GrpcStatus.UNIMPLEMENTED
    case 429:
    case 502:
    case 503:
    case 504:
      return GrpcStatus.UNAVAILABLE
    default:
      return GrpcStatus.UNKNOWN
  }
}

/** The HTTP status for a plain HTTP client: google.rpc.Code's own table. */
export function httpStatusOfGrpc(status: number): number {
  switch (status) {
    case GrpcStatus.OK:
      return 200
    case GrpcStatus.CANCELLED:
      return 499
    case GrpcStatus.INVALID_ARGUMENT:
    case GrpcStatus.FAILED_PRECONDITION:
    case GrpcStatus.OUT_OF_RANGE:
      return 400
    case GrpcStatus.DEADLINE_EXCEEDED:
      return 504
    case GrpcStatus.NOT_FOUND:
      return 404
    case GrpcStatus.ALREADY_EXISTS:
    case GrpcStatus.ABORTED:
      return 409
    case GrpcStatus.PERMISSION_DENIED:
      return 403
    case GrpcStatus.UNAUTHENTICATED:
      return 401
    case GrpcStatus.RESOURCE_EXHAUSTED:
      return 429
    case GrpcStatus.UNIMPLEMENTED:
      return 501
    case GrpcStatus.UNAVAILABLE:
      return 503
    default:
      return 500
  }
}

/** `grpc-status` as a number; UNKNOWN when it is none. Never throws. */
export function parseGrpcStatus(text: string): number {
  if (text.length === 0 || text.length > 3) return GrpcStatus.UNKNOWN
  let status = 0
  for (let i = 0; i < text.length; i++) {
    const digit = text.charCodeAt(i) - 0x30
    if (digit < 0 || digit > 9) return GrpcStatus.UNKNOWN
    status = status * 10 + digit
  }
  return status
}

/** Percent-encodes what `grpc-message` may not hold: gRPC, doc/PROTOCOL-HTTP2.md, "Percent-Encoded". */
export function encodeGrpcMessage(message: string): string {
  let encoded = ""
  for (const octet of Buffer.from(message, "utf8")) {
    if (octet >= 0x20 && octet <= 0x7e && octet !== 0x25) encoded += String.fromCharCode(octet)
    else encoded += `%${octet.toString(16).toUpperCase().padStart(2, "0")}`
  }
  return encoded
}

/** True for `application/grpc`, `application/grpc+proto`, … but not for gRPC-Web. */
export function isGrpcContentType(value: string | undefined): boolean {
  if (value === undefined || !value.startsWith("application/grpc")) return false
  const next = value.charCodeAt(16)
  // End, "+", ";" or " ".
  return Number.isNaN(next) || next === 0x2b || next === 0x3b || next === 0x20
}
