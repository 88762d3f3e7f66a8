import { once } from "node:events"
import { connect } from "node:net"
import { describe, expect, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { FrameType } from "../../src/http2/frame/types.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { EchoBackend, statusOf, TestBed } from "../support/test-bed.ts"

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

/** A client's first octets: the preface and its SETTINGS. */
const PREFACE = `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${Buffer.from(dsl.settings()).toString("latin1")}`

const isGoaway = ({ type }: dsl.SeenFrame): boolean => type === FrameType.GOAWAY
const isPing = ({ type, flags }: dsl.SeenFrame): boolean => type === FrameType.PING && flags === 0

const configOf = (input: SluiceYaml) => fromInput(input).config!

describe("closing", () => {
  test("GOAWAY twice with a PING round trip between; a live stream ends in its own time, then the connection", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const client = await bed.rawClient()
    client.isPolite = false
    const live = client.open()
    const stream = await bed.raw.stream()
    const closing = bed.close(20_000)
    await client.frame(isGoaway, "GOAWAY")
    expect(client.about(0)).toContain(`GOAWAY ${2 ** 31 - 1} NO_ERROR`)
    // A stream that the client opened before it knew is taken.
    const late = client.open()
    const ping = await client.frame(isPing, "PING")
    client.send(dsl.ping(ping.payload.toString("latin1"), { ack: true }))
    await client.until(() => client.seen.filter(isGoaway).length === 2, "the second GOAWAY")
    expect(client.about(0).at(-1)).toBe(`GOAWAY ${late} NO_ERROR`)
    // One after that is ignored.
    const tooLate = client.open()
    for (const one of [stream, await bed.raw.stream(1)]) answerOk(one)
    await client.end(live)
    await client.end(late)
    await client.closed()
    await closing
    expect(client.about(tooLate)).toEqual([])
    expect(bed.raw.streams).toHaveLength(2)
  })

  test.for([
    ["has sent nothing yet", ""],
    ["has sent half a preface", "PRI * HTTP/2.0\r\n"],
    ["has sent half of an HTTP/1.1 head", "GET / HTTP/1.1\r\nHo"],
  ] as const)("a client that %s is served, and let go then", async ([, first], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start()],
      config: (addresses) => ({
        clusters: { test: [...addresses] },
        routes: [{ return: { status: 200, text: "here" } }, { exact: "/x", cluster: "test" }],
      }),
    })
    const socket = connect(bed.port, "127.0.0.1")
    t.onTestFinished(() => void socket.destroy())
    // What ends the connection may be a reset, once all has been heard.
    socket.on("error", () => {})
    let heard = ""
    socket.on("data", (octets) => (heard += octets.toString("latin1")))
    const ended = once(socket, "close")
    await once(socket, "connect")
    socket.write(first)
    await eventually(
      () => bed.balancer.snapshot().connections === 1,
      () => "the client is there",
    )
    const closing = bed.close(20_000)
    const isHttp1 = first.startsWith("GET")
    const rest = isHttp1 ? "st: a.test\r\n\r\n" : PREFACE.slice(first.length)
    socket.write(rest, "latin1")
    await eventually(
      () => heard.includes(isHttp1 ? "here" : "shutting down"),
      () => `an answer within ${JSON.stringify(heard)}`,
    )
    if (!isHttp1) socket.end()
    await ended
    await closing
  })

  test("a client that goes on saying nothing is closed after a moment", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { clock })
    const socket = connect(bed.port, "127.0.0.1")
    socket.on("error", () => {})
    const ended = once(socket, "close")
    await eventually(
      () => bed.balancer.snapshot().connections === 1,
      () => "the client is there",
    )
    const closing = bed.close(20_000)
    clock.advance(1000)
    expect(bed.balancer.snapshot().connections).toBe(1)
    clock.advance(1000)
    await ended
    await closing
  })

  test("at the end of its grace a stream ends with UNAVAILABLE, and its backend is told", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const client = await bed.rawClient()
    const [unanswered, halfAnswered] = [client.open(), client.open()]
    const [, second] = [await bed.raw.stream(0), await bed.raw.stream(1)]
    second.connection.send(dsl.headers(second.id, dsl.response))
    await client.head(halfAnswered)
    const closing = bed.close(10_000)
    await client.frame(isGoaway, "GOAWAY")
    clock.advance(6_300)
    await client.settled()
    expect(client.about(unanswered)).toEqual([])
    clock.advance(3_701)
    for (const id of [unanswered, halfAnswered]) {
      await client.end(id)
      const end = client.about(id).find((line) => line.includes("END_STREAM"))
      expect(end).toContain("grpc-status=14 grpc-message=the balancer is shutting down")
    }
    await client.closed()
    await eventually(
      () => second.connection.isClosed,
      () => "the upstream connection's end",
    )
    await closing
    const told = bed.raw.connections[0]!.seen.filter(({ type }) => type === FrameType.RST_STREAM)
    expect(told.map(({ streamId }) => streamId).sort((a, b) => a - b)).toEqual([1, 3])
  })

  test("a client that does not read its GOAWAY does not hold up the end", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const client = await bed.rawClient()
    client.open()
    await bed.raw.stream()
    client.socket.pause()
    let isClosed = false
    const closing = bed.close(1_000).then(() => (isClosed = true))
    await eventually(
      () => {
        clock.advance(500)
        return isClosed
      },
      () => "the balancer's end",
    )
    await closing
    client.destroy()
  })

  test("grpc-js clients see their chats through", async (t) => {
    const bed = await TestBed.start(t, { backends: 2 })
    const client = bed.client()
    const chats = [client.chat(), client.chat(), client.chat()]
    for (const chat of chats)
      await new Promise((resolve) => {
        chat.once("data", resolve)
        chat.write(Buffer.from("hello"))
      })
    const closing = bed.close(20_000)
    const heard: string[] = []
    for (const chat of chats) {
      chat.on("data", (octets: Buffer) => heard.push(String(octets)))
      chat.write(Buffer.from("last words"))
      chat.end()
      expect((await statusOf(chat)).code).toBe(0)
    }
    await closing
    expect(heard).toEqual(["last words", "last words", "last words"])
  })
})

describe("reload", () => {
  test("live streams stay where they are; new ones go by the new configuration", async (t) => {
    const backends = [new EchoBackend("a"), new EchoBackend("b")]
    const bed = await TestBed.start(t, {
      backends,
      config: ([a] = []) => ({ clusters: { test: [a!] } }),
    })
    const client = bed.client()
    const chat = client.chat()
    const first = new Promise((resolve) =>
      chat.once("metadata", (metadata) => resolve(metadata.get("x-backend"))),
    )
    chat.write(Buffer.from("one"))
    expect(await first).toEqual(["a"])

    const next = { listeners: "127.0.0.1:0", clusters: { test: [`127.0.0.1:${backends[1]!.port}`] } }
    await bed.balancer.reload(configOf(next))

    for (let i = 0; i < 3; i++)
      expect((await client.unary(Buffer.from("x"))).initial?.get("x-backend")).toEqual(["b"])
    const heard = new Promise((resolve) =>
      chat.on("data", (octets: Buffer) => String(octets) === "two" && resolve(null)),
    )
    chat.write(Buffer.from("two"))
    await heard
    chat.end()
    expect(await statusOf(chat)).toMatchObject({ code: 0 })
  })

  test("two at once follow each other: the second goes by what the first has left", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    bed.raw.onStream = answerOk
    const test = [`127.0.0.1:${bed.raw.port}`]
    const without = configOf({
      listeners: ["127.0.0.1:0", { address: "127.0.0.1:0", name: "other" }],
      clusters: { another: test },
    })
    const withIt = configOf({
      listeners: ["127.0.0.1:0", { address: "127.0.0.1:0", name: "more" }],
      clusters: { test },
    })
    await Promise.all([bed.balancer.reload(without), bed.balancer.reload(withIt)])
    const client = await bed.rawClient()
    for (let i = 0; i < 3; i++) await client.end(client.open(dsl.request, { endStream: true }))
    // A cluster that the first has closed would make one for each stream.
    expect(bed.raw.connections).toHaveLength(1)
  })

  test("a cluster that did not change keeps its connections and what it knows of its endpoints", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    bed.raw.onStream = answerOk
    const client = await bed.rawClient()
    await client.end(client.open(dsl.request, { endStream: true }))
    const config = configOf({
      listeners: "127.0.0.1:0",
      clusters: { test: [`127.0.0.1:${bed.raw.port}`] },
      readTimeout: "5s",
    })
    await bed.balancer.reload(config)
    await client.end(client.open(dsl.request, { endStream: true }))
    expect(bed.raw.connections).toHaveLength(1)
  })

  test("a stream whose cluster is gone still finishes, and its connection ends after it", async (t) => {
    const [old, fresh] = [await RawServer.start(), await RawServer.start()]
    const bed = await TestBed.start(t, {
      backends: [old, fresh],
      config: ([first] = []) => ({ clusters: { before: [first!] } }),
    })
    const client = await bed.rawClient()
    const id = client.open()
    const stream = await old.stream()
    const config = configOf({ listeners: "127.0.0.1:0", clusters: { after: [`127.0.0.1:${fresh.port}`] } })
    await bed.balancer.reload(config)
    await stream.connection.frame(isGoaway, "GOAWAY")
    answerOk(stream)
    await client.end(id)
    await stream.connection.closed()
    expect((await bed.ended())[0]).toMatchObject({ grpcStatus: 0 })
  })

  test("a new listener that cannot be opened leaves everything as it was", async (t) => {
    const taken = await RawServer.start()
    t.onTestFinished(() => taken.close())
    const bed = await TestBed.start(t)
    const listeners = ["127.0.0.1:0", `127.0.0.1:${taken.port}`]
    const config = configOf({ listeners, clusters: { test: ["127.0.0.1:1"] } })
    await expect(bed.balancer.reload(config)).rejects.toThrow(
      /cannot listen on 127.0.0.1:\d+: the port is taken/,
    )
    expect((await bed.client().unary(Buffer.from("x"))).code).toBe(0)
    expect(bed.balancer.addresses).toHaveLength(1)
  })

  test("a listener that is taken away closes; its connections and streams go on", async (t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start()],
      config: { listeners: [{ address: "127.0.0.1:0", name: "one" }] },
    })
    const client = await bed.rawClient()
    const id = client.open()
    const stream = await bed.raw.stream()
    const clusters = { test: [`127.0.0.1:${bed.raw.port}`] }
    await bed.balancer.reload(configOf({ listeners: [{ address: "127.0.0.1:0", name: "two" }], clusters }))
    expect(bed.balancer.addresses.map(({ name }) => name)).toEqual(["two"])
    answerOk(stream)
    await client.end(id)
    expect(client.about(id)[0]).toContain("grpc-status=0")
  })
})

describe("keepalive finds what is gone without a word", () => {
  const fastPing = (addresses: string[]): Partial<SluiceYaml> => ({
    clusters: { test: { endpoints: addresses, keepalive: { interval: "30s", timeout: "5s" } } },
  })

  test("a dead backend: each of its streams UNAVAILABLE, naming it", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock, config: fastPing })
    const client = await bed.rawClient()
    const ids = [client.open(), client.open()]
    const { connection } = await bed.raw.stream(1)
    connection.isPolite = false
    await bed.pass(31_000, client)
    await connection.frame(isPing, "PING")
    await bed.pass(3_000, client)
    expect(client.about(ids[0]!)).toEqual([])
    await bed.pass(4_000, client)
    for (const id of ids) {
      await client.end(id)
      expect(client.about(id)[0]).toMatch(
        /grpc-status=14 grpc-message=cluster test, endpoint 127.0.0.1:\d+: no answer to PING within 5000 ms/,
      )
    }
    expect(bed.balancer.counters.get("ping_timeout")).toBe(1)
  })

  test("a dead client: its streams are cancelled upstream", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const client = await bed.rawClient()
    client.open()
    const { connection, id } = await bed.raw.stream()
    client.isPolite = false
    await bed.pass(62_000, connection)
    await client.frame(isPing, "PING")
    await bed.pass(25_000, connection)
    expect(dsl.codeOf(await connection.end(id))).toBe(ErrorCode.CANCEL)
    await client.closed()
  })

  test("no PING to a backend while nothing is open there", async (t) => {
    const clock = new ManualClock()
    const config = (addresses: string[]) => ({
      listeners: [{ address: "127.0.0.1:0", idleTimeout: "none" }],
      ...fastPing(addresses),
    })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock, config })
    bed.raw.onStream = answerOk
    const client = await bed.rawClient()
    await client.end(client.open(dsl.request, { endStream: true }))
    await bed.ended()
    const [connection] = bed.raw.connections
    await bed.pass(200_000, client, connection!)
    expect(connection!.seen.filter(isPing)).toEqual([])
  })

  test("ENHANCE_YOUR_CALM doubles the interval, for the connections that follow too", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock, config: fastPing })
    const client = await bed.rawClient()
    client.open()
    const stream = await bed.raw.stream()
    await bed.pass(35_000, client)
    await stream.connection.frame(isPing, "PING")
    stream.connection.send(dsl.goaway(stream.id, ErrorCode.ENHANCE_YOUR_CALM, "too_many_pings"))
    answerOk(stream)
    await stream.connection.closed()
    client.open()
    const { connection } = await bed.raw.stream(1)
    await bed.pass(55_000, client)
    expect(connection.seen.filter(isPing)).toHaveLength(0)
    await bed.pass(10_000, client)
    await connection.frame(isPing, "PING")
    client.destroy()
  })

  test("an idle client connection is closed after idleTimeout with GOAWAY; one with a stream never", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const [idle, busy] = [await bed.rawClient(), await bed.rawClient()]
    busy.open()
    const { connection } = await bed.raw.stream()
    await bed.pass(80_000, busy, connection)
    await idle.closed()
    expect(idle.about(0)).toContain("GOAWAY 0 NO_ERROR")
    await bed.pass(80_000, busy, connection)
    expect(busy.seen.some(isGoaway)).toBe(false)
    busy.destroy()
  })

  test("an idle client that never answers loses its socket all the same", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock })
    const client = await bed.rawClient()
    await client.settled()
    client.isPolite = false
    await bed.pass(80_000)
    await client.frame(isGoaway, "GOAWAY")
    await bed.pass(60_000)
    await client.closed()
  })
})

describe("what is no client", () => {
  test("not a preface: the connection ends, and no HTTP/1 text comes back", async (t) => {
    const bed = await TestBed.start(t)
    const { connect } = await import("node:net")
    const socket = connect(bed.port, "127.0.0.1")
    let text = ""
    socket.on("data", (octets) => (text += octets.toString("latin1")))
    socket.write("NONSENSE * SMTP/9.9\r\n\r\n\x00\x01\x02\r\n\r\n")
    await new Promise((resolve) => socket.on("close", resolve))
    expect(text).not.toMatch(/HTTP\/1/)
    expect(bed.balancer.counters.get("preface_malformed")).toBe(1)
  })

  test("half a preface, then silence: closed in 10 s", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { clock })
    const { connect } = await import("node:net")
    const socket = connect(bed.port, "127.0.0.1")
    // What ends the connection is a reset where its octets come after the time.
    socket.on("error", () => {})
    socket.write("PRI * HT")
    socket.resume()
    await eventually(
      () => bed.balancer.snapshot().connections === 1,
      () => "the connection",
    )
    clock.advance(9_000)
    expect(bed.balancer.snapshot().connections).toBe(1)
    clock.advance(3_000)
    await new Promise((resolve) => socket.on("close", resolve))
    expect(bed.balancer.counters.get("preface_timeout")).toBe(1)
  })

  test.for([
    ["the default", {}, 1000],
    ["the limit, where the listener says nothing", { limits: { streamsMax: 5000 } }, 5000],
    [
      "what the listener says",
      { listeners: [{ address: "127.0.0.1:0", maxConcurrentStreams: 7 }], limits: { streamsMax: 5000 } },
      7,
    ],
  ] as const)("MAX_CONCURRENT_STREAMS is %s", async ([, config, expected], t) => {
    const bed = await TestBed.start(t, { config: config as Partial<SluiceYaml> })
    const { payload } = await (await bed.rawClient()).frame(({ type }) => type === FrameType.SETTINGS)
    const entries = Array.from({ length: payload.length / 6 }, (_, i) => [
      payload.readUInt16BE(i * 6),
      payload.readUInt32BE(i * 6 + 2),
    ])
    expect(Object.fromEntries(entries)[3]).toBe(expected)
  })

  test.for([
    ["the default", {}, 10_000],
    ["the limit, where the listener says nothing", { limits: { headerBlockTimeoutMs: 3000 } }, 3000],
    ["what the listener says", { listeners: [{ address: "127.0.0.1:0", headerTimeout: "30s" }] }, 30_000],
  ] as const)("half a header block is held for %s", async ([, config, expected], t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { clock, config: config as Partial<SluiceYaml> })
    const client = await bed.rawClient()
    await client.settled()
    client.send(dsl.headers(1, dsl.request, { endHeaders: false }))
    await eventually(
      () => client.socket.bytesWritten > 0 && client.socket.writableLength === 0,
      () => "half a block sent",
    )
    // It has been read once a connection made after it is served.
    await (await bed.rawClient()).settled()
    clock.advance(expected - 1)
    expect(bed.balancer.counters.get("header_block_timeout")).toBe(0)
    clock.advance(2_000)
    await client.closed()
    expect(bed.balancer.counters.get("header_block_timeout")).toBe(1)
  })

  test("connections past connectionsPerAddressMax are closed as they come", async (t) => {
    const bed = await TestBed.start(t, { config: { limits: { connectionsPerAddressMax: 2 } } })
    const clients = [await bed.rawClient(), await bed.rawClient()]
    const { connect } = await import("node:net")
    const third = connect(bed.port, "127.0.0.1")
    third.on("error", () => {})
    await new Promise((resolve) => third.on("close", resolve))
    expect(bed.balancer.counters.get("connections_per_address_exceeded")).toBe(1)
    for (const client of clients) await client.settled()
    clients[0]!.destroy()
    await eventually(
      () => bed.balancer.snapshot().connections === 1,
      () => "one left",
    )
    await (await bed.rawClient()).settled()
  })
})
