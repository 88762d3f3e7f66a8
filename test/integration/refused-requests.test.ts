import { connect } from "node:net"
import { describe, expect, type TestContext, test } from "vitest"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

/*
 * What a client should not have sent is answered all the same, in the words of its protocol, before the stream is reset;
 * it is logged as any other request is, and its neighbours go on.
 */

const http = dsl.withFields(dsl.request, { "content-type": "text/plain", te: undefined })
const web = dsl.withFields(dsl.request, { "content-type": "application/grpc-web+proto", te: undefined })
const connectJson = dsl.withFields(dsl.request, {
  "content-type": "application/json",
  te: undefined,
  "connect-protocol-version": "1",
})

const malformed: [what: string, change: (fields: readonly dsl.Field[]) => dsl.Field[], reason: string][] = [
  ["an upper-case name", (all) => [...all, ["X-A", "1"]], "a field name has octet 0x58"],
  ["CR LF in a value", (all) => [...all, ["x-a", "1\r\nx-admin: yes"]], "the value of x-a has octet 0xd"],
  ["LF in a value", (all) => [...all, ["x-a", "1\n"]], "the value of x-a has octet 0xa"],
  ["NUL in a value", (all) => [...all, ["x-a", "1\0"]], "the value of x-a has octet 0x0"],
  ["a connection field", (all) => [...all, ["connection", "close"]], "connection belongs to HTTP/1.1"],
  ["te: gzip", (all) => dsl.withFields(all, { te: "gzip" }), 'te is "gzip", not trailers'],
  ["no :path", (all) => dsl.withFields(all, { ":path": undefined }), ":path is missing"],
  ["a path that is no path", (all) => dsl.withFields(all, { ":path": "x" }), ":path does not start with /"],
  ["a path above /", (all) => dsl.withFields(all, { ":path": "/a/../../b" }), "the path has no meaning"],
  ["a path with half an escape", (all) => dsl.withFields(all, { ":path": "/%4" }), "the path has no meaning"],
  ["two paths", (all) => [[":path", "/other"], ...all], ":path is repeated or not known"],
  ["a host that differs", (all) => [...all, ["host", "other.example"]], "host and :authority differ"],
  [
    "a length with nothing behind it",
    (all) => [...all, ["content-length", "5"]],
    "content-length without DATA",
  ],
]

const protocols: [
  name: string,
  fields: readonly dsl.Field[],
  answer: (reason: string) => unknown,
  status: number,
  grpcStatus: number,
][] = [
  [
    "gRPC",
    dsl.request,
    (reason) => [
      expect.stringContaining(
        ` END_STREAM :status=200 content-type=application/grpc grpc-status=3 grpc-message=malformed request: ${reason}`,
      ),
    ],
    200,
    3,
  ],
  [
    "HTTP",
    http,
    () => [
      expect.stringMatching(/ :status=400 content-type=text\/html content-length=\d+$/),
      expect.stringMatching(/^DATA \d+ \d+ END_STREAM$/),
    ],
    400,
    -1,
  ],
]

async function start(t: TestContext) {
  const said = new LogLines()
  const bed = await TestBed.start(t, {
    backends: [await RawServer.start()],
    log: said.log,
    config: { bridge: { grpcWeb: true, connect: true } },
  })
  bed.raw.onStream = ({ connection, id }) =>
    connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  const client = await bed.rawClient()
  const goesOn = async (): Promise<void> => {
    const next = client.open(dsl.request, { endStream: true })
    await client.end(next)
    expect(client.about(next).at(-1)).toContain("grpc-status=0")
    expect(bed.raw.streams.length).toBe(1)
  }
  return { bed, client, said, goesOn }
}

describe.each(protocols)("%s", (_name, fields, answer, status, grpcStatus) => {
  test.for(malformed)("%s: an answer, and a line in the log", async ([, change, reason], t) => {
    const { bed, client, goesOn } = await start(t)
    const id = client.open(change(fields), { endStream: true })
    await client.end(id)
    await client.settled()
    const lines = client.about(id)
    const isReset = lines.at(-1) === `RST_STREAM ${id} PROTOCOL_ERROR`
    expect(isReset ? lines.slice(0, -1) : lines).toEqual(answer(reason))
    expect(isReset).toBe(reason !== "the path has no meaning")
    const [record] = await bed.ended()
    expect([record!.status, record!.grpcStatus, record!.endMs >= record!.startMs]).toEqual([
      status,
      grpcStatus,
      true,
    ])
    if (grpcStatus >= 0) expect(record!.grpcMessage).toBe(`malformed request: ${reason}`)
    await goesOn()
  })

  test.for([
    ["a body past its length", (id: number) => dsl.data(id, "123456")],
    ["a body short of it", (id: number) => dsl.data(id, "1", { endStream: true })],
    ["trailers that end nothing", (id: number) => dsl.headers(id, [["x", "y"]])],
    ["trailers with CR", (id: number) => dsl.headers(id, [["x", "a\rb"]], { endStream: true })],
  ] as const)("%s, when the call is under way: an answer before the reset", async ([, frame], t) => {
    const { bed, client } = await start(t)
    bed.raw.onStream = () => {}
    const id = client.open(dsl.withFields(fields, { "content-length": "5" }))
    const { connection, id: above } = await bed.raw.stream()
    client.send(frame(id))
    await client.until(() => client.about(id).at(-1) === `RST_STREAM ${id} PROTOCOL_ERROR`, "RST_STREAM")
    expect(client.about(id).slice(0, -1)).toEqual(answer(""))
    expect(dsl.codeOf(await connection.end(above))).toBe(8)
    const [record] = await bed.ended()
    expect([record!.status, record!.grpcStatus]).toEqual([status, grpcStatus])
  })
})

test("gRPC-Web is answered as gRPC-Web", async (t) => {
  const { bed, client, goesOn } = await start(t)
  const id = client.open([...web, ["connection", "close"]], { endStream: true })
  await client.end(id)
  expect(client.about(id)[0]).toMatch(/:status=200 content-type=application\/grpc-web/)
  expect(client.dataOf(id).subarray(5).toString()).toContain(
    "grpc-status: 3\r\ngrpc-message: malformed request: connection belongs",
  )
  expect((await bed.ended())[0]!.grpcStatus).toBe(3)
  await goesOn()
})

test("Connect is answered as Connect", async (t) => {
  const { bed, client, goesOn } = await start(t)
  const id = client.open([...connectJson, ["connection", "close"]], { endStream: true })
  await client.end(id)
  expect(client.about(id)[0]).toMatch(/:status=400 content-type=application\/json/)
  expect(JSON.parse(client.dataOf(id).toString())).toMatchObject({
    code: "invalid_argument",
    message: "malformed request: connection belongs to HTTP/1.1",
  })
  await bed.ended()
  await goesOn()
})

test("blanks at the ends of a request's values cost nothing: the backend gets the values without", async (t) => {
  const { bed, client } = await start(t)
  const id = client.open([...dsl.request, ["x-debug", "a "], ["x-more", "\tb c\t"]], { endStream: true })
  const { fields } = await bed.raw.stream()
  await client.end(id)
  expect(fields.filter(([name]) => name.startsWith("x-"))).toEqual([
    ["x-debug", "a"],
    ["x-more", "b c"],
  ])
  expect(client.about(id)[0]).toContain("grpc-status=0")
})

describe("methods that are not served", () => {
  const trace = (fields: readonly dsl.Field[]) => dsl.withFields(fields, { ":method": "TRACE" })
  const tunnel = dsl.withFields(http, { ":method": "CONNECT", ":scheme": undefined, ":path": undefined })

  test.for([
    ["TRACE", trace(http), ":status=405"],
    ["TRACE of gRPC", trace(dsl.request), "grpc-status=12 grpc-message=TRACE is not served"],
    ["TRACE of gRPC-Web", trace(web), ":status=405"],
    ["CONNECT", tunnel, ":status=405"],
  ] as const)("%s", async ([, fields, expected], t) => {
    const { bed, client, goesOn } = await start(t)
    const id = client.open(fields, { endStream: true })
    await client.end(id)
    expect(client.about(id)[0]).toContain(expected)
    expect((await bed.ended())[0]!.status).toBe(expected.startsWith(":status") ? 405 : 200)
    await goesOn()
  })

  test("TRACE over HTTP/1.1", async (t) => {
    const { bed } = await start(t)
    const socket = connect(bed.port, "127.0.0.1")
    socket.write("TRACE / HTTP/1.1\r\nhost: test.example\r\ncookie: secret\r\nconnection: close\r\n\r\n")
    const answer = Buffer.concat(await socket.toArray()).toString()
    expect(answer).toMatch(/^HTTP\/1.1 405 /)
    expect(answer).not.toContain("secret")
    expect(bed.raw.streams).toEqual([])
  })
})

describe("what no honest client sends is charged", () => {
  const bad: [string, dsl.Field[]][] = [
    ["paths above /", dsl.withFields(dsl.request, { ":path": "/.." })],
    ["malformed deadlines", [...dsl.request, ["grpc-timeout", "soon"]]],
    ["TRACE", dsl.withFields(http, { ":method": "TRACE" })],
    ["CONNECT", dsl.withFields(http, { ":method": "CONNECT", ":scheme": undefined, ":path": undefined })],
    ["malformed requests", [...dsl.request, ["connection", "close"]]],
    ["malformed deadlines of gRPC-Web", [...web, ["grpc-timeout", "soon"]]],
  ]
  test.for(bad)("%s: 200 at once are answered, the next ends the connection", async ([, fields], t) => {
    const { bed, client } = await start(t)
    for (let i = 0; i < 10; i++) {
      for (let n = 0; n < 20; n++) client.open(fields, { endStream: true })
      await bed.ended(20 * (i + 1))
    }
    expect(client.isClosed).toBe(false)
    // The bucket fills again while this runs, by 33 a second.
    for (let more = 0; more < 100 && !client.isClosed; more++) {
      for (let n = 0; n < 20; n++) client.open(fields, { endStream: true })
      await client.until(
        () =>
          client.isClosed ||
          client.about(0).some((line) => line.startsWith("GOAWAY")) ||
          bed.records.length >= 220 + 20 * more,
        "answers or GOAWAY",
      )
    }
    expect(client.about(0).at(-1)).toMatch(/^GOAWAY \d+ ENHANCE_YOUR_CALM/)
    expect(bed.raw.streams).toEqual([])
  })

  const honest: [string, dsl.Field[], string][] = [
    [
      "methods that no route leads to",
      dsl.withFields(dsl.request, { ":path": "/elsewhere" }),
      "grpc-status=12",
    ],
    ["answers that the configuration gives", dsl.withFields(http, { ":path": "/health" }), ":status=200"],
    [
      "uploads past client_max_body_size",
      dsl.withFields(http, { ":path": "/small", "content-length": "1000000" }),
      ":status=413",
    ],
  ]
  test.for(honest)("what honest clients send is not: %s, 1,000 of them", async ([, fields, expected], t) => {
    const said = new LogLines()
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start()],
      log: said.log,
      config: {
        routes: [
          { exact: "/health", return: { status: 200, text: "ok" } },
          { prefix: "/small", cluster: "test", maxBodySize: "1k" },
          { prefix: "/test.", cluster: "test" },
        ],
      },
    })
    const client = await bed.rawClient()
    let id = 0
    for (let i = 1; i <= 10; i++) {
      for (let n = 0; n < 100; n++) id = client.open(fields)
      await bed.ended(100 * i)
    }
    await client.until(() => client.about(id).length > 0, "an answer")
    expect(client.about(id)[0]).toContain(expected)
    expect(said.lines.filter(({ level }) => level === "warn")).toEqual([])
    expect(client.isClosed).toBe(false)
  })
})
