import { describe, expect, test } from "vitest"
import { defaultHealthCheck } from "../defaults.ts"
import type { HealthCheckConfig } from "../model.ts"
import { messageOf } from "../problem.ts"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { type NginxConfig, readNginxConfig } from "./read.ts"

const noFiles = {
  read() {
    throw new Error("no such file")
  },
  list: () => [],
}
const read = (locations: string): NginxConfig =>
  readNginxConfig(`upstream chat { server 127.0.0.1:3000; } server { ${locations} }`, "nginx.conf", noFiles)
const within = (directives: string): NginxConfig => read(`location / { grpc_pass chat; ${directives} }`)
const errorsOf = ({ problems }: NginxConfig): string[] =>
  problems.filter(({ severity }) => severity === "error").map(messageOf)

describe("health_check", () => {
  test.each<[parameters: string, check: Partial<HealthCheckConfig>]>([
    ["type=grpc", {}],
    ["mandatory type=grpc", { mandatory: true }],
    ["mandatory persistent type=grpc grpc_status=12", { mandatory: true, grpcStatus: 12 }],
    [
      "interval=10 fails=3 passes=2 port=8081 type=grpc grpc_service=chat.Chat",
      { intervalMs: 10_000, fails: 3, passes: 2, port: 8081, service: "chat.Chat" },
    ],
    ["interval=500ms jitter=200ms type=grpc", { intervalMs: 500, jitterMs: 200 }],
    ["type=grpc keepalive_time=60s", {}],
    ["type=tcp timeout=1s", { type: "tcp", timeoutMs: 1000 }],
    ["type=grpc watch", { watch: true }],
  ])("%s", (parameters, check) => {
    const result = within(`health_check ${parameters};`)
    expect(errorsOf(result)).toEqual([])
    expect(result.config!.clusters[0]!.healthCheck).toEqual({ ...defaultHealthCheck(), ...check })
  })

  test("none: none", () => {
    expect(within("").config!.clusters[0]!.healthCheck).toBeNull()
  })

  test.each([
    ["health_check;", "health_check without type=grpc asks by HTTP, which is not supported"],
    ["health_check type=grpc match=ok;", 'invalid parameter "match=ok"'],
    ["health_check type=grpc uri=/x;", 'invalid parameter "uri=/x"'],
    ["health_check type=http;", 'invalid parameter "type=http"'],
    ["health_check type=grpc fails=0;", 'invalid parameter "fails=0"'],
    ["health_check type=grpc port=99999;", 'invalid parameter "port=99999"'],
    ["health_check type=grpc interval=0;", 'invalid parameter "interval=0"'],
    ["health_check type=grpc grpc_status=17;", 'invalid parameter "grpc_status=17"'],
    ["health_check uri=/x type=tcp;", 'invalid parameter "uri=/x"'],
    ["health_check match=ok type=tcp;", 'invalid parameter "match=ok"'],
    ["health_check grpc_service=foo type=tcp;", 'invalid parameter "grpc_service=foo"'],
    ["health_check type=grpc intervall=5s;", 'invalid parameter "intervall=5s"'],
    ["health_check type=grpc __proto__;", 'invalid parameter "__proto__"'],
  ])("%s is an error", (directive, message) => {
    expect(errorsOf(within(directive))).toEqual([expect.stringContaining(message)])
  })

  test("where no upstream is passed to it is an error", () => {
    expect(errorsOf(read("location / { return 404; health_check type=grpc; }"))).toEqual([
      expect.stringContaining("no upstream for health_check"),
    ])
  })

  test("two that say the same are one, two that differ an error", () => {
    const two = (one: string, other: string): NginxConfig =>
      read(`location /a { grpc_pass chat; ${one} } location /b { grpc_pass chat; ${other} }`)
    expect(errorsOf(two("health_check type=grpc;", "health_check type=grpc;"))).toEqual([])
    expect(errorsOf(two("health_check type=grpc;", "health_check type=grpc fails=2;"))).toEqual([
      expect.stringContaining('upstream "chat" has another health_check already'),
    ])
  })
})

const proxied = (directives: string, matches = ""): NginxConfig =>
  readNginxConfig(
    `${matches} upstream web { server 127.0.0.1:3000; }
     server { location / { proxy_pass http://web; ${directives} } }`,
    "nginx.conf",
    noFiles,
  )

describe("health_check beside proxy_pass", () => {
  const OK =
    'match ok { status 200-204 301; status ! 500; header Content-Type = text/html; header ! X-Bad; body ~ "we come"; }'
  test.each<[parameters: string, check: Partial<HealthCheckConfig>]>([
    ["", {}],
    ["uri=/health?x=1 interval=2s", { uri: "/health?x=1", intervalMs: 2000 }],
    ["type=tcp", { type: "tcp" }],
    [
      "match=ok",
      {
        match: {
          status: ["200-204 301", "! 500"],
          headers: ["Content-Type = text/html", "! X-Bad"],
          body: ["~ we come"],
        },
      },
    ],
  ])("%s", (parameters, check) => {
    const result = proxied(`health_check ${parameters};`, OK)
    expect(errorsOf(result)).toEqual([])
    const expected = { ...defaultHealthCheck(), type: "http", ...check }
    expect(result.config!.clusters[0]!.healthCheck).toEqual(expected)
    const again = loadYaml(toYaml(result.config!), "sluice.yaml")
    expect(again.config!.clusters).toEqual(result.config!.clusters)
  })

  test.each([
    ["health_check match=oh;", OK, 'there is no match "oh"'],
    ["health_check type=grpc;", "", 'invalid parameter "type=grpc"'],
    ["health_check match=ok type=tcp;", OK, 'invalid parameter "match=ok"'],
    ["health_check type=tcp match=ok;", OK, 'invalid parameter "match=ok"'],
    ["health_check uri=/x type=tcp;", "", 'invalid parameter "uri=/x"'],
    ["health_check grpc_service=foo;", "", 'invalid parameter "grpc_service=foo"'],
    ["health_check grpc_status=12 type=tcp;", "", 'invalid parameter "grpc_status=12"'],
    ["health_check watch;", "", 'invalid parameter "watch"'],
    ["health_check uri=health;", "", 'invalid parameter "uri=health"'],
    ["", "match ok { status ok; }", '"ok" is no list of statuses'],
    ["", "match ok { require $a; }", '"require" is not supported'],
    ["", "match ok { header A ~ (; }", "not a regex"],
    ["", "match ok { expect a; }", 'unknown test "expect"'],
  ])("%s with %s is an error", (directive, matches, message) => {
    expect(errorsOf(proxied(directive, matches))).toEqual([expect.stringContaining(message)])
  })
})

describe("health_check of stream", () => {
  const tcp = (match: string, parameters = "match=m"): NginxConfig =>
    readNginxConfig(
      `events {} stream { match m { ${match} } upstream u { server 127.0.0.1:1; }
       server { listen 127.0.0.1:2; proxy_pass u; health_check ${parameters}; } }`,
      "nginx.conf",
      noFiles,
    )

  test.each<[match: string, check: Partial<HealthCheckConfig>]>([
    ['send "PING\\r\\n"; expect +PONG;', { send: "PING\r\n", expect: "= +PONG" }],
    ['send \\x00; expect ~ "^[0-9] x";', { send: "\\x00", expect: "~ ^[0-9] x" }],
    ["expect 220;", { expect: "= 220" }],
    ["", {}],
  ])("match m { %s }", (match, check) => {
    const result = tcp(match)
    expect(errorsOf(result)).toEqual([])
    expect(result.config!.clusters[0]!.healthCheck).toEqual({
      ...defaultHealthCheck(),
      type: "tcp",
      ...check,
    })
    const again = loadYaml(toYaml(result.config!), "sluice.yaml")
    expect(again.config!.clusters).toEqual(result.config!.clusters)
  })

  test.each([
    ["status 200;", "match=m", 'unknown test "status"'],
    ["send a b;", "", 'invalid number of arguments in "send"'],
    ["expect ~ (;", "", "not a regex"],
    ["send a; send b;", "", '"send" is duplicate'],
    ["", "match=n", 'there is no match "n"'],
    ["", "uri=/", 'invalid parameter "uri=/"'],
    ["", "watch", 'invalid parameter "watch"'],
    ["", "grpc_status=12", 'invalid parameter "grpc_status=12"'],
    ["", "grpc_service=a type=tcp", 'invalid parameter "grpc_service=a"'],
    ["", "grpc_service=a type=grpc", 'invalid parameter "type=grpc"'],
  ])("match m { %s } with %s is an error", (match, parameters, message) => {
    expect(errorsOf(tcp(match, parameters))).toEqual([expect.stringContaining(message)])
  })
})
