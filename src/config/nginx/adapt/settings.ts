/** What holds on a route, from the directives of its level and, where it has none of a name, of the outer ones. */
import { octetText } from "../../../base/octet-text.ts"
import { VERSION } from "../../../base/version.ts"
import { type WrittenTo, writtenFieldProblem } from "../../../record/written-field.ts"
import { readBindAddress } from "../../bind-address.ts"
import { defaultRouteSettings } from "../../defaults.ts"
import type { RetryCondition, RouteSettings } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import type { Directive, Word } from "../ast.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readOffset, readTimeMs } from "../units.ts"
import { hasVariables } from "../variables.ts"
import { adaptAccess, adaptRealIp } from "./access.ts"
import type { Adapter } from "./adapter.ts"
import { adaptAnswerFields } from "./answer-fields.ts"
import { adaptBridge } from "./bridge.ts"
import { adaptContinuity } from "./continuity.ts"
import { adaptErrorPages, type Locations } from "./error-page.ts"
import { adaptMessageLimits, adaptRequestLimits, adaptStreamLimits } from "./limits.ts"
import { adaptAccessLogs } from "./log.ts"
import { adaptTrace } from "./otel.ts"
import { adaptExtAuthz, adaptRateService } from "./services.ts"

/**
 * @param authority what nginx would send as `:authority`; null: the client's own is kept
 * @param locations of the server, where `error_page` looks for its target; null: outside of a server
 */
export function adaptSettings(
  adapter: Adapter,
  scope: Scope,
  authority: string | null,
  locations: Locations | null,
  family: "grpc" | "proxy" = "grpc",
): RouteSettings {
  const { report } = adapter
  const settings = defaultRouteSettings()
  const byDefault = family === "proxy" ? PROXY_TIMEOUT_MS : null
  settings.connectTimeoutMs =
    writtenTimeout(report, scope, `${family}_connect_timeout`) ?? settings.connectTimeoutMs
  settings.readTimeoutMs = writtenTimeout(report, scope, `${family}_read_timeout`) ?? byDefault
  settings.sendTimeoutMs = writtenTimeout(report, scope, `${family}_send_timeout`) ?? byDefault
  settings.bodyTimeoutMs = writtenTimeout(report, scope, "client_body_timeout")
  settings.maxStreamAgeMs = writtenTimeout(report, scope, "grpc_max_stream_age")
  const interval = scope.one("access_log_interval")
  settings.accessLogIntervalMs = interval === null ? null : readTimeMs(interval.args[0]!.text) || null
  const body = scope.one("client_max_body_size")
  if (body !== null) settings.maxBodyOctets = readOffset(body.args[0]!.text) || null
  adaptRetry(report, scope, settings, family)
  settings.setHeaders = adaptSetHeaders(adapter, scope, authority, family)
  settings.addHeaders = adaptAdded(adapter, scope, "add_header")
  settings.addTrailers = adaptAdded(adapter, scope, "add_trailer")
  Object.assign(settings, adaptAnswerFields(adapter, scope))
  settings.passHeaders = scope.all(`${family}_pass_header`).map(({ args }) => args[0]!.text.toLowerCase())
  settings.hideHeaders = scope.all(`${family}_hide_header`).map(({ args }) => args[0]!.text.toLowerCase())
  settings.ignoreHeaders = adaptIgnoreHeaders(report, scope, family)
  settings.socketKeepalive = isOn(scope, `${family}_socket_keepalive`)
  settings.bindAddress = adaptBind(adapter, scope.one(`${family}_bind`), family)
  settings.accessLogs = adaptAccessLogs(adapter, scope)
  settings.interceptErrors = isOn(scope, `${family}_intercept_errors`)
  settings.absoluteRedirect = isOn(scope, "absolute_redirect", true)
  settings.serverNameInRedirect = isOn(scope, "server_name_in_redirect")
  settings.portInRedirect = isOn(scope, "port_in_redirect", true)
  Object.assign(settings, adaptErrorPages(adapter, scope, locations))
  settings.recursiveErrorPages = isOn(scope, "recursive_error_pages")
  settings.serverTokens = serverTokens(scope)
  settings.bridge = adaptBridge(adapter, scope)
  settings.access = adaptAccess(adapter, scope)
  settings.extAuthz = adaptExtAuthz(adapter, scope)
  settings.rateService = adaptRateService(adapter, scope)
  settings.realIp = adaptRealIp(adapter, scope)
  settings.requestLimits = adaptRequestLimits(adapter, scope)
  settings.streamLimits = adaptStreamLimits(adapter, scope)
  settings.messageLimits = adaptMessageLimits(adapter, scope)
  settings.continuity = adaptContinuity(report, scope)
  settings.trace = adaptTrace(adapter, scope)
  return settings
}

/** nginx's `proxy_read_timeout` and `proxy_send_timeout`: a request of HTTP has an end, a stream of gRPC need not. */
const PROXY_TIMEOUT_MS = 60_000

export function isOn(scope: Scope, name: string, byDefault = false): boolean {
  const word = scope.one(name)?.args[0]
  return word === undefined ? byDefault : word.text.toLowerCase() === "on"
}

/** nginx's `on` and `build` say the version, which is not said unless that is written. */
function serverTokens(scope: Scope): string {
  const text = scope.one("server_tokens")?.args[0]?.text ?? "off"
  if (text === "on" || text === "build") return `sluice/${VERSION}`
  return text === "off" || text === "" ? defaultRouteSettings().serverTokens : text
}

/** In milliseconds; null when not written, or written as 0, which in nginx would end every stream at once. */
export function writtenTimeout(report: Report, scope: Scope, name: string): number | null {
  const word = scope.one(name)?.args[0]
  if (word === undefined) return null
  const timeoutMs = readTimeMs(word.text)
  if (timeoutMs === 0)
    report.warning(word.span, `"${name} 0" fails at once in nginx; here it is as if not written`)
  return timeoutMs || null
}

const RETRY_CONDITIONS: readonly string[] = [
  "error",
  "timeout",
  "invalid_header",
  "non_idempotent",
  "http_403",
  "http_404",
  "http_429",
  "http_500",
  "http_502",
  "http_503",
  "http_504",
  "grpc_cancelled",
  "grpc_deadline_exceeded",
  "grpc_resource_exhausted",
  "grpc_internal",
  "grpc_unavailable",
] satisfies RetryCondition[]

function adaptRetry(report: Report, scope: Scope, { retry }: RouteSettings, family: string): void {
  const conditions = scope.all(`${family}_next_upstream`)
  if (conditions.length > 0) {
    // Written more than once, each adds to the others.
    const names = conditions.flatMap((each) => readChoices(report, each, [...RETRY_CONDITIONS, "off"]))
    retry.conditions = names.includes("off") ? [] : ([...new Set(names)] as RetryCondition[])
  }
  const tries = scope.one(`${family}_next_upstream_tries`)
  if (tries !== null) retry.tries = readNumber(tries.args[0]!.text) || null
  const timeout = scope.one(`${family}_next_upstream_timeout`)
  if (timeout !== null) retry.timeoutMs = readTimeMs(timeout.args[0]!.text) || null
}

/** Arguments that must each be one of a list. */
function readChoices(report: Report, { args }: Directive, choices: readonly string[]): string[] {
  return args.flatMap(({ text, span }) => {
    const choice = choices.find((each) => each.toLowerCase() === text.toLowerCase())
    if (choice === undefined) report.error(span, `invalid value "${text}"`, didYouMean(text, choices))
    return choice === undefined ? [] : [choice]
  })
}

function adaptSetHeaders(
  adapter: Adapter,
  scope: Scope,
  authority: string | null,
  family: "grpc" | "proxy",
): RouteSettings["setHeaders"] {
  const headers: RouteSettings["setHeaders"] = []
  for (const { args } of scope.all(`${family}_set_header`)) {
    const [name, value] = args as [Word, Word]
    if (!checkHeaderName(adapter.report, name) || !adapter.variables.check(value, adapter.report)) continue
    if (family === "grpc") checkWrittenField(adapter.report, name, value, "request")
    // As nginx has it, a call of gRPC has an authority, whatever is written.
    if (family === "proxy" || name.text.toLowerCase() !== "host" || value.text !== "")
      headers.push([name.text.toLowerCase(), value.text])
  }
  if (authority !== null && !headers.some(([name]) => name === "host")) headers.push(["host", authority])
  return headers
}

/** By `add_header_inherit` and `add_trailer_inherit` those of outer levels hold too, behind those of the level, or do not. */
function inheritedAll(scope: Scope, name: string): readonly Directive[] {
  const inherit = scope.one(`${name}_inherit`)?.args[0]?.text.toLowerCase() ?? "on"
  const own = scope.own(name)
  if (scope.parent === null || inherit === "off" || (inherit === "on" && own.length > 0)) return own
  return [...own, ...inheritedAll(scope.parent, name)]
}

function adaptAdded(
  adapter: Adapter,
  scope: Scope,
  directive: "add_header" | "add_trailer",
): RouteSettings["addHeaders"] {
  for (const one of scope.own(`${directive}_inherit`))
    readChoices(adapter.report, one, ["on", "off", "merge"])
  return inheritedAll(scope, directive).flatMap(({ args }) => {
    const [name, value, always] = args as [Word, Word, Word?]
    if (always !== undefined && always.text !== "always") {
      adapter.report.error(always.span, `invalid parameter "${always.text}"`, 'it can only be "always"')
    }
    const right = checkHeaderName(adapter.report, name) && adapter.variables.check(value, adapter.report)
    // These two are taken out by nothing.
    const removes = /^(?:etag|last-modified)$/i.test(name.text)
    if (!right || (value.text === "" && !removes)) return []
    checkWrittenField(adapter.report, name, value, "response")
    return [{ name: name.text.toLowerCase(), template: value.text, always: always !== undefined }]
  })
}

/** HTTP/2 has stricter names than nginx checks for: a wrong one would end every stream. */
function checkHeaderName(report: Report, { text, span }: Word): boolean {
  if (/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(text)) return true
  report.error(span, `"${text}" is no header name`)
  return false
}

/** What is not sent as it is written is a warning, where it is written. */
function checkWrittenField(report: Report, name: Word, value: Word, to: WrittenTo): void {
  const problem = writtenFieldProblem(name.text, octetText(value.text), to)
  if (problem !== null) report.warning({ ...name.span }, problem.message, problem.hint)
}

const IGNORABLE = [
  "X-Accel-Redirect",
  "X-Accel-Expires",
  "X-Accel-Limit-Rate",
  "X-Accel-Buffering",
  "X-Accel-Charset",
  "Expires",
  "Cache-Control",
  "Set-Cookie",
  "Vary",
]

function adaptIgnoreHeaders(report: Report, scope: Scope, family: string): string[] {
  return scope
    .all(`${family}_ignore_headers`)
    .flatMap((directive) => readChoices(report, directive, IGNORABLE))
    .map((name) => name.toLowerCase())
}

export function adaptBind(
  { report, variables }: Adapter,
  directive: Directive | null,
  family: string,
): string | null {
  if (directive === null) return null
  const [address, transparent] = directive.args as [Word, Word?]
  if (transparent !== undefined) {
    const known = transparent.text === "transparent"
    report.error(
      transparent.span,
      known ? `${family}_bind "transparent" is not supported` : `invalid parameter "${transparent.text}"`,
      known ? "connections are made from addresses of this machine alone" : null,
    )
    return null
  }
  if (address.text === "off") return null
  if (hasVariables(address.text)) return variables.check(address, report) ? address.text : null
  if (readBindAddress(address.text) === null) {
    report.error(address.span, `invalid address "${address.text}"`, "an IP address, with a port or without")
    return null
  }
  return address.text
}
