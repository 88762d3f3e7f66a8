import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { FrameType } from "../../src/http2/frame/types.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

/** Which endpoints are ejected, in order. */
const ejected = (bed: TestBed): boolean[] =>
  bed.balancer.snapshot().clusters[0]!.endpoints.map(({ isEjected }) => isEjected)

const answerOk = ({ connection, id }: RawStream): void =>
  connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))

async function answering(status: string): Promise<RawServer> {
  const backend = await RawServer.start()
  const head = dsl.withFields(dsl.response, { ":status": status })
  backend.onStream = ({ connection, id }) => connection.send(dsl.headers(id, head, { endStream: true }))
  return backend
}

describe("what counts against an endpoint", () => {
  const primaryAndBackup = ([a, b]: string[]): Partial<SluiceYaml> => ({
    clusters: {
      test: {
        endpoints: [
          { address: a!, maxFails: 3 },
          { address: b!, backup: true },
        ],
      },
    },
  })

  test.for<[status: string, counts: boolean]>([
    ["403", false],
    ["404", false],
    ["429", true],
    ["503", true],
  ])("status %s, for which another endpoint is asked: %s", async ([status, counts], t) => {
    const bed = await TestBed.start(t, {
      backends: [await answering(status), await answering("200")],
      config: { retry: { on: ["http_403", "http_404", "http_429", "http_503", "non_idempotent"] } },
    })
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    await client.end(id)
    expect(client.about(id)[0]).toContain(":status=200")
    expect(bed.backends.map((backend) => (backend as RawServer).streams.length)).toEqual([1, 1])
    expect(ejected(bed)).toEqual([counts, false])
  })

  const { CANCEL, ENHANCE_YOUR_CALM, INTERNAL_ERROR, NO_ERROR, PROTOCOL_ERROR } = ErrorCode

  test.for<[what: string, counts: boolean, goodbye: ((id: number) => Buffer) | null]>([
    ["without a word", true, null],
    ["after GOAWAY(NO_ERROR)", false, (id) => dsl.goaway(id)],
    ["after a GOAWAY that shuts out nobody yet", false, () => dsl.goaway(2 ** 31 - 1)],
    ["after GOAWAY(INTERNAL_ERROR)", true, (id) => dsl.goaway(id, INTERNAL_ERROR)],
    ["after GOAWAY(NO_ERROR), then one that says what is wrong", true, goodbyeThenError],
    ["for our PINGs", false, (id) => dsl.goaway(id, ENHANCE_YOUR_CALM, "too_many_pings")],
    ["for something else that is too much", true, (id) => dsl.goaway(id, ENHANCE_YOUR_CALM, "flood")],
  ])("a connection that is closed with a stream open, %s: %s", async ([, counts, goodbye], t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start(), await answering("200")] })
    const client = await bed.rawClient()
    const id = client.open()
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response))
    await client.head(id)
    if (goodbye !== null) connection.send(goodbye(above))
    await connection.settled()
    connection.socket.end()
    expect((await client.end(id)).fields).toContainEqual(["grpc-status", "14"])
    expect(ejected(bed)).toEqual([counts, false])
  })

  function goodbyeThenError(id: number): Buffer {
    return Buffer.concat([dsl.goaway(id), dsl.goaway(id, INTERNAL_ERROR)])
  }

  test("a backend that ages its connections stays in use, streams that outlive those notwithstanding", async (t) => {
    const backends = [await RawServer.start(), await answering("200")]
    const bed = await TestBed.start(t, { backends })
    const client = await bed.rawClient()
    const old = client.open()
    const { connection, id: above } = await bed.raw.stream()
    connection.send(dsl.headers(above, dsl.response), dsl.goaway(above))
    await client.head(old)
    connection.socket.end()
    await client.end(old)
    bed.raw.onStream = (stream) =>
      stream.connection.send(dsl.headers(stream.id, dsl.response, { endStream: true }))
    for (let i = 0; i < 20; i++) await client.end(client.open(dsl.request, { endStream: true }))
    expect(backends.map(({ streams }) => streams.length)).toEqual([11, 10])
  })

  test("many streams lost with one connection are one failure", async (t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: primaryAndBackup,
    })
    const client = await bed.rawClient()
    const ids = Array.from({ length: 5 }, () => client.open())
    await bed.raw.stream(4)
    bed.raw.connections[0]!.destroy()
    for (const id of ids) await client.end(id)
    expect(ejected(bed)).toEqual([false, false])
  })

  const retrying = { retry: { on: ["invalid_header", "non_idempotent"] } } satisfies Partial<SluiceYaml>

  test.for<[code: string, counts: boolean, frame: (id: number) => Buffer]>([
    ["INTERNAL_ERROR", true, (id) => dsl.rstStream(id, INTERNAL_ERROR)],
    ["PROTOCOL_ERROR", true, (id) => dsl.rstStream(id, PROTOCOL_ERROR)],
    ["ENHANCE_YOUR_CALM", true, (id) => dsl.rstStream(id, ENHANCE_YOUR_CALM)],
    // These say that the stream is not wanted, and nothing of the endpoint.
    ["CANCEL", false, (id) => dsl.rstStream(id, CANCEL)],
    ["NO_ERROR", false, (id) => dsl.rstStream(id, NO_ERROR)],
    ["a head without a status", true, (id) => dsl.headers(id, [["x-a", "b"]])],
  ])("%s before the head, for which another endpoint is asked: %s", async ([, counts, frame], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: retrying,
    })
    bed.raw.onStream = ({ connection, id }) => connection.send(frame(id))
    const client = await bed.rawClient()
    const id = client.open(dsl.request, { endStream: true })
    await client.end(id)
    expect(client.about(id)[0]).toContain(":status=200")
    expect((await bed.ended())[0]!.attempts.map(({ status }) => status)).toEqual([502, 200])
    expect(ejected(bed)).toEqual([counts, false])
  })

  test.for<[what: string, frame: (id: number) => Buffer]>([
    ["RST_STREAM", (id) => dsl.rstStream(id, INTERNAL_ERROR)],
    ["trailers that do not end the stream", (id) => dsl.headers(id, [["grpc-status", "0"]])],
  ])("%s after the head counts for nothing", async ([, frame], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: retrying,
    })
    bed.raw.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response), frame(id))
    const client = await bed.rawClient()
    const id = client.open()
    await client.end(id)
    expect(ejected(bed)).toEqual([false, false])
  })

  test("each call that is refused a connection, those refused before the next may be tried among them", async (t) => {
    const lines = new LogLines()
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: primaryAndBackup,
      clock: new ManualClock(),
      log: lines.log,
    })
    await bed.raw.close()
    const client = await bed.rawClient()
    for (let i = 0; i < 6; i++) await client.end(client.open(dsl.request, { endStream: true }))
    expect((await bed.ended(6)).map(({ attempts }) => attempts.length)).toEqual([2, 2, 2, 1, 1, 1])
    expect(lines.saying("endpoint is ejected")).toHaveLength(1)
  })

  test.for([
    [2, false],
    [3, true],
  ] as const)("each of %i calls that wait for one connection: %s", async ([many, isOut], t) => {
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await answering("200")],
      config: primaryAndBackup,
      clock: new ManualClock(),
    })
    bed.raw.holdsSettings = true
    const client = await bed.rawClient()
    const ids = Array.from({ length: many }, () => client.open(dsl.request, { endStream: true }))
    await eventually(
      () =>
        bed.balancer.snapshot().clusters[0]!.endpoints[0]!.waiting === many &&
        bed.raw.connections.length === 1,
      () => "all wait for one connection",
    )
    await bed.raw.close()
    for (const id of ids) await client.end(id)
    expect(ejected(bed)).toEqual([isOut, false])
  })
})

describe("an endpoint that was restarted", () => {
  /** Two raw backends, of which the first was lost with a stream on it. */
  async function lost(t: TestContext, config: Partial<SluiceYaml> = {}) {
    const lines = new LogLines()
    const clock = new ManualClock()
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start(), await RawServer.start()],
      config,
      clock,
      log: lines.log,
    })
    const client = await bed.rawClient()
    const [first, second] = bed.backends as [RawServer, RawServer]
    const { port } = first
    client.open()
    await first.stream()
    await first.close()
    await eventually(
      () => ejected(bed)[0] === true,
      () => "ejected",
    )
    /** Lets time pass, 10 ms at a time, until it is so. */
    const passUntil = async (isSo: () => boolean, what: string): Promise<number> => {
      const startMs = clock.now()
      await eventually(
        () => {
          if (isSo()) return true
          clock.advance(10)
          return false
        },
        () => what,
      )
      return clock.now() - startMs
    }
    const isBack = (): boolean => ejected(bed)[0] === false
    return { bed, client, clock, lines, first, second, port, passUntil, isBack }
  }

  test("gets its full share of streams that are never answered, and the log says both", async (t) => {
    const { bed, client, lines, first, second, port, passUntil, isBack } = await lost(t)
    await first.listen(port)
    await passUntil(isBack, "back")
    const before = [first, second].map(({ streams }) => streams.length)
    for (let i = 0; i < 30; i++) client.open()
    await eventually(
      () => first.streams.length + second.streams.length === before[0]! + before[1]! + 30,
      () => "30 streams",
    )
    expect([first.streams.length - before[0]!, second.streams.length - before[1]!]).toEqual([15, 15])
    const [ejectedLine] = lines.saying("endpoint is ejected")
    const [backLine] = lines.saying("endpoint is back")
    expect(ejectedLine).toMatchObject({ cluster: "test", endpoint: `127.0.0.1:${port}`, forMs: 10_000 })
    expect(backLine).toMatchObject({
      cluster: "test",
      endpoint: `127.0.0.1:${port}`,
      reason: "a connection answered a PING",
    })
    expect([lines.saying("endpoint is ejected").length, lines.saying("endpoint is back").length]).toEqual([
      1, 1,
    ])
    expect(bed.records.every(({ attempts }) => attempts.length === 1)).toBe(true)
    client.destroy()
  })

  test("is found within 0.4 s of its port being back, also after 20 s, by one connection at a time", async (t) => {
    const { client, clock, first, second, port, passUntil, isBack } = await lost(t)
    // New streams want it all the while.
    for (let seconds = 0; seconds < 20; seconds++) {
      clock.advance(1_000)
      client.open()
      await second.stream(seconds)
      expect(isBack()).toBe(false)
    }
    for (let i = 0; i < 50; i++) client.open()
    await second.stream(69)
    const made = first.connections.length
    await first.listen(port)
    expect(await passUntil(isBack, "back")).toBeLessThanOrEqual(400)
    expect(first.connections.length - made).toBe(1)
    client.destroy()
  })

  test("is not back by SETTINGS alone: then one stream tries it after fail_timeout", async (t) => {
    const { client, clock, first, second, port, passUntil, isBack } = await lost(t)
    first.options = { isPolite: false }
    const made = first.connections.length
    await first.listen(port)
    await passUntil(() => first.connections.length > made, "a connection")
    const [prover] = first.connections.slice(made)
    await prover!.frame((frame) => frame.type === FrameType.PING, "PING")
    prover!.send(dsl.settingsAck())
    expect(isBack()).toBe(false)
    clock.advance(9_000)
    const seen = first.streams.length
    for (let i = 0; i < 4; i++) client.open()
    await second.stream(3)
    expect(first.streams.length).toBe(seen)
    clock.advance(2_000)
    for (let i = 0; i < 4; i++) client.open()
    const trial = await first.stream(seen)
    await second.stream(6)
    expect(first.streams).toHaveLength(seen + 1)
    answerOk(trial)
    await client.settled()
    await eventually(isBack, () => "back by an answer")
    client.destroy()
  })

  test("is no more asked once nobody wants it, and again as soon as somebody does", async (t) => {
    const { bed, client, first, second, port, passUntil, isBack } = await lost(t)
    await bed.pass(20_000, client)
    const made = first.connections.length
    await first.listen(port)
    await bed.pass(20_000, client)
    expect(first.connections.length).toBe(made)
    client.open()
    await second.stream()
    await passUntil(isBack, "back")
    client.destroy()
  })

  test("a PING does not bring back one whose answers were the fault", async (t) => {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, {
      backends: [await answering("503"), await answering("200")],
      config: { retry: { on: ["http_503", "non_idempotent"] } },
      clock,
    })
    const client = await bed.rawClient()
    const call = async (): Promise<void> => {
      await client.end(client.open(dsl.request, { endStream: true }))
    }
    await call()
    expect(ejected(bed)).toEqual([true, false])
    const [failing] = bed.backends as [RawServer]
    clock.advance(9_000)
    for (let i = 0; i < 4; i++) await call()
    expect([ejected(bed), failing.streams.length]).toEqual([[true, false], 1])
    clock.advance(1_001)
    for (let i = 0; i < 4; i++) await call()
    expect([ejected(bed), failing.streams.length]).toEqual([[true, false], 2])
  })

  test("one that accepts, answers PING and fails every stream is not tried again and again", async (t) => {
    const { client, clock, first, second, port, passUntil, isBack } = await lost(t)
    first.onStream = ({ connection }) => connection.destroy()
    await first.listen(port)
    await passUntil(isBack, "back")
    for (let i = 0; i < 4; i++) {
      client.open()
      await client.settled()
    }
    await eventually(
      () => !isBack(),
      () => "ejected again",
    )
    const seen = first.streams.length
    for (let i = 0; i < 20; i++) {
      clock.advance(100)
      client.open()
      await client.settled()
    }
    await second.stream(20)
    expect(first.streams.length).toBe(seen)
    client.destroy()
  })
})

describe("a frozen endpoint", () => {
  /** Its kernel takes what is sent; it says nothing more. */
  const freeze = (server: RawServer): void => {
    for (const connection of server.connections)
      Object.assign(connection, { isPolite: false, givesCredit: false })
    server.holdsSettings = true
    server.onStream = () => {}
  }

  const echo = (stream: RawStream): void => stream.connection.send(dsl.headers(stream.id, dsl.response))

  async function two(t: TestContext, config: (addresses: string[]) => Partial<SluiceYaml> = () => ({})) {
    const lines = new LogLines()
    const clock = new ManualClock()
    const backends = [await RawServer.start(), await RawServer.start()] as const
    for (const backend of backends) backend.onStream = echo
    const bed = await TestBed.start(t, { backends: [...backends], config, clock, log: lines.log })
    const client = await bed.rawClient()
    const [frozen, other] = backends
    /** Opens a stream a second; each is answered or not by the end of `seconds`. */
    const openEachSecond = async (seconds: number): Promise<number[]> => {
      const ids: number[] = []
      for (let second = 0; second < seconds; second++) {
        ids.push(client.open())
        await client.settled()
        await bed.pass(1000, client, ...other.connections)
      }
      return ids
    }
    const isAnswered = (id: number): boolean => client.about(id).some((frame) => frame.includes(":status"))
    const pings = (server: RawServer): number =>
      server.connections
        .flatMap(({ seen }) => seen)
        .filter(({ type, flags }) => type === FrameType.PING && flags === 0).length
    return { bed, client, clock, lines, frozen, other, openEachSecond, isAnswered, pings }
  }

  test("is found within 15 s: its streams are told, new ones go elsewhere, and the log says so", async (t) => {
    const { bed, client, lines, frozen, other, openEachSecond, isAnswered } = await two(t)
    const before = [client.open(), client.open()]
    for (const id of before) await client.head(id)
    freeze(frozen)
    const ids = await openEachSecond(15)
    // None of them is left without a word, but those that are on the other.
    const unanswered = ids.filter((id) => !isAnswered(id))
    expect(unanswered).toEqual([])
    const told = [...before, ...ids].filter((id) =>
      client.about(id).some((frame) => frame.includes("grpc-status=14")),
    )
    // The one that was there before, and one every other second until the PING was late.
    expect(told.length).toBeGreaterThanOrEqual(2)
    expect(told.length).toBeLessThanOrEqual(5)
    expect(client.about(told[1]!).join()).toContain("no answer to PING within 8000 ms")
    expect(lines.saying("endpoint is ejected")).toMatchObject([
      { endpoint: `127.0.0.1:${frozen.port}`, reason: "no answer to PING within 8000 ms" },
    ])
    expect(bed.balancer.snapshot().counters).toMatchObject({ ping_hastened: 1, ping_timeout: 1 })
    const late = await openEachSecond(4)
    expect(other.streams.length).toBeGreaterThan(late.length)
    for (const id of late) expect(isAnswered(id)).toBe(true)
    client.destroy()
  })

  test("on several connections is found on all of them", async (t) => {
    const { client, frozen, openEachSecond } = await two(t, (endpoints) => ({
      clusters: { test: { endpoints, maxStreamsPerConnection: 2 } },
    }))
    const before = Array.from({ length: 6 }, () => client.open())
    for (const id of before) await client.head(id)
    freeze(frozen)
    await openEachSecond(25)
    const told = before.filter((id) => client.about(id).some((frame) => frame.includes("grpc-status=14")))
    expect(told).toHaveLength(3)
    client.destroy()
  })

  test("that only answers PING is slow, and is asked no more often than gRPC servers permit", async (t) => {
    const { bed, client, frozen, other, lines, isAnswered, pings } = await two(t)
    frozen.onStream = () => {}
    const ids: number[] = []
    for (let second = 0; second < 60; second++) {
      ids.push(client.open())
      await bed.pass(1000, client, ...other.connections)
    }
    expect(pings(frozen)).toBe(2)
    expect(ids.filter(isAnswered)).toHaveLength(30)
    expect(lines.saying("endpoint is ejected")).toEqual([])
    client.destroy()
  })

  test("is no endpoint that has not acknowledged SETTINGS: it may do so with its first answer", async (t) => {
    const { bed, client, frozen, lines, pings } = await two(t)
    frozen.options = { isPolite: false }
    frozen.onStream = () => {}
    const id = client.open()
    const stream = await frozen.stream()
    await bed.pass(15_000, client)
    stream.connection.send(dsl.settingsAck())
    answerOk(stream)
    await client.end(id)
    expect(client.about(id).join()).toContain("grpc-status=0")
    expect([pings(frozen), lines.saying("endpoint is ejected")]).toEqual([0, []])
  })

  test("that goes on is back by itself", async (t) => {
    const { bed, client, clock, lines, frozen, other, openEachSecond } = await two(t)
    await client.head(client.open())
    freeze(frozen)
    await openEachSecond(20)
    expect(ejected(bed)).toEqual([true, false])
    frozen.holdsSettings = false
    for (const connection of frozen.connections) {
      connection.isPolite = true
      connection.send(dsl.settings({}), dsl.settingsAck())
    }
    await eventually(
      () => {
        clock.advance(100)
        return !ejected(bed)[0]
      },
      () => "back",
    )
    expect(lines.saying("endpoint is back")).toHaveLength(1)
    expect(other.streams.length).toBeGreaterThan(0)
    client.destroy()
  })
})
