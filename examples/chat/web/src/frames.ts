/**
 * The frames of Sluice's WebSocket bridge: one proto3-JSON message per text frame, and control frames whose only key
 * starts with "@".
 */

/** A gRPC status: how a stream ended. */
export interface Status {
  code: number
  message: string
}

export type Frame =
  | { kind: "output"; text: string }
  | { kind: "status"; status: Status }
  /** Initial metadata, from bridges that tell it. */
  | { kind: "headers"; headers: Record<string, string> }
  /** Something newer than this page. */
  | { kind: "unknown" }

export function inputFrame(input: string): string {
  return JSON.stringify({ input })
}

/** Says that no more inputs follow: the stream's half-close. */
export const END_FRAME = '{"@end":{}}'

/** Never throws: whatever is not understood is `unknown`. */
export function parseFrame(data: unknown): Frame {
  const frame = parseObject(data)
  if (frame === undefined) return { kind: "unknown" }
  const status = frame["@status"]
  if (isRecord(status)) {
    return {
      kind: "status",
      status: { code: Number(status.code ?? 0), message: textOf(status.message) },
    }
  }
  const headers = frame["@headers"]
  if (isRecord(headers)) {
    const entries = Object.entries(headers).map(([name, value]) => [name, String(value)] as const)
    return { kind: "headers", headers: Object.fromEntries(entries) }
  }
  if (Object.keys(frame).some((key) => key.startsWith("@"))) return { kind: "unknown" }
  // proto3 JSON leaves an empty string out.
  return { kind: "output", text: textOf(frame.output) }
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : ""
}

function parseObject(data: unknown): Record<string, unknown> | undefined {
  if (typeof data !== "string") return undefined
  try {
    const value: unknown = JSON.parse(data)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value)
}

const STATUS_NAMES = [
  "OK",
  "CANCELLED",
  "UNKNOWN",
  "INVALID_ARGUMENT",
  "DEADLINE_EXCEEDED",
  "NOT_FOUND",
  "ALREADY_EXISTS",
  "PERMISSION_DENIED",
  "RESOURCE_EXHAUSTED",
  "FAILED_PRECONDITION",
  "ABORTED",
  "OUT_OF_RANGE",
  "UNIMPLEMENTED",
  "INTERNAL",
  "UNAVAILABLE",
  "DATA_LOSS",
  "UNAUTHENTICATED",
]

export const UNAVAILABLE = 14

export function statusName(code: number): string {
  return STATUS_NAMES[code] ?? `CODE ${code}`
}
