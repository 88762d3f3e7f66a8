import { ErrorCode } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import { errorReason } from "../../net/error-reason.ts"

/** What is known of a request whose connection failed. */
export interface ExchangeFacts {
  /** No octet of it was written. */
  readonly isUnsent: boolean
  /** It met a connection that the backend was closing for having been idle, and may be sent again: RFC 9110 §9.2.2. */
  readonly isRepeatable: boolean
}

/** Errors of undici's that say that the backend does not keep to HTTP/1.1. */
const MALFORMED = new Set(["UND_ERR_HEADERS_OVERFLOW", "UND_ERR_RES_CONTENT_LENGTH_MISMATCH"])

/** How an exchange ended, in the terms of a stream of HTTP/2. */
export function originFailure(error: Error, { isUnsent, isRepeatable }: ExchangeFacts): StreamEnd {
  const { code = "" } = error as NodeJS.ErrnoException
  const isMalformed = code.startsWith("HPE_") || MALFORMED.has(code) || error.message.startsWith("bad ")
  if (isMalformed) {
    const reason = `malformed response: ${error.message}`
    return { code: ErrorCode.PROTOCOL_ERROR, origin: "local", unprocessed: false, reason }
  }
  const unprocessed = isUnsent || isRepeatable
  return { code: ErrorCode.INTERNAL_ERROR, origin: "connection", unprocessed, reason: reasonOf(error) }
}

function reasonOf(error: Error): string {
  if ((error as NodeJS.ErrnoException).code === "UND_ERR_SOCKET") return "the peer closed the connection"
  return errorReason(error)
}
