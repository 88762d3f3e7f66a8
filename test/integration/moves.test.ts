/** Live streams that Sluice moves by its own choice: the planner, orders, and clusters that a reload has replaced. */
import type * as grpc from "@grpc/grpc-js"
import { describe, expect, type TestContext, test } from "vitest"
import { fromInput } from "../../src/config/yaml/normalize.ts"
import type { SluiceYaml } from "../../src/config/yaml/schema.ts"
import { CounterBackend, type CounterOptions, CounterStore } from "../support/counter-backend.ts"
import { eventually } from "../support/eventually.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { TestBed } from "../support/test-bed.ts"

type Cluster = Exclude<NonNullable<SluiceYaml["clusters"]>, readonly unknown[]>[string]
type Rebalance = NonNullable<Exclude<Cluster, readonly unknown[]>["rebalance"]>

interface MoveOptions {
  readonly rebalance?: Rebalance
  readonly continuity?: NonNullable<SluiceYaml["continuity"]>
  readonly backend?: Partial<CounterOptions>
}

/** Three backends, of which the first two are in the cluster, and time that passes when told to. */
async function start(t: TestContext, options: MoveOptions = {}) {
  const store = new CounterStore()
  const { rebalance, continuity = { mode: ["handoff", "resume"] }, backend } = options
  const backends = ["a", "b", "c"].map((name) => new CounterBackend({ name, store, ...backend }))
  for (const one of backends) await one.start()
  const clock = new ManualClock()
  const addresses = backends.map(({ port }) => `127.0.0.1:${port}`)
  const configOf = (many: number): SluiceYaml => ({
    listeners: "127.0.0.1:0",
    continuity,
    clusters: {
      test: {
        endpoints: addresses.slice(0, many).map((address) => ({ address })),
        ...(rebalance !== undefined && { rebalance }),
      },
    },
  })
  const bed = await TestBed.start(t, { backends: backends as never, clock, config: configOf(2) })
  // Not 0, which stands for what has not come.
  clock.advance(1_000)
  const client = bed.client()
  const calls: grpc.ClientDuplexStream<Buffer, Buffer>[] = []
  const got: string[][] = []
  const statuses: (grpc.StatusObject | null)[] = []
  const open = async (many: number): Promise<void> => {
    for (let i = 0; i < many; i++) {
      const call = client.chat()
      const at = calls.push(call) - 1
      got.push([])
      statuses.push(null)
      call.on("data", (message: Buffer) => got[at]!.push(message.toString()))
      call.on("status", (status) => (statuses[at] = status))
      call.on("error", () => {})
    }
    await say()
  }
  const lived = (): number[] => statuses.flatMap((status, at) => (status === null ? [at] : []))
  let said = 0
  /** Each stream that lives says a number, and is answered. */
  const say = async (): Promise<void> => {
    said++
    const before = new Map(lived().map((at) => [at, got[at]!.length]))
    for (const at of before.keys()) calls[at]!.write(Buffer.from("1"))
    await eventually(
      () => [...before].every(([at, many]) => got[at]!.length > many || statuses[at] !== null),
      () => `all are answered: ${JSON.stringify(got)}`,
    )
  }
  const counts = (): number[] =>
    addresses.map((address) => {
      const endpoints = bed.balancer.snapshot().clusters.flatMap((cluster) => cluster.endpoints)
      return endpoints.find((one) => one.address === address)?.streamsOpen ?? 0
    })
  const seconds = async (many: number): Promise<void> => {
    for (let i = 0; i < many; i++) {
      clock.advance(1_000)
      await new Promise((resolve) => setTimeout(resolve, 2))
    }
  }
  const join = (): void =>
    bed.balancer.states!.setEndpoints(
      "test",
      addresses.map((address, origin) => ({
        address,
        origin,
        weight: 1,
        zone: null,
        priority: 0,
        drain: false,
      })),
    )
  const endAll = async (): Promise<void> => {
    for (const call of calls) call.end()
    await bed.ended(calls.length)
    await eventually(
      () => statuses.every((status) => status !== null),
      () => "all have a status",
    )
  }
  /** Every stream ended well, with each answer once. */
  const allWell = (): void => {
    for (const [at, status] of statuses.entries()) {
      expect([at, status!.code]).toEqual([at, 0])
      expect(got[at]).toEqual(Array.from({ length: said }, (_, n) => `${n + 1}:${n + 1}`))
    }
  }
  const cancelAll = async (): Promise<void> => {
    for (const call of calls) call.cancel()
    await bed.ended(calls.length)
  }
  return {
    ...{ bed, backends, addresses, configOf, open, say, counts, seconds, join },
    ...{ endAll, cancelAll, allWell, statuses },
  }
}

describe("a cluster that is kept in balance", () => {
  test("a third backend joins: streams move to it, nothing is lost, none moves twice", async (t) => {
    const { bed, open, say, counts, seconds, join, endAll, allWell } = await start(t, {
      rebalance: { after: "5s" },
    })
    await open(12)
    expect(counts()).toEqual([6, 6, 0])
    await seconds(60)
    expect(counts()).toEqual([6, 6, 0])
    join()
    for (let i = 0; i < 30 && counts()[2] !== 2; i++) await seconds(5)
    expect(counts()).toEqual([5, 5, 2])
    await say()
    await seconds(60)
    expect(counts()).toEqual([5, 5, 2])
    await endAll()
    allWell()
    const records = bed.records.map(({ continuity }) => continuity!)
    expect(records.map(({ moves }) => moves).toSorted((one, other) => one - other)).toEqual([
      ...Array<number>(10).fill(0),
      1,
      1,
    ])
    expect(new Set(records.map(({ moveCause }) => moveCause))).toEqual(new Set([null, "rebalance"]))
  })

  test("a backend that is asked hands streams over", async (t) => {
    const { backends, open, say, counts, seconds, join, bed, cancelAll } = await start(t, {
      rebalance: { after: "5s" },
      continuity: { mode: ["handoff"], ask: "half-close" },
      backend: { halfClose: "handoff", accept: "handoff" },
    })
    await open(12)
    join()
    for (let i = 0; i < 30 && counts()[2] !== 2; i++) await seconds(5)
    expect(counts()).toEqual([5, 5, 2])
    await say()
    expect(backends[2]!.heads.map((head) => head["continuity-leg"])).toEqual(["1", "1"])
    await cancelAll()
    expect(bed.records.filter(({ continuity }) => continuity!.moved === 1)).toHaveLength(2)
  })

  test("off: nothing moves", async (t) => {
    const { open, counts, seconds, join, endAll, allWell } = await start(t)
    await open(12)
    join()
    await seconds(100)
    expect(counts()).toEqual([6, 6, 0])
    await endAll()
    allWell()
  })

  test("streams that cannot move stay, and only while there are too many the oldest end", async (t) => {
    const { open, counts, seconds, join, statuses, endAll } = await start(t, {
      rebalance: { after: "5s", maxStreamAge: "20s" },
      continuity: { mode: [] },
    })
    await open(12)
    await seconds(60)
    expect(counts()).toEqual([6, 6, 0])
    join()
    for (let i = 0; i < 60; i++) await seconds(5)
    // Those that end do not come again here: of nine a third is three.
    expect(counts()).toEqual([5, 5, 0].map((most) => Math.min(most, counts()[0]!)))
    const ended = statuses.filter((status) => status !== null)
    expect(ended.length).toBeGreaterThan(0)
    for (const status of ended) {
      expect(status!.code).toBe(14)
      expect(status!.details).toMatch(/it has too many, and this one is old/)
    }
    await endAll()
  })
})

describe("an order", () => {
  test("moves some streams of an endpoint, or one", async (t) => {
    const { bed, open, say, counts, seconds, addresses, endAll, allWell } = await start(t)
    await open(6)
    await seconds(3)
    const states = bed.balancer.states!.endpointsOf("test")
    const from = states.find(({ address }) => address === addresses[0])!.slot
    const moves = [{ from, to: null, streams: 2 }]
    const order = { kind: "move", cluster: "test", cause: "order", dwellMs: 0, maxStreamAgeMs: null } as const
    expect(bed.balancer.orders.obey({ ...order, moves })).toBe(2)
    expect(bed.balancer.orders.obey({ ...order, cluster: "other", moves })).toBe(0)
    await seconds(5)
    expect(counts()).toEqual([1, 5, 0])
    const [connection] = bed.balancer.clientConnections
    const [stream] = connection!.streams
    const { requestNumber } = stream!.record
    const one = { kind: "move-stream", connection: connection!.record.id, request: requestNumber } as const
    expect(bed.balancer.orders.obey(one)).toBe(1)
    expect(bed.balancer.orders.obey({ ...one, request: 999 })).toBe(0)
    await seconds(5)
    expect(counts().reduce((sum, many) => sum + many)).toBe(6)
    await say()
    await endAll()
    allWell()
    expect(bed.records.reduce((sum, { continuity }) => sum + continuity!.moves, 0)).toBe(3)
  })

  test("a stream without continuity stays", async (t) => {
    const { bed, open, seconds, endAll, counts } = await start(t, { continuity: { mode: [] } })
    await open(2)
    await seconds(3)
    const [connection] = bed.balancer.clientConnections
    const one = { kind: "move-stream", connection: connection!.record.id, request: 1 } as const
    expect(bed.balancer.orders.obey(one)).toBe(0)
    expect(counts()).toEqual([1, 1, 0])
    await endAll()
  })
})

test("a reload that adds an endpoint: streams that began before it move there", async (t) => {
  const { bed, open, say, counts, seconds, configOf, endAll, allWell } = await start(t, {
    rebalance: { after: "5s" },
  })
  await open(12)
  const { config } = fromInput(configOf(3))
  await bed.balancer.reload(config!)
  for (let i = 0; i < 30 && counts()[2] !== 2; i++) await seconds(5)
  expect(counts()).toEqual([5, 5, 2])
  await say()
  await endAll()
  allWell()
})
