import { fromBinary } from "@bufbuild/protobuf"
import { AnySchema, anyUnpack } from "@bufbuild/protobuf/wkt"
import { describe, expect, test } from "vitest"
import type { EndpointState } from "../../cluster/state.ts"
import { readConfig } from "../../config/load.ts"
import type { Config } from "../../config/model.ts"
import { ClusterSchema } from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import { HealthStatus } from "../gen/envoy/config/core/v3/health_check_pb.ts"
import type { Route } from "../gen/envoy/config/route/v3/route_components_pb.ts"
import { RouteConfigurationSchema } from "../gen/envoy/config/route/v3/route_pb.ts"
import { CLUSTER, LISTENER, ROUTES } from "../type-urls.ts"
import { clusterLoadAssignment } from "./endpoints.ts"
import { configuredResources } from "./resources.ts"

const statusName = (status: HealthStatus): string =>
  Object.entries(HealthStatus).find(([, value]) => value === status)![0]

/** Of an nginx.conf. */
function load(text: string): Config {
  const { config, problems } = readConfig("nginx.conf", { read: () => Buffer.from(text), list: () => [] })
  if (config === null) throw new Error(problems.map(({ message }) => message).join("; "))
  return config
}

function routesOf(config: Config, target: string): string[] {
  const octets = configuredResources(config).byType.get(ROUTES)!.get(target)
  if (octets === undefined) return []
  const table = anyUnpack(fromBinary(AnySchema, octets), RouteConfigurationSchema)!
  expect(table.virtualHosts).toMatchObject([{ domains: ["*"] }])
  return table.virtualHosts[0]!.routes.map(routeText)
}

function routeText({ match, action }: Route): string {
  const path = match!.pathSpecifier
  const where = path.case === "safeRegex" ? path.value.regex : (path.value as string)
  const headers = match!.headers.map(({ name, headerMatchSpecifier: how }) =>
    how.case === "stringMatch" ? `${name}=${how.value.matchPattern.value as string}` : "?",
  )
  const to = action.case === "route" ? action.value.clusterSpecifier : null
  const cluster =
    to === null
      ? "nowhere"
      : to.case === "weightedClusters"
        ? to.value.clusters.map(({ name, weight }) => `${name}:${weight}`).join(" ")
        : (to.value as string)
  return [path.case, where, ...headers, "->", cluster].join(" ")
}

const UPSTREAMS =
  "upstream a { server 127.0.0.1:1; } upstream b { server 127.0.0.1:2; } upstream c { server 127.0.0.1:3; }"
const conf = (server: string, http = ""): Config =>
  load(`http { ${UPSTREAMS} ${http} server { listen 80 http2; server_name x.test; ${server} } }`)

describe("routes, in the order in which the first counts", () => {
  test.each<[string, string, string[]]>([
    ["one", "location / { grpc_pass grpc://a; }", ["prefix / -> a"]],
    [
      "the exact path, then the longest prefix",
      "location / { grpc_pass grpc://a; } location /x { grpc_pass grpc://b; } location = /x { grpc_pass grpc://c; } location /x/y { grpc_pass grpc://c; }",
      ["path /x -> c", "prefix /x/y -> c", "prefix /x -> b", "prefix / -> a"],
    ],
    [
      "a final prefix, then regexes in their order, then prefixes",
      "location / { grpc_pass grpc://a; } location ^~ /f/ { grpc_pass grpc://b; } location ~ ^/r/ { grpc_pass grpc://c; } location ~* \\.s$ { grpc_pass grpc://a; }",
      [
        "prefix /f/ -> b",
        "safeRegex (?s:.*)(?:^/r/)(?s:.*) -> c",
        "safeRegex (?i)(?s:.*)(?:\\.s$)(?s:.*) -> a",
        "prefix / -> a",
      ],
    ],
    [
      "nested ones",
      "location /x/ { grpc_pass grpc://a; location /x/y/ { grpc_pass grpc://b; } }",
      ["prefix /x/y/ -> b", "prefix /x/ -> a"],
    ],
    [
      "an answer of the file's own",
      "location / { grpc_pass grpc://a; } location = /no { return 403; }",
      ["path /no -> nowhere", "prefix / -> a"],
    ],
    [
      "internal ones are not told of",
      "location / { grpc_pass grpc://a; } location /i/ { internal; grpc_pass grpc://b; } location @n { grpc_pass grpc://b; }",
      ["prefix / -> a"],
    ],
    ["none: no target", "location / { return 200 hello; }", []],
    ["rewritten paths: no target", "location / { rewrite ^/a /b last; grpc_pass grpc://a; }", []],
    [
      "lookahead: no target",
      "location / { grpc_pass grpc://a; } location ~ ^/(?!x) { grpc_pass grpc://b; }",
      [],
    ],
    [
      "a prefix behind regexes, within one before them: no target",
      "location ^~ /f/ { grpc_pass grpc://a; } location /f/g/ { grpc_pass grpc://b; } location ~ x { grpc_pass grpc://c; }",
      [],
    ],
  ])("%s", (_, server, routes) => {
    expect(routesOf(conf(server), "x.test")).toEqual(routes)
  })

  test("a map of a header: a route for each value", () => {
    const config = conf(
      "location / { grpc_pass grpc://$to; }",
      "map $http_x_version $to { default a; v2 b; v3 c; }",
    )
    expect(routesOf(config, "x.test")).toEqual([
      "prefix / x-version=v2 -> b",
      "prefix / x-version=v3 -> c",
      "prefix / -> a",
    ])
  })

  test("split_clients: shares", () => {
    const config = conf(
      "location / { grpc_pass grpc://$to; }",
      'split_clients "$remote_addr" $to { 12.5% a; 0.5% b; * c; }',
    )
    expect(routesOf(config, "x.test")).toEqual(["prefix / -> a:1250 b:50 c:8700"])
  })

  test.each(["map $uri $to { default a; /x b; }", "map $http_x $to { default a; ~v b; }"])(
    "%s is nothing that a client can be told",
    (map) => {
      expect(routesOf(conf("location / { grpc_pass grpc://$to; }", map), "x.test")).toEqual([])
    },
  )
})

test("targets are names of servers, and of clusters where no server has the name", () => {
  const config = load(
    `http { ${UPSTREAMS} server { listen 80 http2; server_name x.test b *.w.test ~r _; location / { grpc_pass grpc://a; } } }`,
  )
  const { targets, byType } = configuredResources(config)
  expect(targets).toEqual(["x.test", "b", "a", "c"])
  expect([...byType.get(LISTENER)!.keys()]).toEqual(targets)
  expect(routesOf(config, "b")).toEqual(["prefix / -> a"])
  expect(routesOf(config, "c")).toEqual(["prefix / -> c"])
})

test("a cluster for TCP is none of theirs", () => {
  const config = load(
    `http { ${UPSTREAMS} } stream { upstream t { server 127.0.0.1:9; } server { listen 81; proxy_pass t; } }`,
  )
  expect(config.clusters.map(({ name }) => name)).toContain("t")
  expect(configuredResources(config).targets).toEqual(["a", "b", "c"])
})

test("a cluster that is reached with and without TLS is two, of one cluster's endpoints", () => {
  const config = conf(
    "location / { grpc_pass grpc://a; } location /s/ { grpc_ssl_verify on; grpc_ssl_trusted_certificate /ca.pem; grpc_ssl_name a.test; grpc_ssl_server_name on; grpc_pass grpcs://a; }",
  )
  const told = [...configuredResources(config).byType.get(CLUSTER)!].map(([name, octets]) => {
    const { edsClusterConfig, transportSocket } = anyUnpack(fromBinary(AnySchema, octets), ClusterSchema)!
    return [name, edsClusterConfig!.serviceName, transportSocket !== undefined]
  })
  expect(told).toEqual(
    expect.arrayContaining([
      ["a", "a", expect.anything()],
      ["a 2", "a", expect.anything()],
    ]),
  )
  expect(told.filter(([, , tls]) => tls)).toHaveLength(1)
})

describe("endpoints", () => {
  const state = (address: string, more: Partial<EndpointState> = {}): EndpointState => ({
    address,
    origin: 0,
    weight: 1,
    zone: null,
    priority: 0,
    drain: false,
    slot: 0,
    health: "unknown",
    graceMs: null,
    ...more,
  })
  const told = (
    endpoints: EndpointState[],
    policy: Config["clusters"][number]["policy"] = { name: "round_robin" },
  ) =>
    clusterLoadAssignment("c", endpoints, policy).endpoints.map((locality) => {
      const members = locality.lbEndpoints.map(({ hostIdentifier, healthStatus, loadBalancingWeight }) => {
        const at = hostIdentifier.case === "endpoint" ? hostIdentifier.value.address!.address : null
        const text =
          at?.case === "socketAddress" && at.value.portSpecifier.case === "portValue"
            ? `${at.value.address}:${at.value.portSpecifier.value}`
            : "?"
        return `${text} ${statusName(healthStatus)} ${loadBalancingWeight}`
      })
      return [locality.priority, locality.loadBalancingWeight, ...members]
    })

  test("of one weight in one locality, which has the weight of all", () => {
    expect(told([state("1.1.1.1:1"), state("1.1.1.2:1", { weight: 3 }), state("[::1]:3")])).toEqual([
      [0, 2, "1.1.1.1:1 UNKNOWN 1", "::1:3 UNKNOWN 1"],
      [0, 3, "1.1.1.2:1 UNKNOWN 3"],
    ])
  })

  test("with a key in one locality, each with its weight", () => {
    const policy = { name: "ring_hash", key: "$http_k", balanceFactorPercent: null } as const
    expect(told([state("1.1.1.1:1"), state("1.1.1.2:1", { weight: 3 })], policy)).toEqual([
      [0, 1, "1.1.1.1:1 UNKNOWN 1", "1.1.1.2:1 UNKNOWN 3"],
    ])
  })

  test("priorities have no gaps, zones are apart", () => {
    expect(
      told([
        state("1.1.1.1:1", { priority: 5 }),
        state("1.1.1.2:1", { zone: "z" }),
        state("1.1.1.3:1", { priority: 9 }),
        state("1.1.1.4:1"),
      ]),
    ).toEqual([
      [0, 1, "1.1.1.2:1 UNKNOWN 1"],
      [0, 1, "1.1.1.4:1 UNKNOWN 1"],
      [1, 1, "1.1.1.1:1 UNKNOWN 1"],
      [2, 1, "1.1.1.3:1 UNKNOWN 1"],
    ])
  })

  test.each<[Partial<EndpointState>, string]>([
    [{ health: "healthy" }, "HEALTHY"],
    [{ health: "unknown" }, "UNKNOWN"],
    [{ health: "unhealthy" }, "UNHEALTHY"],
    [{ drain: true }, "DRAINING"],
    [{ drain: true, health: "unhealthy" }, "DRAINING"],
  ])("%j is %s", (more, status) => {
    expect(told([state("1.1.1.1:1"), state("1.1.1.2:1", more)])[0]).toContain(`1.1.1.2:1 ${status} 1`)
  })

  test("where all are unhealthy none is said to be", () => {
    expect(told([state("1.1.1.1:1", { health: "unhealthy" }), state("1.1.1.2:1", { drain: true })])).toEqual([
      [0, 2, "1.1.1.1:1 UNKNOWN 1", "1.1.1.2:1 DRAINING 1"],
    ])
  })

  test("an address twice, a Unix socket, a name and weight 0 are left out", () => {
    expect(
      told([
        state("1.1.1.1:1"),
        state("1.1.1.1:1"),
        state("unix:/run/s"),
        state("host.test:1"),
        state("1.1.1.2:1", { weight: 0 }),
      ]),
    ).toEqual([[0, 1, "1.1.1.1:1 UNKNOWN 1"]])
  })
})
