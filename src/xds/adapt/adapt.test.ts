// biome-ignore-all lint/suspicious/noTemplateCurlyInString: templates have braces.
import type { JsonObject, JsonValue } from "@bufbuild/protobuf"
import type { Any } from "@bufbuild/protobuf/wkt"
import { describe, expect, test } from "vitest"
import { resource } from "../../../test/support/stand-ins/control-plane.ts"
import { cluster, endpoints, everything, listener, routes } from "../../../test/support/xds-resources.ts"
import { atOnce } from "../../base/steps.ts"
import type { RouteConfig } from "../../config/model.ts"
import { Accepted, detailOf } from "../client/accepted.ts"
import { CLUSTER, type DataPlaneType, ENDPOINTS, LISTENER, ROUTES, SECRET } from "../type-urls.ts"
import { type Assembled, assemble } from "./assemble.ts"

/** What becomes of resources: of a NACK its detail, of notes their fields. */
function accept(accepted: Accepted, type: DataPlaneType, ...resources: Any[]) {
  const update = {
    type,
    version: "1",
    nonce: "n",
    removed: [],
    isWhole: false,
    from: "",
    resources: resources.map((octets) => ({ name: "", version: "1", octets })),
  }
  const outcome = atOnce(accepted.apply(update, 0))
  return { nack: detailOf(outcome, type), notes: outcome.notes.map(({ field }) => field) }
}

/** What all of it comes to, in use at once. */
function adapted(resources: readonly (readonly [DataPlaneType, Any])[]): Assembled {
  const accepted = new Accepted(1000)
  for (const [type, any] of resources) expect(accept(accepted, type, any).nack).toBeNull()
  return assemble(accepted)
}

const ofCluster = (json: JsonObject) =>
  resource("envoy.config.cluster.v3.Cluster", {
    name: "c",
    type: "EDS",
    edsClusterConfig: { edsConfig: { ads: {} } },
    ...json,
  })

describe("routes: where they hold", () => {
  const routeOf = (
    match: JsonValue,
    route: JsonValue = { cluster: "c" },
    more: JsonObject = {},
  ): string[] => {
    const all = adapted([
      [CLUSTER, cluster("c")],
      [LISTENER, listener("l", 8080)],
      [ROUTES, routes("routes", { match, route, ...more })],
    ])
    return all.servers[0]!.routes.map(textOf)
  }
  const textOf = ({ match, when }: RouteConfig): string => {
    const where = match.kind === "regex" ? match.pattern : match.kind === "named" ? "" : match.path
    const tests = when.map((test) => {
      const text = "text" in test ? JSON.stringify(test.text) : "pattern" in test ? test.pattern : ""
      return `${test.value.replace(/\$\{xds_\w+\}/, "$drawn")} ${test.operator} ${text}`
    })
    const caseless = match.kind === "regex" && match.ignoreCase ? "caseless " : ""
    return [`${caseless}${match.kind} ${where}`, ...tests].join(", ")
  }

  test.each<[string, JsonValue, string[]]>([
    ["prefix", { prefix: "/a" }, ["prefix /a"]],
    ["path", { path: "/a" }, ["exact /a"]],
    ["safe_regex", { safeRegex: { regex: "/v[12]/.*" } }, ["regex ^(?:/v[12]/.*)\\z"]],
    ["path_separated_prefix", { pathSeparatedPrefix: "/a" }, ["exact /a", "prefix /a/"]],
    [
      "a prefix without regard to case",
      { prefix: "/A.b", caseSensitive: false },
      ["caseless regex ^\\/A\\.b"],
    ],
    ["grpc", { prefix: "/", grpc: {} }, ["prefix /, $content_type ~ ^application/grpc(?:[;+]|$)"]],
    [
      "a header's text",
      { prefix: "/", headers: [{ name: "X-User", stringMatch: { exact: "ann" } }] },
      ['prefix /, $http_x_user != "", $http_x_user = "ann"'],
    ],
    [
      "a header that is there",
      { prefix: "/", headers: [{ name: "x-user", presentMatch: true }] },
      ['prefix /, $http_x_user != ""'],
    ],
    [
      "a header that is not there",
      { prefix: "/", headers: [{ name: "x-user", presentMatch: true, invertMatch: true }] },
      ['prefix /, $http_x_user = ""'],
    ],
    [
      "the method",
      { prefix: "/", headers: [{ name: ":method", exactMatch: "POST" }] },
      ['prefix /, $request_method != "", $request_method = "POST"'],
    ],
    [
      "a missing header as an empty one, inverted",
      {
        prefix: "/",
        headers: [
          { name: "a", prefixMatch: "b.", invertMatch: true, treatMissingHeaderAsEmpty: true },
          { name: "c", suffixMatch: "d", treatMissingHeaderAsEmpty: true },
          { name: "e", containsMatch: "f", treatMissingHeaderAsEmpty: true },
          { name: "g", safeRegexMatch: { regex: "h+" }, treatMissingHeaderAsEmpty: true },
        ],
      },
      ["prefix /, $http_a !~ ^b\\., $http_c ~ d\\z, $http_e ~ f, $http_g ~ ^(?:h+)\\z"],
    ],
    [
      "query parameters",
      {
        prefix: "/",
        queryParameters: [
          { name: "q", stringMatch: { exact: "1", ignoreCase: true } },
          { name: "r", presentMatch: true },
        ],
      },
      ["prefix /, $args ~ (^|&)q(=|&|$), $arg_q ~* ^(?:1)\\z, $args ~ (^|&)r(=|&|$)"],
    ],
    [
      "a fraction",
      { prefix: "/", runtimeFraction: { defaultValue: { numerator: 25 } } },
      ['prefix /, $drawn = "1"'],
    ],
    ["no fraction", { prefix: "/", runtimeFraction: { defaultValue: { numerator: 0 } } }, []],
  ])("%s", (_, match, expected) => expect(routeOf(match)).toEqual(expected))

  test("weighted clusters are routes with shares; the last has what is left", () => {
    const clusters = [
      { name: "a", weight: 1 },
      { name: "none", weight: 0 },
      { name: "b", weight: 3 },
    ]
    const all = adapted([
      [LISTENER, listener("l", 8080)],
      [ROUTES, routes("routes", { match: { prefix: "/" }, route: { weightedClusters: { clusters } } })],
    ])
    expect(all.servers[0]!.routes.map(textOf)).toEqual(['prefix /, $drawn = "0"', "prefix /"])
    expect(all.variables.find(({ kind }) => kind === "split")).toMatchObject({
      parts: [
        [25, "0"],
        [null, "1"],
      ],
    })
  })
})

describe("routes: what they do", () => {
  const made = (route: JsonObject, more: JsonObject = {}): RouteConfig => {
    const all = adapted([
      [CLUSTER, cluster("c")],
      [LISTENER, listener("l", 8080)],
      [ROUTES, routes("routes", { match: { prefix: "/old" }, ...route, ...more })],
    ])
    return all.servers[0]!.routes[0]!
  }
  const to = (route: JsonObject, more: JsonObject = {}) => made({ route: { cluster: "c", ...route } }, more)

  test.each<[string, JsonObject, object]>([
    ["timeout", { timeout: "3s" }, { responseTimeoutMs: 3000 }],
    ["timeout 0 is none", { timeout: "0s" }, { responseTimeoutMs: null }],
    ["idle_timeout", { idleTimeout: "300s" }, { idleTimeoutMs: 300_000 }],
    ["max_stream_duration", { maxStreamDuration: { maxStreamDuration: "0.0015s" } }, { maxCallMs: 2 }],
    [
      "grpc_timeout_header_max",
      { maxStreamDuration: { grpcTimeoutHeaderMax: "5s" } },
      { grpcTimeoutMaxMs: 5000, maxCallMs: null },
    ],
    [
      "retry_policy",
      {
        retryPolicy: {
          retryOn: "unavailable, connect-failure,retriable-status-codes",
          numRetries: 2,
          retriableStatusCodes: [503],
        },
      },
      { retry: { conditions: ["grpc_unavailable", "error", "http_503"], tries: 3, timeoutMs: null } },
    ],
    ["host_rewrite_literal", { hostRewriteLiteral: "a.test" }, { setHeaders: [["host", "a.test"]] }],
    ["host_rewrite_header", { hostRewriteHeader: "x-host" }, { setHeaders: [["host", "$http_x_host"]] }],
  ])("%s", (_, route, settings) => expect(to(route).settings).toMatchObject(settings))

  test.each<[string, JsonObject, object]>([
    ["prefix_rewrite", { prefixRewrite: "/new" }, { pattern: "(?s)^.{4}(.*)$", replacement: "/new$1" }],
    [
      "regex_rewrite",
      { regexRewrite: { pattern: { regex: "^/(\\w+)/" }, substitution: "/$/\\1/" } },
      { pattern: "^(.*?)(^/(\\w+)/)(.*)$", replacement: `$1/${"${xds_dollar}"}/${"${3}"}/${"${4}"}` },
    ],
  ])("%s", (_, route, step) =>
    expect(to(route).rewrite).toEqual([{ kind: "rewrite", flag: "break", ...step }]),
  )

  const option = (key: string, value: string, appendAction = "APPEND_IF_EXISTS_OR_ADD") => ({
    header: { key, value },
    appendAction,
  })

  test("headers of requests and responses", () => {
    const { settings } = to(
      {},
      {
        requestHeadersToAdd: [
          option("x-a", "1$", "OVERWRITE_IF_EXISTS_OR_ADD"),
          option(
            "x-b",
            "%REQ(x-c)%-%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%%%",
            "OVERWRITE_IF_EXISTS_OR_ADD",
          ),
          option("x-d", "2"),
        ],
        requestHeadersToRemove: ["X-Gone"],
        responseHeadersToAdd: [option("x-e", "3"), option("x-f", "4", "OVERWRITE_IF_EXISTS_OR_ADD")],
        responseHeadersToRemove: ["server"],
      },
    )
    const set = new Map(settings.setHeaders)
    expect(set.get("x-a")).toBe(`1${"${xds_dollar}"}`)
    expect(set.get("x-b")).toBe(`${"${http_x_c}"}-${"${remote_addr}"}%`)
    expect(set.get("x-d")).toMatch(/^\$\{xds_\w+\}$/)
    expect(set.get("x-gone")).toBe("")
    expect(settings.hideHeaders).toEqual(["server", "x-f"])
    expect(settings.addHeaders).toEqual([
      { name: "x-e", template: "3", always: true },
      { name: "x-f", template: "4", always: true },
    ])
  })

  test("answers of its own", () => {
    expect(made({ directResponse: { status: 418, body: { inlineString: "tea" } } }).action).toMatchObject({
      kind: "return",
      status: 418,
      template: "tea",
    })
    expect(
      made({ redirect: { hostRedirect: "b.test", pathRedirect: "/p", responseCode: "FOUND" } }).action,
    ).toMatchObject({
      status: 302,
      template: "$scheme://b.test/p$is_args$args",
    })
    expect(made({ redirect: { httpsRedirect: true, portRedirect: 8443 } }).action).toMatchObject({
      status: 301,
      template: "https://$host:8443$request_uri",
    })
    expect(made({ nonForwardingAction: {} }).action).toEqual({ kind: "none" })
  })

  test("what is hashed is the cluster's", () => {
    const hashed = (hashPolicy: JsonValue): unknown =>
      adapted([
        [CLUSTER, cluster("c", { lbPolicy: "RING_HASH" })],
        [LISTENER, listener("l", 8080)],
        [ROUTES, routes("routes", { match: { prefix: "/" }, route: { cluster: "c", hashPolicy } })],
      ]).clusters[0]!.policy
    expect(hashed([{ header: { headerName: "x-key" } }])).toEqual({
      name: "ring_hash",
      key: "$http_x_key",
      balanceFactorPercent: null,
    })
    expect(hashed([{ connectionProperties: { sourceIp: true } }, { cookie: { name: "s" } }])).toMatchObject({
      key: "$remote_addr$cookie_s",
    })
    expect(hashed([])).toEqual({ name: "random" })
  })

  test("a cluster without HTTP/2 is one of HTTP/1.1, with the client's authority", () => {
    const { servers } = adapted([
      [CLUSTER, ofCluster({ connectTimeout: "1.5s" })],
      [LISTENER, listener("l", 8080)],
      [ROUTES, routes("routes", everything("c"))],
    ])
    expect(servers[0]!.routes[0]).toMatchObject({
      action: { kind: "proxy", target: { cluster: "c" }, tls: null },
      settings: { connectTimeoutMs: 1500, setHeaders: [["host", "$http_host"]] },
    })
  })

  test("a cluster that is not there is told to callers", () => {
    const { servers } = adapted([
      [LISTENER, listener("l", 8080)],
      [ROUTES, routes("routes", everything("nowhere"))],
    ])
    expect(servers[0]!.routes[0]!.action).toEqual({ kind: "cluster", cluster: "nowhere", tls: null })
  })
})

describe("virtual hosts", () => {
  test.each<[domains: string[], names: string[][]]>([
    [["*"], [[]]],
    [
      ["A.test", "a.test:8080", "*.b.test"],
      [["a.test", "*.b.test"], []],
    ],
    [
      ["*-c.test", "www.*"],
      [["~^.+\\-c\\.test$", "www.*"], []],
    ],
  ])("%j", (domains, names) => {
    const config = resource("envoy.config.route.v3.RouteConfiguration", {
      name: "routes",
      virtualHosts: [{ name: "v", domains, routes: [everything("c")] }],
    })
    const { servers } = adapted([
      [LISTENER, listener("l", 8080)],
      [ROUTES, config],
    ])
    expect(servers.map((server) => server.names)).toEqual(names)
    expect(servers.at(-1)!.defaultFor).toEqual(["127.0.0.1:8080"])
    expect(servers.every(({ order }) => order === "written")).toBe(true)
  })
})

describe("clusters", () => {
  const made = (json: JsonObject) => adapted([[CLUSTER, ofCluster(json)]]).clusters[0]!
  const option = (name: string) => ({
    loadBalancingPolicy: {
      policies: [
        {
          typedExtensionConfig: {
            name: "newer",
            typedConfig: { "@type": `type.googleapis.com/envoy.extensions.load_balancing_policies.${name}` },
          },
        },
      ],
    },
  })

  test.each<[string, JsonObject, object]>([
    ["EDS under its own name", {}, { discovery: [{ kind: "xds", services: ["c"] }] }],
    [
      "EDS under another",
      { edsClusterConfig: { edsConfig: { ads: {} }, serviceName: "s" } },
      { discovery: [{ kind: "xds", services: ["s"] }] },
    ],
    ["ROUND_ROBIN", {}, { policy: { name: "round_robin" } }],
    ["LEAST_REQUEST", { lbPolicy: "LEAST_REQUEST" }, { policy: { name: "least_streams" } }],
    ["RANDOM", { lbPolicy: "RANDOM" }, { policy: { name: "random" } }],
    ["least_request.v3", option("least_request.v3.LeastRequest"), { policy: { name: "least_streams" } }],
    ["random.v3", option("random.v3.Random"), { policy: { name: "random" } }],
    [
      "circuit_breakers",
      {
        circuitBreakers: {
          thresholds: [
            { priority: "HIGH", maxRequests: 1 },
            { maxRequests: 2, maxConnections: 3, maxPendingRequests: 4, maxRetries: 5 },
          ],
        },
      },
      { limits: { streams: 2, connections: 3, waitingStreams: 4, retries: 5 } },
    ],
    [
      "outlier_detection",
      {
        outlierDetection: {
          consecutive5xx: 7,
          interval: "2s",
          enforcingSuccessRate: 0,
          maxEjectionPercent: 50,
        },
      },
      {
        outlierDetection: {
          consecutiveFailures: 7,
          intervalMs: 2000,
          successRate: null,
          failurePercentage: null,
          maxEjectionPercent: 50,
        },
      },
    ],
    [
      "health_checks",
      {
        healthChecks: [
          {
            timeout: "1s",
            interval: "2s",
            unhealthyThreshold: 3,
            healthyThreshold: 4,
            grpcHealthCheck: { serviceName: "s" },
          },
        ],
      },
      {
        healthCheck: {
          type: "grpc",
          service: "s",
          timeoutMs: 1000,
          intervalMs: 2000,
          fails: 3,
          passes: 4,
          mandatory: true,
        },
      },
    ],
    [
      "healthy_panic_threshold",
      { commonLbConfig: { healthyPanicThreshold: { value: 10 } } },
      { panicThresholdPercent: 10 },
    ],
    [
      "http2 options",
      {
        http2ProtocolOptions: {
          maxConcurrentStreams: 9,
          connectionKeepalive: { interval: "30s", timeout: "5s" },
        },
      },
      { maxStreamsPerConnection: 9, keepalive: { intervalMs: 30_000, timeoutMs: 5000 } },
    ],
    [
      "common options",
      {
        commonHttpProtocolOptions: {
          idleTimeout: "60s",
          maxConnectionDuration: "10s",
          maxRequestsPerConnection: 8,
        },
      },
      { idleTimeoutMs: 60_000, maxConnectionAgeMs: 10_000, maxRequestsPerConnection: 8 },
    ],
    [
      "slow start",
      {
        roundRobinLbConfig: { slowStartConfig: { slowStartWindow: "20s", aggression: { defaultValue: 2 } } },
      },
      { slowStart: { windowMs: 20_000, aggression: 2, minWeightPercent: 10 } },
    ],
  ])("%s", (_, json, config) => expect(made(json)).toMatchObject(config))

  const assignment = (host: string) => ({
    clusterName: "c",
    endpoints: [
      { lbEndpoints: [{ endpoint: { address: { socketAddress: { address: host, portValue: 1 } } } }] },
    ],
  })

  test("STATIC, STRICT_DNS and aggregates", () => {
    const json = {
      name: "dns",
      type: "STRICT_DNS",
      dnsLookupFamily: "V4_ONLY",
      loadAssignment: assignment("a.test"),
    }
    const { clusters } = adapted([
      [
        CLUSTER,
        resource("envoy.config.cluster.v3.Cluster", {
          name: "c",
          type: "STATIC",
          loadAssignment: assignment("127.0.0.1"),
        }),
      ],
      [CLUSTER, resource("envoy.config.cluster.v3.Cluster", json)],
      [
        CLUSTER,
        resource("envoy.config.cluster.v3.Cluster", {
          name: "all",
          lbPolicy: "CLUSTER_PROVIDED",
          clusterType: {
            name: "aggregate",
            typedConfig: {
              "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
              clusters: ["c", "dns", "nowhere"],
            },
          },
        }),
      ],
    ])
    const found = clusters.map(({ name, discovery, endpoints: own }) => [
      name,
      discovery.flatMap((source) => (source.kind === "xds" ? source.services : [])),
      own.map(({ address, backup }) => `${address}${backup ? " backup" : ""}`),
    ])
    expect(found).toEqual([
      ["all", ["cluster c"], ["a.test:1 backup"]],
      ["c", ["cluster c"], []],
      ["dns", [], ["a.test:1"]],
    ])
    expect(clusters[2]!.resolver).toMatchObject({ ipv4: true, ipv6: false })
  })

  test("aggregates that name each other, many times over: each cluster is in once", () => {
    const within = (name: string, clusters: string[]): [DataPlaneType, Any] => [
      CLUSTER,
      resource("envoy.config.cluster.v3.Cluster", {
        name,
        lbPolicy: "CLUSTER_PROVIDED",
        clusterType: {
          name: "aggregate",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
            clusters,
          },
        },
      }),
    ]
    const names = Array.from({ length: 60 }, (_, at) => `c${at}`)
    const { clusters } = adapted([
      [
        CLUSTER,
        resource("envoy.config.cluster.v3.Cluster", {
          name: "a",
          type: "STATIC",
          loadAssignment: assignment("127.0.0.1"),
        }),
      ],
      ...names.map((name) => within(name, [...names, "a", "a"])),
    ])
    const sources = clusters.map(({ discovery }) =>
      discovery.flatMap((one) => ("services" in one ? one.services : [])),
    )
    expect(sources).toEqual(new Array(61).fill(["cluster a"]))
  })

  test("a chain of aggregates comes to an end, however long it is: eight within one another count", () => {
    const within = (name: string, inner: string): Any =>
      resource("envoy.config.cluster.v3.Cluster", {
        name,
        lbPolicy: "CLUSTER_PROVIDED",
        clusterType: {
          name: "aggregate",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
            clusters: [inner],
          },
        },
      })
    const last = resource("envoy.config.cluster.v3.Cluster", {
      name: "0",
      type: "STATIC",
      loadAssignment: assignment("127.0.0.1"),
    })
    const accepted = new Accepted(20_000)
    const chain = Array.from({ length: 10_000 }, (_, at) => within(`${at + 1}`, `${at}`))
    expect(accept(accepted, CLUSTER, last, ...chain).nack).toBeNull()
    const { clusters } = assemble(accepted)
    expect(clusters).toHaveLength(10_001)
    const led = clusters.filter(({ discovery }) => discovery.length > 0).map(({ name }) => name)
    expect(led).toEqual(["0", "1", "2", "3", "4", "5", "6", "7", "8"])
  })

  test("an aggregate has the settings of its first cluster that is there", () => {
    const aggregate = (name: string, ...clusters: string[]) =>
      resource("envoy.config.cluster.v3.Cluster", {
        name,
        lbPolicy: "CLUSTER_PROVIDED",
        clusterType: {
          name: "aggregate",
          typedConfig: {
            "@type": "type.googleapis.com/envoy.extensions.clusters.aggregate.v3.ClusterConfig",
            clusters,
          },
        },
      })
    const inner = resource("envoy.config.cluster.v3.Cluster", {
      name: "c",
      type: "STATIC",
      loadAssignment: assignment("127.0.0.1"),
      lbPolicy: "LEAST_REQUEST",
      circuitBreakers: { thresholds: [{ maxRequests: 7 }] },
    })
    const { clusters } = adapted([
      [CLUSTER, inner],
      [CLUSTER, aggregate("all", "nowhere", "c")],
      [CLUSTER, aggregate("outer", "all")],
      [CLUSTER, aggregate("round", "round")],
    ])
    const found = clusters.map(({ name, policy, limits }) => [name, policy.name, limits.streams])
    expect(found).toEqual([
      ["all", "least_streams", 7],
      ["c", "least_streams", 7],
      ["outer", "least_streams", 7],
      ["round", "round_robin", null],
    ])
  })
})

describe("endpoints", () => {
  const told = (localities: JsonValue[]): unknown[] => {
    const accepted = new Accepted(1000)
    const json = { clusterName: "c", endpoints: localities }
    expect(
      accept(accepted, ENDPOINTS, resource("envoy.config.endpoint.v3.ClusterLoadAssignment", json)).nack,
    ).toBeNull()
    return accepted.services
      .get("c")!
      .map(({ address, weight, priority, zone, isDraining, isUnhealthy }) => [
        address.split(":")[0],
        weight,
        priority,
        zone,
        isDraining ? "draining" : isUnhealthy ? "unhealthy" : "",
      ])
  }
  const one = (address: string, more: JsonObject = {}) => ({
    endpoint: { address: { socketAddress: { address, portValue: 80 } } },
    ...more,
  })

  test("health, priorities and zones", () => {
    expect(
      told([
        {
          locality: { region: "r", zone: "z" },
          lbEndpoints: [
            one("a"),
            one("b", { healthStatus: "DRAINING" }),
            one("c", { healthStatus: "UNHEALTHY", loadBalancingWeight: 3 }),
          ],
        },
        { priority: 1, lbEndpoints: [one("d", { healthStatus: "TIMEOUT" })] },
      ]),
    ).toEqual([
      ["a", 1, 0, "z", ""],
      ["b", 1, 0, "z", "draining"],
      ["c", 3, 0, "z", "unhealthy"],
      ["d", 1, 1, null, "unhealthy"],
    ])
  })

  test("localities share by their weights, endpoints within them by theirs", () => {
    const weighed = told([
      { loadBalancingWeight: 3, lbEndpoints: [one("a"), one("b", { loadBalancingWeight: 2 })] },
      { loadBalancingWeight: 1, lbEndpoints: [one("c")] },
      { lbEndpoints: [one("without")] },
    ]) as [string, number][]
    expect(weighed.map(([name, weight]) => [name, weight])).toEqual([
      ["a", 5000],
      ["b", 10_000],
      ["c", 5000],
    ])
  })
})

describe("a resource is refused at the field that is at fault", () => {
  const nack = (type: DataPlaneType, any: Any): string | null => accept(new Accepted(1000), type, any).nack
  const filters = (...httpFilters: JsonValue[]) => listener("l", 1, "r", { httpFilters })
  const extension = (name: string) => ({ name: "f", typedConfig: { "@type": `type.googleapis.com/${name}` } })
  const ROUTER = extension("envoy.extensions.filters.http.router.v3.Router")

  test.each<[string, DataPlaneType, Any, string]>([
    [
      "an unknown field of a route",
      ROUTES,
      routes("r", { match: { prefix: "/" }, route: { cluster: "c", hedgePolicy: {} } }),
      'RouteConfiguration "r": virtual_hosts[0].routes[0].route.hedge_policy: not supported',
    ],
    [
      "a regex",
      ROUTES,
      routes("r", { match: { safeRegex: { regex: "(" } }, route: { cluster: "c" } }),
      'RouteConfiguration "r": virtual_hosts[0].routes[0].match.safe_regex.regex: the regex "("',
    ],
    [
      "a domain twice",
      ROUTES,
      resource("envoy.config.route.v3.RouteConfiguration", {
        name: "r",
        virtualHosts: [
          { name: "a", domains: ["x.test"] },
          { name: "b", domains: ["X.test"] },
        ],
      }),
      'virtual_hosts[1].domains[0]: "X.test" is named twice',
    ],
    [
      "no router",
      LISTENER,
      filters(),
      "filter_chains[0].filters[0].typed_config.http_filters: the last one must be the router",
    ],
    [
      "an HTTP filter",
      LISTENER,
      filters({ name: "envoy.filters.http.lua" }, ROUTER),
      "filter_chains[0].filters[0].typed_config.http_filters[0]: envoy.filters.http.lua is not supported",
    ],
    [
      "routes from elsewhere",
      LISTENER,
      listener("l", 1, "r", { rds: { routeConfigName: "r", configSource: { path: "/x" } } }),
      "filter_chains[0].filters[0].typed_config.rds.config_source.path: not supported",
    ],
    [
      "ORIGINAL_DST",
      CLUSTER,
      ofCluster({ type: "ORIGINAL_DST" }),
      'Cluster "c": type: ORIGINAL_DST is not supported',
    ],
    [
      "an HTTP health check",
      CLUSTER,
      ofCluster({
        healthChecks: [
          {
            timeout: "1s",
            interval: "1s",
            unhealthyThreshold: 1,
            healthyThreshold: 1,
            httpHealthCheck: { path: "/" },
          },
        ],
      }),
      "health_checks[0].http_health_check: not supported",
    ],
    [
      "a port",
      ENDPOINTS,
      endpoints("c", 70_000),
      "endpoints[0].lb_endpoints[0].endpoint.address: 70000 is no port",
    ],
    [
      "a key that is none",
      SECRET,
      resource("envoy.extensions.transport_sockets.tls.v3.Secret", {
        name: "s",
        tlsCertificate: {
          certificateChain: { inlineString: "-----BEGIN x" },
          privateKey: { inlineString: "-----BEGIN y" },
        },
      }),
      'Secret "s": tls_certificate.certificate_chain: it is no PEM of a certificate',
    ],
    ["another type", CLUSTER, endpoints("c", 1), "it is a ClusterLoadAssignment"],
  ])("%s", (_, type, any, detail) => expect(nack(type, any)).toContain(detail))

  test("an optional filter and one that is switched off are passed over", () => {
    const lua = { name: "envoy.filters.http.lua" }
    expect(
      nack(LISTENER, filters({ ...lua, isOptional: true }, { ...lua, disabled: true }, ROUTER)),
    ).toBeNull()
  })

  test("what is good in the same response is taken, and of what is not the version before stays", () => {
    const accepted = new Accepted(1000)
    accept(accepted, CLUSTER, cluster("a"))
    const before = accepted.clusters.get("a")
    const { nack: detail } = accept(
      accepted,
      CLUSTER,
      ofCluster({ name: "a", type: "ORIGINAL_DST" }),
      cluster("b"),
    )
    expect(detail).toContain('Cluster "a": type')
    expect([...accepted.clusters.keys()]).toEqual(["a", "b"])
    expect(accepted.clusters.get("a")).toBe(before)
  })

  test("the same resource again is the same plan, and no more than are allowed are held", () => {
    const accepted = new Accepted(1)
    accept(accepted, CLUSTER, cluster("a"))
    const before = accepted.clusters.get("a")
    accept(accepted, CLUSTER, cluster("a"))
    expect(accepted.clusters.get("a")).toBe(before)
    expect(accept(accepted, CLUSTER, cluster("b")).nack).toContain("controlPlaneResourcesMax (1)")
  })

  test("fields without effect are named, once for all resources of a type", () => {
    const named = accept(
      new Accepted(1000),
      CLUSTER,
      ofCluster({ name: "a", altStatName: "x" }),
      ofCluster({ name: "b", altStatName: "y" }),
    )
    expect(named).toEqual({ nack: null, notes: ["Cluster.alt_stat_name"] })
  })
})
