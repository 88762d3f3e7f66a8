import { describe, expect, test } from "vitest"
import { defaultHealthCheck } from "../defaults.ts"
import type { HealthCheckConfig } from "../model.ts"
import { messageOf } from "../problem.ts"
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
    ["health_check type=grpc match=ok;", '"match=" is not supported'],
    ["health_check type=grpc uri=/x;", '"uri=" is not supported'],
    ["health_check type=http;", 'invalid parameter "type=http"'],
    ["health_check type=grpc fails=0;", 'invalid parameter "fails=0"'],
    ["health_check type=grpc port=99999;", 'invalid parameter "port=99999"'],
    ["health_check type=grpc interval=0;", 'invalid parameter "interval=0"'],
    ["health_check type=grpc grpc_status=17;", 'invalid parameter "grpc_status=17"'],
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

  test("match is refused with what there is in its place", () => {
    const result = readNginxConfig("match ok { status 200; } server {}", "nginx.conf", noFiles)
    expect(errorsOf(result)).toEqual([expect.stringContaining("health_check type=grpc")])
  })
})
