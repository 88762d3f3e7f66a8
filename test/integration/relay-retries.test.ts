import { describe, expect, type TestContext, test } from "vitest"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer, type RawStream } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const unavailable =
  (...more: dsl.Field[]) =>
  ({ connection, id }: RawStream): void =>
    connection.send(
      dsl.headers(id, [...dsl.response, ["grpc-status", "14"], ["grpc-message", "later"], ...more], {
        endStream: true,
      }),
    )

const pushback = (ms: string): dsl.Field => ["grpc-retry-pushback-ms", ms]

/** Round robin: the first stream comes to the first backend, its retries to the others in turn. */
async function start(t: TestContext, many: number, retry: SluiceYaml["retry"]) {
  const clock = new ManualClock()
  const servers = await Promise.all(Array.from({ length: many }, () => RawServer.start()))
  const bed = await TestBed.start(t, { backends: servers, clock, config: { retry } })
  const client = await bed.rawClient()
  /** What was read so far has been answered. */
  const settled = async (): Promise<void> => {
    for (const peer of [client, ...servers.flatMap(({ connections }) => connections)]) await peer.settled()
  }
  const asked = (): number[] => servers.map(({ streams }) => streams.length)
  return { bed, client, servers, clock, settled, asked }
}

const always: SluiceYaml["retry"] = { on: ["grpc_unavailable", "non_idempotent"] }

describe("grpc-retry-pushback-ms", () => {
  test("the next endpoint is asked after that time, not before, with all that came meanwhile", async (t) => {
    const { bed, client, servers, clock, settled, asked } = await start(t, 2, { on: ["grpc_unavailable"] })
    servers[0]!.onStream = unavailable(pushback("400"))
    servers[1]!.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
    const id = client.open()
    client.send(dsl.data(id, "before"))
    await servers[0]!.stream()
    await settled()
    client.send(dsl.data(id, " meanwhile"))
    await settled()
    clock.advance(399)
    await settled()
    expect([asked(), client.about(id)]).toEqual([[1, 0], []])
    clock.advance(20)
    const { connection, id: above } = await servers[1]!.stream()
    await connection.until(() => connection.dataOf(above).toString() === "before meanwhile", "the request")
    await client.head(id)
    connection.send(dsl.headers(above, dsl.okTrailers, { endStream: true }))
    await client.end(id)
    expect((await bed.ended())[0]).toMatchObject({ grpcStatus: 0 })
    expect(bed.balancer.counters.get("retries_delayed")).toBe(1)
  })

  test.for([
    ["-1", "not at all"],
    ["soon", "no number"],
    ["30001", "more than the bound"],
  ] as const)("%s (%s): the answer is passed on, pushback included", async ([ms], t) => {
    const { bed, client, servers, asked } = await start(t, 2, always)
    servers[0]!.onStream = unavailable(pushback(ms))
    const id = client.open()
    const { fields } = await client.end(id)
    expect(fields).toEqual(expect.arrayContaining([["grpc-status", "14"], pushback(ms)]))
    expect(asked()).toEqual([1, 0])
    expect(bed.balancer.counters.get("retry_pushback_refused")).toBe(1)
  })

  test("longer than the deadline leaves: the answer is passed on at once", async (t) => {
    const { client, servers, asked } = await start(t, 2, always)
    servers[0]!.onStream = unavailable(pushback("2100"))
    const id = client.open([...dsl.request, ["grpc-timeout", "2S"]])
    expect((await client.end(id)).fields).toContainEqual(["grpc-status", "14"])
    expect(asked()).toEqual([1, 0])
  })

  test("a client that gives up meanwhile is done, and no other endpoint hears of it", async (t) => {
    const { bed, client, servers, clock, settled, asked } = await start(t, 2, always)
    servers[0]!.onStream = unavailable(pushback("400"))
    const id = client.open()
    await servers[0]!.stream()
    await settled()
    client.send(dsl.rstStream(id, ErrorCode.CANCEL))
    await bed.ended()
    clock.advance(1_000)
    await settled()
    expect(asked()).toEqual([1, 0])
  })

  test("the call's own deadline runs meanwhile", async (t) => {
    const { bed, client, servers, clock, settled } = await start(t, 2, always)
    servers[0]!.onStream = unavailable(pushback("900"))
    const id = client.open([...dsl.request, ["grpc-timeout", "1S"]])
    await servers[0]!.stream()
    await settled()
    clock.advance(950)
    await servers[1]!.stream()
    clock.advance(100)
    await client.end(id)
    expect((await bed.ended())[0]).toMatchObject({ grpcStatus: 4 })
  })
})

describe("an answer that is a grpc-status alone", () => {
  test("is tried elsewhere where that is configured; the second retry backs off", async (t) => {
    const { client, servers, clock, settled, asked } = await start(t, 3, always)
    for (const server of servers) server.onStream = unavailable()
    const id = client.open()
    await servers[1]!.stream()
    await settled()
    clock.advance(19)
    await settled()
    expect([asked(), client.about(id)]).toEqual([[1, 1, 0], []])
    clock.advance(25)
    await servers[2]!.stream()
    expect((await client.end(id)).fields).toContainEqual(["grpc-message", "later"])
  })

  test.for<[what: string, SluiceYaml["retry"]]>([
    ["not configured", { on: ["error", "non_idempotent"] }],
    ["the call may not be sent twice", { on: ["grpc_unavailable"] }],
    ["another status is configured", { on: ["grpc_internal", "non_idempotent"] }],
  ])("is passed on: %s", async ([, retry], t) => {
    const { client, servers, asked } = await start(t, 2, retry)
    servers[0]!.onStream = unavailable()
    const id = client.open()
    expect((await client.end(id)).fields).toContainEqual(["grpc-message", "later"])
    expect(asked()).toEqual([1, 0])
  })

  test("does not count against its endpoint", async (t) => {
    const { bed, client, servers } = await start(t, 2, always)
    servers[0]!.onStream = unavailable()
    servers[1]!.onStream = ({ connection, id }) =>
      connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    await client.end(client.open())
    const [cluster] = bed.balancer.snapshot().clusters
    expect(cluster!.endpoints.map(({ isEjected }) => isEjected)).toEqual([false, false])
  })
})
