import { describe, expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import type { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

/** Streams answered with a head, so that nothing but what is tested ends them. */
async function answering(): Promise<RawServer> {
  const server = await RawServer.start()
  server.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
  return server
}

async function start(t: TestContext, backends: number, config: (addresses: string[]) => Partial<SluiceYaml>) {
  const clock = new ManualClock()
  const servers = await Promise.all(Array.from({ length: backends }, answering))
  const bed = await TestBed.start(t, { backends: servers, clock, config })
  const client = await bed.rawClient()
  const open = async (from: RawClient = client): Promise<number> => {
    const id = from.open()
    await from.head(id)
    return id
  }
  /** Time passes in steps, so that PINGs are answered. Connections may end on the way. */
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += STEP_MS) {
      clock.advance(Math.min(STEP_MS, ms - passed))
      for (const peer of [client, ...servers.flatMap(({ connections }) => connections)])
        if (!peer.isClosed) await Promise.race([peer.settled(), peer.closed()])
    }
  }
  return { bed, client, servers, clock, open, pass }
}

const STEP_MS = 5_000
const UNAVAILABLE = "grpc-status=14"

describe("maxStreamAge", () => {
  test("a stream goes on until then and ends with UNAVAILABLE; the backend is told CANCEL", async (t) => {
    const { bed, client, servers, open, pass } = await start(t, 1, () => ({ maxStreamAge: "100s" }))
    const id = await open()
    await pass(79_000)
    expect(client.about(id)).toHaveLength(1)
    await pass(42_000)
    const trailers = dsl.describeFrame(await client.end(id))
    expect(trailers).toContain(UNAVAILABLE)
    expect(trailers).toContain("the stream is as old as streams may get here (100000 ms)")
    const { connection, id: above } = await servers[0]!.stream()
    expect(dsl.codeOf(await connection.end(above))).toBe(ErrorCode.CANCEL)
    expect((await bed.ended())[0]).toMatchObject({ grpcStatus: 14 })
    expect(bed.balancer.counters.get("streams_paced")).toBe(1)
  })

  test("streams that came together do not end together", async (t) => {
    const { bed, open, pass } = await start(t, 1, () => ({ maxStreamAge: "100s" }))
    for (let i = 0; i < 20; i++) await open()
    await pass(100_000)
    const half = bed.records.length
    expect(half).toBeGreaterThan(0)
    expect(half).toBeLessThan(20)
    await pass(25_000)
    await bed.ended(20)
  })

  test("by default there is none", async (t) => {
    const { bed, client, open, pass } = await start(t, 1, () => ({}))
    const id = await open()
    await pass(600_000)
    expect([client.about(id).length, bed.balancer.snapshot().deadlines]).toEqual([1, 0])
    client.send(dsl.rstStream(id, ErrorCode.CANCEL))
  })
})

describe("maxConnectionAge", () => {
  const listener = (maxConnectionAgeGrace?: string) => ({
    listeners: {
      address: "127.0.0.1:0",
      maxConnectionAge: "100s",
      ...(maxConnectionAgeGrace !== undefined && { maxConnectionAgeGrace }),
    },
  })

  test("GOAWAY, and the streams go on", async (t) => {
    const { client, open, pass } = await start(t, 1, () => listener())
    const id = await open()
    await pass(79_000)
    expect(client.about(0).some((frame) => frame.startsWith("GOAWAY"))).toBe(false)
    await pass(600_000)
    expect(client.about(0).some((frame) => frame.startsWith("GOAWAY"))).toBe(true)
    expect(client.about(id)).toHaveLength(1)
    client.send(dsl.rstStream(id, ErrorCode.CANCEL))
    await client.closed()
  })

  test("after the grace those that are left end, one after the other", async (t) => {
    const { bed, client, open, clock, pass } = await start(t, 1, () => listener("20s"))
    for (let i = 0; i < 5; i++) await open()
    await pass(95_000)
    expect(bed.records).toHaveLength(0)
    await pass(60_000)
    await bed.ended(5)
    const ends = bed.records.map(({ endMs }) => endMs).sort((a, b) => a - b)
    for (const [at, endMs] of ends.slice(1).entries()) expect(endMs - ends[at]!).toBeGreaterThanOrEqual(100)
    for (const { grpcStatus, grpcMessage } of bed.records)
      expect([grpcStatus, grpcMessage]).toEqual([
        14,
        "the connection is as old as connections may get here (100000 ms)",
      ])
    clock.advance(2_000)
    await client.closed()
  })
})

describe("the balancer closes", () => {
  test("what is left in the last third of the grace ends, one after the other, and nothing before", async (t) => {
    const { bed, open, clock, pass } = await start(t, 2, () => ({}))
    const other = await bed.rawClient()
    for (let i = 0; i < 10; i++) await Promise.all([open(), open(other)])
    const closedMs = clock.now()
    const closing = bed.close(60_000)
    await pass(38_000)
    expect(bed.records).toHaveLength(0)
    await pass(21_900)
    await bed.ended(20)
    await closing
    expect(bed.balancer.counters.get("streams_paced")).toBe(20)
    for (const { endMs, grpcStatus, grpcMessage } of bed.records) {
      expect([grpcStatus, grpcMessage]).toEqual([14, "the balancer is shutting down"])
      expect(endMs - closedMs).toBeGreaterThanOrEqual(38_400)
    }
    const byClient = Map.groupBy(bed.records, ({ connection }) => connection.id)
    expect(byClient.size).toBe(2)
    for (const records of byClient.values()) {
      const ends = records.map(({ endMs }) => endMs).sort((a, b) => a - b)
      for (const [at, endMs] of ends.slice(1).entries()) expect(endMs - ends[at]!).toBeGreaterThanOrEqual(100)
    }
  })
})

describe("drainGrace: an endpoint that a reload takes away", () => {
  const cluster = (addresses: string[], grace: string | null = "100s") => ({
    clusters: { test: { endpoints: addresses, ...(grace !== null && { drainGrace: grace }) } },
  })
  const reloaded = (bed: TestBed, addresses: string[], grace: string | null = "100s") =>
    bed.balancer.reload(
      fromInput({
        listeners: { address: "127.0.0.1:0" },
        ...cluster(addresses, grace),
      }).config!,
    )

  async function twoEndpoints(t: TestContext, grace: string | null) {
    const all = await start(t, 2, (addresses) => cluster(addresses, grace))
    for (let i = 0; i < 10; i++) await all.open()
    const addresses = all.servers.map(({ port }) => `127.0.0.1:${port}`)
    expect(all.servers.map(({ streams }) => streams.length)).toEqual([5, 5])
    return { ...all, addresses, endedAt: () => all.bed.records.map(({ attempts }) => attempts[0]!.address) }
  }

  test("keeps its streams for the grace, then they end; the others are not touched", async (t) => {
    const { bed, client, addresses, pass, endedAt, servers } = await twoEndpoints(t, "100s")
    await reloaded(bed, [addresses[0]!])
    await pass(79_000)
    expect(bed.records).toHaveLength(0)
    await pass(45_000)
    await bed.ended(5)
    expect(endedAt()).toEqual(Array.from({ length: 5 }, () => addresses[1]))
    for (const { grpcStatus, grpcMessage } of bed.records)
      expect([grpcStatus, grpcMessage]).toEqual([14, `cluster test, endpoint ${addresses[1]} has left`])
    await pass(60_000)
    expect(bed.records).toHaveLength(5)
    for (const { connection, id } of servers[0]!.streams)
      connection.send(dsl.headers(id, dsl.okTrailers, { endStream: true }))
    await bed.ended(10)
    expect(client.about(0).some((frame) => frame.startsWith("GOAWAY"))).toBe(false)
  })

  test("keeps them without end where none is written", async (t) => {
    const { bed, addresses, pass, servers } = await twoEndpoints(t, null)
    await reloaded(bed, [addresses[0]!], null)
    await pass(900_000)
    expect(bed.records).toHaveLength(0)
    for (const { connection, id } of servers.flatMap(({ streams }) => streams))
      connection.send(dsl.headers(id, dsl.okTrailers, { endStream: true }))
    await bed.ended(10)
  })

  test("and that comes back before keeps them too, also those whose turn it was", async (t) => {
    const { bed, addresses, pass, servers } = await twoEndpoints(t, "100s")
    await reloaded(bed, [addresses[0]!])
    await pass(85_000)
    const ended = bed.records.length
    expect(ended).toBeLessThan(5)
    await reloaded(bed, addresses)
    await pass(600_000)
    expect(bed.records).toHaveLength(ended)
    for (const { connection, id } of servers.flatMap(({ streams }) => streams))
      connection.send(dsl.headers(id, dsl.okTrailers, { endStream: true }))
    await bed.ended(10)
  })
})
