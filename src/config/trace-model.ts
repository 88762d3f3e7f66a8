/** What is said of traces: where spans go, and which calls of a route have one. */

/** Where spans are sent: nginx's `otel_exporter`. */
export interface TracingConfig {
  /** `http://` and `https://`: OTLP over HTTP; `grpc://` and `grpcs://`: over gRPC. */
  endpoint: string
  headers: [name: string, value: string][]
  serviceName: string
  /** Attributes of the service. */
  resource: [name: string, value: string][]
  /** Longest time that a span waits. */
  intervalMs: number
  /** Spans that are sent at once. */
  batchSize: number
  /** How many of these may wait; what comes beyond them is dropped. */
  batchesMax: number
}

/** What becomes of the trace context of a request: `extract` reads it, `inject` writes it, `propagate` does both. */
export const TRACE_CONTEXTS = ["ignore", "extract", "inject", "propagate"] as const

export const SAMPLES = ["on", "off", "parent"] as const

export interface TraceSettings {
  /** `on`, `off`, `parent`: as the caller has decided; or a template that comes to `on` or `1` for those that are. */
  sample: string
  /** With `parent`: share of the calls whose trace begins here. */
  ratio: number
  context: (typeof TRACE_CONTEXTS)[number]
  /** Template; null: by the method. */
  spanName: string | null
  attributes: [name: string, template: string][]
}

/** Null: it is none. */
export function endpointProblem(endpoint: string): string | null {
  const { protocol, pathname } = URL.canParse(endpoint) ? new URL(endpoint) : { protocol: "", pathname: "" }
  if (!/^(https?|grpcs?):$/.test(protocol))
    return "must be http://HOST:PORT or grpc://HOST:PORT of a collector, or https:// or grpcs://"
  if (protocol.startsWith("grpc") && pathname.length > 1) return "a collector's gRPC address has no path"
  return null
}
