/** `proxy:` of a route, both ways. */
import { z } from "zod"
import { type Default, defaults, says } from "../defaults-table.ts"
import type { ProxyAction } from "../model.ts"
import type { ProxyConfig, TextRule } from "../proxy-model.ts"

const rule = (template: z.ZodString) =>
  z.strictObject({
    text: template.optional().describe("What it is, or begins with."),
    regex: z.string().optional().describe("In place of text: what it must match."),
    ignoreCase: z.boolean().optional().describe(says("With regex.", defaults.proxy.ignoreCase)),
    to: template.describe("What takes its place."),
  })

/** Shape of `proxy`. */
export const proxySchema = (template: z.ZodString) => {
  const { proxy } = defaults
  const flag = (what: string, byDefault: Default<boolean>) =>
    z.boolean().optional().describe(says(what, byDefault))
  const rules = (what: string, byDefault: Default<unknown>) =>
    z.array(rule(template)).optional().describe(says(what, byDefault))
  return z
    .strictObject({
      cluster: z.string().optional().describe("Name of a cluster of HTTP/1.1 backends."),
      url: template.optional().describe("In place of cluster: http://… or https://… with $variables."),
      resolve: flag("With url: its host may be a name.", defaults.route.resolve),
      host: z.string().optional().describe(says("Sent as Host unless set.", proxy.host)),
      path: template.optional().describe(says("Replaces what the route matched of the path.", proxy.path)),
      replaces: z.int().min(0).optional().describe(says("Octets of the path that go.", proxy.replaces)),
      method: template.optional().describe(says("", proxy.method)),
      passHeaders: flag("The client's own fields are passed on.", proxy.passHeaders),
      passBody: flag("The client's body is passed on.", proxy.passBody),
      requestBuffering: flag("A body of unknown length is gathered.", proxy.requestBuffering),
      passTrailers: flag("Trailers of the backend are passed on.", proxy.passTrailers),
      redirects: rules("Location and Refresh rewritten.", proxy.redirects),
      cookieDomains: rules("Set-Cookie rewritten.", proxy.cookieDomains),
      cookiePaths: rules("Set-Cookie rewritten.", proxy.cookiePaths),
    })
    .refine(({ cluster, url }) => (cluster === undefined) !== (url === undefined), {
      error: "takes either cluster or url",
    })
}

export type ProxyInput = z.input<ReturnType<typeof proxySchema>>

const DEFAULTS: Omit<ProxyConfig, "target" | "host"> = {
  path: null,
  matchedOctets: 0,
  method: null,
  passHeaders: true,
  passBody: true,
  requestBuffering: true,
  passTrailers: false,
  redirects: [],
  cookieDomains: [],
  cookiePaths: [],
}

export function readProxy(input: ProxyInput): ProxyConfig {
  const {
    cluster,
    url,
    resolve = false,
    host,
    path,
    replaces,
    method,
    redirects,
    cookieDomains,
    cookiePaths,
    ...flags
  } = input
  const defined = Object.fromEntries(Object.entries(flags).filter(([, value]) => value !== undefined))
  return {
    ...DEFAULTS,
    ...defined,
    target: cluster === undefined ? { template: url!, resolve } : { cluster },
    host: host ?? cluster ?? null,
    path: path ?? null,
    matchedOctets: replaces ?? 0,
    method: method ?? null,
    redirects: (redirects ?? []).map(readRule),
    cookieDomains: (cookieDomains ?? []).map(readRule),
    cookiePaths: (cookiePaths ?? []).map(readRule),
  }
}

type RuleInput = NonNullable<ProxyInput["redirects"]>[number]

function readRule({ text = "", regex, ignoreCase = false, to }: RuleInput): TextRule {
  return { match: regex === undefined ? { text } : { pattern: regex, ignoreCase }, replacement: to }
}

export function writeProxy({ target, host, ...action }: ProxyAction): Record<string, unknown> {
  const byDefault = "cluster" in target ? target.cluster : null
  const { path, matchedOctets, method, redirects, cookieDomains, cookiePaths } = action
  const flags = (["passHeaders", "passBody", "requestBuffering", "passTrailers"] as const).filter(
    (name) => action[name] !== DEFAULTS[name],
  )
  return {
    ...("cluster" in target
      ? { cluster: target.cluster }
      : { url: target.template, ...(target.resolve && { resolve: true }) }),
    ...(host !== byDefault && { host }),
    ...(path !== null && { path }),
    ...(matchedOctets > 0 && { replaces: matchedOctets }),
    ...(method !== null && { method }),
    ...Object.fromEntries(flags.map((name) => [name, action[name]])),
    ...(redirects.length > 0 && { redirects: redirects.map(writeRule) }),
    ...(cookieDomains.length > 0 && { cookieDomains: cookieDomains.map(writeRule) }),
    ...(cookiePaths.length > 0 && { cookiePaths: cookiePaths.map(writeRule) }),
  }
}

function writeRule({ match, replacement }: TextRule): Record<string, unknown> {
  if ("text" in match) return { text: match.text, to: replacement }
  return { regex: match.pattern, ...(match.ignoreCase && { ignoreCase: true }), to: replacement }
}
