import { GrpcStatus } from "../grpc/status.ts"
import type { AttemptRecord, StreamRecord } from "./record.ts"
import type { Template } from "./template.ts"
import type { StreamTrace } from "./trace.ts"
import type { TemplateEnvironment } from "./variables.ts"

/** A span of OpenTelemetry, as plain data. Times are milliseconds since 1970. */
export interface Span {
  readonly traceId: string
  readonly spanId: string
  /** Null: the trace begins with it. */
  readonly parentSpanId: string | null
  /** The parent is not of this process. */
  readonly isParentRemote: boolean
  readonly traceState: string
  readonly name: string
  readonly kind: "server" | "client"
  readonly startMs: number
  readonly endMs: number
  readonly attributes: Readonly<Record<string, string | number>>
  /** Null: none is said, which means that it went well. */
  readonly error: string | null
}

/** What a configuration says of spans, beside what is known of every stream. */
export interface SpanWords {
  /** Null: by the method of the call. */
  readonly name: Template | null
  readonly attributes: readonly (readonly [name: string, value: Template])[]
}

/** Where a stream came to, for its spans. */
export interface TracedCall {
  readonly isGrpc: boolean
  readonly route: string
  readonly cluster: string | null
  readonly words: SpanWords
}

/** Of a server: what a client asked for in vain is not the server's error. Source: OpenTelemetry, "gRPC", status. */
const SERVER_ERRORS: ReadonlySet<number> = new Set([
  GrpcStatus.UNKNOWN,
  GrpcStatus.DEADLINE_EXCEEDED,
  GrpcStatus.UNIMPLEMENTED,
  GrpcStatus.INTERNAL,
  GrpcStatus.UNAVAILABLE,
  GrpcStatus.DATA_LOSS,
])
const STATUS_NAMES = new Map<number, string>(Object.entries(GrpcStatus).map(([name, code]) => [code, name]))

/**
 * The spans of a stream that is over: one for what its client sees, and one for each leg.
 * Source: OpenTelemetry, semantic conventions for gRPC and HTTP spans, 1.41.
 */
export function spansOf(
  record: StreamRecord,
  trace: StreamTrace,
  call: TracedCall,
  env: TemplateEnvironment,
): Span[] {
  const sinceMs = env.clock.wallMs() - env.clock.now()
  const { traceId, traceState } = trace
  const shared = { traceId, traceState }
  const legs = record.attempts.map((leg): Span => {
    const { attributes, error } = outcome(call.isGrpc, leg.status, statusOfLeg(leg), false)
    return {
      ...shared,
      spanId: trace.legSpanId(leg),
      parentSpanId: trace.spanId,
      isParentRemote: false,
      name: methodName(record, call),
      kind: "client",
      startMs: sinceMs + leg.startMs,
      endMs: sinceMs + Math.max(leg.startMs, leg.endMs || record.endMs),
      attributes: { ...methodOf(record, call), ...serverOf(leg.address), ...attributes },
      error,
    }
  })
  const { attributes, error } = outcome(call.isGrpc, record.status, record.grpcStatus, true)
  const { connection, authority } = record
  const client = connection.remoteAddress === "" ? {} : { "client.address": connection.remoteAddress }
  const named = call.words.name?.render(record, env) ?? ""
  const own: Span = {
    ...shared,
    spanId: trace.spanId,
    parentSpanId: trace.parent?.spanId ?? null,
    isParentRemote: trace.parent !== null,
    name: named === "" ? methodName(record, call) : named,
    kind: "server",
    startMs: sinceMs + record.startMs,
    endMs: sinceMs + record.endMs,
    attributes: {
      ...methodOf(record, call),
      ...serverOf(authority),
      ...client,
      "network.protocol.name": "http",
      "network.protocol.version": connection.protocol.replace(/^HTTP\/(\d+)\.0$|^HTTP\//, "$1"),
      ...attributes,
      "sluice.route": call.route,
      ...(call.cluster !== null && { "sluice.cluster": call.cluster }),
      ...(call.isGrpc && {
        "sluice.request_messages": record.requestMessages,
        "sluice.response_messages": record.responseMessages,
      }),
      ...(record.resumes > 0 && { "sluice.resumes": record.resumes }),
      ...Object.fromEntries(call.words.attributes.map(([name, value]) => [name, value.render(record, env)])),
    },
    error,
  }
  return [own, ...legs]
}

function methodName({ method, path }: StreamRecord, { isGrpc, route }: TracedCall): string {
  return isGrpc ? pathOf(path).slice(1) : `${method} ${route}`.trim()
}

function methodOf({ method, scheme, path }: StreamRecord, { isGrpc }: TracedCall): Record<string, string> {
  if (isGrpc) return { "rpc.system.name": "grpc", "rpc.method": pathOf(path).slice(1) }
  return { "http.request.method": method, "url.scheme": scheme, "url.path": pathOf(path) }
}

function outcome(isGrpc: boolean, status: number, grpcStatus: number, isServer: boolean) {
  if (isGrpc) {
    const name = STATUS_NAMES.get(grpcStatus)
    const isError = isServer ? SERVER_ERRORS.has(grpcStatus) : grpcStatus !== GrpcStatus.OK
    // Neither side has said a status: the stream was reset.
    const said = name ?? (grpcStatus < 0 ? "CANCELLED" : String(grpcStatus))
    const error = isError ? said : null
    return { attributes: { "rpc.status_code": said, ...(error !== null && { "error.type": error }) }, error }
  }
  const error = status >= (isServer ? 500 : 400) ? String(status) : null
  const attributes = { "http.response.status_code": status, ...(error !== null && { "error.type": error }) }
  return { attributes, error }
}

/** -1: the leg has no grpc-status. */
function statusOfLeg({ responseTrailers, responseHeaders }: AttemptRecord): number {
  const said = responseTrailers?.get("grpc-status") ?? responseHeaders?.get("grpc-status")
  return said === undefined ? -1 : Number(said)
}

function serverOf(address: string): Record<string, string | number> {
  const [, host, port] = /^\[?([^\]]*?)\]?(?::(\d+))?$/.exec(address) ?? []
  if (host === undefined || host === "") return address === "" ? {} : { "server.address": address }
  return { "server.address": host, ...(port !== undefined && { "server.port": Number(port) }) }
}

function pathOf(path: string): string {
  const query = path.indexOf("?")
  return query < 0 ? path : path.slice(0, query)
}
