/** `ext_authz` and `rate_limit_service`: Envoy's services, which nginx has no words for. */
import { defaults } from "../../defaults-table.ts"
import type { AskedService, ExtAuthzConfig, RateServiceConfig } from "../../service-model.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readTimeMs } from "../units.ts"
import type { Adapter } from "./adapter.ts"
import { readPeer } from "./address.ts"
import { findCluster, upstreamTls } from "./grpc-pass.ts"

export function adaptExtAuthz(adapter: Adapter, scope: Scope): ExtAuthzConfig | null {
  const directive = scope.one("ext_authz")
  if (directive === null || directive.args[0]!.text === "off") return null
  let statusOnError: number = defaults.extAuthz.statusOnError.value
  const asked = adaptAsked(adapter, directive, scope, defaults.extAuthz, (key, value) => {
    const status = key === "status_on_error" ? readNumber(value) : null
    if (status === null || status < 400 || status > 599) return false
    statusOnError = status
    return true
  })
  const context = scope.all("ext_authz_context").flatMap(({ args }): [string, string][] => {
    const [name, value] = args as [Word, Word]
    return adapter.variables.check(value, adapter.report) ? [[name.text, value.text]] : []
  })
  return asked === null ? null : { ...asked, statusOnError, context }
}

export function adaptRateService(adapter: Adapter, scope: Scope): RateServiceConfig | null {
  const directive = scope.one("rate_limit_service")
  if (directive === null || directive.args[0]!.text === "off") return null
  let domain = ""
  const asked = adaptAsked(adapter, directive, scope, defaults.rateLimitService, (key, value) => {
    if (key !== "domain" || value === "") return false
    domain = value
    return true
  })
  const { report } = adapter
  const descriptors = scope.all("rate_limit_descriptor").map(({ args }) => adaptDescriptor(adapter, args))
  if (domain === "") report.error(spanOf(directive), '"rate_limit_service" must have "domain" parameter')
  if (descriptors.length === 0 && scope.context === "location")
    report.error(spanOf(directive), "rate_limit_service counts nothing without a rate_limit_descriptor")
  return asked === null ? null : { ...asked, domain, descriptors }
}

function adaptDescriptor({ report, variables }: Adapter, args: readonly Word[]): [string, string][] {
  return args.flatMap((word): [string, string][] => {
    const at = word.text.indexOf("=")
    if (at < 1) report.error(word.span, `invalid parameter "${word.text}"`, "key=value")
    if (at < 1 || !variables.check(word, report)) return []
    return [[word.text.slice(0, at), word.text.slice(at + 1)]]
  })
}

/** @param own reads a parameter of the directive's own; false: it is wrong */
function adaptAsked(
  adapter: Adapter,
  directive: Directive,
  scope: Scope,
  byDefault: (typeof defaults)["extAuthz" | "rateLimitService"],
  own: (key: string, value: string) => boolean,
): AskedService | null {
  const { report } = adapter
  const [word, ...parameters] = directive.args as [Word, ...Word[]]
  let timeoutMs: number = byDefault.timeout.value
  let fail: string = byDefault.fail.value
  for (const { text, span } of parameters) {
    const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(text) ?? []
    const time = key === "timeout" ? readTimeMs(value) : null
    if (time !== null && time > 0) timeoutMs = time
    else if (key === "fail" && (value === "open" || value === "closed")) fail = value
    else if (!own(key, value)) report.error(span, `invalid parameter "${text}"`)
  }
  const [, scheme = ""] = /^(grpcs?:\/\/)/i.exec(word.text) ?? []
  const target = word.text.slice(scheme.length)
  const peer = readPeer(target, 0)
  if ("error" in peer) {
    report.error(word.span, `${peer.error} in "${target}"`)
    return null
  }
  const cluster = findCluster(adapter, word, target, peer)
  if (cluster === null) return null
  const tls = upstreamTls(adapter, directive, scope, scheme.toLowerCase() === "grpcs://", peer.address.host)
  return { cluster, tls, timeoutMs, failOpen: fail === "open" }
}
