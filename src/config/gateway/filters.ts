import { unwritable } from "../../record/written-field.ts"
import type { RewriteStep, RouteAction, RouteSettings } from "../model.ts"
import type { RouteKind } from "./backends.ts"
import { objection } from "./conditions.ts"
import type { Draft } from "./draft.ts"
import { requestHeaders, responseHeaders } from "./header-changes.ts"
import { withoutSlash } from "./http-match.ts"
import { escapePattern, fieldVariable, type OrObjection, unsupported } from "./matches.ts"
import type { HeaderModifier, PathModifier, RouteFilter } from "./resources.ts"

/** The listener that a rule is served at. */
export interface FilterPlace {
  readonly isTls: boolean
  readonly port: number
}

export interface FilterContext {
  readonly kind: RouteKind
  readonly place: FilterPlace & { readonly prefix: string | null }
  readonly parts: { readonly draft: Draft }
}

export type HeaderChanges = Pick<RouteSettings, "setHeaders" | "hideHeaders" | "addHeaders">

/** What filters come to. `answer`: the rule answers by itself. */
interface ReadFilters extends HeaderChanges {
  readonly steps: readonly RewriteStep[]
  readonly answer: RouteAction | null
}

const OF_HTTP: ReadonlySet<string> = new Set(["RequestRedirect", "URLRewrite"])

export function readFilters(
  filters: readonly RouteFilter[],
  context: FilterContext,
): OrObjection<ReadFilters> {
  const { kind, parts } = context
  const { draft } = parts
  const ofRequest: HeaderModifier[] = []
  const ofResponse: HeaderModifier[] = []
  let redirect: RouteFilter["requestRedirect"]
  let rewrite: RouteFilter["urlRewrite"]
  for (const filter of filters) {
    const { type, requestHeaderModifier, responseHeaderModifier, requestRedirect, urlRewrite } = filter
    if (OF_HTTP.has(type) && kind === "GRPCRoute") return unsupported(`a ${kind} has no filter ${type}`)
    if (type === "RequestHeaderModifier" && requestHeaderModifier !== undefined)
      ofRequest.push(requestHeaderModifier)
    else if (type === "ResponseHeaderModifier" && responseHeaderModifier !== undefined)
      ofResponse.push(responseHeaderModifier)
    else if (type === "RequestRedirect" && requestRedirect !== undefined) redirect = requestRedirect
    else if (type === "URLRewrite" && urlRewrite !== undefined) rewrite = urlRewrite
    else return unsupported(`the filter ${type} is not supported`)
  }
  if (redirect !== undefined && rewrite !== undefined)
    return {
      objection: objection("IncompatibleFilters", "RequestRedirect and URLRewrite exclude each other"),
    }
  const problem =
    ofRequest.map(requestProblem).find((one) => one !== null) ??
    ofResponse.map(responseProblem).find((one) => one !== null)
  if (problem != null) return unsupported(problem)
  const host: [string, string][] =
    rewrite?.hostname === undefined ? [] : [["host", draft.literal(rewrite.hostname)]]
  const headers = {
    setHeaders: [...requestHeaders(ofRequest, draft), ...host],
    ...responseHeaders(ofResponse, draft),
  }
  if (redirect !== undefined) {
    const answer = readRedirect(redirect, context)
    return "objection" in answer ? answer : { value: { ...headers, ...answer.value } }
  }
  const steps = rewrite?.path === undefined ? { value: [] } : pathSteps(rewrite.path, "break", "", context)
  return "objection" in steps ? steps : { value: { ...headers, steps: steps.value, answer: null } }
}

function requestProblem({ set, add, remove }: HeaderModifier): string | null {
  const unnamed = add.find(({ name }) => fieldVariable(name) === null)
  if (unnamed !== undefined) return `nothing can be added to a header named "${unnamed.name}"`
  return namesProblem([...set, ...add].map(({ name }) => name).concat(remove), "request")
}

function responseProblem({ set, add, remove }: HeaderModifier): string | null {
  return namesProblem([...set, ...add].map(({ name }) => name).concat(remove), "response")
}

function namesProblem(names: readonly string[], to: "request" | "response"): string | null {
  for (const name of names) {
    const why = unwritable(name.toLowerCase(), to)
    if (why !== null) return `the header "${name}" cannot be changed: it ${why}`
  }
  return null
}

// ---- Paths --------------------------------------------------------------------------------------------------------

/** @param before what the new path stands behind: scheme and host of a redirect */
function pathSteps(
  { type, replaceFullPath = "/", replacePrefixMatch = "/" }: PathModifier,
  flag: "break" | "redirect" | "permanent",
  before: string,
  { place: { prefix }, parts: { draft } }: FilterContext,
): OrObjection<RewriteStep[]> {
  const rule = (pattern: string, path: string, rest = ""): RewriteStep => ({
    kind: "rewrite",
    pattern,
    replacement: `${before}${draft.literal(path)}${rest}`,
    flag,
  })
  if (type === "ReplaceFullPath") return { value: [rule("^", replaceFullPath)] }
  if (type !== "ReplacePrefixMatch") return unsupported(`a path is not modified by ${type}`)
  if (prefix === null) return unsupported("ReplacePrefixMatch needs a match by PathPrefix")
  const matched = escapePattern(withoutSlash(prefix))
  const replacement = withoutSlash(replacePrefixMatch)
  return {
    value: [
      rule(`^${matched}$`, replacePrefixMatch === "" ? "/" : replacePrefixMatch),
      rule(`^${matched}(/.*)$`, replacement, "$1"),
    ],
  }
}

const PORTS: Readonly<Record<string, number>> = { http: 80, https: 443 }

function readRedirect(
  { scheme, hostname, path, port, statusCode }: NonNullable<RouteFilter["requestRedirect"]>,
  context: FilterContext,
): OrObjection<{ steps: readonly RewriteStep[]; answer: RouteAction }> {
  const { place, parts } = context
  const to = scheme ?? (place.isTls ? "https" : "http")
  const toPort = port ?? (scheme === undefined ? place.port : (PORTS[scheme] ?? place.port))
  const host = hostname === undefined ? "$host" : parts.draft.literal(hostname)
  const before = `${to}://${host}${toPort === PORTS[to] ? "" : `:${toPort}`}`
  const answer: RouteAction = {
    kind: "return",
    status: statusCode,
    template: `${before}$request_uri`,
    contentType: "text/plain",
    grpcStatus: null,
    grpcMessage: null,
  }
  if (path === undefined) return { value: { steps: [], answer } }
  if (path.type === "ReplaceFullPath") {
    const full = parts.draft.literal(path.replaceFullPath ?? "/")
    return { value: { steps: [], answer: { ...answer, template: `${before}${full}$is_args$args` } } }
  }
  if (statusCode !== 301 && statusCode !== 302)
    return unsupported(`a redirect that replaces a prefix answers 301 or 302, not ${statusCode}`)
  const steps = pathSteps(path, statusCode === 301 ? "permanent" : "redirect", before, context)
  return "objection" in steps ? steps : { value: { steps: steps.value, answer } }
}
