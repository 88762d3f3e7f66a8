import { describe, expect, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { EchoBackend, TestBed } from "../support/test-bed.ts"

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

/** Which backends answered so many unary calls, one after the other. */
async function answers(bed: TestBed, many: number): Promise<string> {
  const client = bed.client()
  let names = ""
  for (let i = 0; i < many; i++) {
    const { initial, code } = await client.unary(Buffer.from("x"))
    names += code === 0 ? String(initial?.get("x-backend")) : code
  }
  return names
}

/** Which endpoints are ejected, in order. */
const ejected = (bed: TestBed): boolean[] =>
  bed.balancer.snapshot().clusters[0]!.endpoints.map(({ isEjected }) => isEjected)

/** Lets time pass until no endpoint is ejected. */
const whenAllAreBack = async (bed: TestBed, clock: ManualClock): Promise<void> =>
  eventually(
    () => {
      clock.advance(10)
      return !ejected(bed).includes(true)
    },
    () => "all endpoints are back",
  )

type Endpoints = (
  addresses: string[],
) => { address: string; weight?: number; backup?: boolean; down?: boolean }[]

const withEndpoints =
  (endpoints: Endpoints, more: object = {}) =>
  (addresses: string[]): Partial<SluiceYaml> => ({
    clusters: { test: { endpoints: endpoints(addresses), ...more } },
  })

describe("which endpoint a stream gets", () => {
  test("weights 5, 1, 1 give nginx's smooth sequence", async (t) => {
    const config = withEndpoints(([a, b, c]) => [
      { address: a!, weight: 5 },
      { address: b! },
      { address: c! },
    ])
    const bed = await TestBed.start(t, { backends: 3, config })
    expect(await answers(bed, 14)).toBe("aabacaaaabacaa")
  })

  test("an endpoint that is down gets nothing", async (t) => {
    const config = withEndpoints(([a, b]) => [{ address: a!, down: true }, { address: b! }])
    const bed = await TestBed.start(t, { backends: 2, config })
    expect(await answers(bed, 3)).toBe("bbb")
  })

  test("a backup gets streams when no primary can, and only then", async (t) => {
    const clock = new ManualClock()
    const backends = [new EchoBackend("a"), new EchoBackend("b")]
    const config = withEndpoints(([a, b]) => [{ address: a! }, { address: b!, backup: true }])
    const bed = await TestBed.start(t, { backends, config, clock })
    expect(await answers(bed, 2)).toBe("aa")
    await backends[0]!.close()
    expect(await answers(bed, 3)).toBe("bbb")
    await backends[0]!.start()
    await whenAllAreBack(bed, clock)
    expect(await answers(bed, 2)).toBe("aa")
  })

  test("max_fails=1: ejected after one failure, and no other call pays for finding out whether it is back", async (t) => {
    const clock = new ManualClock()
    const backends = [new EchoBackend("a"), new EchoBackend("b")]
    const bed = await TestBed.start(t, { backends, clock })
    await backends[0]!.close()
    expect(await answers(bed, 4)).toBe("bbbb")
    for (let seconds = 0; seconds < 30; seconds += 5) {
      expect(ejected(bed)).toEqual([true, false])
      clock.advance(5_000)
      expect(await answers(bed, 4)).toBe("bbbb")
    }
    expect(bed.records.filter(({ attempts }) => attempts.length > 1)).toHaveLength(1)
    await backends[0]!.start()
    await whenAllAreBack(bed, clock)
    expect(await answers(bed, 4)).toMatch(/^(abab|baba)$/)
  })

  test("all are out: all are tried again rather than none", async (t) => {
    const backends = [new EchoBackend("a"), new EchoBackend("b")]
    const clock = new ManualClock()
    const bed = await TestBed.start(t, { backends, clock })
    for (const backend of backends) await backend.close()
    expect(await answers(bed, 2)).toBe("1414")
    for (const backend of backends) await backend.start()
    // Still out by max_fails, for ten seconds; no longer put off by the refused connection.
    clock.advance(120)
    expect(await answers(bed, 4)).toMatch(/^[ab]{4}$/)
  })

  test("least_streams: a new stream goes where the fewest are open, for their weight", async (t) => {
    const backends = [await RawServer.start(), await RawServer.start()]
    const config = withEndpoints(([a, b]) => [{ address: a!, weight: 2 }, { address: b! }], {
      policy: "least_streams",
    })
    const bed = await TestBed.start(t, { backends, config })
    const client = await bed.rawClient()
    for (let i = 0; i < 6; i++) {
      client.open()
      await eventually(
        () => backends[0]!.streams.length + backends[1]!.streams.length === i + 1,
        () => `stream ${i}`,
      )
    }
    expect(backends.map(({ streams }) => streams.length)).toEqual([4, 2])
    // Three of the heavier one's end; the next three are its own again.
    for (const stream of backends[0]!.streams.slice(0, 3)) answerOk(stream)
    await bed.ended(3)
    for (let i = 0; i < 3; i++) client.open()
    await eventually(
      () => backends[0]!.streams.length === 7,
      () => "three more",
    )
    expect(backends[1]!.streams).toHaveLength(2)
    client.destroy()
  })

  test("queue: the rest wait for a place, in their order, and past the queue fail at once", async (t) => {
    const backends = [await RawServer.start(), await RawServer.start()]
    const bed = await TestBed.start(t, {
      backends,
      config: ([a, b] = []) => ({
        clusters: {
          test: {
            endpoints: [
              { address: a!, maxStreams: 1 },
              { address: b!, maxStreams: 1 },
            ],
            queue: { streams: 2 },
          },
        },
      }),
    })
    const client = await bed.rawClient()
    const ids = Array.from({ length: 5 }, () => client.open())
    await client.end(ids[4]!)
    expect(client.about(ids[4]!)[0]).toContain(
      "grpc-status=14 grpc-message=cluster test: every endpoint is full, and 2 streams are waiting already (queue)",
    )
    await backends[1]!.stream(0)
    expect(backends.map(({ streams }) => streams.length)).toEqual([1, 1])
    answerOk(backends[1]!.streams[0]!)
    answerOk(await backends[1]!.stream(1))
    await client.end(ids[2]!)
    answerOk(await backends[1]!.stream(2))
    await client.end(ids[3]!)
    answerOk(backends[0]!.streams[0]!)
    await client.end(ids[0]!)
    expect(ids.slice(0, 4).map((id) => client.about(id).join(" ").includes("grpc-status=0"))).toEqual(
      Array(4).fill(true),
    )
    client.destroy()
  })

  test("maxStreams: no more than so many at once; the rest go elsewhere, and past all of them fail at once", async (t) => {
    const backends = [await RawServer.start(), await RawServer.start()]
    const bed = await TestBed.start(t, {
      backends,
      config: ([a, b] = []) => ({
        clusters: {
          test: {
            endpoints: [
              { address: a!, maxStreams: 1 },
              { address: b!, maxStreams: 2 },
            ],
          },
        },
      }),
    })
    const client = await bed.rawClient()
    const ids = [client.open(), client.open(), client.open(), client.open()]
    await client.end(ids[3]!)
    expect(client.about(ids[3]!)[0]).toContain(
      "grpc-status=14 grpc-message=cluster test: no endpoint is available",
    )
    await backends[1]!.stream(1)
    expect(backends.map(({ streams }) => streams.length)).toEqual([1, 2])
    answerOk(backends[0]!.streams[0]!)
    await client.end(ids[0]!)
    client.open()
    await backends[0]!.stream(1)
    client.destroy()
  })
})

describe("connections to an endpoint", () => {
  test("many streams share one", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const clients = [await bed.rawClient(), await bed.rawClient(), await bed.rawClient()]
    for (const client of clients) for (let i = 0; i < 50; i++) client.open()
    await bed.raw.stream(149)
    expect(bed.raw.connections).toHaveLength(1)
    for (const client of clients) client.destroy()
  })

  test("at the peer's MAX_CONCURRENT_STREAMS another is opened, and no stream waits for a free place", async (t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start({ settings: { MAX_CONCURRENT_STREAMS: 10 } })],
    })
    const client = await bed.rawClient()
    for (let i = 0; i < 35; i++) client.open()
    await bed.raw.stream(34)
    const perConnection = bed.raw.connections.map(
      (connection) => bed.raw.streams.filter((stream) => stream.connection === connection).length,
    )
    expect(perConnection).toEqual([10, 10, 10, 5])
    client.destroy()
  })

  test("as many as 250 streams need are opened at once, when the first has told its limit of 10", async (t) => {
    const backend = await RawServer.start()
    backend.holdsSettings = true
    const bed = await TestBed.start(t, { backends: [backend] })
    const { connections, streams } = backend
    const client = await bed.rawClient()
    for (let i = 0; i < 250; i++) client.open()
    const connected = async (many: number): Promise<void> =>
      eventually(
        () => connections.length === many,
        () => `${connections.length} of ${many} connections`,
      )
    await client.settled()
    await connected(1)
    const settings = dsl.settings({ MAX_CONCURRENT_STREAMS: 10 })
    connections[0]!.send(settings)
    // None of them has said a word.
    await connected(25)
    for (const connection of connections.slice(1)) connection.send(settings)
    await backend.stream(249)
    expect(connections.map((one) => streams.filter(({ connection }) => connection === one).length)).toEqual(
      connections.map(() => 10),
    )
    client.destroy()
  })

  test("maxStreamsPerConnection does the same by configuration", async (t) => {
    const config = withEndpoints(([a]) => [{ address: a! }], { maxStreamsPerConnection: 2 })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config })
    const client = await bed.rawClient()
    for (let i = 0; i < 5; i++) client.open()
    await bed.raw.stream(4)
    expect(bed.raw.connections).toHaveLength(3)
    client.destroy()
  })

  test("no more than maxConnectionsPerEndpoint: what is past them waits, and gets the first place that is free", async (t) => {
    const config = withEndpoints(([a]) => [{ address: a! }], {
      maxStreamsPerConnection: 1,
      maxConnectionsPerEndpoint: 2,
    })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config })
    const client = await bed.rawClient()
    const ids = [client.open(), client.open(), client.open()]
    await bed.raw.stream(1)
    await eventually(
      () => bed.balancer.snapshot().clusters[0]!.endpoints[0]!.waiting === 1,
      () => "one waits",
    )
    answerOk(bed.raw.streams[0]!)
    answerOk(await bed.raw.stream(2))
    answerOk(bed.raw.streams[1]!)
    for (const id of ids) await client.end(id)
    expect(bed.raw.connections).toHaveLength(2)
    expect(bed.balancer.counters.get("endpoint_connections_exceeded")).toBeGreaterThan(0)
  })

  test("the queue for a place is bounded in length and in time, and says which limit was met", async (t) => {
    const clock = new ManualClock()
    const config = (addresses: string[]): Partial<SluiceYaml> => ({
      clusters: { test: { endpoints: addresses, maxStreamsPerConnection: 1, maxConnectionsPerEndpoint: 1 } },
      limits: { pickQueueMax: 1 },
    })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config, clock })
    const client = await bed.rawClient()
    const [served] = [client.open()]
    const stream = await bed.raw.stream()
    const [waits, refused] = [client.open(), client.open()]
    await client.end(refused)
    expect(client.about(refused)[0]).toMatch(/grpc-status=14 .*pickQueueMax/)
    clock.advance(6_000)
    await client.end(waits)
    expect(client.about(waits)[0]).toMatch(/grpc-status=14 .*pickQueueTimeoutMs/)
    const { counters } = bed.balancer.snapshot()
    expect(counters).toMatchObject({ pick_queue_full: 1, pick_queue_timeout: 1 })
    answerOk(stream)
    await client.end(served)
  })

  test("a client that gives up while it waits leaves the queue", async (t) => {
    const config = withEndpoints(([a]) => [{ address: a! }], {
      maxStreamsPerConnection: 1,
      maxConnectionsPerEndpoint: 1,
    })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config })
    const client = await bed.rawClient()
    const served = client.open()
    const stream = await bed.raw.stream()
    const gone = client.open()
    const next = client.open()
    await eventually(
      () => bed.balancer.snapshot().clusters[0]!.endpoints[0]!.waiting === 2,
      () => "two wait",
    )
    client.send(dsl.rstStream(gone))
    await client.settled()
    answerOk(stream)
    answerOk(await bed.raw.stream(1))
    await client.end(served)
    await client.end(next)
    expect(bed.raw.streams).toHaveLength(2)
  })

  test("MAX_CONCURRENT_STREAMS raised later lets those that wait in; lowered, it opens another connection", async (t) => {
    const backend = await RawServer.start({ settings: { MAX_CONCURRENT_STREAMS: 1 } })
    const config = withEndpoints(([a]) => [{ address: a! }], { maxConnectionsPerEndpoint: 1 })
    const bed = await TestBed.start(t, { backends: [backend], config })
    const client = await bed.rawClient()
    client.open()
    const { connection } = await backend.stream()
    client.open()
    await client.settled()
    expect(backend.streams).toHaveLength(1)
    connection.send(dsl.settings({ MAX_CONCURRENT_STREAMS: 2 }))
    await backend.stream(1)
    client.destroy()
  })

  test("a backend that grants no stream at all is not connected to without end", async (t) => {
    const clock = new ManualClock()
    const backend = await RawServer.start({ settings: { MAX_CONCURRENT_STREAMS: 0 } })
    const bed = await TestBed.start(t, { backends: [backend], clock })
    const client = await bed.rawClient()
    const id = client.open()
    await eventually(
      () => backend.connections.length > 0,
      () => "a connection",
    )
    for (let i = 0; i < 20; i++) await client.settled()
    expect(backend.connections.length).toBeLessThan(4)
    clock.advance(6_000)
    await client.end(id)
    expect(client.about(id)[0]).toContain("grpc-status=14")
  })

  test("idle ones are closed after idleTimeout, with GOAWAY", async (t) => {
    const clock = new ManualClock()
    const config = withEndpoints(([a]) => [{ address: a! }], { idleTimeout: "60s" })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config, clock })
    bed.raw.onStream = answerOk
    const client = await bed.rawClient()
    await client.end(client.open(dsl.request, { endStream: true }))
    const [connection] = bed.raw.connections
    await bed.pass(59_000, client)
    expect(connection!.isClosed).toBe(false)
    clock.advance(3_000)
    await connection!.closed()
    expect(connection!.about(0)).toContain("GOAWAY 0 NO_ERROR")
    await client.end(client.open(dsl.request, { endStream: true }))
    expect(bed.raw.connections).toHaveLength(2)
  })

  test("maxConnectionAge retires one without touching its streams", async (t) => {
    const clock = new ManualClock()
    const config = withEndpoints(([a]) => [{ address: a! }], { maxConnectionAge: "100s" })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config, clock })
    const client = await bed.rawClient()
    const old = client.open()
    const first = await bed.raw.stream()
    await bed.pass(102_000, client, first.connection)
    await first.connection.frame((frame) => frame.type === 7, "GOAWAY")
    const young = client.open()
    const second = await bed.raw.stream(1)
    expect(second.connection).not.toBe(first.connection)
    answerOk(first)
    answerOk(second)
    for (const id of [old, young]) {
      await client.end(id)
      expect(client.about(id)[0]).toContain("grpc-status=0")
    }
    await first.connection.closed()
  })

  test("idleConnections: no more idle ones are kept than that", async (t) => {
    const config = withEndpoints(([a]) => [{ address: a! }], {
      maxStreamsPerConnection: 1,
      idleConnections: 1,
    })
    const bed = await TestBed.start(t, { backends: [await RawServer.start()], config })
    const client = await bed.rawClient()
    const ids = [client.open(), client.open(), client.open()]
    await bed.raw.stream(2)
    for (const stream of bed.raw.streams) answerOk(stream)
    for (const id of ids) await client.end(id)
    await bed.ended(3)
    await eventually(
      () => bed.raw.connections.filter(({ isClosed }) => !isClosed).length === 1,
      () => "one left",
    )
  })

  test("upstreamResetsMax: cancels of many callers do not cost their neighbour its stream", async (t) => {
    const bed = await TestBed.start(t, { config: { limits: { upstreamResetsPerSecond: 0 } } })
    const neighbour = bed.client().chat()
    let heard = 0
    neighbour.on("data", () => heard++)
    neighbour.on("error", () => {})
    const say = async (times: number): Promise<void> => {
      neighbour.write(Buffer.from("x"))
      await eventually(
        () => heard === times,
        () => `heard ${heard} times`,
      )
    }
    await say(1)
    // nghttp2, which is the backend's HTTP/2, ends a connection past 1,000 and 33 a second.
    for (let clients = 0; clients < 14; clients++) {
      const client = await bed.rawClient()
      const ids = Array.from({ length: 100 }, () => client.open())
      for (const id of ids) await client.head(id)
      client.send(...ids.map((id) => dsl.rstStream(id)))
      await bed.ended((clients + 1) * 100)
    }
    await say(2)
    expect(bed.balancer.counters.get("upstream_resets_exceeded")).toBeGreaterThanOrEqual(2)
    neighbour.end()
  })
})
