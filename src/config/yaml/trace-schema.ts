/** `tracing` and `trace` of sluice.yaml: where spans go, and which calls have one. */
import { z } from "zod"
import { defaults, says } from "../defaults-table.ts"
import {
  endpointProblem,
  SAMPLES,
  TRACE_CONTEXTS,
  type TraceSettings,
  type TracingConfig,
} from "../trace-model.ts"
import { count, headerName, someDuration, template, text } from "./field-schemas.ts"
import { durationMs, durationText } from "./scalars.ts"

const SAMPLE_ERROR =
  'must be "on", "off", "parent", a share of the calls without a parent such as "10%", or $variables'
const SHARE = /^(\d{1,3}(?:\.\d{1,6})?)%$/
const isShare = (said: string): boolean => SHARE.test(said) && Number.parseFloat(said) <= 100
const sample = z.union([
  z.boolean(),
  z
    .string({ error: SAMPLE_ERROR })
    .refine((said) => (SAMPLES as readonly string[]).includes(said) || said.includes("$") || isShare(said), {
      error: SAMPLE_ERROR,
    })
    .pipe(template),
])

export const tracing = z
  .strictObject({
    endpoint: text().superRefine((endpoint, context) => {
      const problem = endpointProblem(endpoint)
      if (problem !== null) context.addIssue({ code: "custom", message: problem })
    }),
    headers: z
      .record(headerName, z.string())
      .optional()
      .describe("Sent with the spans, for a collector that wants a key."),
    serviceName: text()
      .optional()
      .describe(says("What traces call this service.", defaults.tracing.serviceName)),
    resource: z.record(text(), z.string()).optional().describe("Attributes of the service."),
    interval: someDuration
      .optional()
      .describe(says("Longest time that a span waits.", defaults.tracing.interval)),
    batchSize: count()
      .max(65_536)
      .optional()
      .describe(says("Spans that are sent at once.", defaults.tracing.batchSize)),
    batchesMax: count()
      .max(1024)
      .optional()
      .describe(says("Batches that may wait; what comes beyond is dropped.", defaults.tracing.batchesMax)),
  })
  .describe("Where spans of OpenTelemetry are sent, by OTLP.")

export const trace = z
  .union(
    [
      sample,
      z.strictObject({
        sample: sample.optional().describe(says("Which calls have spans.", defaults.trace.sample)),
        context: z
          .enum(TRACE_CONTEXTS)
          .optional()
          .describe(says("What is made of traceparent and tracestate.", defaults.trace.context)),
        spanName: template.optional().describe(says("", defaults.trace.spanName)),
        attributes: z.record(text(), template).optional().describe("Of the span of each call."),
      }),
    ],
    { error: `${SAMPLE_ERROR}, or a map` },
  )
  .describe(says("Spans of OpenTelemetry, and what calls say of a trace.", defaults.settings.trace))

/** What a person writes. */
type TracingInput = z.input<typeof tracing>
type TraceInput = z.input<typeof trace>

export function readTracing(input: TracingInput): TracingConfig {
  return {
    endpoint: input.endpoint,
    headers: Object.entries(input.headers ?? {}),
    serviceName: input.serviceName ?? defaults.tracing.serviceName.value,
    resource: Object.entries(input.resource ?? {}),
    intervalMs: input.interval === undefined ? defaults.tracing.interval.value : durationMs(input.interval),
    batchSize: input.batchSize ?? defaults.tracing.batchSize.value,
    batchesMax: input.batchesMax ?? defaults.tracing.batchesMax.value,
  }
}

export function writeTracing(config: TracingConfig): TracingInput {
  const { endpoint, headers, serviceName, resource, intervalMs, batchSize, batchesMax } = config
  const { tracing: base } = defaults
  return {
    endpoint,
    ...(headers.length > 0 && { headers: Object.fromEntries(headers) }),
    ...(serviceName !== base.serviceName.value && { serviceName }),
    ...(resource.length > 0 && { resource: Object.fromEntries(resource) }),
    ...(intervalMs !== base.interval.value && { interval: durationText(intervalMs) }),
    ...(batchSize !== base.batchSize.value && { batchSize }),
    ...(batchesMax !== base.batchesMax.value && { batchesMax }),
  }
}

/** `trace`, read and written. */
export const traceCodec = {
  read(input: TraceInput): TraceSettings | null {
    if (input === "off" || input === false) return null
    const written = typeof input === "object" ? input : { sample: input }
    return {
      ...readSample(written.sample ?? defaults.trace.sample.value),
      context: written.context ?? defaults.trace.context.value,
      spanName: written.spanName ?? null,
      attributes: Object.entries(written.attributes ?? {}),
    }
  },
  write(settings: TraceSettings | null): TraceInput {
    if (settings === null) return "off"
    const { sample: said, ratio, context, spanName, attributes } = settings
    const share = said === "parent" && ratio < 1 ? `${ratio * 100}%` : said
    const isPlain = context === defaults.trace.context.value && spanName === null && attributes.length === 0
    if (isPlain && share !== "off") return share
    return {
      sample: share,
      ...(context !== defaults.trace.context.value && { context }),
      ...(spanName !== null && { spanName }),
      ...(attributes.length > 0 && { attributes: Object.fromEntries(attributes) }),
    }
  },
}

function readSample(said: string | boolean): Pick<TraceSettings, "sample" | "ratio"> {
  if (typeof said === "boolean") return { sample: said ? "on" : "off", ratio: 1 }
  return isShare(said)
    ? { sample: "parent", ratio: Number.parseFloat(said) / 100 }
    : { sample: said, ratio: 1 }
}
