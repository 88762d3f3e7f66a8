import { expect, type TestContext, test } from "vitest"
import type { KnownEndpoint } from "../../src/cluster/state.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const KEYS = 24

/** Streams with keys of their own over two endpoints of a ring; then a third one joins. */
async function start(t: TestContext, rehome: "never" | "idle" | "always") {
  const clock = new ManualClock()
  const servers = await Promise.all([1, 2, 3].map(() => RawServer.start()))
  for (const server of servers)
    server.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
  const addresses = servers.map(({ port }) => `127.0.0.1:${port}`)
  const bed = await TestBed.start(t, {
    backends: servers,
    clock,
    config: {
      clusters: {
        test: { policy: { name: "ring_hash", key: "$http_x_key" }, rehome, endpoints: addresses.slice(0, 2) },
      },
    },
  })
  const client = await bed.rawClient()
  const ids = new Map<number, string>()
  for (let key = 0; key < KEYS; key++) {
    const id = client.open([...dsl.request, ["x-key", `key ${key}`]])
    ids.set(id, `key ${key}`)
    await client.head(id)
  }
  const known = addresses.map(
    (address): KnownEndpoint => ({ address, origin: 0, weight: 1, zone: null, priority: 0, drain: false }),
  )
  const setEndpoints = async (many: number): Promise<void> => {
    bed.balancer.states!.setEndpoints("test", known.slice(0, many))
    await Promise.resolve()
  }
  const pass = async (ms: number): Promise<void> => {
    for (let passed = 0; passed < ms; passed += 1_000) {
      clock.advance(1_000)
      await client.settled()
    }
  }
  const ended = (): string[] =>
    [...ids].flatMap(([id, key]) => (client.about(id).length > 1 ? [key] : [])).toSorted()
  const cancelRest = async (): Promise<void> => {
    for (const id of ids.keys())
      if (client.about(id).length === 1) client.send(dsl.rstStream(id, ErrorCode.CANCEL))
    await bed.ended(KEYS)
  }
  const streamsOf = (since: readonly number[]): Map<string, number> =>
    new Map(
      servers.flatMap(({ streams }, at) =>
        streams
          .slice(since[at])
          .map(({ fields }): [string, number] => [fields.find(([name]) => name === "x-key")![1], at]),
      ),
    )
  const owners = streamsOf([0, 0, 0])
  /** Keys that come to another endpoint when they are called anew. */
  const movedKeys = async (): Promise<string[]> => {
    const before = servers.map(({ streams }) => streams.length)
    for (const key of ids.values()) {
      const id = client.open([...dsl.request, ["x-key", key]])
      await client.head(id)
      client.send(dsl.rstStream(id, ErrorCode.CANCEL))
    }
    await client.settled()
    const now = streamsOf(before)
    return [...ids.values()].filter((key) => now.get(key) !== owners.get(key)).toSorted()
  }
  return { bed, client, ids, setEndpoints, pass, ended, cancelRest, movedKeys, servers }
}

test("always: the streams whose key has another owner now end, and no others", async (t) => {
  const { bed, setEndpoints, pass, ended, cancelRest, movedKeys } = await start(t, "always")
  await setEndpoints(3)
  await pass(10_000)
  const gone = ended()
  expect(gone.length).toBeGreaterThan(0)
  expect(gone.length).toBeLessThan(KEYS)
  for (const { grpcStatus, grpcMessage } of bed.records)
    expect([grpcStatus, grpcMessage]).toEqual([
      14,
      "cluster test: the key of the stream belongs to another endpoint now",
    ])
  expect(await movedKeys()).toEqual(gone)
  await cancelRest()
})

test("idle: those that are busy go on until they are silent", async (t) => {
  const { client, ids, setEndpoints, pass, ended, cancelRest } = await start(t, "idle")
  await pass(11_000)
  for (const id of ids.keys()) client.send(dsl.data(id, "busy"))
  await client.settled()
  await setEndpoints(3)
  await pass(5_000)
  expect(ended()).toEqual([])
  await pass(25_000)
  expect(ended().length).toBeGreaterThan(0)
  await cancelRest()
})

test("never: they go on", async (t) => {
  const { setEndpoints, pass, ended, cancelRest } = await start(t, "never")
  await setEndpoints(3)
  await pass(60_000)
  expect(ended()).toEqual([])
  await cancelRest()
})

test("an endpoint that is gone again at once moves nothing", async (t) => {
  const { setEndpoints, pass, ended, cancelRest } = await start(t, "always")
  await setEndpoints(3)
  await setEndpoints(2)
  await pass(10_000)
  expect(ended()).toEqual([])
  await cancelRest()
})
