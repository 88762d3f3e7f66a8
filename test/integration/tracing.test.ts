import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { type OtlpReceiver, receiveOverGrpc, receiveOverHttp } from "../support/otlp-receiver.ts"
import { RawClient } from "../support/raw-client.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { SluiceProcess } from "../support/sluice-process.ts"

const TRACE = "0af7651916cd43dd8448eb211c80319c"
const CALLER = "b7ad6b7169203331"
const parentSaid = (flags: string): [string, string] => ["traceparent", `00-${TRACE}-${CALLER}-${flags}`]

/** A call of `Talk` that says these fields too. */
const request = (...more: [string, string][]): dsl.Field[] => [
  ...dsl.request.map(([name, value]): dsl.Field => [name, name === ":path" ? "/chat.Chat/Talk" : value]),
  ...more,
]

const fieldOf = ({ fields }: RawStream, wanted: string): string[] =>
  fields.filter(([name]) => name === wanted).map(([, value]) => value)

async function start(t: TestContext, settings: object, receiver: OtlpReceiver | null = null) {
  const [first, second] = await Promise.all([RawServer.start(), RawServer.start()])
  for (const server of [first!, second!]) t.onTestFinished(() => server.close())
  if (receiver !== null) t.onTestFinished(() => receiver.close())
  const port = await freePort()
  const addresses = [first!, second!].map((server) => `127.0.0.1:${server.port}`)
  const sluice = new SluiceProcess(t, {
    listeners: `127.0.0.1:${port}`,
    clusters: { chat: addresses },
    ...(receiver !== null && {
      tracing: {
        endpoint: receiver.endpoint,
        serviceName: "edge",
        interval: "100ms",
        headers: { "x-key": "k" },
      },
    }),
    ...settings,
  })
  await sluice.says('"message":"listening"')
  const client = await RawClient.connect(port)
  t.onTestFinished(() => client.destroy())
  const streams = () => [...first!.streams, ...second!.streams]
  const call = async (fields: readonly dsl.Field[]): Promise<RawStream> => {
    const before = streams().length
    client.open(fields, { endStream: true })
    await eventually(
      () => streams().length === before + 1,
      () => "the call is at a backend",
    )
    return streams().find((stream) => !known.has(stream))!
  }
  const known = new Set<RawStream>()
  const answered = async (
    fields: readonly dsl.Field[],
    trailers: readonly dsl.Field[] = dsl.okTrailers,
  ): Promise<RawStream> => {
    const stream = await call(fields)
    known.add(stream)
    stream.connection.send(
      dsl.headers(stream.id, dsl.response),
      dsl.data(stream.id, Buffer.from([0, 0, 0, 0, 0])),
      dsl.headers(stream.id, trailers, { endStream: true }),
    )
    return stream
  }
  return { sluice, port, client, addresses, servers: [first!, second!], answered }
}

describe("off", () => {
  test("what a call says of its trace goes on octet for octet", async (t) => {
    const { answered } = await start(t, {})
    const stream = await answered(request(parentSaid("01"), ["tracestate", "a=1,b=2"]))
    expect(fieldOf(stream, "traceparent")).toEqual([`00-${TRACE}-${CALLER}-01`])
    expect(fieldOf(stream, "tracestate")).toEqual(["a=1,b=2"])
    const odd = await answered(request(["traceparent", "what is this"]))
    expect(fieldOf(odd, "traceparent")).toEqual(["what is this"])
    expect(fieldOf(await answered(request()), "traceparent")).toEqual([])
  })
})

describe("on", () => {
  test.for([
    ["HTTP", receiveOverHttp],
    ["gRPC", receiveOverGrpc],
  ] as const)(
    "a span for the call and one for its leg, over %s, continue the caller's trace",
    async ([, receive], t) => {
      const receiver = await receive()
      const { answered, addresses, servers } = await start(t, { trace: "on" }, receiver)
      const stream = await answered(request(parentSaid("01"), ["tracestate", "a=1"]))
      await eventually(
        () => receiver.spans.length === 2,
        () => `two spans, not ${receiver.spans.length}`,
      )
      const own = receiver.spans.find(({ kind }) => kind === 2)!
      const leg = receiver.spans.find(({ kind }) => kind === 3)!
      expect(own).toMatchObject({
        traceId: TRACE,
        parentSpanId: CALLER,
        traceState: "a=1",
        name: "chat.Chat/Talk",
        statusCode: 0,
        attributes: {
          "rpc.system.name": "grpc",
          "rpc.method": "chat.Chat/Talk",
          "rpc.status_code": "OK",
          "client.address": "127.0.0.1",
          "network.protocol.version": "2",
          "sluice.route": "/",
          "sluice.cluster": "chat",
          "sluice.response_messages": 1,
        },
        resource: { "service.name": "edge" },
      })
      const address = addresses[servers.findIndex(({ streams }) => streams.includes(stream))]!
      expect(leg).toMatchObject({
        traceId: TRACE,
        parentSpanId: own.spanId,
        name: "chat.Chat/Talk",
        attributes: { "server.address": "127.0.0.1", "server.port": Number(address.split(":")[1]) },
      })
      // The endpoint is told that the leg calls it.
      expect(fieldOf(stream, "traceparent")).toEqual([`00-${TRACE}-${leg.spanId}-01`])
      expect(fieldOf(stream, "tracestate")).toEqual(["a=1"])
      expect(own.endMs).toBeGreaterThanOrEqual(own.startMs)
      expect(Math.abs(Date.now() - own.startMs)).toBeLessThan(600_000)
      expect(receiver.headers["x-key"]).toBe("k")
    },
  )

  test("a call without a trace begins one, and its error is the span's", async (t) => {
    const receiver = await receiveOverHttp()
    const { answered } = await start(t, { trace: "on" }, receiver)
    const stream = await answered(request(), [["grpc-status", "14"]])
    await eventually(
      () => receiver.spans.length === 2,
      () => "two spans",
    )
    const own = receiver.spans.find(({ kind }) => kind === 2)!
    expect(own.parentSpanId).toBe("")
    expect(own).toMatchObject({ statusCode: 2, attributes: { "error.type": "UNAVAILABLE" } })
    const [, traceId, spanId, flags] = /^00-(\w+)-(\w+)-(\w+)$/.exec(fieldOf(stream, "traceparent")[0]!)!
    expect([traceId, flags]).toEqual([own.traceId, "01"])
    expect(spanId).toBe(receiver.spans.find(({ kind }) => kind === 3)!.spanId)
  })

  test("a retry is a span of its own", async (t) => {
    const receiver = await receiveOverHttp()
    const { servers, answered } = await start(t, { trace: "on" }, receiver)
    await servers[1]!.close()
    for (let i = 0; i < 2; i++) await answered(request(parentSaid("01")))
    await eventually(
      () => receiver.spans.length === 5,
      () => `five spans, not ${receiver.spans.length}`,
    )
    const calls = receiver.spans.filter(({ kind }) => kind === 2)
    const legs = calls.map(({ spanId }) =>
      receiver.spans.filter(({ parentSpanId }) => parentSpanId === spanId),
    )
    expect(legs.map(({ length }) => length).sort((a, b) => a - b)).toEqual([1, 2])
    expect(legs.flat().filter(({ statusCode }) => statusCode === 2)).toHaveLength(1)
  })

  test("which calls have spans, and what their endpoint is told", async (t) => {
    const cases = [
      { trace: "parent", said: "01", isTraced: true },
      { trace: "parent", said: "00", isTraced: false },
      { trace: "0%", said: null, isTraced: false },
      { trace: "0%", said: "01", isTraced: true },
      { trace: "100%", said: null, isTraced: true },
      { trace: "100%", said: "00", isTraced: false },
      { trace: "$otel_parent_sampled", said: "01", isTraced: true },
      { trace: "$otel_parent_sampled", said: "00", isTraced: false },
      { trace: "off", said: "01", isTraced: false },
    ]
    const pathOf = (index: number) => `/chat.Chat/Case${index}`
    const routes = cases.map(({ trace }, index) => ({ exact: pathOf(index), cluster: "chat", trace }))
    const receiver = await receiveOverHttp()
    // All calls of the last route are traced: when its spans are there, those before it would be too.
    const all = [...routes, { cluster: "chat", trace: "on" }]
    const { answered } = await start(t, { servers: [{ names: "", routes: all }] }, receiver)
    for (const [index, { said, isTraced }] of cases.entries()) {
      const fields = request(...(said === null ? [] : [parentSaid(said)]))
      const path = fields.map(([name, value]): dsl.Field => [name, name === ":path" ? pathOf(index) : value])
      const stream = await answered(path)
      // What is not sampled goes on as it came.
      if (!isTraced && said !== null)
        expect(fieldOf(stream, "traceparent")).toEqual([`00-${TRACE}-${CALLER}-${said}`])
      if (said === null) expect(fieldOf(stream, "traceparent")[0]).toMatch(isTraced ? /-01$/ : /-00$/)
    }
    await answered(request())
    const routeNames = () => receiver.spans.map(({ attributes }) => attributes["sluice.route"])
    await eventually(
      () => routeNames().includes("/"),
      () => "the span of the last call",
    )
    const traced = cases.map((_, index) => routeNames().includes(`= ${pathOf(index)}`))
    expect(traced).toEqual(cases.map(({ isTraced }) => isTraced))
  })

  test("what is made of a caller's trace", async (t) => {
    const cases = [
      { context: "ignore", parent: "", backend: `00-${TRACE}-${CALLER}-01` },
      { context: "extract", parent: CALLER, backend: `00-${TRACE}-${CALLER}-01` },
      { context: "inject", parent: "", backend: null },
      { context: "propagate", parent: CALLER, backend: null },
    ]
    const routes = cases.map(({ context }) => {
      return { prefix: `/chat.Chat/${context}`, cluster: "chat", trace: { sample: "on", context } }
    })
    const receiver = await receiveOverHttp()
    const { answered } = await start(t, { servers: [{ names: "", routes }] }, receiver)
    for (const { context, parent, backend } of cases) {
      receiver.spans.length = 0
      const path = `/chat.Chat/${context}`
      const fields = request(parentSaid("01")).map(
        ([name, value]): dsl.Field => [name, name === ":path" ? path : value],
      )
      const stream = await answered(fields)
      await eventually(
        () => receiver.spans.length === 2,
        () => "two spans",
      )
      const own = receiver.spans.find(({ kind }) => kind === 2)!
      const leg = receiver.spans.find(({ kind }) => kind === 3)!
      expect(own.parentSpanId).toBe(parent)
      expect(fieldOf(stream, "traceparent")).toEqual([backend ?? `00-${own.traceId}-${leg.spanId}-01`])
      expect(own.traceId === TRACE).toBe(parent !== "")
    }
  })

  test("names and attributes by nginx's words", async (t) => {
    const receiver = await receiveOverHttp()
    const backend = await RawServer.start()
    t.onTestFinished(() => backend.close())
    t.onTestFinished(() => receiver.close())
    const port = await freePort()
    const sluice = new SluiceProcess(
      t,
      `http {
        otel_exporter { endpoint ${receiver.endpoint}/v1/traces; interval 100ms; batch_size 10; batch_count 2; }
        otel_service_name chat-edge;
        otel_resource_attr deployment.environment.name test;
        log_format traced "trace=$otel_trace_id span=$otel_span_id parent=$otel_parent_id";
        server {
          listen 127.0.0.1:${port} http2;
          access_log /dev/stderr traced;
          location / {
            otel_trace $otel_parent_sampled;
            otel_trace_context propagate;
            otel_span_name "talk $request_method";
            otel_span_attr chat.room $http_room;
            grpc_pass grpc://127.0.0.1:${backend.port};
          }
        }
      }`,
    )
    await sluice.says('"message":"listening"')
    const client = await RawClient.connect(port)
    t.onTestFinished(() => client.destroy())
    client.open(request(parentSaid("01"), ["room", "blue"]), { endStream: true })
    const stream = await backend.stream()
    stream.connection.send(dsl.headers(stream.id, dsl.okTrailers, { endStream: true }))
    await eventually(
      () => receiver.spans.length === 2,
      () => "two spans",
    )
    const own = receiver.spans.find(({ kind }) => kind === 2)!
    expect(own).toMatchObject({
      name: "talk POST",
      attributes: { "chat.room": "blue" },
      resource: { "service.name": "chat-edge", "deployment.environment.name": "test" },
    })
    await sluice.says(`trace=${TRACE} span=${own.spanId} parent=${CALLER}`)
  })

  test("a collector that is not there is said once, counted, and said when it is back", async (t) => {
    const receiver = await receiveOverHttp()
    receiver.answer(400)
    const { sluice, answered } = await start(t, { trace: "on" }, receiver)
    await answered(request())
    await sluice.says("spans are not taken")
    receiver.answer(200)
    await answered(request())
    await sluice.says("spans are taken again")
    expect(receiver.spans).toHaveLength(2)
  })

  test("what waits is sent before the process ends", async (t) => {
    const receiver = await receiveOverHttp()
    const tracing = { endpoint: receiver.endpoint, interval: "1h" }
    const { sluice, answered, client } = await start(t, { trace: "on", tracing }, receiver)
    const { id } = await answered(request())
    await client.end(id)
    sluice.signal("SIGTERM")
    await sluice.ended
    expect(receiver.spans).toHaveLength(2)
  })
})
