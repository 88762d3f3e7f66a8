import { GrpcStatus } from "../../grpc/status.ts"
import { ErrorCode } from "../../http2/error-code.ts"

/** The status that a reset means. Source: gRPC, doc/PROTOCOL-HTTP2.md, "Errors". */
export function statusOfReset(code: number): number {
  switch (code) {
    case ErrorCode.REFUSED_STREAM:
      return GrpcStatus.UNAVAILABLE
    case ErrorCode.CANCEL:
      return GrpcStatus.CANCELLED
    case ErrorCode.ENHANCE_YOUR_CALM:
      return GrpcStatus.RESOURCE_EXHAUSTED
    case ErrorCode.INADEQUATE_SECURITY:
      return GrpcStatus.PERMISSION_DENIED
    default:
      return GrpcStatus.INTERNAL
  }
}
