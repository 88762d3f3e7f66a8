/** Active health checks of the control side, over real sockets. */
import { once } from "node:events"
import { createServer as createHttpServer, type RequestListener } from "node:http"
import { createServer, type Socket } from "node:net"
import * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { startControl } from "../support/control-bed.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { freePort } from "../support/free-port.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"

const SERVING: Buffer = Buffer.from("0801", "hex")
const NOT_SERVING: Buffer = Buffer.from("0802", "hex")
const raw = (value: Buffer): Buffer => value
const method = (name: string, responseStream: boolean) => ({
  path: `/grpc.health.v1.Health/${name}`,
  requestStream: false,
  responseStream,
  requestSerialize: raw,
  requestDeserialize: raw,
  responseSerialize: raw,
  responseDeserialize: raw,
})

/** A grpc-js server of grpc.health.v1, whose word can change. */
class HealthServer {
  status = SERVING
  checks = 0
  services: string[] = []
  port = 0
  readonly #watching = new Set<grpc.ServerWritableStream<Buffer, Buffer>>()
  readonly #server = new grpc.Server()

  constructor(hasWatch = true) {
    this.#server.addService(
      {
        Check: method("Check", false),
        ...(hasWatch && { Watch: method("Watch", true) }),
      } as grpc.ServiceDefinition,
      {
        Check: (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
          this.checks++
          this.services.push(call.request.subarray(2).toString())
          done(null, this.status)
        },
        Watch: (call: grpc.ServerWritableStream<Buffer, Buffer>) => {
          this.#watching.add(call)
          call.write(this.status)
        },
      },
    )
  }

  async start(t: TestContext): Promise<this> {
    const insecure = grpc.ServerCredentials.createInsecure()
    this.port = await new Promise((resolve, reject) =>
      this.#server.bindAsync("127.0.0.1:0", insecure, (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    )
    t.onTestFinished(() => this.#server.forceShutdown())
    return this
  }

  /** Tells all that watch. */
  say(status: Buffer): void {
    this.status = status
    for (const call of this.#watching) call.write(status)
  }

  get watched(): boolean {
    return this.#watching.size > 0
  }
}

const quick = { interval: "50ms", timeout: "5s" }

async function start(
  t: TestContext,
  ports: readonly number[],
  healthCheck: object,
  more: Partial<SluiceYaml> = {},
  name = "test",
) {
  const addresses = ports.map((port) => `127.0.0.1:${port}`)
  const bed = await startControl(t, [], {
    clusters: { [name]: { endpoints: addresses, healthCheck: { ...quick, ...healthCheck } } },
    ...more,
  })
  const health = (): string[] => bed.control.states.endpointsOf(name).map(({ health }) => health)
  const becomes = (...expected: string[]): Promise<void> =>
    eventually(
      () => health().join() === expected.join(),
      () => `${expected.join()}; it is ${health().join()}`,
    )
  return { ...bed, health, becomes, addresses }
}

describe("type: grpc", () => {
  test("an endpoint that does not serve is unhealthy, and healthy again when it does; the log says both", async (t) => {
    const [good, bad] = [await new HealthServer().start(t), await new HealthServer().start(t)]
    bad.status = NOT_SERVING
    const { becomes, lines, addresses } = await start(t, [good.port, bad.port], { service: "chat.Chat" })
    await becomes("healthy", "unhealthy")
    bad.status = SERVING
    await becomes("healthy", "healthy")
    expect(good.services).toContain("chat.Chat")
    const endpoint = addresses[1]
    expect(lines.saying("endpoint is unhealthy")).toEqual([
      { cluster: "test", endpoint, reason: "chat.Chat: NOT_SERVING" },
    ])
    expect(lines.saying("endpoint is healthy again")).toEqual([
      { cluster: "test", endpoint, afterMs: expect.any(Number) },
    ])
  })

  test("so many in a row are needed either way", async (t) => {
    const server = await new HealthServer().start(t)
    const { becomes } = await start(t, [server.port], { fails: 3, passes: 2 })
    await becomes("healthy")
    server.status = NOT_SERVING
    const before = server.checks
    await becomes("unhealthy")
    expect(server.checks - before).toBeGreaterThanOrEqual(3)
  })

  test("one that is watched says so at once", async (t) => {
    const server = await new HealthServer().start(t)
    const { becomes, lines } = await start(t, [server.port], { watch: true, interval: "1h", fails: 5 })
    await becomes("healthy")
    await eventually(
      () => server.watched,
      () => "it is watched",
    )
    server.say(NOT_SERVING)
    await becomes("unhealthy")
    expect(lines.saying("endpoint is unhealthy")[0]).toMatchObject({ reason: "it says NOT_SERVING" })
    server.say(SERVING)
    await becomes("healthy")
  })

  test.for<[what: string, (stream: RawStream) => void, reason: string | null]>([
    [
      "does not know the protocol: that it answers will do",
      ({ connection, id }) =>
        connection.send(dsl.headers(id, [...dsl.response, ["grpc-status", "12"]], { endStream: true })),
      null,
    ],
    [
      "does not know the service",
      ({ connection, id }) =>
        connection.send(
          dsl.headers(id, [...dsl.response, ["grpc-status", "5"], ["grpc-message", "unknown"]], {
            endStream: true,
          }),
        ),
      "grpc-status 5 (unknown)",
    ],
    [
      "answers in HTTP",
      ({ connection, id }) => connection.send(dsl.headers(id, [[":status", "404"]], { endStream: true })),
      "HTTP status 404",
    ],
    ["resets", ({ connection, id }) => connection.send(dsl.rstStream(id, 2)), "RST_STREAM (INTERNAL_ERROR)"],
    [
      "answers nonsense",
      ({ connection, id }) => connection.send(dsl.headers(id, dsl.response), dsl.data(id, "nonsense")),
      "the answer is compressed",
    ],
    ["closes", ({ connection }) => void connection.socket.end(), "the peer closed the connection"],
  ])("an endpoint that %s", async ([, onStream, reason], t) => {
    const server = await RawServer.start()
    t.onTestFinished(() => server.close())
    server.onStream = onStream
    const { becomes, lines } = await start(t, [server.port], {})
    await becomes(reason === null ? "healthy" : "unhealthy")
    if (reason !== null)
      expect(lines.saying("endpoint is unhealthy")[0]!.reason).toEqual(expect.stringContaining(reason))
  })

  test("one that says nothing is unhealthy after the timeout", async (t) => {
    const server = await RawServer.start()
    t.onTestFinished(() => server.close())
    const { becomes, lines } = await start(t, [server.port], { timeout: "100ms" })
    await becomes("unhealthy")
    expect(lines.saying("endpoint is unhealthy")[0]).toMatchObject({ reason: "no answer within 100 ms" })
  })
})

describe("type: tcp", () => {
  test("that it accepts is enough", async (t) => {
    const sockets = new Set<Socket>()
    const server = createServer((socket) => void sockets.add(socket))
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
    const { port } = server.address() as { port: number }
    const { becomes, lines } = await start(t, [port], { type: "tcp" })
    await becomes("healthy")
    await new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
    await becomes("unhealthy")
    expect(lines.saying("endpoint is unhealthy")[0]).toMatchObject({ reason: "connection refused" })
  })
})

describe("what follows", () => {
  test("new streams go to endpoints that are healthy; live ones stay", async (t) => {
    const servers = [await RawServer.start(), await RawServer.start(), await RawServer.start()]
    for (const server of servers) t.onTestFinished(() => server.close())
    const checked = [await new HealthServer().start(t)]
    const sick = servers[0]!
    for (const server of servers)
      server.onStream = ({ connection, id, fields }) => {
        const isCheck = fields.some(([name, value]) => name === ":path" && value.includes("Health/Check"))
        const status = server === sick && checked[0]!.status === NOT_SERVING ? "14" : "12"
        if (isCheck)
          connection.send(dsl.headers(id, [...dsl.response, ["grpc-status", status]], { endStream: true }))
        else connection.send(dsl.headers(id, dsl.response))
      }
    const calls = (server: RawServer): number =>
      server.streams.filter(({ fields }) => !fields.some(([, value]) => value.includes("Health/Check")))
        .length
    const { becomes, connect, applied } = await start(
      t,
      servers.map(({ port }) => port),
      {},
    )
    await becomes("healthy", "healthy", "healthy")
    const clients = await connect(6)
    for (const client of clients) await client.head(client.open())
    const before = calls(sick)
    expect(before).toBeGreaterThan(0)
    checked[0]!.status = NOT_SERVING
    await becomes("unhealthy", "healthy", "healthy")
    await applied()
    for (const client of clients) await client.head(client.open())
    expect(calls(sick)).toBe(before)
    for (const client of clients) expect(client.seen.some(dsl.endsStream)).toBe(false)
  })

  test("mandatory: no stream before the endpoint has passed, and UNAVAILABLE where none has", async (t) => {
    const server = await RawServer.start()
    t.onTestFinished(() => server.close())
    const held: RawStream[] = []
    server.onStream = (stream) => void held.push(stream)
    const { becomes, connect, health, applied } = await start(t, [server.port], { mandatory: true })
    await eventually(
      () => held.length > 0,
      () => "the check is under way",
    )
    expect(health()).toEqual(["unknown"])
    const [client] = await connect(1)
    expect(dsl.describeFrame(await client!.end(client!.open()))).toContain("grpc-status=14")
    for (const { connection, id } of held)
      connection.send(dsl.headers(id, [...dsl.response, ["grpc-status", "12"]], { endStream: true }))
    await becomes("healthy")
    await applied()
    server.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
    await client!.head(client!.open())
  })
})

/** An HTTP server whose answer can change, and what it was asked. */
async function httpServer(t: TestContext, answer: RequestListener): Promise<number> {
  const server = createHttpServer(answer)
  server.listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => void server.close())
  return (server.address() as { port: number }).port
}

/** A TCP server of the test's, whose sockets are closed with it. */
async function rawServer(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on("error", () => {})
    onConnection(socket)
  }).listen(0, "127.0.0.1")
  await once(server, "listening")
  t.onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return (server.address() as { port: number }).port
}

describe("type: http", () => {
  test("a status from 200 to 399 is healthy, unless a match says otherwise", async (t) => {
    let status = 204
    const asked: string[] = []
    const port = await httpServer(t, (request, response) => {
      asked.push(`${request.method} ${request.url} ${request.headers.host}`)
      response.writeHead(status).end()
    })
    const { becomes, lines } = await start(t, [port], { type: "http", uri: "/health?x" })
    await becomes("healthy")
    expect(asked[0]).toBe("GET /health?x test")
    status = 503
    await becomes("unhealthy")
    expect(lines.saying("endpoint is unhealthy")[0]).toMatchObject({ reason: "HTTP status 503" })
    status = 302
    await becomes("healthy")
  })

  test("by status, headers and a body that comes in pieces", async (t) => {
    let [type, end] = ["text/html", "come"]
    const port = await httpServer(t, (_, response) => {
      response.writeHead(200, { "content-type": type })
      response.write("wel")
      response.end(end)
    })
    const match = { status: ["200"], headers: ["Content-Type = text/html"], body: ["~ welcome"] }
    const { becomes, lines } = await start(t, [port], { type: "http", match })
    await becomes("healthy")
    end = "l"
    await becomes("unhealthy")
    end = "come"
    await becomes("healthy")
    type = "text/plain"
    await becomes("unhealthy")
    expect(lines.saying("endpoint is unhealthy").map(({ reason }) => reason)).toEqual([
      "the body is not as it should be",
      "the header Content-Type is not as it should be",
    ])
  })

  test.for<[name: string, host: string]>([
    ["日本", "日本"],
    ["a b", "localhost"],
  ])("of the cluster %s it asks as %s", async ([name, host], t) => {
    const hosts = new Set<string>()
    const port = await httpServer(t, ({ headers }, response) => {
      hosts.add(Buffer.from(headers.host!, "latin1").toString())
      response.end()
    })
    const { becomes } = await start(t, [port], { type: "http" }, {}, name)
    await becomes("healthy")
    expect([...hosts]).toEqual([host])
  })

  test.for<[what: string, match: object | undefined, pieces: number, verdict: "healthy" | "unhealthy"]>([
    ["which is not asked about", undefined, 1, "healthy"],
    ["whose beginning is right", { body: ["~ ^x"] }, 6, "healthy"],
    ["whose beginning is wrong", { body: ["~ y"] }, 6, "unhealthy"],
  ])("a body without end, %s", async ([, match, pieces, verdict], t) => {
    const port = await httpServer(t, (_, response) => {
      response.writeHead(200, { "content-type": "text/event-stream" })
      for (let left = pieces; left > 0; left--) response.write("x".repeat(50_000))
    })
    const { becomes, lines } = await start(t, [port], { type: "http", match, timeout: "1h" })
    await becomes(verdict)
    if (verdict === "unhealthy")
      expect(lines.saying("endpoint is unhealthy")[0]).toMatchObject({
        reason: "the body is not as it should be",
      })
  })

  test("a server that does not speak HTTP, none at all, and one that does not answer", async (t) => {
    const ports = [
      await rawServer(t, (socket) => socket.end("SSH-2.0-x\r\n")),
      await freePort(),
      await rawServer(t, (socket) => void socket.resume()),
    ]
    const { becomes } = await start(t, ports, { type: "http", timeout: "200ms" })
    await becomes("unhealthy", "unhealthy", "unhealthy")
  })
})

describe("what is sent by TCP, and what comes", () => {
  test.for<[what: string, check: object, expected: "healthy" | "unhealthy"]>([
    ["the text", { send: "PING\\x0d\\x0a", expect: "= +PONG" }, "healthy"],
    ["a regex", { send: "PING\r\n", expect: "~ ^\\+P" }, "healthy"],
    ["another text", { send: "PING\r\n", expect: "= -PONG" }, "unhealthy"],
    ["nothing, which is enough", { send: "PING\r\n" }, "healthy"],
    [
      "nothing, where something is expected",
      { send: "PONG", expect: "= +PONG", timeout: "200ms" },
      "unhealthy",
    ],
  ])("%s", async ([, check, expected], t) => {
    const port = await rawServer(t, (socket) => {
      socket.on("data", (octets) => {
        if (String(octets) !== "PING\r\n") return
        socket.write("+PO")
        socket.end("NG\r\n")
      })
    })
    const { becomes } = await start(t, [port], { type: "tcp", ...check })
    await becomes(expected)
  })

  test("what is expected must come in 64 KiB", async (t) => {
    const port = await rawServer(t, (socket) => void socket.write("x".repeat(70_000)))
    const { becomes, lines } = await start(t, [port], { type: "tcp", expect: "= y", timeout: "1h" })
    await becomes("unhealthy")
    expect(lines.saying("endpoint is unhealthy")[0]).toMatchObject({
      reason: "what is expected did not come in 64 KiB",
    })
  })
})
