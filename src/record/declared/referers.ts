import type { Regex } from "../../regex/regex.ts"
import type { Variable } from "../variables.ts"
import { HostTexts } from "./host-texts.ts"

/** nginx: `valid_referers`, for `$invalid_referer`. */
export interface ReferersVariable {
  kind: "referers"
  name: string
  /** Requests without a Referer are valid. */
  none: boolean
  /** So are those with one that is no address of HTTP: something on the way has taken it out. */
  blocked: boolean
  /** Hosts, which may be `*.example.com`, `.example.com` or `www.example.*`, and what the path begins with; empty: any. */
  hosts: [host: string, path: string][]
  /** Of what follows the scheme, without regard to case. */
  regexes: string[]
  /** Of the host, without regard to case. */
  hostRegexes: string[]
}

/** Shorter ones are no address to nginx. */
const SHORTEST = "http://i.ru".length
/** As nginx bounds it. */
const HOST_OCTETS_MAX = 256

/** Empty where the page that a request comes from is a valid one, else 1. Source: ngx_http_referer_module.c. */
export function referersVariable(
  { none, blocked, hosts, regexes, hostRegexes }: Omit<ReferersVariable, "kind" | "name">,
  compileRegex: (pattern: string, isCaseless: boolean) => Regex,
): Variable {
  const paths = new HostTexts<string>(true)
  for (const [host, path] of hosts) paths.add(host.toLowerCase(), Buffer.from(path).toString("latin1"))
  const compile = (pattern: string): Regex => compileRegex(Buffer.from(pattern).toString("latin1"), true)
  const [ofRest, ofHost] = [regexes.map(compile), hostRegexes.map(compile)]
  // A regex that takes too many steps has not matched.
  const fits = (text: string, some: readonly Regex[]): boolean =>
    some.some((regex) => regex.test(text) === "match")
  const isValid = (referer: string | undefined): boolean => {
    if (referer === undefined) return none
    const [scheme] = /^https?:\/\//i.exec(referer) ?? []
    if (scheme === undefined || referer.length < SHORTEST) return blocked
    const rest = referer.slice(scheme.length)
    const [host] = /^[^/:]*/.exec(rest)!
    if (host.length > HOST_OCTETS_MAX) return false
    const path = paths.find(host.toLowerCase())
    if (path !== undefined) return path === "" || rest.slice(rest.indexOf("/", host.length)).startsWith(path)
    return fits(host.toLowerCase(), ofHost) || fits(rest, ofRest)
  }
  return ({ requestHeaders }) => (isValid(requestHeaders.get("referer")) ? "" : "1")
}
