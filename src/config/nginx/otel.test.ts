import { describe, expect, test } from "vitest"
import { messageOf } from "../problem.ts"
import type { TraceSettings, TracingConfig } from "../trace-model.ts"
import { loadYaml } from "../yaml/load.ts"
import { toYaml } from "../yaml/write.ts"
import { type NginxConfig, readNginxConfig } from "./read.ts"

const noFiles = {
  read() {
    throw new Error("no such file")
  },
  list: () => [],
}
const read = (http: string, location = ""): NginxConfig =>
  readNginxConfig(
    `http { upstream chat { server 127.0.0.1:3000; } ${http}
      server { location / { grpc_pass chat; ${location} } } }`,
    "nginx.conf",
    noFiles,
  )
const errorsOf = ({ problems }: NginxConfig): string[] =>
  problems.filter(({ severity }) => severity === "error").map(messageOf)
const traceOf = ({ config }: NginxConfig) => config!.servers[0]!.routes[0]!.settings.trace

describe("otel_exporter", () => {
  test.each<[exporter: string, config: Partial<TracingConfig>]>([
    ["endpoint localhost:4317;", { endpoint: "grpc://localhost:4317" }],
    ["endpoint http://localhost:4317;", { endpoint: "grpc://localhost:4317" }],
    ["endpoint https://collector:4317;", { endpoint: "grpcs://collector:4317" }],
    ["endpoint http://localhost:4318/v1/traces;", { endpoint: "http://localhost:4318/v1/traces" }],
    [
      "endpoint a:1; interval 10s; batch_size 10; batch_count 2;",
      { intervalMs: 10_000, batchSize: 10, batchesMax: 2 },
    ],
    ['endpoint a:1; header X-Key "a b";', { headers: [["x-key", "a b"]] }],
  ])("%s", (exporter, expected) => {
    const result = read(`otel_exporter { ${exporter} } otel_service_name edge; otel_resource_attr a b;`)
    expect(errorsOf(result)).toEqual([])
    const { tracing } = result.config!
    expect(tracing).toMatchObject({ serviceName: "edge", resource: [["a", "b"]], ...expected })
    expect(loadYaml(toYaml(result.config!), "sluice.yaml").config!.tracing).toEqual(tracing)
  })

  test.each([
    ["", '"otel_exporter" has no "endpoint"'],
    ["endpoint a:1; interval 0;", 'invalid value "0"'],
    ["endpoint a:1; batch_size many;", 'invalid value "many"'],
    ["endpoint a:1 b:2;", 'invalid number of arguments in "endpoint" directive'],
    ["endpiont a:1;", '"endpiont" of "otel_exporter" is not supported'],
    ["endpoint http://:/x;", 'invalid endpoint "http://:/x"'],
  ])("%s is an error", (exporter, message) => {
    expect(errorsOf(read(`otel_exporter { ${exporter} }`))[0]).toContain(message)
  })
})

describe("otel_trace", () => {
  test.each<[directives: string, expected: Partial<TraceSettings> | null]>([
    ["", null],
    ["otel_trace off;", null],
    ["otel_trace off; otel_trace_context ignore;", null],
    ["otel_trace on;", { sample: "on", context: "ignore", spanName: null }],
    ["otel_trace_context propagate;", { sample: "off", context: "propagate" }],
    [
      "otel_trace $otel_parent_sampled; otel_trace_context extract;",
      { sample: "$otel_parent_sampled", context: "extract" },
    ],
    [
      "otel_trace on; otel_span_name $uri; otel_span_attr a $host;",
      { spanName: "$uri", attributes: [["a", "$host"]] },
    ],
  ])("%s", (directives, expected) => {
    const result = read("", directives)
    expect(errorsOf(result)).toEqual([])
    const trace = traceOf(result)
    if (expected === null) expect(trace).toBeNull()
    else expect(trace).toMatchObject(expected)
    const again = loadYaml(toYaml(result.config!), "sluice.yaml").config!
    expect(again.servers[0]!.routes[0]!.settings.trace).toEqual(trace)
  })

  test.each([
    ["otel_trace maybe;", 'invalid value "maybe" in "otel_trace" directive'],
    ["otel_trace_context keep;", 'invalid value "keep"'],
    ["otel_trace $no_such;", 'unknown "no_such" variable'],
    ["otel_trace on; otel_span_attr a $no_such;", 'unknown "no_such" variable'],
  ])("%s is an error", (directives, message) => {
    expect(errorsOf(read("", directives))[0]).toContain(message)
  })
})
