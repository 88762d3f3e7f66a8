import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import type { StreamRecord } from "../../src/record/record.ts"
import { compileTemplate } from "../../src/record/template.ts"
import * as dsl from "../support/frame-dsl.ts"
import type { RawClient } from "../support/raw-client.ts"
import { templateEnvironment } from "../support/stream-record.ts"
import { TestBed } from "../support/test-bed.ts"

type Route = NonNullable<SluiceYaml["routes"]>[number]

const http = dsl.withFields(dsl.request, { "content-type": "text/plain", te: undefined, ":method": "GET" })
const logged = (record: StreamRecord, template: string): string =>
  compileTemplate(template, "default").render(record, templateEnvironment())

/** What one request to a route gets: the client's frames, and the record of the stream. */
async function ask(t: TestContext, route: Route, request: readonly dsl.Field[]) {
  const bed = await TestBed.start(t, { backends: 0, config: { clusters: {}, routes: [route] } })
  const client: RawClient = await bed.rawClient()
  const id = client.open(request, { endStream: true })
  await client.end(id)
  const [record] = await bed.ended()
  return { head: client.about(id)[0]!, record: record!, held: bed.balancer.snapshot().bufferedOctets }
}

describe("the access log of Sluice's own answers", () => {
  const format = "$status $body_bytes_sent $sent_http_content_type $sent_http_grpc_status"
  const text: Route = { return: { text: '{"a":1}' } }
  const refusal: Route = { return: { grpcStatus: "UNAVAILABLE", grpcMessage: "gone", status: 204 } }
  test.for<[what: string, route: Route, request: readonly dsl.Field[], line: string]>([
    ["a text", text, http, "200 7 text/plain -"],
    ["to HEAD", text, dsl.withFields(http, { ":method": "HEAD" }), "200 0 text/plain -"],
    ["an error", { return: "none" }, http, "404 147 text/html -"],
    ["an error to gRPC", { return: "none" }, dsl.request, "200 0 application/grpc 12"],
    ["a gRPC status", refusal, dsl.request, "200 0 application/grpc 14"],
    ["the same to HTTP", refusal, http, "204 0 - -"],
    ["no answer at all", { return: 444 }, http, "444 0 - -"],
  ])("%s", async ([, route, request, line], t) => {
    const { record } = await ask(t, route, request)
    expect(logged(record, format)).toBe(line)
  })

  test("a large head is held no longer than its stream", async (t) => {
    const { record, held } = await ask(t, { ...text, addHeaders: { "x-large": "y".repeat(5000) } }, http)
    expect(record.responseHeaders!.octets).toBeGreaterThan(5000)
    expect(held).toBe(0)
  })
})

describe("headers added to Sluice's own answers", () => {
  const addHeaders = [
    { name: "x-always", value: "$status", always: true },
    { name: "x-once", value: "1" },
    { name: "grpc-status", value: "5", always: true },
    { name: "grpc-message", value: "other", always: true },
  ]
  const settings = { addHeaders, hideHeaders: ["content-type"] }
  const plain = "content-type=text/plain content-length=4"
  test.for<[what: string, route: Route, request: readonly dsl.Field[], head: string]>([
    [
      "an error",
      { return: "none" },
      http,
      ":status=404 content-type=text/html content-length=147 x-always=404 grpc-status=5 grpc-message=other",
    ],
    [
      "an error to gRPC, whose own status stands",
      { return: "none" },
      dsl.request,
      ":status=200 content-type=application/grpc grpc-status=12 grpc-message=no route for /test.Echo/Chat x-always=200",
    ],
    [
      "a text",
      { return: { text: "text" } },
      http,
      `:status=200 ${plain} x-always=200 x-once=1 grpc-status=5 grpc-message=other`,
    ],
    [
      "a text with an error's status",
      { return: { text: "text", status: 403 } },
      http,
      `:status=403 ${plain} x-always=403 grpc-status=5 grpc-message=other`,
    ],
    [
      "a gRPC status: added as to the HTTP status",
      { return: { grpcStatus: "UNAVAILABLE", grpcMessage: "gone", status: 204 } },
      dsl.request,
      ":status=200 content-type=application/grpc grpc-status=14 grpc-message=gone x-always=200 x-once=1",
    ],
  ])("%s", async ([, route, request, expected], t) => {
    const { head } = await ask(t, { ...route, ...settings }, request)
    expect(head).toMatch(/^HEADERS 1 (END_STREAM )?:/)
    expect(head.replace(/^HEADERS 1 (END_STREAM )?/, "")).toBe(expected)
  })
})
