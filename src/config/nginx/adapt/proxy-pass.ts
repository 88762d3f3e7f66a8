/** `proxy_pass` and its kin. */
import type { ProxyAction } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import type { CookieFlagsRule, ProxyConfig, TextRule } from "../../proxy-model.ts"
import type { Directive, Word } from "../ast.ts"
import { checkRegex } from "../regex.ts"
import type { Scope } from "../scope.ts"
import { hasVariables } from "../variables.ts"
import type { Adapter } from "./adapter.ts"
import { readPeer } from "./address.ts"
import { findCluster, type Pass, upstreamTls } from "./grpc-pass.ts"

/** The location that a `proxy_pass` stands in. */
export interface ProxyPlace {
  /** What its paths begin with; null: a path in `proxy_pass` has nothing to take the place of. */
  readonly prefix: string | null
}

/** Null when it is wrong; then it was reported. */
export function adaptProxyPass(
  adapter: Adapter,
  directive: Directive,
  scope: Scope,
  { prefix }: ProxyPlace,
): Pass | null {
  const word = directive.args[0]!
  const settings = adaptProxySettings(adapter, scope)
  if (hasVariables(word.text)) {
    if (!adapter.variables.check(word, adapter.report)) return null
    const secure = !/^http:/i.test(word.text)
    const action: ProxyAction = {
      kind: "proxy",
      target: { template: word.text, resolve: scope.one("resolver") !== null },
      tls: secure ? upstreamTls(adapter, directive, scope, true, null, "proxy") : null,
      host: null,
      path: null,
      matchedOctets: 0,
      ...settings,
      redirects: adaptRedirects(adapter, scope, null),
    }
    return { action, authority: null }
  }
  const [, scheme, rest] = /^(https?):\/\/(.*)$/is.exec(word.text) ?? []
  if (scheme === undefined) {
    adapter.report.error(word.span, "invalid URL prefix", "it begins with http:// or https://")
    return null
  }
  const secure = scheme.toLowerCase() === "https"
  const { address, path } = splitPath(rest!)
  const peer = readPeer(address, secure ? 443 : 80)
  if ("error" in peer) {
    adapter.report.error(word.span, `${peer.error} in upstream "${address}"`)
    return null
  }
  const cluster = findCluster(adapter, word, address, peer, secure ? 443 : 80)
  if (cluster === null) return null
  if (path !== "" && prefix === null) {
    const where =
      'in location given by regular expression, or inside named location, or inside "if" statement, or inside "limit_except" block'
    adapter.report.error(word.span, `"proxy_pass" cannot have URI part ${where}`)
    return null
  }
  const { host } = peer.address
  const defaultRedirect = {
    from: path === "" ? `${word.text}/` : word.text,
    to: path === "" ? "/" : (prefix ?? "/"),
  }
  const action: ProxyAction = {
    kind: "proxy",
    target: { cluster },
    tls: upstreamTls(adapter, directive, scope, secure, host, "proxy"),
    host: host === null ? "localhost" : address,
    path: path === "" ? null : path,
    matchedOctets: path === "" ? 0 : Buffer.byteLength(prefix ?? ""),
    ...settings,
    redirects: adaptRedirects(adapter, scope, defaultRedirect),
  }
  return { action, authority: null }
}

/** `unix:/path:/uri` has a colon between. */
function splitPath(rest: string): { address: string; path: string } {
  if (/^unix:/i.test(rest)) {
    const colon = rest.indexOf(":", "unix:".length)
    return colon < 0
      ? { address: rest, path: "" }
      : { address: rest.slice(0, colon), path: rest.slice(colon + 1) }
  }
  const at = rest.search(/[/?]/)
  return at < 0 ? { address: rest, path: "" } : { address: rest.slice(0, at), path: rest.slice(at) }
}

function adaptProxySettings(
  adapter: Adapter,
  scope: Scope,
): Omit<ProxyConfig, "target" | "host" | "path" | "matchedOctets" | "redirects"> {
  const isOn = (name: string, otherwise: boolean): boolean => {
    const word = scope.one(name)?.args[0]
    return word === undefined ? otherwise : word.text.toLowerCase() === "on"
  }
  const method = scope.one("proxy_method")?.args[0]
  if (method !== undefined) adapter.variables.check(method, adapter.report)
  const body = scope.one("proxy_set_body")?.args[0]
  if (body !== undefined) adapter.variables.check(body, adapter.report)
  return {
    method: method?.text ?? null,
    body: body?.text ?? null,
    passHeaders: isOn("proxy_pass_request_headers", true),
    passBody: isOn("proxy_pass_request_body", true),
    requestBuffering: isOn("proxy_request_buffering", true),
    passTrailers: isOn("proxy_pass_trailers", false),
    cookieDomains: adaptCookies(adapter, scope, "proxy_cookie_domain").map(ofDomain),
    cookiePaths: adaptCookies(adapter, scope, "proxy_cookie_path"),
    cookieFlags: adaptCookieFlags(adapter, scope),
  }
}

/** `off` hides what stands beside it, and outer levels with it. */
function adaptCookies(adapter: Adapter, scope: Scope, name: string): TextRule[] {
  const directives = scope.all(name)
  if (directives.some(({ args }) => args.length === 1 && args[0]!.text === "off")) return []
  return directives.flatMap(({ args }) => {
    const [match, replacement] = args as [Word, Word?]
    if (replacement === undefined) {
      adapter.report.error(match.span, `invalid parameter "${match.text}"`, 'two are wanted, or "off"')
      return []
    }
    return adaptRule(adapter, match, replacement)
  })
}

/** As nginx reads it: a regex is without regard to case, and a dot before a name is none of it. */
function ofDomain({ match, replacement }: TextRule): TextRule {
  if ("pattern" in match) return { match: { ...match, ignoreCase: true }, replacement }
  const bare = (name: string): string => name.replace(/^\./, "")
  return { match: { text: bare(match.text) }, replacement: bare(replacement) }
}

const FLAGS = ["secure", "httponly", "samesite", "samesite=strict", "samesite=lax", "samesite=none"]
const COOKIE_FLAGS = [...FLAGS, ...FLAGS.map((flag) => `no${flag}`)].filter(
  (flag) => flag !== "samesite" && !flag.startsWith("nosamesite="),
)

function adaptCookieFlags({ report, variables }: Adapter, scope: Scope): CookieFlagsRule[] {
  const directives = scope.all("proxy_cookie_flags")
  if (directives.some(({ args }) => args.length === 1 && args[0]!.text === "off")) return []
  return directives.flatMap(({ args }) => {
    const [cookie, ...flags] = args as [Word, ...Word[]]
    const match = readCookie({ report, variables }, cookie)
    const right = flags.every((flag) => {
      if (hasVariables(flag.text)) return variables.check(flag, report)
      if (!COOKIE_FLAGS.includes(flag.text.toLowerCase()))
        report.warning(flag.span, `"${flag.text}" does nothing`, didYouMean(flag.text, COOKIE_FLAGS))
      return true
    })
    return match === null || !right ? [] : [{ match, flags: flags.map(({ text }) => text) }]
  })
}

/** After `~`, a regex without regard to case, whatever its first letter. */
function readCookie(
  { variables, report }: Pick<Adapter, "variables" | "report">,
  word: Word,
): TextRule["match"] | null {
  if (!word.text.startsWith("~")) return variables.check(word, report) ? { text: word.text } : null
  const pattern = word.text.slice(1)
  return checkRegex(report, word, pattern, "location") ? { pattern, ignoreCase: true } : null
}

interface DefaultRedirect {
  readonly from: string
  readonly to: string
}

/** A location without `proxy_redirect` has the rules of the one around it, those by default too: as nginx merges them. */
function adaptRedirects(adapter: Adapter, scope: Scope, byDefault: DefaultRedirect | null): TextRule[] {
  const inherited = inheritedRedirects(adapter, scope)
  const rules = inherited.length > 0 ? inherited : ownRedirects(adapter, scope, byDefault)
  adapter.redirects.set(scope, rules)
  return rules
}

function inheritedRedirects({ redirects }: Adapter, inner: Scope): TextRule[] {
  let scope: Scope | null = inner
  while (scope !== null && scope.own("proxy_redirect").length === 0) {
    scope = scope.parent
    const rules = scope === null ? undefined : redirects.get(scope)
    if (rules !== undefined) return rules
  }
  return []
}

function ownRedirects(adapter: Adapter, scope: Scope, byDefault: DefaultRedirect | null): TextRule[] {
  const rule = (redirect: DefaultRedirect): TextRule => ({
    match: { text: redirect.from },
    replacement: redirect.to,
  })
  const directives = scope.all("proxy_redirect")
  if (directives.length === 0) return byDefault === null ? [] : [rule(byDefault)]
  if (directives.some(({ args }) => args.length === 1 && args[0]!.text === "off")) return []
  return directives.flatMap(({ args }) => {
    const [match, replacement] = args as [Word, Word?]
    if (replacement !== undefined) return adaptRule(adapter, match, replacement)
    if (match.text !== "default" && match.text !== "false") {
      adapter.report.error(match.span, `invalid parameter "${match.text}"`)
    } else if (byDefault !== null) return [rule(byDefault)]
    else
      adapter.report.error(
        match.span,
        '"proxy_redirect default" cannot be used with "proxy_pass" directive with variables',
      )
    return []
  })
}

function adaptRule(adapter: Adapter, match: Word, replacement: Word): TextRule[] {
  const { variables, report } = adapter
  if (!variables.check(replacement, report)) return []
  const [, tilde, pattern] = /^(~\*?)(.*)$/s.exec(match.text) ?? []
  if (tilde === undefined)
    return variables.check(match, report)
      ? [{ match: { text: match.text }, replacement: replacement.text }]
      : []
  if (!checkRegex(report, match, pattern!, "location")) return []
  return [{ match: { pattern: pattern!, ignoreCase: tilde === "~*" }, replacement: replacement.text }]
}
