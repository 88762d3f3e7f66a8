import { ORIGIN } from "../../config/bridge.ts"
import type { RouteSettings } from "../../config/model.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { Regex } from "../../regex/regex.ts"

/** How long browsers may remember a preflight's answer. Chromium's longest. */
const MAX_AGE_SECONDS = "7200"
const EXPOSED = [
  "grpc-status",
  "grpc-message",
  "grpc-status-details-bin",
  "grpc-encoding",
  "content-encoding",
]
const FIELD_NAMES = /^[A-Za-z0-9_-]+(?:\s*,\s*[A-Za-z0-9_-]+)*$/

/**
 * Whether pages of `origin` may call: those of the same host always, others where the route names them.
 * Source: RFC 6454 §5; CWE-1385 for why a WebSocket has to ask too.
 */
export function isOriginAllowed(origin: string, authority: string, { bridge }: RouteSettings): boolean {
  return isNamed(origin, bridge.origins) || isSameHost(origin, authority)
}

/** Whether they may use their visitor's cookies: not those that `*` alone lets in. */
export function mayUseCookies(origin: string, authority: string, { bridge }: RouteSettings): boolean {
  return matches(origin, bridge.origins) || isSameHost(origin, authority)
}

function isNamed(origin: string, origins: readonly string[]): boolean {
  return origins.includes("*") || matches(origin, origins)
}

/** By name, by `https://*.example`, or by a regex; not by `*`. */
function matches(origin: string, origins: readonly string[]): boolean {
  const lower = origin.toLowerCase()
  return origins.some((named) => {
    if (named.startsWith("~")) return regexOf(named).test(lower) === "match"
    const star = named.indexOf("://*.")
    if (star < 0) return named === lower
    const [scheme, suffix] = [named.slice(0, star + 3), named.slice(star + 4)]
    return lower.startsWith(scheme) && lower.endsWith(suffix) && lower.length > scheme.length + suffix.length
  })
}

/** Compiled once: there are as many as configurations name. */
const regexes = new Map<string, Regex>()

function regexOf(named: string): Regex {
  let regex = regexes.get(named)
  if (regex === undefined) regexes.set(named, (regex = new Regex(named.slice(1), { isCaseless: true })))
  return regex
}

/** The scheme is not compared: TLS may have ended before Sluice. */
function isSameHost(origin: string, authority: string): boolean {
  const colon = origin.indexOf("://")
  if (colon < 0 || authority === "") return false
  const port = origin.startsWith("https:") ? ":443" : ":80"
  const bare = (host: string): string =>
    (host.endsWith(port) ? host.slice(0, -port.length) : host).toLowerCase()
  return bare(origin.slice(colon + 3)) === bare(authority)
}

/** Fields that let a page of another origin read the response; none where it may not, or need not ask. */
export function corsFields(request: HeaderList, settings: RouteSettings): string[] {
  const origin = request.get("origin")
  if (settings.bridge.origins.length === 0) return []
  if (origin === undefined || !ORIGIN.test(origin) || !isNamed(origin, settings.bridge.origins))
    return ["vary", "origin"]
  // Named origins may send cookies; a page of just any origin may not.
  const isAny = !matches(origin, settings.bridge.origins)
  const allowed = ["access-control-allow-origin", isAny ? "*" : origin, "vary", "origin"]
  return isAny ? allowed : [...allowed, "access-control-allow-credentials", "true"]
}

/** `fields` of a response's head with `cors` in place of what the backend may have set, and its names exposed. */
export function withCors(fields: readonly string[], cors: readonly string[]): string[] {
  if (!cors.includes("access-control-allow-origin")) return [...fields, ...cors]
  const kept: string[] = []
  const names = new Set(EXPOSED)
  for (let i = 0; i < fields.length; i += 2) {
    const name = fields[i]!
    if (name.startsWith("access-control-")) continue
    kept.push(name, fields[i + 1]!)
    if (!name.startsWith(":")) names.add(name)
  }
  return [...kept, ...cors, "access-control-expose-headers", [...names].join(", ")]
}

export function isPreflight(method: string, request: HeaderList): boolean {
  return (
    method === "OPTIONS" &&
    request.get("origin") !== undefined &&
    request.get("access-control-request-method") !== undefined
  )
}

/** What a preflight is answered with: Fetch §3.3.3. */
export function preflightFields(request: HeaderList, settings: RouteSettings): string[] {
  const cors = corsFields(request, settings)
  if (!cors.includes("access-control-allow-origin")) return cors
  const asked = request.get("access-control-request-headers") ?? ""
  return [
    ...cors,
    ...["access-control-allow-methods", "POST, GET"],
    ...(FIELD_NAMES.test(asked) ? ["access-control-allow-headers", asked] : []),
    ...["access-control-max-age", MAX_AGE_SECONDS],
  ]
}
