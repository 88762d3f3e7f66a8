/** `access`, `requestLimits`, `streamLimits`, `realIp` and `zones`: who gets in, and how often. */
import { z } from "zod"
import { parseNetwork } from "../../record/networks.ts"
import type {
  AccessConfig,
  MessageLimit,
  RealIpConfig,
  RequestLimits,
  StreamLimits,
  ZoneConfig,
} from "../model.ts"
import { isTrustedName } from "../trusted-names.ts"
import { jwtSchema, readJwt, writeJwt } from "./jwt-schema.ts"
import { SIZE, sizeInput, sizeOctets } from "./scalars.ts"

const NETWORK_ERROR = 'must be an address, a network such as "10.0.0.0/8", "unix:" or "all"'
const from = z
  .string({ error: NETWORK_ERROR })
  .refine((text) => text === "all" || text === "unix:" || parseNetwork(text) !== null, {
    error: NETWORK_ERROR,
  })
const TRUSTED_ERROR = 'must be an address, a network such as "10.0.0.0/8", a name or "unix:"'
const trusted = z
  .string({ error: TRUSTED_ERROR })
  .refine((text) => text === "unix:" || parseNetwork(text) !== null || isTrustedName(text), {
    error: TRUSTED_ERROR,
  })
const name = z.string().regex(/^\w+$/, { error: "must be the name of a variable, without its $" })
const status = z.int().min(400).max(599)
const size = z.union([z.int().min(1), z.string().regex(SIZE)])
const side = z.enum(["client", "backend"])
const path = z.string().regex(/^\//, { error: 'must be a path, such as "/auth"' })

/** @param template text with variables */
export function accessShape(template: z.ZodType<string, string>) {
  return {
    access: z
      .strictObject({
        satisfy: z
          .enum(["all", "any"])
          .optional()
          .describe("Whether one of those that have something to say is enough."),
        rules: z
          .array(
            z.union([z.strictObject({ allow: from }), z.strictObject({ deny: from })], {
              error: 'must be a map with "allow" or "deny"',
            }),
          )
          .optional()
          .describe("The first that fits counts."),
        basic: z
          .strictObject({ realm: template, userFile: z.string().min(1).pipe(template) })
          .optional()
          .describe("A user and a password of a file, as htpasswd writes it."),
        jwt: jwtSchema(template).optional().describe("A token that callers must show."),
        request: z
          .strictObject({ path, set: z.record(name, template).optional() })
          .optional()
          .describe("A path of this server that is asked: 2xx lets in."),
      })
      .optional()
      .describe("Who is let in."),
    requestLimits: z
      .strictObject({
        limits: z.array(
          z.strictObject({
            zone: z.string(),
            burst: z.int().min(0).optional(),
            delay: z.union([z.int().min(0), z.literal("none")]).optional(),
          }),
        ),
        status: status.optional(),
        dryRun: z.boolean().optional(),
      })
      .optional()
      .describe("How often: leaky buckets."),
    streamLimits: z
      .strictObject({
        limits: z.array(z.strictObject({ zone: z.string(), most: z.int().min(1) })),
        status: status.optional(),
        dryRun: z.boolean().optional(),
      })
      .optional()
      .describe("How many at once."),
    messageLimits: z
      .array(
        z.union(
          [
            z.strictObject({
              messages: z.number().positive(),
              burst: z.int().min(0).optional(),
              zone: z.string().optional(),
              from: side.optional(),
            }),
            z.strictObject({
              octets: size,
              burst: size.optional(),
              zone: z.string().optional(),
              from: side.optional(),
            }),
          ],
          { error: 'must be a map with "messages" or "octets"' },
        ),
      )
      .optional()
      .describe("How fast a client, or a backend, may send, a second: faster ones wait for credit."),
    realIp: z
      .union([
        z.literal("none"),
        z.strictObject({
          from: z.array(trusted).min(1),
          header: z.string().optional(),
          recursive: z.boolean().optional(),
        }),
      ])
      .optional()
      .describe("Proxies that say who the client is."),
  } as const
}

export function zonesSchema(template: z.ZodType<string, string>) {
  return z.array(
    z
      .strictObject({
        name: z.string().min(1),
        key: template.describe("What is counted; nothing is where it is empty."),
        size: size.describe("Of the memory that all threads share."),
        rate: z.number().positive().optional().describe("Requests a second. Left out: it counts streams."),
        counts: z.literal("messages").optional().describe("For `messageLimits`."),
      })
      .meta({ id: "Zone" }),
  )
}

type AccessInput = z.input<z.ZodObject<ReturnType<typeof accessShape>>>
type Given<Key extends keyof AccessInput> = Exclude<AccessInput[Key], undefined>
type ZoneInput = z.input<ReturnType<typeof zonesSchema>>[number]

interface Codec<Value, Input> {
  read(input: Input): Value
  write(value: Value): unknown
}

export const access: Codec<AccessConfig, Given<"access">> = {
  read: ({ satisfy = "all", rules = [], basic, jwt, request }) => ({
    satisfy,
    rules: rules.map((rule) =>
      "allow" in rule ? { allow: true, from: rule.allow } : { allow: false, from: rule.deny },
    ),
    basic: basic ?? null,
    jwt: jwt === undefined ? null : readJwt(jwt),
    request: request === undefined ? null : { uri: request.path, set: Object.entries(request.set ?? {}) },
  }),
  write: ({ satisfy, rules, basic, jwt, request }) => ({
    ...(satisfy !== "all" && { satisfy }),
    ...(rules.length > 0 && { rules: rules.map((rule) => ({ [rule.allow ? "allow" : "deny"]: rule.from })) }),
    ...(basic !== null && { basic }),
    ...(jwt !== null && { jwt: writeJwt(jwt) }),
    ...(request !== null && {
      request: { path: request.uri, ...(request.set.length > 0 && { set: Object.fromEntries(request.set) }) },
    }),
  }),
}

const UNWRITTEN_STATUS = 503

export const requestLimits: Codec<RequestLimits, Given<"requestLimits">> = {
  read: ({ limits, status: told = UNWRITTEN_STATUS, dryRun = false }) => ({
    limits: limits.map(({ zone, burst = 0, delay = 0 }) => ({
      zone,
      burst,
      delay: delay === "none" ? null : delay,
    })),
    status: told,
    dryRun,
  }),
  write: ({ limits, status: told, dryRun }) => ({
    limits: limits.map(({ zone, burst, delay }) => ({
      zone,
      ...(burst !== 0 && { burst }),
      ...(delay !== 0 && { delay: delay ?? "none" }),
    })),
    ...rest(told, dryRun),
  }),
}

export const streamLimits: Codec<StreamLimits, Given<"streamLimits">> = {
  read: ({ limits, status: told = UNWRITTEN_STATUS, dryRun = false }) => ({ limits, status: told, dryRun }),
  write: ({ limits, status: told, dryRun }) => ({ limits, ...rest(told, dryRun) }),
}

export const messageLimits: Codec<MessageLimit[], Given<"messageLimits">> = {
  read: (limits) =>
    limits.map((limit) => {
      const { zone = null, from: sender = "client" } = limit
      const of = { from: sender, zone }
      if ("messages" in limit)
        return { ...of, counts: "messages", rate: limit.messages, burst: limit.burst ?? 0 } as const
      const burst = limit.burst === undefined ? 0 : sizeOctets(limit.burst)
      return { ...of, counts: "octets", rate: sizeOctets(limit.octets), burst } as const
    }),
  write: (limits) =>
    limits.map(({ from: sender, counts, rate, burst, zone }) => ({
      [counts]: counts === "octets" ? sizeInput(rate) : rate,
      ...(burst !== 0 && { burst: counts === "octets" ? sizeInput(burst) : burst }),
      ...(zone !== null && { zone }),
      ...(sender !== "client" && { from: sender }),
    })),
}

function rest(told: number, dryRun: boolean): object {
  return { ...(told !== UNWRITTEN_STATUS && { status: told }), ...(dryRun && { dryRun }) }
}

export const realIp: Codec<RealIpConfig | null, Given<"realIp">> = {
  read: (input) =>
    input === "none"
      ? null
      : {
          from: input.from,
          header: (input.header ?? "x-real-ip").toLowerCase(),
          recursive: input.recursive ?? false,
        },
  write: (value) =>
    value === null
      ? "none"
      : {
          from: value.from,
          ...(value.header !== "x-real-ip" && { header: value.header }),
          ...(value.recursive && { recursive: true }),
        },
}

export function readZone({ name: zone, key, size: octets, rate, counts }: ZoneInput): ZoneConfig {
  const config = { name: zone, key, octets: sizeOctets(octets), rate: rate ?? null }
  return counts === undefined ? config : { ...config, ofMessages: true }
}

export function writeZone({ name: zone, key, octets, rate, ofMessages }: ZoneConfig): object {
  const counts = ofMessages === true && { counts: "messages" }
  return { name: zone, key, size: sizeInput(octets), ...(rate !== null && { rate }), ...counts }
}
