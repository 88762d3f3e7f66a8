/** Envoy's authorization service, on real sockets. */
import { once } from "node:events"
import { connect, type IncomingHttpHeaders, type IncomingHttpStatusHeader } from "node:http2"
import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { type Answer, EnvoyService, type Message } from "../support/envoy/services.ts"
import * as dsl from "../support/frame-dsl.ts"
import { type Backend, EchoBackend, TestBed } from "../support/test-bed.ts"

const { OK, PERMISSION_DENIED, UNAUTHENTICATED, UNAVAILABLE, RESOURCE_EXHAUSTED } = grpc.status

type ExtAuthz = Exclude<NonNullable<SluiceYaml["extAuthz"]>, "none">

/** A backend that answers with the fields it was sent. */
function showingBackend(): EchoBackend {
  return new EchoBackend("a", {
    Unary(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      callback(null, Buffer.from(JSON.stringify(call.metadata.getMap())))
    },
  })
}

async function start(
  t: TestContext,
  answer: (question: Message) => Answer,
  { more = {}, ...changes }: Partial<ExtAuthz> & { more?: Partial<SluiceYaml> } = {},
  backends: Backend[] = [showingBackend()],
): Promise<{ bed: TestBed; service: EnvoyService }> {
  const service = await EnvoyService.start(t, "ext-authz", answer)
  const bed = await TestBed.start(t, {
    backends,
    config: (addresses) => ({
      clusters: { test: addresses, authz: [service.address] },
      routes: [{ prefix: "/", cluster: "test" }],
      extAuthz: { cluster: "authz", timeout: "10s", ...changes },
      ...more,
    }),
  })
  return { bed, service }
}

function metadataOf(fields: Record<string, string>): grpc.Metadata {
  const metadata = new grpc.Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return metadata
}

const allowed: Message = { status: { code: 0 } }
const option = (key: string, value: string, more: Message = {}): Message => ({
  header: { key, value },
  ...more,
})

test("the service is told of the call", async (t) => {
  const { bed, service } = await start(t, () => allowed, { context: { route: "chat of $host" } })
  const { code } = await bed.client().unary(Buffer.from("x"), metadataOf({ n: "1" }))
  expect(code).toBe(OK)
  const [{ attributes }] = service.asked as [Message]
  expect(attributes).toMatchObject({
    source: { address: { socket_address: { address: "127.0.0.1", port_value: expect.any(Number) } } },
    destination: { address: { socket_address: { address: "127.0.0.1", port_value: bed.port } } },
    request: {
      http: {
        method: "POST",
        path: "/test.Echo/Unary",
        host: `127.0.0.1:${bed.port}`,
        scheme: "http",
        protocol: "HTTP/2",
        size: -1,
        headers: { "content-type": "application/grpc", n: "1" },
      },
    },
    context_extensions: { route: "chat of 127.0.0.1" },
  })
  const { seconds } = attributes.request.time as { seconds: number }
  expect(Math.abs(seconds - Date.now() / 1000)).toBeLessThan(60)
})

test("fields are set, appended, added where absent, and taken out, on both ways", async (t) => {
  const answer: Message = {
    status: { code: 0 },
    ok_response: {
      headers: [
        option("X-User", "alice"),
        option("x-more", "2", { append: { value: true } }),
        option("x-once", "2", { append_action: "ADD_IF_ABSENT" }),
        option("x-there", "2", { append_action: "OVERWRITE_IF_EXISTS" }),
        option("x-not-there", "2", { append_action: "OVERWRITE_IF_EXISTS" }),
        option("x-line", "a\r\nb"),
        option("content-length", "7"),
        option(":path", "/other"),
        option("transfer-encoding", "chunked"),
        option("x-empty", ""),
      ],
      headers_to_remove: ["Authorization", ":path", "host"],
      response_headers_to_add: [option("x-seen", "yes")],
    },
  }
  const { bed } = await start(t, () => answer)
  const sent = { "x-user": "root", "x-more": "1", "x-once": "1", "x-there": "1", authorization: "Bearer a" }
  const { code, message, initial } = await bed.client().unary(Buffer.from("x"), metadataOf(sent))
  expect(code).toBe(OK)
  const seen = JSON.parse(message!.toString()) as Record<string, string>
  expect(Object.fromEntries(Object.entries(seen).filter(([name]) => /^x-|auth|trans/.test(name)))).toEqual({
    "x-user": "alice",
    "x-more": "1, 2",
    "x-once": "1",
    "x-there": "2",
    "x-line": "a b",
  })
  expect(initial!.get("x-seen")).toEqual(["yes"])
})

const denial = (code: number | undefined, body = "", headers: Message[] = []): Message => ({
  status: { code: 7 },
  denied_response: { ...(code !== undefined && { status: { code } }), body, headers },
})

describe("a call that is denied", () => {
  test.for<[answer: Message, code: number, details: string, http: number, body: string]>([
    [{ status: { code: 7 } }, PERMISSION_DENIED, "the authorization service refuses", 403, "403 Forbidden"],
    [denial(undefined), PERMISSION_DENIED, "the authorization service refuses", 403, "403 Forbidden"],
    [denial(401, "who are you?"), UNAUTHENTICATED, "who are you?", 401, "who are you?"],
    [denial(429, "later"), RESOURCE_EXHAUSTED, "later", 429, "later"],
    [denial(302, "there"), PERMISSION_DENIED, "there", 302, "there"],
    // A status that says that all is well would be taken for the backend's.
    [denial(200, "in"), PERMISSION_DENIED, "in", 403, "in"],
    [denial(304, "as before"), PERMISSION_DENIED, "as before", 403, "as before"],
    [denial(999, "in"), PERMISSION_DENIED, "in", 403, "in"],
  ])("%j", async ([answer, code, details, http, body], t) => {
    const { bed } = await start(t, () => answer)
    const result = await bed.client().unary(Buffer.from("x"))
    expect([result.code, result.details]).toEqual([code, expect.stringContaining(details)])
    const told = await httpAnswer(t, bed)
    expect([told.head[":status"], told.body]).toEqual([http, expect.stringContaining(body)])
  })

  test("is told the fields of the service, but for what gRPC's answer is made of", async (t) => {
    const headers = [
      option("www-authenticate", "Bearer"),
      option("content-type", "text/html"),
      option("grpc-status", "0"),
    ]
    const { bed } = await start(t, () => denial(401, "", headers))
    const { head } = await httpAnswer(t, bed)
    expect(head).toMatchObject({ "www-authenticate": "Bearer", "content-type": "text/html" })
    const { code, trailers } = await bed.client().unary(Buffer.from("x"))
    expect([code, trailers.get("www-authenticate")]).toEqual([UNAUTHENTICATED, ["Bearer"]])
  })
})

async function httpAnswer(t: TestContext, { port }: TestBed) {
  const session = connect(`http://127.0.0.1:${port}`)
  t.onTestFinished(() => session.destroy())
  const stream = session.request({ ":path": "/" })
  const [head] = (await once(stream, "response")) as [IncomingHttpHeaders & IncomingHttpStatusHeader]
  const chunks: Buffer[] = []
  for await (const chunk of stream as AsyncIterable<Buffer>) chunks.push(chunk)
  return { head, body: Buffer.concat(chunks).toString() }
}

const failing: Record<string, (question: Message) => Answer> = {
  fails: () =>
    Object.assign(new Error("broken"), { code: 13, details: "broken", metadata: new grpc.Metadata() }),
  "reports an error": () => ({ status: { code: 13 }, error_response: { status: { code: 500 } } }),
  "answers too much": () => denial(403, "x".repeat(300_000)),
  "never answers": () => null,
}

describe("a service that", () => {
  test.for(Object.entries(failing))("%s lets no call in, unless it may", async ([name, answer], t) => {
    const timeout = name === "never answers" ? "20ms" : "10s"
    const { bed, service } = await start(t, answer, { timeout, statusOnError: 503 })
    const { code, details } = await bed.client().unary(Buffer.from("x"))
    expect([code, details]).toEqual([UNAVAILABLE, "the authorization service cannot be asked"])
    expect((await httpAnswer(t, bed)).head[":status"]).toBe(503)
    service.answer = () => allowed
    await expect.poll(async () => (await bed.client().unary(Buffer.from("x"))).code).toBe(OK)
  })

  test("is not there lets no call in, unless it may", async (t) => {
    const open = await start(t, () => allowed, {
      more: {
        routes: [
          { prefix: "/test.Echo/Unary", cluster: "test", extAuthz: { cluster: "authz", fail: "open" } },
          { prefix: "/", cluster: "test" },
        ],
      },
    })
    open.service.close()
    expect((await open.bed.client().unary(Buffer.from("x"))).code).toBe(OK)
    expect((await httpAnswer(t, open.bed)).head[":status"]).toBe(403)
  })

  test("is asked no further when its caller is gone", async (t) => {
    const { bed, service } = await start(t, () => null)
    const chat = bed.client().chat()
    chat.on("error", () => {})
    await expect.poll(() => service.asked.length).toBe(1)
    chat.cancel()
    await bed.ended()
    expect(bed.records[0]!.attempts).toEqual([])
  })
})

test("of two authorization fields the service is not asked: a backend might believe the other", async (t) => {
  const { bed, service } = await start(t, () => allowed)
  const client = await bed.rawClient()
  const fields: [string, string][] = [
    ["authorization", "Bearer good"],
    ["authorization", "Bearer evil"],
  ]
  const id = client.open([...dsl.request, ...fields], { endStream: true })
  await client.end(id)
  expect(client.about(id)[0]).toContain(
    "grpc-status=16 grpc-message=there is more than one authorization field",
  )
  expect(service.asked).toEqual([])
})

test("with satisfy any it is one of those that may let a call in", async (t) => {
  const { bed, service } = await start(t, () => denial(403), {
    more: { access: { satisfy: "any", rules: [{ allow: "127.0.0.1" }] } },
  })
  expect((await bed.client().unary(Buffer.from("x"))).code).toBe(OK)
  expect(service.asked).toEqual([])
})
