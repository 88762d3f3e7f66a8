/** Rules of routes, as routes of the model. */
import { defaultRoute } from "../defaults.ts"
import type { RewriteStep, RouteAction, RouteConfig, RouteSettings } from "../model.ts"
import type { AnyRoute } from "./attachment.ts"
import type { Backends, RouteKind } from "./backends.ts"
import { type Objection, objection } from "./conditions.ts"
import type { Draft } from "./draft.ts"
import { type FilterPlace, type HeaderChanges, readFilters } from "./filters.ts"
import { readGrpcMatch } from "./grpc-match.ts"
import { readHttpMatch } from "./http-match.ts"
import type { OrObjection, ReadMatch } from "./matches.ts"
import type { BackendReference, GrpcRoute, HttpRoute } from "./resources.ts"

/** A route of the model, and how specific its match is. */
export interface RankedRoute {
  readonly rank: readonly number[]
  readonly config: RouteConfig
}

export interface ReadRoute {
  /** In the order in which they stand. */
  readonly routes: readonly RankedRoute[]
  /** Rules that cannot be served as they are written, and why. */
  readonly invalid: readonly { readonly rule: string; readonly objection: Objection }[]
  readonly rules: number
  /** The first reference that leads nowhere. */
  readonly unresolved: Objection | null
  /** What is not honoured and changes nothing of where a request goes. */
  readonly notes: readonly string[]
}

export interface RuleParts {
  readonly backends: Backends
  readonly draft: Draft
}

type Rule = GrpcRoute["spec"]["rules"][number] | HttpRoute["spec"]["rules"][number]

/** A rule that nothing can be made of is left out; one whose filters are not known answers with an error. */
export function readRoute(of: AnyRoute, place: FilterPlace, parts: RuleParts): ReadRoute {
  const { kind, route } = of
  const routes: RankedRoute[] = []
  const invalid: { rule: string; objection: Objection }[] = []
  const notes = new Set<string>()
  let unresolved: Objection | null = null
  for (const [at, rule] of route.spec.rules.entries()) {
    const name = rule.name ?? String(at)
    for (const note of notesOf(rule)) notes.add(note)
    const matches = matchesOf(of, at, parts.draft)
    if ("objection" in matches) {
      invalid.push({ rule: name, objection: matches.objection })
      continue
    }
    for (const { match, when, rank, prefix } of matches.value) {
      const context = { kind, namespace: route.metadata.namespace, place: { ...place, prefix }, parts }
      const target = targetOf(rule, context)
      if (target.invalid !== null && invalid.at(-1)?.rule !== name)
        invalid.push({ rule: name, objection: target.invalid })
      unresolved ??= target.unresolved
      const { action, settings, rewrite } = target
      routes.push({ rank, config: { ...defaultRoute(), match, when: [...when], action, settings, rewrite } })
    }
  }
  return { routes, invalid, unresolved, rules: route.spec.rules.length, notes: [...notes] }
}

function notesOf({ retry, sessionPersistence }: Rule): string[] {
  return Object.entries({ retry, sessionPersistence })
    .filter(([, value]) => value !== undefined)
    .map(([name]) => `${name} is not honoured`)
}

/** `prefix`: what a path modifier may take the place of; null: the match has none. */
type PlacedMatch = ReadMatch & { readonly prefix: string | null }

function matchesOf(of: AnyRoute, at: number, draft: Draft): OrObjection<PlacedMatch[]> {
  const all: PlacedMatch[] = []
  if (of.kind === "GRPCRoute") {
    const { matches } = of.route.spec.rules[at]!
    for (const match of matches.length === 0 ? [{ headers: [] }] : matches) {
      const read = readGrpcMatch(match, draft)
      if ("objection" in read) return read
      all.push({ ...read.value, prefix: null })
    }
    return { value: all }
  }
  const { matches } = of.route.spec.rules[at]!
  for (const match of matches.length === 0 ? [EVERY_PATH] : matches) {
    const read = readHttpMatch(match, draft)
    if ("objection" in read) return read
    const prefix = match.path.type === "PathPrefix" ? match.path.value : null
    all.push(...read.value.map((one) => ({ ...one, prefix })))
  }
  return { value: all }
}

const EVERY_PATH = { path: { type: "PathPrefix", value: "/" }, headers: [], queryParams: [] }

interface RuleContext {
  readonly kind: RouteKind
  readonly namespace: string
  readonly place: FilterPlace & { readonly prefix: string | null }
  readonly parts: RuleParts
}

interface Target {
  readonly action: RouteAction
  readonly settings: RouteSettings
  readonly rewrite: RewriteStep[]
  readonly invalid: Objection | null
  readonly unresolved: Objection | null
}

/** Where a rule leads: to its backends by their weights. */
function targetOf(rule: Rule, context: RuleContext): Target {
  const ofRule = readFilters(rule.filters, context)
  if ("objection" in ofRule) return failing(context, ofRule.objection)
  const { steps, answer, ...changes } = ofRule.value
  if (answer !== null) {
    const settings = settingsOf(rule, changes, context)
    return { action: answer, settings, rewrite: [...steps], invalid: null, unresolved: null }
  }
  const weighed = rule.backendRefs.filter(({ weight }) => weight > 0)
  if (weighed.length === 0) {
    const none = "the rule has no backend with a weight"
    return { ...failing(context, objection("BackendNotFound", none)), invalid: null, unresolved: null }
  }
  const choices = weighed.map((reference) => choiceOf(reference, rule, context))
  const shares = choices.length > 1 ? context.parts.draft.shares(weighed.map(({ weight }) => weight)) : ""
  const rewrite = choices.slice(0, -1).map(
    ({ action, settings }, at): RewriteStep => ({
      kind: "if",
      test: { operator: "=", value: shares, text: String(at) },
      steps: [...steps, { kind: "break" }],
      route: { action, settings },
    }),
  )
  const { action, settings } = choices.at(-1)!
  return {
    action,
    settings,
    rewrite: [...rewrite, ...steps],
    invalid: choices.find(({ invalid }) => invalid !== null)?.invalid ?? null,
    unresolved: choices.find(({ unresolved }) => unresolved !== null)?.unresolved ?? null,
  }
}

function choiceOf(reference: BackendReference, rule: Rule, context: RuleContext): Omit<Target, "rewrite"> {
  const { kind, namespace, parts } = context
  const filters = readFilters([...rule.filters, ...reference.filters], context)
  const backend = parts.backends.find(reference, kind, namespace)
  if ("objection" in backend) {
    const { action, settings } = failing(context, backend.objection)
    return { action, settings, invalid: null, unresolved: backend.objection }
  }
  if ("objection" in filters) return failing(context, filters.objection)
  const { steps: _, answer: __, ...changes } = filters.value
  const settings = settingsOf(rule, changes, context)
  const setHeaders = withHost(settings.setHeaders, backend.action)
  return { action: backend.action, settings: { ...settings, setHeaders }, invalid: null, unresolved: null }
}

/** What all routes have, and what is the rule's. */
function settingsOf({ timeouts }: Rule, changes: HeaderChanges, { parts }: RuleContext): RouteSettings {
  const { routes } = parts.draft.common
  return {
    ...routes,
    ...timeoutOf(timeouts),
    setHeaders: [...routes.setHeaders, ...changes.setHeaders],
    hideHeaders: [...routes.hideHeaders, ...changes.hideHeaders],
    addHeaders: [...routes.addHeaders, ...changes.addHeaders],
  }
}

/** The shorter of both: a request is not tried at another backend after its time. 0 is without end. */
function timeoutOf({ request = "", backendRequest = "" }: Rule["timeouts"] = {}): Partial<RouteSettings> {
  const given = [request, backendRequest].filter((text) => text !== "").map(durationMs)
  const limits = given.filter((ms) => ms > 0)
  if (given.length === 0) return {}
  return { responseTimeoutMs: limits.length === 0 ? null : Math.min(...limits) }
}

const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 }

/** `1h30m`, `250ms`: GEP-2257. */
function durationMs(text: string): number {
  const parts = [...text.matchAll(/(\d+)(ms|h|m|s)/g)]
  return parts.reduce((sum, [, number, unit]) => sum + Number(number) * UNIT_MS[unit!]!, 0)
}

/** HTTP/1.1 backends get the client's own Host, as those of HTTP/2 get its authority. */
function withHost(
  setHeaders: RouteSettings["setHeaders"],
  { kind }: RouteAction,
): RouteSettings["setHeaders"] {
  if (kind !== "proxy" || setHeaders.some(([name]) => name === "host")) return setHeaders
  return [...setHeaders, ["host", "$http_host"]]
}

const UNAVAILABLE = 14

/** What the API asks for where there is no backend: UNAVAILABLE to gRPC clients, 500 to others. */
function failing({ kind, parts }: RuleContext, invalid: Objection): Target {
  const settings = parts.draft.common.routes
  const action: RouteAction = {
    kind: "return",
    status: kind === "GRPCRoute" ? 503 : 500,
    template: "",
    contentType: "text/plain",
    grpcStatus: UNAVAILABLE,
    grpcMessage: "the route of this call has no backend",
  }
  return { action, settings, rewrite: [], invalid, unresolved: null }
}
