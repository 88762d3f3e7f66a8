/** The one place that knows OpenTelemetry's packages, which are loaded where spans are sent and nowhere else. */
import { isSea } from "node:sea"
import type { TracingConfig } from "../../config/trace-model.ts"
import type { Span } from "../../record/span.ts"

/** Sends spans to a collector. */
export interface SpanSender {
  /** Tries again by itself for some seconds. Null: they were taken; else why not. Never rejects. */
  send(spans: readonly Span[]): Promise<string | null>
  close(): Promise<void>
}

/** Longest time for one batch, with all its tries. */
const TIMEOUT_MS = 10_000

const PACKAGES = {
  http: "@opentelemetry/exporter-trace-otlp-proto",
  grpc: "@opentelemetry/exporter-trace-otlp-grpc",
}

function packageOf({ endpoint }: TracingConfig): string {
  return endpoint.startsWith("http") ? PACKAGES.http : PACKAGES.grpc
}

/** What keeps spans from being sent: a sentence; null: nothing. */
export function tracingProblem(config: TracingConfig): string | null {
  // The single executable holds them.
  if (isSea()) return null
  const name = packageOf(config)
  try {
    import.meta.resolve(name)
    return null
  } catch {
    return `tracing needs the package ${name}, which is not installed: npm install ${name}`
  }
}

/** Errors: throws, in a sentence, when the package is missing. */
export async function openSender(config: TracingConfig, version: string): Promise<SpanSender> {
  const problem = tracingProblem(config)
  if (problem !== null) throw new Error(problem)
  const exporter = await makeExporter(config)
  const resource = {
    attributes: {
      "service.name": config.serviceName,
      "telemetry.sdk.name": "opentelemetry",
      "telemetry.sdk.language": "nodejs",
      ...Object.fromEntries(config.resource),
    },
  }
  const scope = { name: "sluice", version }
  return {
    send: (spans) =>
      new Promise((resolve) => {
        const readable = spans.map((span) =>
          readableSpan(span, resource as unknown as ReadableSpan["resource"], scope),
        )
        exporter.export(readable, ({ code, error }) => {
          resolve(code === 0 ? null : (error?.message ?? "the collector refused them"))
        })
      }),
    close: () => exporter.shutdown(),
  }
}

type Exporter = InstanceType<typeof import("@opentelemetry/exporter-trace-otlp-proto").OTLPTraceExporter>
type ReadableSpan = Parameters<Exporter["export"]>[0][number]

async function makeExporter({ endpoint, headers }: TracingConfig): Promise<Exporter> {
  const written = Object.fromEntries(headers)
  if (endpoint.startsWith("http")) {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto")
    const url = new URL(endpoint)
    // As OTEL_EXPORTER_OTLP_ENDPOINT has it.
    if (url.pathname === "/") url.pathname = "/v1/traces"
    return new OTLPTraceExporter({ url: url.href, headers: written, timeoutMillis: TIMEOUT_MS })
  }
  const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-grpc")
  const { Metadata } = await import("@grpc/grpc-js")
  const metadata = new Metadata()
  for (const [name, value] of headers) metadata.set(name, value)
  const url = endpoint.replace(/^grpc(s?):/, "http$1:")
  return new OTLPTraceExporter({ url, metadata, timeoutMillis: TIMEOUT_MS })
}

/** As OpenTelemetry's SDK would have made it. */
function readableSpan(
  span: Span,
  resource: ReadableSpan["resource"],
  instrumentationScope: { name: string; version: string },
): ReadableSpan {
  const contextOf = (spanId: string, isRemote: boolean) => ({
    traceId: span.traceId,
    spanId,
    traceFlags: 1,
    isRemote,
    ...(span.traceState !== "" && { traceState: traceState(span.traceState) }),
  })
  const { parentSpanId } = span
  return {
    name: span.name,
    kind: span.kind === "server" ? 1 : 2,
    spanContext: () => contextOf(span.spanId, false),
    ...(parentSpanId !== null && { parentSpanContext: contextOf(parentSpanId, span.isParentRemote) }),
    startTime: hrTime(span.startMs),
    endTime: hrTime(span.endMs),
    duration: hrTime(span.endMs - span.startMs),
    status: span.error === null ? { code: 0 } : { code: 2, message: span.error },
    attributes: { ...span.attributes },
    links: [],
    events: [],
    ended: true,
    resource,
    instrumentationScope,
    droppedAttributesCount: 0,
    droppedEventsCount: 0,
    droppedLinksCount: 0,
  }
}

/** It is passed on as it came. */
function traceState(text: string) {
  const state = { get: () => undefined, set: () => state, unset: () => state, serialize: () => text }
  return state
}

function hrTime(ms: number): [seconds: number, nanoseconds: number] {
  const seconds = Math.floor(ms / 1000)
  return [seconds, Math.round((ms - seconds * 1000) * 1e6)]
}
