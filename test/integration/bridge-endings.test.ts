/** However a backend breaks off, a browser or another caller of HTTP/1.1 gets an answer in its protocol's words. */
import { once } from "node:events"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { connect } from "node:net"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { toBinary } from "@bufbuild/protobuf"
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt"
import { describe, expect, type TestContext, test } from "vitest"
import { WebSocket } from "ws"
import { ErrorCode } from "../../src/http2/error-code.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { talkDescriptors, wordOctets } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

const framed = (message: Uint8Array): Buffer => {
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}
const MESSAGE = framed(wordOctets({ text: "said" }))
const PATH = "/talk.Talk/Count"

/** A request as it stands, and all that comes back until the connection is closed. */
async function ask(port: number, lines: string[], body: Buffer): Promise<{ text: string; error: string }> {
  const socket = connect(port, "127.0.0.1")
  const parts: Buffer[] = []
  let error = ""
  socket.on("data", (chunk: Buffer) => parts.push(chunk))
  socket.on("error", (cause: NodeJS.ErrnoException) => (error = cause.code ?? ""))
  const length = `Content-Length: ${body.length}`
  socket.write(
    Buffer.concat([Buffer.from(`${[...lines, "Host: a.test", length].join("\r\n")}\r\n\r\n`), body]),
  )
  await new Promise((resolve) => socket.on("close", resolve))
  return { text: Buffer.concat(parts).toString("latin1"), error }
}

/** All that came, in one text. */
type Call = (port: number) => Promise<string>

const post =
  (contentType: string, body: Buffer, version = "HTTP/1.1"): Call =>
  async (port) =>
    (await ask(port, [`POST ${PATH} ${version}`, `Content-Type: ${contentType}`, "Connection: close"], body))
      .text

const viaWebSocket =
  (subprotocol: string | undefined, ...messages: (string | Buffer)[]): Call =>
  async (port) => {
    const socket = new WebSocket(`ws://127.0.0.1:${port}${PATH}`, subprotocol)
    const parts: string[] = []
    socket.on("message", (data: Buffer) => parts.push(data.toString("latin1")))
    socket.on("error", () => {})
    socket.on("open", () => {
      for (const message of messages) socket.send(message)
    })
    const [code] = (await once(socket, "close")) as [number]
    return `${parts.join("|")}|close ${code}`
  }

const callers: Record<string, Call> = {
  plain: post("text/plain", Buffer.from("x")),
  "plain 1.0": post("text/plain", Buffer.from("x"), "HTTP/1.0"),
  "gRPC on HTTP/1.1": post("application/grpc", MESSAGE),
  "gRPC-Web": post("application/grpc-web+proto", MESSAGE),
  "gRPC-Web in text": post("application/grpc-web-text", Buffer.from(MESSAGE.toString("base64"))),
  Connect: post("application/connect+proto", MESSAGE),
  "WebSocket, JSON": viaWebSocket(undefined, '{"text":"x"}'),
  "WebSocket, grpc-websockets": viaWebSocket(
    "grpc-websockets",
    Buffer.from("content-type: application/grpc-web+proto\r\n"),
    Buffer.concat([Buffer.from([0]), MESSAGE]),
  ),
}

async function start(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), "sluice-endings-"))
  t.onTestFinished(() => rmSync(folder, { recursive: true }))
  const descriptorSet = join(folder, "talk.binpb")
  writeFileSync(descriptorSet, toBinary(FileDescriptorSetSchema, talkDescriptors))
  const backend = await RawServer.start()
  const bridge = { grpcWeb: true, connect: true, webSocket: true, descriptorSet }
  const bed = await TestBed.start(t, { backends: [backend], config: { bridge } })
  return { backend, bed }
}

type Ending = (stream: RawStream) => Buffer[]

const reset =
  (code: number): Ending =>
  ({ id }) => [dsl.rstStream(id, code)]
const response = (id: number, more: dsl.Field[] = []): Buffer => dsl.headers(id, [...dsl.response, ...more])

/** What the backend does, and a part of what each caller hears of it. */
const endings: [name: string, ending: Ending, heard: Record<string, RegExp>][] = [
  [
    "resets before its head",
    reset(ErrorCode.INTERNAL_ERROR),
    {
      plain: /^HTTP\/1\.1 502 Bad Gateway[\s\S]*<h1>502 Bad Gateway<\/h1>/,
      "plain 1.0": /^HTTP\/1\.1 502 /,
      "gRPC on HTTP/1.1": /^HTTP\/1\.1 200 [\s\S]*grpc-status: 13/,
      "gRPC-Web": /^HTTP\/1\.1 200 [\s\S]*grpc-status: 13/,
      "gRPC-Web in text": /^HTTP\/1\.1 200 /,
      Connect: /^HTTP\/1\.1 200 [\s\S]*"code":"internal"/,
      "WebSocket, JSON": /"@status":\{"code":13,.*close 1000$/,
      "WebSocket, grpc-websockets": /grpc-status: 13[\s\S]*close 1000$/,
    },
  ],
  [
    "resets before its head with NO_ERROR",
    reset(ErrorCode.NO_ERROR),
    { plain: /^HTTP\/1\.1 502 /, "gRPC-Web": /grpc-status: 13/, "WebSocket, JSON": /"@status":\{"code":13/ },
  ],
  [
    "resets before its head with CANCEL",
    reset(ErrorCode.CANCEL),
    { plain: /^HTTP\/1\.1 502 /, "gRPC-Web": /grpc-status: 1\r/, "WebSocket, JSON": /"@status":\{"code":1,/ },
  ],
  [
    "falls short of its content-length",
    ({ id }) => [
      response(id, [["content-length", "99"]]),
      dsl.data(id, MESSAGE),
      dsl.data(id, "", { endStream: true }),
    ],
    {
      plain: /^HTTP\/1\.1 200 [\s\S]*content-length: 99[\s\S]*said$/,
      "gRPC on HTTP/1.1": /^HTTP\/1\.1 200 [\s\S]*said/,
      "gRPC-Web": /said[\s\S]*grpc-status: 14/,
      Connect: /said[\s\S]*"code":"unavailable"/,
      "WebSocket, JSON": /"said"[\s\S]*"@status":\{"code":14,.*close 1000$/,
      "WebSocket, grpc-websockets": /said[\s\S]*grpc-status: 14[\s\S]*close 1000$/,
    },
  ],
  [
    "goes past its content-length",
    ({ id }) => [
      response(id, [["content-length", `${MESSAGE.length}`]]),
      dsl.data(id, MESSAGE),
      dsl.data(id, "more"),
    ],
    {
      "gRPC-Web": /said[\s\S]*grpc-status: 14/,
      "WebSocket, JSON": /"said"[\s\S]*"@status":\{"code":14,.*close 1000$/,
    },
  ],
  [
    "resets behind a message",
    ({ id }) => [response(id), dsl.data(id, MESSAGE), dsl.rstStream(id, ErrorCode.INTERNAL_ERROR)],
    {
      plain: /^HTTP\/1\.1 200 [\s\S]*said\r\n$/,
      "gRPC-Web": /said[\s\S]*grpc-status: 13/,
      Connect: /said[\s\S]*"code":"internal"/,
      "WebSocket, JSON": /"said"[\s\S]*"@status":\{"code":13,.*close 1000$/,
    },
  ],
  [
    "ends without trailers",
    ({ id }) => [response(id), dsl.data(id, MESSAGE, { endStream: true })],
    {
      plain: /^HTTP\/1\.1 200 [\s\S]*said\r\n0\r\n\r\n$/,
      "gRPC-Web": /said[\s\S]*grpc-status: 2/,
      "WebSocket, JSON": /"said"[\s\S]*"@status":\{"code":2,.*close 1000$/,
    },
  ],
  [
    "sends a head that is malformed",
    ({ id }) => [dsl.headers(id, [["x", "no status"]])],
    {
      plain: /^HTTP\/1\.1 502 /,
      "gRPC-Web": /grpc-status: 14/,
      Connect: /"code":"unavailable"/,
      "WebSocket, JSON": /"@status":\{"code":14,/,
    },
  ],
]

describe.each(endings)("a backend that %s", (_name, ending, heard) => {
  test.for(Object.keys(heard))("%s", async (caller, t) => {
    const { backend, bed } = await start(t)
    const answered = callers[caller]!(bed.port)
    const stream = await backend.stream(0)
    stream.connection.send(...ending(stream))
    expect(await answered).toMatch(heard[caller]!)
    const [record] = await bed.ended()
    expect(record!.status).toBeGreaterThan(0)
    expect(bed.balancer.snapshot()).toMatchObject({ streams: [], bufferedOctets: 0 })
  })
})

test("a response to HTTP/1.0 that breaks off does not look whole: its connection is reset", async (t) => {
  const { backend, bed } = await start(t)
  const answered = ask(bed.port, [`POST ${PATH} HTTP/1.0`, "Content-Type: text/plain"], Buffer.from("x"))
  const stream = await backend.stream(0)
  stream.connection.send(response(stream.id), dsl.data(stream.id, "part"))
  await stream.connection.settled()
  stream.connection.send(dsl.rstStream(stream.id, ErrorCode.INTERNAL_ERROR))
  expect((await answered).error).toBe("ECONNRESET")
})

test("on a Unix socket, which knows no reset, it just ends", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-endings-"))
  t.onTestFinished(() => rmSync(folder, { recursive: true }))
  const path = join(folder, "sluice.sock")
  const backend = await RawServer.start()
  const bed = await TestBed.start(t, { backends: [backend], config: { listeners: `unix:${path}` } })
  const socket = connect(path)
  let text = ""
  socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
  socket.write("GET / HTTP/1.0\r\n\r\n")
  const stream = await backend.stream(0)
  stream.connection.send(response(stream.id), dsl.data(stream.id, "part"))
  await stream.connection.settled()
  stream.connection.send(dsl.rstStream(stream.id, ErrorCode.INTERNAL_ERROR))
  await once(socket, "close")
  expect(text).toMatch(/^HTTP\/1\.1 200 /)
  expect(bed.balancer.counters.get("uncaught")).toBe(0)
})

test("444 is no answer at all", async (t) => {
  const bed = await TestBed.start(t, { backends: 0, config: { clusters: {}, routes: [{ return: 444 }] } })
  expect(await ask(bed.port, ["GET / HTTP/1.1"], Buffer.alloc(0))).toEqual({ text: "", error: "" })
  expect((await bed.ended())[0]).toMatchObject({ status: 444 })
})

describe("a request whose body is malformed", () => {
  const lines = (type: string) => [
    `POST ${PATH} HTTP/1.1`,
    `Content-Type: ${type}`,
    "Transfer-Encoding: chunked",
  ]
  test.for([
    ["plain", "text/plain", /^HTTP\/1\.1 400 [\s\S]*<h1>400 Bad Request<\/h1>/],
    ["gRPC-Web", "application/grpc-web", /^HTTP\/1\.1 200 [\s\S]*grpc-status: 3/],
    ["Connect", "application/connect+proto", /"code":"invalid_argument"/],
  ] as const)("%s", async ([_name, type, answer], t) => {
    const { bed } = await start(t)
    const socket = connect(bed.port, "127.0.0.1")
    let text = ""
    socket.on("data", (chunk: Buffer) => (text += chunk.toString("latin1")))
    socket.write(`${[...lines(type), "Host: a"].join("\r\n")}\r\n\r\n3\r\nabc\r\nno chunk\r\n`)
    await once(socket, "close")
    expect(text).toMatch(answer)
    expect((await bed.ended())[0]!.path).toBe(PATH)
  })
})
