/** The directives of nginx's module for OpenTelemetry: `otel_exporter`, `otel_trace` and theirs. */

import { defaults } from "../../defaults-table.ts"
import { didYouMean } from "../../problem.ts"
import { endpointProblem, TRACE_CONTEXTS, type TraceSettings, type TracingConfig } from "../../trace-model.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readTimeMs } from "../units.ts"
import { hasVariables } from "../variables.ts"
import type { Adapter } from "./adapter.ts"

/** `otel_exporter { … }` of the `http` block, with what belongs to the service. */
export function adaptTracing({ report }: Adapter, http: Scope): TracingConfig | null {
  const [exporter] = http.own("otel_exporter")
  if (exporter === undefined) return null
  const { tracing } = defaults
  const config: TracingConfig = {
    endpoint: "",
    headers: [],
    serviceName: http.own("otel_service_name")[0]?.args[0]?.text ?? tracing.serviceName.value,
    resource: http.own("otel_resource_attr").map(({ args }) => [args[0]!.text, args[1]!.text]),
    intervalMs: tracing.interval.value,
    batchSize: tracing.batchSize.value,
    batchesMax: tracing.batchesMax.value,
  }
  for (const directive of exporter.block ?? []) adaptExporter(report, directive, config)
  if (config.endpoint === "" && report.errors === 0)
    report.error(exporter.name.span, '"otel_exporter" has no "endpoint"', "endpoint 127.0.0.1:4317;")
  return config
}

const EXPORTER = ["endpoint", "interval", "batch_size", "batch_count", "header"]

function adaptExporter(report: Report, directive: Directive, config: TracingConfig): void {
  const { name, args } = directive
  const [first, second] = args
  if (!EXPORTER.includes(name.text)) {
    const hint = didYouMean(name.text, EXPORTER) ?? `what stands here is ${EXPORTER.join(", ")}`
    return report.error(name.span, `"${name.text}" of "otel_exporter" is not supported`, hint)
  }
  const wanted = name.text === "header" ? 2 : 1
  if (args.length !== wanted)
    return report.error(spanOf(directive), `invalid number of arguments in "${name.text}" directive`)
  if (name.text === "header") config.headers.push([first!.text.toLowerCase(), second!.text])
  else if (name.text === "endpoint") config.endpoint = readEndpoint(report, first!)
  else if (name.text === "interval") config.intervalMs = positive(report, first!, readTimeMs)
  else if (name.text === "batch_size") config.batchSize = positive(report, first!, readNumber)
  else config.batchesMax = positive(report, first!, readNumber)
}

/** nginx speaks OTLP over gRPC whatever the scheme; with a path it can only be meant over HTTP, which is Sluice's own. */
function readEndpoint(report: Report, { text, span }: Word): string {
  const isHttp = /^https?:\/\/[^/]+\/./.test(text)
  const grpc = text.replace(/^https:\/\//, "grpcs://").replace(/^http:\/\//, "grpc://")
  const endpoint = isHttp ? text : /^grpcs?:\/\//.test(grpc) ? grpc : `grpc://${grpc}`
  const problem = endpointProblem(endpoint)
  if (problem !== null) report.error(span, `invalid endpoint "${text}"`, "127.0.0.1:4317")
  return endpoint
}

function positive(report: Report, { text, span }: Word, read: (text: string) => number | null): number {
  const value = read(text)
  if (value !== null && value > 0) return value
  report.error(span, `invalid value "${text}"`)
  return 1
}

/** What holds on a route. Null: nothing is said of traces. */
export function adaptTrace({ report, variables }: Adapter, scope: Scope): TraceSettings | null {
  const trace = scope.one("otel_trace")?.args[0]
  const context = scope.one("otel_trace_context")?.args[0]
  const name = scope.one("otel_span_name")?.args[0]
  const attributes = scope.all("otel_span_attr")
  const sample = trace === undefined ? "off" : readSample(report, trace)
  const said = TRACE_CONTEXTS.find((each) => each === context?.text)
  if (context !== undefined && said === undefined)
    report.error(context.span, `invalid value "${context.text}"`, TRACE_CONTEXTS.join(", "))
  const words = [trace, name, ...attributes.map(({ args }) => args[1])]
  for (const word of words) if (word !== undefined) variables.check(word, report, true)
  if (sample === "off" && (said ?? "ignore") === "ignore") return null
  return {
    sample,
    ratio: 1,
    context: said ?? "ignore",
    spanName: name?.text ?? null,
    attributes: attributes.map(({ args }) => [args[0]!.text, args[1]!.text]),
  }
}

function readSample(report: Report, { text, span }: Word): string {
  const lower = text.toLowerCase()
  if (hasVariables(text) || lower === "on" || lower === "off") return hasVariables(text) ? text : lower
  report.error(span, `invalid value "${text}" in "otel_trace" directive`, "on, off, or $variables")
  return "off"
}
