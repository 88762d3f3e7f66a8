import { create } from "@bufbuild/protobuf"
import type { RetryConfig, RouteConfig, RouteMatch, ServerConfig } from "../../config/model.ts"
import type { RegexNode } from "../../regex/node.ts"
import { parseRegex } from "../../regex/parse.ts"
import {
  type RetryPolicy,
  RetryPolicySchema,
  type Route,
  type RouteAction,
  RouteActionSchema,
  RouteMatchSchema,
  RouteSchema,
  type RouteMatch as XdsMatch,
} from "../gen/envoy/config/route/v3/route_components_pb.ts"
import { type RouteConfiguration, RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.ts"
import type { Destination, Destinations } from "./destinations.ts"
import { hashPolicyOf } from "./policies.ts"

/** Routes under the name of the target that asks for them; or why a client cannot be told. */
export function routeConfiguration(name: string, routes: readonly Route[]): RouteConfiguration {
  return create(RouteConfigurationSchema, {
    name,
    // The target has chosen them already.
    virtualHosts: [{ name, domains: ["*"], routes: [...routes] }],
  })
}

/**
 * The routes of a server in the order in which the first that fits counts, which is xDS's and not nginx's. A string says
 * what of the server cannot be said in xDS.
 */
export function routesOfServer(server: ServerConfig, destinations: Destinations): Route[] | string {
  const routes = server.routes.flatMap(withNested)
  if (server.rewrite.length > 0 || routes.some(({ rewrite }) => rewrite.length > 0))
    return "its paths are rewritten"
  const ordered = inOrder(routes)
  if (typeof ordered === "string") return ordered
  const told: Route[] = []
  for (const { match, action, settings } of ordered) {
    const to = destinations.of(action)
    // Another answer than a backend's: a client of xDS is told that nothing is here.
    const actions = to === null ? [nowhere(match)] : to.map((each) => routeTo(match, each, settings.retry))
    told.push(...actions)
  }
  return told
}

/** One route for everything. */
export function routesToCluster(name: string, destinations: Destinations): Route[] {
  const to = destinations.of({ kind: "cluster", cluster: name, tls: null })!
  return to.map((each) => routeTo({ kind: "prefix", path: "/", final: false }, each, NO_RETRY))
}

const NO_RETRY: RetryConfig = { conditions: [], tries: null, timeoutMs: null }

function withNested(route: RouteConfig): RouteConfig[] {
  return [route, ...route.routes.flatMap(withNested)]
}

/** nginx: the exact path; the longest prefix, if it is final; the first regex; the longest prefix. */
function inOrder(routes: readonly RouteConfig[]): RouteConfig[] | string {
  const open = routes.filter(({ internal, match }) => !internal && match.kind !== "named")
  const exact = open.filter(({ match }) => match.kind === "exact")
  const regexes = open.filter(({ match }) => match.kind === "regex")
  const prefixes = open
    .filter((route): route is RouteConfig & { match: Prefix } => route.match.kind === "prefix")
    .sort((a, b) => b.match.path.length - a.match.path.length)
  for (const { match } of regexes)
    if (match.kind === "regex" && !isRe2(match.pattern)) return `RE2 has no ${match.pattern}`
  if (regexes.length === 0) return [...exact, ...prefixes]
  const final = prefixes.filter(({ match }) => match.final)
  const others = prefixes.filter(({ match }) => !match.final)
  const within = others.find(({ match }) => final.some((each) => match.path.startsWith(each.match.path)))
  if (within !== undefined)
    return `regexes come before ${within.match.path}, and not before the prefix that it is in`
  return [...exact, ...final, ...regexes, ...others]
}

type Prefix = Extract<RouteMatch, { kind: "prefix" }>

/** Clients match by RE2, which has neither lookaround nor references. */
function isRe2(pattern: string): boolean {
  return isRegular(parseRegex(pattern, false).node)
}

function isRegular(node: RegexNode): boolean {
  switch (node.kind) {
    case "set":
    case "assertion":
      return true
    case "sequence":
    case "choice":
      return node.nodes.every(isRegular)
    case "repeat":
      // RE2's own bound.
      return (node.max === Number.POSITIVE_INFINITY || node.max <= 1000) && isRegular(node.node)
    case "capture":
      return isRegular(node.node)
    default:
      return false
  }
}

function matchOf(match: RouteMatch): XdsMatch {
  switch (match.kind) {
    case "exact":
      return create(RouteMatchSchema, { pathSpecifier: { case: "path", value: match.path } })
    case "prefix":
      return create(RouteMatchSchema, { pathSpecifier: { case: "prefix", value: match.path } })
    case "regex": {
      // nginx looks for it anywhere, a client for the whole path.
      const regex = `${match.ignoreCase ? "(?i)" : ""}(?s:.*)(?:${match.pattern})(?s:.*)`
      return create(RouteMatchSchema, { pathSpecifier: { case: "safeRegex", value: { regex } } })
    }
    case "named":
      throw new Error(`no path leads to ${match.name}`)
  }
}

function routeTo(match: RouteMatch, { header, clusters }: Destination, retry: RetryConfig): Route {
  const xdsMatch = matchOf(match)
  if (header !== null)
    xdsMatch.headers = create(RouteMatchSchema, {
      headers: [
        {
          name: header.name,
          headerMatchSpecifier: {
            case: "stringMatch",
            value: { matchPattern: { case: "exact", value: header.value }, ignoreCase: true },
          },
        },
      ],
    }).headers
  return create(RouteSchema, { match: xdsMatch, action: { case: "route", value: actionOf(clusters, retry) } })
}

function actionOf(clusters: Destination["clusters"], retry: RetryConfig): RouteAction {
  const [first] = clusters
  const retryPolicy = retryPolicyOf(retry)
  return create(RouteActionSchema, {
    clusterSpecifier:
      clusters.length === 1
        ? { case: "cluster", value: first!.cluster.name }
        : {
            case: "weightedClusters",
            value: {
              clusters: clusters.map(({ cluster, share }) => ({ name: cluster.name, weight: share })),
            },
          },
    hashPolicy: hashPolicyOf(first!.cluster.config.policy),
    ...(retryPolicy !== null && { retryPolicy }),
  })
}

/** gRPC's names for what a client tries again. Whatever never reached a backend it tries again by itself. */
function retryPolicyOf({ conditions, tries }: RetryConfig): RetryPolicy | null {
  const statuses = conditions.flatMap((condition) =>
    condition.startsWith("grpc_") ? [condition.slice("grpc_".length).replaceAll("_", "-")] : [],
  )
  if (statuses.length === 0 || tries === 1) return null
  return create(RetryPolicySchema, {
    retryOn: statuses.join(","),
    numRetries: tries === null ? 1 : tries - 1,
  })
}

function nowhere(match: RouteMatch): Route {
  return create(RouteSchema, {
    match: matchOf(match),
    action: { case: "directResponse", value: { status: 404 } },
  })
}
