import { describe, expect, test } from "vitest"
import type { ClusterConfig } from "../model.ts"
import { messageOf } from "../problem.ts"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { type NginxConfig, readNginxConfig } from "./read.ts"

const SERVERS = "server 127.0.0.1:1; server 127.0.0.1:2;"

function read(upstream: string): NginxConfig {
  const text = `upstream chat {\n${upstream}\n}\nserver { listen 80; location / { grpc_pass chat; } }`
  return readNginxConfig(text, "nginx.conf", { read: () => new Uint8Array(), list: () => [] })
}

/** The cluster of an `upstream`; written as sluice.yaml and read again it must be the same. */
function clusterOf(upstream: string): ClusterConfig {
  const { config, problems } = read(upstream)
  if (config === null) throw new Error(problems.map(messageOf).join("; "))
  const again = loadYaml(toYaml(config), "sluice.yaml")
  expect(again.config?.clusters).toEqual(config.clusters)
  return config.clusters[0]!
}

describe("what chooses among the servers of an upstream", () => {
  test.for<[directives: string, policy: ClusterConfig["policy"]]>([
    ["", { name: "round_robin" }],
    ["least_conn;", { name: "least_streams" }],
    ["ip_hash;", { name: "ip_hash" }],
    ["hash $arg_room;", { name: "nginx_hash", key: "$arg_room" }],
    ["hash $host$uri consistent;", { name: "nginx_consistent_hash", key: "$host$uri" }],
    ["random;", { name: "random" }],
    ["random two;", { name: "random_two", by: "streams" }],
    ["random two least_conn;", { name: "random_two", by: "streams" }],
    ["random two least_time=header;", { name: "random_two", by: "header_time" }],
    ["random two least_time=last_byte;", { name: "random_two", by: "last_byte_time" }],
    ["least_time header;", { name: "peak_ewma", by: "header_time", inflight: false }],
    ["least_time last_byte inflight;", { name: "peak_ewma", by: "last_byte_time", inflight: true }],
    ["grpc_hash $http_x_user;", { name: "ring_hash", key: "$http_x_user", balanceFactorPercent: null }],
    [
      "grpc_hash $http_x_user maglev balance_factor=125;",
      { name: "maglev", key: "$http_x_user", balanceFactorPercent: 125 },
    ],
    // The last one is in force.
    ["hash $uri; least_conn;", { name: "least_streams" }],
  ])("%s", ([directives, policy]) => {
    expect(clusterOf(`${directives} ${SERVERS}`).policy).toEqual(policy)
  })

  test("a second method is warned of", () => {
    const [first] = read(`hash $uri;\nleast_conn;\n${SERVERS}`).problems
    expect(first).toMatchObject({ severity: "warning", message: "load balancing method redefined", line: 3 })
  })

  test.for([
    ["least_time;", 'invalid number of arguments in "least_time" directive'],
    ["least_time headers;", 'invalid parameter "headers"'],
    ["least_time header in_flight;", 'invalid parameter "in_flight"'],
    ["least_time connect;", 'invalid parameter "connect"'],
    ["random two least_time=first_byte;", 'invalid parameter "least_time=first_byte"'],
    ["random two least_time;", 'invalid parameter "least_time"'],
    ["grpc_hash $http_x_user ketama;", 'invalid parameter "ketama"'],
    ["grpc_hash $http_x_user balance_factor=99;", 'invalid parameter "balance_factor=99"'],
    ["grpc_hash $nope;", 'unknown "nope" variable'],
    ["ip_hash; server b:1 backup;", 'balancing method does not support parameter "backup"'],
    ["random; server b:1 slow_start=3s;", 'balancing method does not support parameter "slow_start=3s"'],
    ["server b:1 slow_start=x;", 'invalid parameter "slow_start=x"'],
    ["grpc_limits streams=x;", 'invalid parameter "streams=x"'],
    ["grpc_limits requests=1;", 'invalid parameter "requests=1"'],
    ["grpc_panic_threshold 101;", 'invalid value "101"'],
    ["grpc_outlier_detection interval=0;", 'invalid parameter "interval=0"'],
    ["grpc_outlier_detection intervall=1s;", 'invalid parameter "intervall=1s"'],
    ["grpc_outlier_detection failure_percentage_threshold=101;", "invalid parameter"],
    ["grpc_rebalance yes;", 'invalid parameter "yes"'],
    ["grpc_rebalance pace=0;", 'invalid parameter "pace=0"'],
    ["grpc_rebalance off after=1s;", 'invalid parameter "off"'],
    ["ip_hash; grpc_rebalance on;", '"grpc_rebalance" where a key says where streams belong'],
    ["hash $uri; grpc_rebalance on;", '"grpc_rebalance" where a key says where streams belong'],
  ])("%s is refused: %s", ([directives, message]) => {
    const { config, problems } = read(`${directives} ${SERVERS}`)
    expect(config).toBeNull()
    expect(problems.map(messageOf).join("; ")).toContain(message)
  })
})

test("of a server: its slow start, and the name that hashes place it by", () => {
  const { endpoints } = clusterOf("server back; server 127.0.0.1:81 slow_start=1m; server [::1]:82;")
  expect(endpoints).toMatchObject([
    { address: "back:80", hashKey: "back", slowStartMs: null },
    { address: "127.0.0.1:81", hashKey: null, slowStartMs: 60_000 },
    { address: "[::1]:82", hashKey: null },
  ])
})

describe("rebalancing", () => {
  const settingsOf = (directive: string) => clusterOf(`${SERVERS} ${directive}`).rebalance
  const defaults = {
    tolerancePercent: 10,
    afterMs: 30_000,
    dwellMs: 60_000,
    streamsPerSecond: 50,
    maxStreamAgeMs: null,
  }

  test.for([
    ["", null],
    ["grpc_rebalance off;", null],
    ["grpc_rebalance on;", defaults],
    ["grpc_rebalance on pace=7;", { ...defaults, streamsPerSecond: 7 }],
    [
      "grpc_rebalance tolerance=25 after=1m dwell=0 max_stream_age=1h;",
      { ...defaults, tolerancePercent: 25, afterMs: 60_000, dwellMs: 0, maxStreamAgeMs: 3_600_000 },
    ],
  ] as const)("%s", ([directive, expected]) => {
    expect(settingsOf(directive)).toEqual(expected)
  })
})

describe("outlier detection", () => {
  const settingsOf = (directive: string) => clusterOf(`${SERVERS} ${directive}`).outlierDetection

  test("is off unless written, and has Envoy's defaults", () => {
    expect(settingsOf("")).toBeNull()
    expect(settingsOf("grpc_outlier_detection off;")).toBeNull()
    expect(settingsOf("grpc_outlier_detection;")).toEqual({
      intervalMs: 10_000,
      baseEjectionMs: 30_000,
      maxEjectionMs: 300_000,
      maxEjectionPercent: 10,
      consecutiveFailures: 5,
      successRate: { stdevFactor: 1900, minimumHosts: 5, requestVolume: 100 },
      failurePercentage: null,
    })
  })

  test.for([
    ["interval=1s base_ejection_time=5s max_ejection_time=1m", { intervalMs: 1000, maxEjectionMs: 60_000 }],
    ["max_ejection_percent=50 consecutive_failures=0", { maxEjectionPercent: 50, consecutiveFailures: null }],
    ["success_rate=off", { successRate: null }],
    [
      "success_rate_request_volume=7",
      { successRate: { stdevFactor: 1900, minimumHosts: 5, requestVolume: 7 } },
    ],
    [
      "failure_percentage_threshold=50 failure_percentage_minimum_hosts=2",
      { failurePercentage: { threshold: 50, minimumHosts: 2, requestVolume: 50 } },
    ],
  ] as const)("%s", ([parameters, expected]) => {
    expect(settingsOf(`grpc_outlier_detection ${parameters};`)).toMatchObject(expected)
  })

  test("grpc_panic_threshold", () => {
    expect(clusterOf(`${SERVERS} grpc_panic_threshold 0;`).panicThresholdPercent).toBe(0)
    expect(clusterOf(SERVERS).panicThresholdPercent).toBe(50)
  })
})

test("grpc_limits", () => {
  expect(clusterOf(SERVERS).limits).toEqual({
    streams: null,
    waitingStreams: null,
    connections: null,
    retries: null,
  })
  expect(
    clusterOf(`${SERVERS} grpc_limits streams=1000 retries=3 waiting_streams=0 connections=8;`).limits,
  ).toEqual({ streams: 1000, waitingStreams: 0, connections: 8, retries: 3 })
})

describe("queue", () => {
  test.for([
    ["", null],
    ["queue 10;", { streams: 10, timeoutMs: 60_000 }],
    ["queue 100 timeout=70;", { streams: 100, timeoutMs: 70_000 }],
    ["queue 1 timeout=1m30s;", { streams: 1, timeoutMs: 90_000 }],
  ] as const)("%s", ([directive, expected]) => {
    expect(clusterOf(`${SERVERS} ${directive}`).queue).toEqual(expected)
  })

  test.for([
    ["queue;", 'invalid number of arguments in "queue" directive'],
    ["queue x;", 'invalid value "x"'],
    ["queue 0;", 'invalid value "0"'],
    ["queue 1 timeout=x;", 'invalid parameter "timeout=x"'],
    ["queue 1 timeout=0;", 'invalid parameter "timeout=0"'],
    ["queue 1 time=1;", 'invalid parameter "time=1"'],
    ["queue 1; queue 2;", '"queue" directive is duplicate'],
  ] as const)("%s is refused", ([directive, message]) => {
    const { config, problems } = read(`${directive} ${SERVERS}`)
    expect(config).toBeNull()
    expect(problems.map(messageOf).join("; ")).toContain(message)
  })
})

describe("sticky", () => {
  test.for([
    ["sticky cookie srv_id;", { cookie: "srv_id", expiresMs: null, path: null, secure: false }],
    [
      "sticky cookie id expires=1h domain=.a.test path=/ httponly secure samesite=Lax;",
      {
        ...{ cookie: "id", expiresMs: 3_600_000, domain: ".a.test", path: "/" },
        ...{ httpOnly: true, secure: true, sameSite: "Lax" },
      },
    ],
    ["sticky cookie id expires=max samesite=$arg_s;", { expiresMs: "max", sameSite: "$arg_s" }],
    ["least_conn; sticky cookie id;", { cookie: "id" }],
  ] as const)("%s", ([directives, expected]) => {
    expect(clusterOf(`${directives} ${SERVERS}`).sticky).toMatchObject(expected)
  })

  test("before the method it is lost, as in nginx, and that is said", () => {
    expect(clusterOf(`sticky cookie id; least_conn; ${SERVERS}`)).toMatchObject({
      sticky: null,
      policy: { name: "least_streams" },
    })
  })

  test("a server's route", () => {
    expect(clusterOf("server a:1 route=x; server b:1;").endpoints.map(({ route }) => route)).toEqual([
      "x",
      null,
    ])
  })

  test.for([
    ["sticky cookie;", 'invalid number of arguments in "sticky" directive'],
    ["sticky cookie a; sticky cookie b;", '"sticky" directive is duplicate'],
    ["sticky route $arg_a;", '"sticky route" is not supported'],
    ["sticky kookie a;", 'unknown parameter "kookie"'],
    ["sticky cookie a expires=x;", 'invalid "expires" parameter value'],
    ["sticky cookie a samesite=x;", 'invalid "samesite" parameter value'],
    ["sticky cookie a secure secure;", 'parameter "secure" is duplicate'],
    ["sticky cookie a hash=md5;", 'unknown parameter "hash=md5"'],
    ["server b:1 route=;", 'invalid parameter "route="'],
    ["ntlm;", "NTLM binds a client"],
  ])("%s is refused: %s", ([directives, message]) => {
    const { config, problems } = read(`${directives} ${SERVERS}`)
    expect(config).toBeNull()
    expect(problems.map(messageOf).join("; ")).toContain(message)
  })
})
