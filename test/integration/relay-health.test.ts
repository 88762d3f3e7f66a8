import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
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
