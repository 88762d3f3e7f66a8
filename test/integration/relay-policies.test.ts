import { Metadata } from "@grpc/grpc-js"
import { describe, expect, test } from "vitest"
import type { ClusterInput, SluiceYaml } from "../../src/config/yaml/schema.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { EchoBackend, type EchoClient, TestBed, type UnaryResult } from "../support/test-bed.ts"

/** All that a cluster may have beside its endpoints. */
type Cluster = Omit<Exclude<NonNullable<ClusterInput>, unknown[]>, "endpoints">

const withCluster =
  (more: Partial<Cluster>, endpoint: object = {}) =>
  (addresses: string[]): Partial<SluiceYaml> => ({
    clusters: { test: { endpoints: addresses.map((address) => ({ address, ...endpoint })), ...more } },
  })

const call = (client: EchoClient, fields: Record<string, string> = {}): Promise<UnaryResult> => {
  const metadata = new Metadata()
  for (const [name, value] of Object.entries(fields)) metadata.set(name, value)
  return client.unary(Buffer.from("x"), metadata)
}
const backendOf = ({ initial }: UnaryResult): string => String(initial?.get("x-backend"))

describe("a key of the request", () => {
  test.for(["ring_hash", "maglev", "nginx_hash", "nginx_consistent_hash"] as const)(
    "has one endpoint by %s, whichever connection it comes on",
    async (name, t) => {
      const config = withCluster({ policy: { name, key: "$http_x_user" } })
      const bed = await TestBed.start(t, { backends: 3, config })
      const clients = [bed.client(), bed.client()]
      const met = new Map<string, string>()
      for (let i = 0; i < 40; i++) {
        const user = `user-${i % 20}`
        const backend = backendOf(await call(clients[i < 20 ? 0 : 1]!, { "x-user": user }))
        expect(met.get(user) ?? backend).toBe(backend)
        met.set(user, backend)
      }
      expect(new Set(met.values()).size).toBe(3)
    },
  )
})

test("a sticky cookie brings a client back; the others go round as before", async (t) => {
  const config = withCluster({ sticky: { cookie: "srv_id", path: "/", httpOnly: true } })
  const bed = await TestBed.start(t, { backends: 3, config })
  const client = bed.client()
  const first = await call(client)
  const [cookie] = first.initial!.get("set-cookie")
  expect(cookie).toMatch(/^srv_id=[0-9a-f]{32}; httponly; path=\/$/)
  const [pair] = String(cookie).split(";")
  const back = [await call(client, { cookie: `a=b; ${pair}` }), await call(client, { cookie: pair! })]
  expect(back.map(backendOf)).toEqual(Array(2).fill(backendOf(first)))
  expect(back[0]!.initial!.get("set-cookie")).toEqual([cookie])
  const others = [await call(client), await call(client, { cookie: "srv_id=nobody" })]
  expect(new Set([first, ...others].map(backendOf)).size).toBe(3)
})

describe("bounds of a cluster", () => {
  test("limits.streams: one more is refused by name, and live ones go on", async (t) => {
    const backend = await RawServer.start()
    const bed = await TestBed.start(t, {
      backends: [backend],
      config: withCluster({ limits: { streams: 2 } }),
    })
    const client = await bed.rawClient()
    const [first] = [client.open(), client.open()]
    await eventually(
      () => backend.streams.length === 2,
      () => "two streams",
    )
    client.open()
    const [refused] = await bed.ended()
    expect(refused).toMatchObject({
      grpcStatus: 14,
      grpcMessage: "cluster test: limits.streams: 2 are there already",
    })
    expect(bed.balancer.counters.get("cluster_streams_exceeded")).toBe(1)
    client.send(dsl.rstStream(first!))
    await bed.ended(2)
    client.open()
    await eventually(
      () => backend.streams.length === 3,
      () => "one more once one has left",
    )
    client.destroy()
  })
})

test("an endpoint that fails more than others is left out, as all data threads have counted it", async (t) => {
  const clock = new ManualClock()
  const bad = await RawServer.start()
  bad.onStream = ({ connection, id }) => connection.send(dsl.rstStream(id, ErrorCode.INTERNAL_ERROR))
  const config = withCluster({ outlierDetection: { interval: "1s" } }, { maxFails: 0 })
  const bed = await TestBed.start(t, { backends: [new EchoBackend("a"), bad], config, clock })
  const client = bed.client()
  const codes = async (many: number): Promise<number[]> => {
    const met: number[] = []
    for (let i = 0; i < many; i++) met.push((await call(client)).code)
    return met
  }
  expect((await codes(12)).filter((code) => code !== 0)).toHaveLength(6)
  clock.advance(1000)
  await Promise.resolve()
  expect(await codes(6)).toEqual(Array(6).fill(0))
  // Its time is over.
  clock.advance(31_000)
  await Promise.resolve()
  expect((await codes(4)).filter((code) => code !== 0)).toHaveLength(2)
})
