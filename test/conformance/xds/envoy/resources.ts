import type { JsonValue } from "@bufbuild/protobuf"
import { resource } from "../../../support/stand-ins/control-plane.ts"
import { CLUSTER, cluster, ENDPOINTS, endpoints, ROUTES } from "../../../support/xds-resources.ts"

/** Names of backends; the one called `down` is at a port where nothing listens. */
export const BACKENDS = ["a", "b", "c", "d", "down"] as const
export type Ports = Readonly<Record<(typeof BACKENDS)[number], number>>

type Json = Record<string, JsonValue>

const exact = (path: string): Json => ({ path })
const to = (name: string, more: Json = {}): Json => ({ cluster: name, ...more })
const header = (name: string, more: Json): Json => ({ headers: [{ name, ...more }] })
const text = (match: Json): Json => ({ stringMatch: match })
const regex = (pattern: string): Json => ({ regex: pattern })
/** A route that is found by its path alone, with conditions beside it, and the one that is taken where they do not hold. */
const onlyIf = (path: string, match: Json): Json[] => [
  { match: { ...exact(path), ...match }, route: to("a") },
  { match: exact(path), route: to("b") },
]
const add = (key: string, value: string, appendAction: string): Json => ({
  header: { key, value },
  appendAction,
})

const MATCHES: Json[] = [
  ...onlyIf("/header/exact", header("x-t-a", text({ exact: "One" }))),
  ...onlyIf("/header/case", header("x-t-a", text({ exact: "One", ignoreCase: true }))),
  ...onlyIf("/header/prefix", header("x-t-a", text({ prefix: "On" }))),
  ...onlyIf("/header/suffix", header("x-t-a", text({ suffix: "ne" }))),
  ...onlyIf("/header/contains", header("x-t-a", text({ contains: "n" }))),
  ...onlyIf("/header/regex", header("x-t-a", text({ safeRegex: regex("[A-Z]n.") }))),
  ...onlyIf("/header/present", header("x-t-a", { presentMatch: true })),
  ...onlyIf("/header/absent", header("x-t-a", { presentMatch: false })),
  ...onlyIf("/header/not", header("x-t-a", { ...text({ exact: "One" }), invertMatch: true })),
  ...onlyIf("/header/not-missing", {
    headers: [
      { name: "x-t-a", ...text({ exact: "One" }), invertMatch: true, treatMissingHeaderAsEmpty: true },
    ],
  }),
  ...onlyIf("/header/two", {
    headers: [
      { name: "x-t-a", ...text({ exact: "One" }) },
      { name: "x-t-b", presentMatch: true },
    ],
  }),
  ...onlyIf("/header/method", header(":method", text({ exact: "POST" }))),
  ...onlyIf("/query/exact", { queryParameters: [{ name: "q", stringMatch: { exact: "1" } }] }),
  ...onlyIf("/query/present", { queryParameters: [{ name: "q", presentMatch: true }] }),
  ...onlyIf("/query/regex", {
    queryParameters: [{ name: "q", stringMatch: { safeRegex: regex("[0-9]+") } }],
  }),
  ...onlyIf("/grpc", { grpc: {} }),
  { match: { prefix: "/prefix" }, route: to("a") },
  { match: { pathSeparatedPrefix: "/separated" }, route: to("a") },
  { match: { safeRegex: regex("/regex/[a-c]+") }, route: to("a") },
  { match: { path: "/Case", caseSensitive: false }, route: to("a") },
  { match: { prefix: "/Folder/", caseSensitive: false }, route: to("b") },
]

const REWRITES: Json[] = [
  { match: { prefix: "/rewrite/prefix/" }, route: to("a", { prefixRewrite: "/" }) },
  { match: exact("/rewrite/whole"), route: to("a", { prefixRewrite: "/other" }) },
  {
    match: { prefix: "/rewrite/regex/" },
    route: to("a", {
      regexRewrite: { pattern: regex("^/rewrite/regex/([^/]+)(.*)$"), substitution: "\\2/\\1" },
    }),
  },
  { match: exact("/rewrite/host"), route: to("a", { hostRewriteLiteral: "inner.test" }) },
  { match: exact("/rewrite/host-header"), route: to("a", { hostRewriteHeader: "x-t-host" }) },
]

const HEADERS: Json[] = [
  {
    match: exact("/headers"),
    route: to("a"),
    requestHeadersToAdd: [
      add("x-t-append", "route", "APPEND_IF_EXISTS_OR_ADD"),
      add("x-t-absent", "route", "ADD_IF_ABSENT"),
      add("x-t-over", "route", "OVERWRITE_IF_EXISTS_OR_ADD"),
      add("x-t-only", "route", "OVERWRITE_IF_EXISTS"),
    ],
    requestHeadersToRemove: ["x-t-gone"],
    responseHeadersToAdd: [
      add("x-t-answer", "route", "APPEND_IF_EXISTS_OR_ADD"),
      add("x-t-backend-said", "route", "OVERWRITE_IF_EXISTS_OR_ADD"),
    ],
    responseHeadersToRemove: ["x-t-hidden"],
  },
]

const ANSWERS: Json[] = [
  { match: exact("/direct"), directResponse: { status: 418, body: { inlineString: "short" } } },
  { match: exact("/direct/empty"), directResponse: { status: 204 } },
  { match: exact("/redirect/https"), redirect: { httpsRedirect: true } },
  { match: exact("/redirect/host"), redirect: { hostRedirect: "new.test" } },
  { match: exact("/redirect/port"), redirect: { hostRedirect: "new.test", portRedirect: 8443 } },
  { match: exact("/redirect/path"), redirect: { pathRedirect: "/new", responseCode: "FOUND" } },
  {
    match: { prefix: "/redirect/prefix" },
    redirect: { prefixRewrite: "/moved", responseCode: "PERMANENT_REDIRECT" },
  },
  { match: exact("/redirect/query"), redirect: { pathRedirect: "/new", stripQuery: true } },
]

const CLUSTERS_CHOSEN: Json[] = [
  { match: exact("/by-header"), route: { clusterHeader: "x-t-cluster" } },
  {
    match: exact("/weighted"),
    route: {
      weightedClusters: {
        clusters: [
          { name: "a", weight: 75 },
          { name: "b", weight: 25 },
        ],
      },
    },
  },
  {
    match: exact("/weighted/none"),
    route: {
      weightedClusters: {
        clusters: [
          {
            name: "a",
            weight: 1,
            requestHeadersToAdd: [add("x-t-share", "a", "OVERWRITE_IF_EXISTS_OR_ADD")],
          },
          { name: "b", weight: 0 },
        ],
      },
    },
  },
  { match: exact("/health"), route: to("health") },
  { match: exact("/priority"), route: to("priority") },
  { match: exact("/weights"), route: to("weights") },
  { match: exact("/two"), route: to("two") },
  { match: exact("/down"), route: to("down") },
  { match: exact("/nobody"), route: to("nobody") },
  { match: exact("/aggregate"), route: to("aggregate") },
  {
    match: exact("/hash"),
    route: to("hash", { hashPolicy: [{ header: { headerName: "x-t-key" } }] }),
  },
]

/** Of whole names, of suffixes, of prefixes, and the rest. */
const HOSTS: Json[] = [
  { name: "exact", domains: ["exact.test"], routes: [{ match: { prefix: "/" }, route: to("a") }] },
  { name: "suffix", domains: ["*.suffix.test"], routes: [{ match: { prefix: "/" }, route: to("b") }] },
  { name: "longer", domains: ["*.long.suffix.test"], routes: [{ match: { prefix: "/" }, route: to("c") }] },
  { name: "prefix", domains: ["prefix.*"], routes: [{ match: { prefix: "/" }, route: to("d") }] },
]

export const routeResource = () =>
  resource(ROUTES, {
    name: "routes",
    virtualHosts: [
      ...HOSTS,
      {
        name: "rest",
        domains: ["*"],
        routes: [...MATCHES, ...REWRITES, ...HEADERS, ...ANSWERS, ...CLUSTERS_CHOSEN],
        requestHeadersToAdd: [add("x-t-append", "host", "APPEND_IF_EXISTS_OR_ADD")],
        responseHeadersToAdd: [add("x-t-answer", "host", "APPEND_IF_EXISTS_OR_ADD")],
      },
    ],
    responseHeadersToAdd: [add("x-t-answer", "all", "APPEND_IF_EXISTS_OR_ADD")],
  })

export const clusterResources = () => [
  ...["a", "b", "c", "d", "down", "nobody", "health", "priority", "weights", "two"].map((name) =>
    cluster(name),
  ),
  cluster("hash", { lbPolicy: "RING_HASH" }),
  resource(CLUSTER, {
    name: "aggregate",
    lbPolicy: "CLUSTER_PROVIDED",
    clusterType: {
      name: "envoy.clusters.aggregate",
      typedConfig: {
        "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
        clusters: ["nobody", "c"],
      },
    },
  }),
]

const endpoint = (port: number, more: Json = {}): Json => ({
  endpoint: { address: { socketAddress: { address: "127.0.0.1", portValue: port } } },
  ...more,
})

export const endpointResources = (ports: Ports) => [
  ...(["a", "b", "c", "d", "down"] as const).map((name) => endpoints(name, ports[name])),
  endpoints("nobody"),
  endpoints("two", ports.a, ports.b),
  endpoints("hash", ports.a, ports.b, ports.c, ports.d),
  resource(ENDPOINTS, {
    clusterName: "health",
    endpoints: [
      {
        lbEndpoints: [
          endpoint(ports.a, { healthStatus: "UNHEALTHY" }),
          endpoint(ports.b, { healthStatus: "DRAINING" }),
          endpoint(ports.c, { healthStatus: "HEALTHY" }),
          endpoint(ports.d, { healthStatus: "HEALTHY" }),
        ],
      },
    ],
    policy: { overprovisioningFactor: 1000 },
  }),
  resource(ENDPOINTS, {
    clusterName: "priority",
    endpoints: [
      { priority: 0, lbEndpoints: [endpoint(ports.a, { healthStatus: "UNHEALTHY" })] },
      { priority: 1, lbEndpoints: [endpoint(ports.b)] },
    ],
  }),
  resource(ENDPOINTS, {
    clusterName: "weights",
    endpoints: [
      {
        lbEndpoints: [
          endpoint(ports.a, { loadBalancingWeight: 3 }),
          endpoint(ports.b, { loadBalancingWeight: 1 }),
        ],
      },
    ],
  }),
]

export const CLUSTERS_WITH_ENDPOINTS = [
  "a",
  "b",
  "c",
  "d",
  "down",
  "nobody",
  "health",
  "priority",
  "weights",
  "two",
  "hash",
] as const
