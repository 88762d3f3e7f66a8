import type { RewriteStep, RewriteTest, RouteAction, RouteMatch, RouteSettings } from "../../config/model.ts"
import type {
  RouteAction_HashPolicy as HashPolicy,
  RetryPolicy,
  Route,
  VirtualHost,
  RouteAction as XdsAction,
} from "../gen/envoy/config/route/v3/route_components_pb.ts"
import type { RouteConfiguration } from "../gen/envoy/config/route/v3/route_pb.ts"
import { type HeaderFields, headerSettings } from "./header-changes.ts"
import { headerVariable, literal, Variables } from "./names.ts"
import { prefixRewrite, regexRewrite } from "./path-rewrite.ts"
import { refuse } from "./refusal.ts"
import { planRetry } from "./retry-plan.ts"
import { directResponse, redirect } from "./route-answer.ts"
import { planMatch, type ReplacedPrefix } from "./route-match.ts"
import { timeoutOf } from "./values.ts"

/** Where calls of a route go. */
export type TargetPlan =
  | { readonly kind: "cluster"; readonly name: string }
  /** A header of the request names it. */
  | { readonly kind: "header"; readonly template: string }
  | { readonly kind: "answer"; readonly action: RouteAction }

/** One route, apart from the clusters that it leads to. */
export interface RoutePlan {
  readonly match: RouteMatch
  readonly when: readonly RewriteTest[]
  readonly target: TargetPlan
  readonly rewrite: RewriteStep[]
  /** What differs from the default. */
  readonly settings: Partial<RouteSettings>
  /** A template; null: calls have no key. */
  readonly hashKey: string | null
}

export interface HostPlan {
  readonly domains: readonly string[]
  readonly routes: readonly RoutePlan[]
}

export interface RoutesPlan {
  readonly name: string
  readonly hosts: readonly HostPlan[]
  readonly variables: Variables
  /** All clusters that are named. */
  readonly clusters: ReadonlySet<string>
}

type Level = readonly [fields: HeaderFields, path: string]

/** Errors: throws a `Refusal`. */
export function planRoutes(config: RouteConfiguration): RoutesPlan {
  const variables = new Variables()
  checkDomainsOnce(config)
  const hosts = config.virtualHosts.map((host, at): HostPlan => {
    const path = `virtual_hosts[${at}]`
    if (host.requireTls !== 0)
      refuse(`${path}.require_tls`, "a listener with TLS is one, and one without another")
    const outer: Level[] = [
      [host, `${path}.`],
      [config, ""],
    ]
    const routes = host.routes.flatMap((route, index) =>
      planRoute(route, `${path}.routes[${index}]`, {
        host,
        outer,
        variables,
        isOuterFirst: config.mostSpecificHeaderMutationsWins,
      }),
    )
    return { domains: checkedDomains(host, path), routes }
  })
  const targets = hosts.flatMap(({ routes }) => routes.map(({ target }) => target))
  const clusters = new Set(targets.flatMap((target) => (target.kind === "cluster" ? [target.name] : [])))
  return { name: config.name, hosts, variables, clusters }
}

function checkDomainsOnce({ virtualHosts }: RouteConfiguration): void {
  const seen = new Set<string>()
  for (const [at, { domains }] of virtualHosts.entries())
    for (const [index, domain] of domains.entries()) {
      const lower = domain.toLowerCase()
      if (seen.has(lower)) refuse(`virtual_hosts[${at}].domains[${index}]`, `"${domain}" is named twice`)
      seen.add(lower)
    }
}

function checkedDomains({ domains }: VirtualHost, path: string): string[] {
  for (const [at, domain] of domains.entries())
    if (!/^(?:\*|\*?[\w.:[\]-]+|[\w.-]+\*)$/.test(domain))
      refuse(`${path}.domains[${at}]`, `"${domain}" is no domain`)
  return domains
}

interface Around {
  readonly host: VirtualHost
  readonly outer: readonly Level[]
  readonly variables: Variables
  /** The most specific is done last, so that it wins. */
  readonly isOuterFirst: boolean
}

function planRoute(route: Route, path: string, around: Around): RoutePlan[] {
  const { variables, outer, isOuterFirst } = around
  const match = planMatch(route.match, `${path}.match`, variables)
  if (match === null) return []
  const { action } = route
  const headers = (inner: readonly Level[]) => {
    const levels: Level[] = [...inner, [route, `${path}.`], ...outer]
    return headerSettings(isOuterFirst ? levels.reverse() : levels, variables)
  }
  const everywhere = (plan: Omit<RoutePlan, "match">): RoutePlan[] =>
    match.paths.map((one) => ({ ...plan, match: one }))
  const plain = { when: match.when, rewrite: [], hashKey: null }
  switch (action.case) {
    case "directResponse": {
      const answer = directResponse(action.value, `${path}.direct_response`)
      return everywhere({ ...plain, target: { kind: "answer", action: answer }, settings: headers([]) })
    }
    case "redirect": {
      const answer = redirect(action.value, match.replaced, `${path}.redirect`, variables)
      return everywhere({ ...plain, target: { kind: "answer", action: answer }, settings: headers([]) })
    }
    case "nonForwardingAction":
      return everywhere({ ...plain, target: { kind: "answer", action: { kind: "none" } }, settings: {} })
    case "route":
      break
    default:
      return refuse(path, "nothing says where it leads")
  }
  const at = `${path}.route`
  const settings = actionSettings(action.value, around.host, at)
  const rewrite = rewriteOf(action.value, match.replaced, at)
  const hashKey = hashKeyOf(action.value.hashPolicy, `${at}.hash_policy`, variables)
  return targetsOf(action.value, at, variables).flatMap(({ target, when, level, host }) => {
    const changes = headers(level === null ? [] : [level])
    const hostHeader: [string, string][] = host === null ? [] : [["host", host]]
    return everywhere({
      when: [...match.when, ...when],
      target,
      rewrite,
      hashKey,
      settings: { ...settings, ...changes, setHeaders: [...changes.setHeaders, ...hostHeader] },
    })
  })
}

interface Target {
  readonly target: TargetPlan
  readonly when: readonly RewriteTest[]
  readonly level: Level | null
  /** What the authority becomes: a template. */
  readonly host: string | null
}

function targetsOf(action: XdsAction, path: string, variables: Variables): Target[] {
  const { clusterSpecifier: one, hostRewriteSpecifier: rewrite } = action
  if (rewrite.case === "autoHostRewrite" && rewrite.value)
    refuse(`${path}.auto_host_rewrite`, "not supported: host_rewrite_literal")
  const sent = rewrite.case === "hostRewriteHeader" ? headerVariable(rewrite.value) : null
  const host = rewrite.case === "hostRewriteLiteral" ? literal(rewrite.value) : sent
  switch (one.case) {
    case "cluster":
      return [{ target: { kind: "cluster", name: one.value }, when: [], level: null, host }]
    case "clusterHeader": {
      const template = headerVariable(one.value)
      if (template === null)
        return refuse(`${path}.cluster_header`, `"${one.value}" is no header that can be read`)
      return [{ target: { kind: "header", template }, when: [], level: null, host }]
    }
    case "weightedClusters": {
      const place = `${path}.weighted_clusters`
      const all = one.value.clusters.map((cluster, at) => ({ cluster, path: `${place}.clusters[${at}].` }))
      const some = all.filter(({ cluster }) => (cluster.weight ?? 0) > 0)
      if (some.length === 0) return refuse(place, "no cluster has a weight")
      const shares = sharesOf(some.map(({ cluster }) => cluster.weight!))
      const drawn = variables.split(
        "weighted",
        shares.map((percent, at) => [percent, String(at)]),
      )
      return some.map(({ cluster, path: level }, at): Target => {
        const own = cluster.hostRewriteSpecifier
        const isLast = at === some.length - 1
        return {
          target: { kind: "cluster", name: cluster.name },
          // The last takes all that is left: a route without conditions ends the search.
          when: isLast ? [] : [{ operator: "=", value: drawn, text: String(at) }],
          level: [cluster, level],
          host: own.case === "hostRewriteLiteral" ? literal(own.value) : host,
        }
      })
    }
    default:
      return refuse(path, "nothing says which cluster")
  }
}

/** Percents to two decimal places, none of them nothing; the last has the rest. */
export function sharesOf(weights: readonly number[]): (number | null)[] {
  const sum = weights.reduce((all, weight) => all + weight, 0)
  return weights.map((weight, at) =>
    at === weights.length - 1 ? null : Math.max(0.01, Math.round((weight / sum) * 10_000) / 100),
  )
}

function rewriteOf(
  { prefixRewrite: prefix, regexRewrite: regex }: XdsAction,
  replaced: ReplacedPrefix | null,
  path: string,
) {
  if (regex !== undefined) return regexRewrite(regex, `${path}.regex_rewrite`)
  return prefix === "" ? [] : prefixRewrite(replaced, prefix, `${path}.prefix_rewrite`)
}

function actionSettings(action: XdsAction, host: VirtualHost, path: string): Partial<RouteSettings> {
  const { maxStreamDuration, maxGrpcTimeout } = action
  const retry: RetryPolicy | undefined = action.retryPolicy ?? host.retryPolicy
  const at = action.retryPolicy === undefined ? "retry_policy" : `${path}.retry_policy`
  const response = timeoutOf(action.timeout)
  const idle = timeoutOf(action.idleTimeout)
  const whole = timeoutOf(maxStreamDuration?.maxStreamDuration)
  const grpc = timeoutOf(maxStreamDuration?.grpcTimeoutHeaderMax ?? maxGrpcTimeout)
  return {
    ...(retry !== undefined && { retry: planRetry(retry, at) }),
    ...(response !== undefined && { responseTimeoutMs: response }),
    ...(idle !== undefined && { idleTimeoutMs: idle }),
    ...(whole !== undefined && { maxCallMs: whole }),
    ...(grpc !== undefined && { grpcTimeoutMaxMs: grpc }),
  }
}

/** A template of all that is hashed; null: nothing is. What follows a terminal part counts where that is empty. */
function hashKeyOf(policies: readonly HashPolicy[], path: string, variables: Variables): string | null {
  return policies.reduceRight<string | null>((rest, { policySpecifier: one, terminal }, at) => {
    const part = partOf(one, `${path}[${at}]`)
    if (part === null || rest === null) return part ?? rest
    return terminal ? variables.map(part, [["", rest]], part) : part + rest
  }, null)
}

function partOf(one: HashPolicy["policySpecifier"], place: string): string | null {
  switch (one.case) {
    case "header":
      return (
        headerVariable(one.value.headerName) ??
        refuse(place, `"${one.value.headerName}" is no header that can be read`)
      )
    case "cookie":
      return /^\w+$/.test(one.value.name)
        ? `$cookie_${one.value.name}`
        : refuse(place, "no variable has that cookie")
    case "queryParameter":
      return /^\w+$/.test(one.value.name)
        ? `$arg_${one.value.name}`
        : refuse(place, "no variable has that parameter")
    case "connectionProperties":
      return one.value.sourceIp ? "$remote_addr" : null
    default:
      return refuse(place, "nothing says what is hashed")
  }
}
