/** Envoy's rate limit service, on real sockets. */
import { once } from "node:events"
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2"
import * as grpc from "@grpc/grpc-js"
import { expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { type Answer, EnvoyService, type Message } from "../support/envoy/services.ts"
import * as dsl from "../support/frame-dsl.ts"
import { TestBed } from "../support/test-bed.ts"

const { OK, RESOURCE_EXHAUSTED, UNAVAILABLE } = grpc.status
type Service = Exclude<NonNullable<SluiceYaml["rateLimitService"]>, "none">

async function start(
  t: TestContext,
  answer: (question: Message) => Answer,
  changes: Partial<Service> = {},
): Promise<{ bed: TestBed; service: EnvoyService }> {
  const service = await EnvoyService.start(t, "rate-limit", answer)
  const bed = await TestBed.start(t, {
    config: (addresses) => ({
      clusters: { test: addresses, limits: [service.address] },
      routes: [{ prefix: "/", cluster: "test" }],
      rateLimitService: {
        cluster: "limits",
        domain: "chat",
        timeout: "10s",
        descriptors: [{ path: "$uri" }, { user: "$http_x_user", path: "$uri" }],
        ...changes,
      },
    }),
  })
  return { bed, service }
}

function metadataOf(fields: Record<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

async function httpHead(t: TestContext, { port }: TestBed) {
  const session = connect(`http://127.0.0.1:${port}`)
  t.onTestFinished(() => session.destroy())
  const [head] = (await once(session.request({ ":path": "/" }), "response")) as [
    IncomingHttpHeaders & IncomingHttpStatusHeader,
  ]
  return head
}

test("descriptors are made of variables, and one with an empty value is left out", async (t) => {
  const { bed, service } = await start(t, () => ({ overall_code: "OK" }))
  const client = bed.client()
  expect((await client.unary(Buffer.from("x"), metadataOf({ "x-user": "alice" }))).code).toBe(OK)
  expect((await client.unary(Buffer.from("x"))).code).toBe(OK)
  const path = { key: "path", value: "/test.Echo/Unary" }
  expect(
    service.asked.map(({ domain, descriptors }) => [domain, descriptors.map((one: Message) => one.entries)]),
  ).toEqual([
    ["chat", [[path], [{ key: "user", value: "alice" }, path]]],
    ["chat", [[path]]],
  ])
})

test("a call over the limit is refused with the time after which to come again", async (t) => {
  const { bed } = await start(t, () => ({
    overall_code: "OVER_LIMIT",
    statuses: [
      { code: "OK", duration_until_reset: { seconds: 60 } },
      { code: "OVER_LIMIT", duration_until_reset: { seconds: 2, nanos: 500_000_000 } },
    ],
    response_headers_to_add: [{ key: "x-limit", value: "5" }],
  }))
  const { code, details, trailers } = await bed.client().unary(Buffer.from("x"))
  expect([code, details]).toEqual([RESOURCE_EXHAUSTED, "more requests than the limits of chat let in"])
  expect([trailers.get("grpc-retry-pushback-ms"), trailers.get("x-limit")]).toEqual([["2500"], ["5"]])
  expect(await httpHead(t, bed)).toMatchObject({ ":status": 429, "retry-after": "3", "x-limit": "5" })
})

test.for<[duration: Message, told: string[]]>([
  [{ seconds: 2 ** 53 }, ["86400000"]],
  [{ seconds: -5 }, ["0"]],
  [{ seconds: 1, nanos: -2_000_000_000 }, ["0"]],
])("a time of %j after which to come again is one that clients can read", async ([duration, told], t) => {
  const statuses = [{ code: "OVER_LIMIT", duration_until_reset: duration }]
  const { bed } = await start(t, () => ({ overall_code: "OVER_LIMIT", statuses }))
  const { code, trailers } = await bed.client().unary(Buffer.from("x"))
  expect([code, trailers.get("grpc-retry-pushback-ms")]).toEqual([RESOURCE_EXHAUSTED, told])
})

test.for(["OK", "OVER_LIMIT"])(
  "the status of a call that is %s is not the service's to say",
  async (overall_code, t) => {
    const { bed } = await start(t, () => ({
      overall_code,
      response_headers_to_add: [
        { key: "grpc-status", value: "0" },
        { key: "grpc-message", value: "come in" },
        { key: "content-type", value: "text/html" },
        { key: "x-limit", value: "5" },
      ],
    }))
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    await client.end(id)
    const told = client.about(id).join(" ")
    expect(told.match(/(grpc-status|content-type)=/g)).toHaveLength(2)
    expect(told).not.toMatch(/come in|text.html/)
    expect(told).toContain("x-limit=5")
  },
)

test("a service that fails lets calls in, unless it is to fail closed", async (t) => {
  const broken = (): Answer =>
    Object.assign(new Error("x"), { code: 14, details: "x", metadata: new grpc.Metadata() })
  const open = await start(t, broken)
  expect((await open.bed.client().unary(Buffer.from("x"))).code).toBe(OK)
  // What it says has no meaning, so it has not said it.
  open.service.answer = () => ({ overall_code: "UNKNOWN" })
  expect((await open.bed.client().unary(Buffer.from("x"))).code).toBe(OK)
})

test("one that is to fail closed lets no call in", async (t) => {
  const { bed } = await start(t, () => null, { fail: "closed", timeout: "20ms" })
  const { code, details } = await bed.client().unary(Buffer.from("x"))
  expect([code, details]).toEqual([UNAVAILABLE, "the rate limit service cannot be asked"])
  expect((await httpHead(t, bed))[":status"]).toBe(500)
})
