/** `extAuthz` and `rateLimitService`: gRPC services that are asked about calls. */
import { z } from "zod"
import { defaults, says } from "../defaults-table.ts"
import type { AskedService, ExtAuthzConfig, RateServiceConfig } from "../service-model.ts"
import { durationOf, text } from "./field-schemas.ts"
import { DURATION, durationMs, durationText } from "./scalars.ts"

const timeout = durationOf(DURATION, 'must be a time such as "200ms"').refine(
  (text) => durationMs(text) > 0,
  {
    error: "must be longer than 0",
  },
)

/**
 * @param template text with variables
 * @param tls of connections to a cluster
 */
export function serviceShape<Tls extends z.ZodType>(template: z.ZodType<string, string>, tls: Tls) {
  const texts = z.union([z.record(z.string(), template), z.array(z.tuple([z.string(), template]))], {
    error: "must be a map of names to templates, or a list of pairs",
  })
  const asked = (byDefault: (typeof defaults)["extAuthz" | "rateLimitService"]) => ({
    cluster: text().describe("Name of the cluster of the service."),
    tls: tls.optional().describe(says("Speak TLS to it.", byDefault.tls)),
    timeout: timeout.optional().describe(says("Then it has failed.", byDefault.timeout)),
    fail: z
      .enum(["open", "closed"])
      .optional()
      .describe(says("Whether calls go on where it fails.", byDefault.fail)),
  })
  return {
    extAuthz: z
      .union([
        z.literal("none"),
        z.strictObject({
          ...asked(defaults.extAuthz),
          statusOnError: z
            .int()
            .min(400)
            .max(599)
            .optional()
            .describe(says("Of HTTP, where it fails.", defaults.extAuthz.statusOnError)),
          context: texts.optional().describe("context_extensions of the question."),
        }),
      ])
      .optional()
      .describe("Envoy's authorization service, which is asked whether a call goes on."),
    rateLimitService: z
      .union([
        z.literal("none"),
        z.strictObject({
          ...asked(defaults.rateLimitService),
          domain: text().describe("Of the limits that the service has."),
          descriptors: z
            .array(texts)
            .describe("What is counted: keys and their values. One with an empty value is left out."),
        }),
      ])
      .optional()
      .describe("Envoy's rate limit service, which counts calls of all."),
  } as const
}

interface Codec<Value, Input> {
  read(input: Input): Value
  write(value: Value): unknown
}

type Texts = Record<string, string> | [string, string][]

interface AskedInput {
  cluster: string
  tls?: unknown
  timeout?: string
  fail?: "open" | "closed"
}

type ExtAuthzInput = AskedInput & { statusOnError?: number; context?: Texts }
type RateInput = AskedInput & { domain: string; descriptors: Texts[] }

type TlsCodec = Codec<AskedService["tls"], never>

/** @param tls of connections to a cluster */
export function extAuthzCodec(tls: TlsCodec): Codec<ExtAuthzConfig | null, "none" | ExtAuthzInput> {
  return {
    read: (input) =>
      input === "none"
        ? null
        : {
            ...readAsked(input, tls, defaults.extAuthz),
            statusOnError: input.statusOnError ?? defaults.extAuthz.statusOnError.value,
            context: readTexts(input.context ?? []),
          },
    write: (value) =>
      value === null
        ? "none"
        : {
            ...writeAsked(value, tls, defaults.extAuthz),
            ...(value.statusOnError !== defaults.extAuthz.statusOnError.value && {
              statusOnError: value.statusOnError,
            }),
            ...(value.context.length > 0 && { context: writeTexts(value.context) }),
          },
  }
}

export function rateServiceCodec(tls: TlsCodec): Codec<RateServiceConfig | null, "none" | RateInput> {
  return {
    read: (input) =>
      input === "none"
        ? null
        : {
            ...readAsked(input, tls, defaults.rateLimitService),
            domain: input.domain,
            descriptors: input.descriptors.map(readTexts),
          },
    write: (value) =>
      value === null
        ? "none"
        : {
            ...writeAsked(value, tls, defaults.rateLimitService),
            domain: value.domain,
            descriptors: value.descriptors.map(writeTexts),
          },
  }
}

type AskedDefaults = (typeof defaults)["extAuthz" | "rateLimitService"]

function readAsked(
  { cluster, tls, timeout: written, fail }: AskedInput,
  codec: TlsCodec,
  byDefault: AskedDefaults,
): AskedService {
  return {
    cluster,
    tls: tls === undefined ? null : codec.read(tls as never),
    timeoutMs: written === undefined ? byDefault.timeout.value : durationMs(written),
    failOpen: (fail ?? byDefault.fail.value) === "open",
  }
}

function writeAsked(
  { cluster, tls, timeoutMs, failOpen }: AskedService,
  codec: TlsCodec,
  byDefault: AskedDefaults,
): object {
  const fail = failOpen ? "open" : "closed"
  return {
    cluster,
    ...(tls !== null && { tls: codec.write(tls) }),
    ...(timeoutMs !== byDefault.timeout.value && { timeout: durationText(timeoutMs) }),
    ...(fail !== byDefault.fail.value && { fail }),
  }
}

const readTexts = (texts: Texts): [string, string][] => (Array.isArray(texts) ? texts : Object.entries(texts))

/** A map keeps their order, unless a name looks like a number or stands there twice. */
function writeTexts(texts: [string, string][]): Texts {
  const names = texts.map(([name]) => name)
  const fits = new Set(names).size === names.length && !names.some((name) => /^\d+$|^__proto__$/.test(name))
  return fits ? Object.fromEntries(texts) : texts
}
