/** `tcp` of sluice.yaml: connections that are relayed as they are. */
import { z } from "zod"
import { parseNetwork } from "../../record/networks.ts"
import { defaults, says } from "../defaults-table.ts"
import { isTrustedName } from "../trusted-names.ts"
import { accessShape, type zonesSchema } from "./access-schema.ts"
import type { variableSchema } from "./declared.ts"
import {
  checked,
  countOrNone,
  oneOrMany,
  size,
  someDuration,
  someDurationOrNone,
  text,
} from "./field-schemas.ts"
import { SIZE, sizeOctets } from "./scalars.ts"

/** More would be held for each client that has said nothing yet. */
export const PREREAD_OCTETS_MAX = 1024 * 1024

const PREREAD_ERROR = 'must be a size from 1 to 1m, such as "16k"'
const RATE_ERROR = 'must be octets a second, such as "64k", or "none"'
const FROM_ERROR = 'must be an address, a network such as "10.0.0.0/8", a name or "unix:"'

const isRate = (text: string): boolean =>
  text === "none" || text.includes("$") || (SIZE.test(text) && sizeOctets(text) > 0)
const isWritten = (value: string | undefined): boolean => value !== undefined

export interface TcpParts<
  Tls extends z.ZodType<object, object>,
  AccessLog extends z.ZodType<unknown, unknown>,
> {
  template: z.ZodType<string, string>
  bindAddress: z.ZodType<string, string>
  tls: Tls
  accessLog: AccessLog
  /** The same as for HTTP: schemas with a name are there once. */
  variable: ReturnType<typeof variableSchema>
  zones: ReturnType<typeof zonesSchema>
}

export function tcpSchema<
  Tls extends z.ZodType<object, object>,
  AccessLog extends z.ZodType<unknown, unknown>,
>({ template, bindAddress, tls, accessLog, variable, zones }: TcpParts<Tls, AccessLog>) {
  const { tcp } = defaults
  const flag = (what: string, byDefault: Parameters<typeof says>[1]) =>
    z.boolean().optional().describe(says(what, byDefault))
  const rate = z
    .union([z.int().min(1), template.refine(isRate, { error: RATE_ERROR })], { error: RATE_ERROR })
    .optional()
  const { access, streamLimits } = accessShape(template)
  const settings = {
    set: z.record(z.string().regex(/^\w+$/), template).optional().describe("Variables that are set."),
    readHello: flag("A TLS client's SNI and ALPN are read first.", tcp.readHello),
    prereadTimeout: someDuration.optional().describe(says("For all of that.", tcp.prereadTimeout)),
    prereadSize: size
      .refine((input) => sizeOctets(input) > 0 && sizeOctets(input) <= PREREAD_OCTETS_MAX, {
        error: PREREAD_ERROR,
      })
      .optional()
      .describe(says("Most octets that are held for it.", tcp.prereadSize)),
    proxyProtocolTimeout: someDuration
      .optional()
      .describe(says("For the PROXY protocol's header.", tcp.proxyProtocolTimeout)),
    handshakeTimeout: someDuration
      .optional()
      .describe(says("For a client's TLS handshake.", tcp.handshakeTimeout)),
    connectTimeout: someDuration
      .optional()
      .describe(says("Longest wait for an endpoint's connection.", tcp.connectTimeout)),
    idleTimeout: someDuration.optional().describe(says("Longest silence of both sides.", tcp.idleTimeout)),
    retry: z
      .union(
        [
          z.literal("none"),
          z.strictObject({
            tries: countOrNone().optional().describe(says("Most tries in all.", tcp.retryTries)),
            timeout: someDurationOrNone.optional().describe(says("No new try after it.", tcp.retryTimeout)),
          }),
        ],
        { error: 'must be a map with tries or timeout, or "none"' },
      )
      .optional()
      .describe("Endpoints that do not accept: the next one is tried."),
    sendProxyProtocol: z
      .enum(["none", "v1", "v2"])
      .optional()
      .describe(says("The endpoint is told the client.", tcp.sendProxyProtocol)),
    halfClose: flag("Each direction ends by itself.", tcp.halfClose),
    uploadRate: rate.describe(says("Octets a second from the client.", tcp.uploadRate)),
    downloadRate: rate.describe(says("Octets a second from the endpoint.", tcp.downloadRate)),
    bindAddress: bindAddress.optional().describe(says("Local address to connect from.", tcp.bindAddress)),
    socketKeepalive: flag("TCP keepalive to the endpoint.", tcp.socketKeepalive),
    noDelay: flag("TCP_NODELAY, on both sides.", tcp.noDelay),
    access: z
      .strictObject({ rules: access.unwrap().shape.rules })
      .optional()
      .describe("Who is let in: the first rule that fits."),
    limits: streamLimits.describe("How many connections at once."),
    realIpFrom: z
      .array(
        checked(
          FROM_ERROR,
          (value) => value === "unix:" || parseNetwork(value) !== null || isTrustedName(value),
        ),
      )
      .optional()
      .describe("Proxies that are believed who the client is, by the PROXY protocol."),
    accessLog: accessLog.optional(),
  } as const
  const server = z
    .strictObject({
      names: oneOrMany(z.string(), "must be a name or a list of names")
        .optional()
        .describe(says("Server names (SNI) that it is for.", tcp.names)),
      listeners: z.array(text()).optional().describe(says("Names of listeners.", tcp.listeners)),
      default: z
        .union([z.boolean(), z.array(text())], { error: "must be true, false or a list of listener names" })
        .optional()
        .describe("Where no name fits, on its listeners or on those named; else the first server."),
      cluster: template.optional().describe("Name of a cluster; with $variables, looked up each time."),
      resolve: flag("With $variables: they may come to a host's name.", defaults.route.resolve),
      tls: z
        .union([z.boolean(), tls], { error: "must be true, false or a map" })
        .optional()
        .describe(says("TLS to the endpoint.", defaults.route.tls)),
      pass: template
        .optional()
        .describe("In place of cluster: the address of another listener, where clients go on; $variables."),
      return: template.optional().describe("In place of cluster: what clients are told."),
      ...settings,
    })
    .refine((server) => [server.cluster, server.pass, server.return].filter(isWritten).length <= 1, {
      error: "takes one of cluster, pass and return",
    })
    .meta({ id: "TcpServer" })
  return z
    .strictObject({
      servers: z.array(server).optional(),
      variables: z.array(variable).optional().describe("Apart from those of HTTP."),
      zones: zones.optional().describe("Where keys are counted, apart from those of HTTP."),
    })
    .meta({ id: "Tcp" })
}
