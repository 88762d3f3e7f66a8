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

const flagsRule = (template: z.ZodString) =>
  z.strictObject({
    text: template.optional().describe("Name of the cookie."),
    regex: z.string().optional().describe("In place of text: what its name must match."),
    ignoreCase: z.boolean().optional().describe(says("With regex.", defaults.proxy.ignoreCase)),
    flags: z.array(template).describe("secure, httponly, samesite=lax …; with no before it: taken away."),
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
      body: template.optional().describe(says("Sent in place of the client's body.", proxy.body)),
      passTrailers: flag("Trailers of the backend are passed on.", proxy.passTrailers),
      redirects: rules("Location and Refresh rewritten.", proxy.redirects),
      cookieDomains: rules("Set-Cookie rewritten.", proxy.cookieDomains),
      cookiePaths: rules("Set-Cookie rewritten.", proxy.cookiePaths),
      cookieFlags: z
        .array(flagsRule(template))
        .optional()
        .describe(says("Attributes of Set-Cookie added and taken away.", proxy.cookieFlags)),
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
  body: null,
  requestBuffering: true,
  passTrailers: false,
  redirects: [],
  cookieDomains: [],
  cookiePaths: [],
  cookieFlags: [],
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
    cookieFlags,
    body,
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
    cookieFlags: (cookieFlags ?? []).map(({ flags: its, ...match }) => ({
      match: readMatch(match),
      flags: its,
    })),
    body: body ?? null,
  }
}

type RuleInput = NonNullable<ProxyInput["redirects"]>[number]

function readRule({ to, ...match }: RuleInput): TextRule {
  return { match: readMatch(match), replacement: to }
}

function readMatch({ text = "", regex, ignoreCase = false }: Omit<RuleInput, "to">): TextRule["match"] {
  return regex === undefined ? { text } : { pattern: regex, ignoreCase }
}

export function writeProxy({ target, host, ...action }: ProxyAction): Record<string, unknown> {
  const byDefault = "cluster" in target ? target.cluster : null
  const { path, matchedOctets, method, body, redirects, cookieDomains, cookiePaths, cookieFlags } = action
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
    ...(body !== null && { body }),
    ...Object.fromEntries(flags.map((name) => [name, action[name]])),
    ...(redirects.length > 0 && { redirects: redirects.map(writeRule) }),
    ...(cookieDomains.length > 0 && { cookieDomains: cookieDomains.map(writeRule) }),
    ...(cookiePaths.length > 0 && { cookiePaths: cookiePaths.map(writeRule) }),
    ...(cookieFlags.length > 0 && {
      cookieFlags: cookieFlags.map(({ match, flags: its }) => ({ ...writeMatch(match), flags: its })),
    }),
  }
}

function writeRule({ match, replacement }: TextRule): Record<string, unknown> {
  return { ...writeMatch(match), to: replacement }
}

function writeMatch(match: TextRule["match"]): Record<string, unknown> {
  if ("text" in match) return { text: match.text }
  return { regex: match.pattern, ...(match.ignoreCase && { ignoreCase: true }) }
}
