/** Why a stream or connection ended: RFC 9113 §7. */
export const ErrorCode = {
  NO_ERROR: 0x0,
  PROTOCOL_ERROR: 0x1,
  INTERNAL_ERROR: 0x2,
  FLOW_CONTROL_ERROR: 0x3,
  SETTINGS_TIMEOUT: 0x4,
  STREAM_CLOSED: 0x5,
  FRAME_SIZE_ERROR: 0x6,
  REFUSED_STREAM: 0x7,
  CANCEL: 0x8,
  COMPRESSION_ERROR: 0x9,
  CONNECT_ERROR: 0xa,
  ENHANCE_YOUR_CALM: 0xb,
  INADEQUATE_SECURITY: 0xc,
  HTTP_1_1_REQUIRED: 0xd,
} as const

const names = new Map<number, string>(Object.entries(ErrorCode).map(([name, code]) => [code, name]))

/** `CANCEL` for 8; `0x2a` for a code the RFC does not name. */
export function errorCodeName(code: number): string {
  return names.get(code) ?? `0x${code.toString(16)}`
}

/**
 * A peer's fault, or our own decision to stop. Returned to the one place that knows whether a stream or the whole
 * connection must end; never thrown.
 */
export interface Fault {
  readonly code: number
  /** One phrase for the log and for GOAWAY's debug data. */
  readonly reason: string
  /** The counter of the limit that was reached, if one was. */
  readonly limit: string | null
}

export function fault(code: number, reason: string, limit: string | null = null): Fault {
  return { code, reason, limit }
}

/** What RFC 9113 calls a connection error of type PROTOCOL_ERROR. */
export function protocolError(reason: string): Fault {
  return fault(ErrorCode.PROTOCOL_ERROR, reason)
}
