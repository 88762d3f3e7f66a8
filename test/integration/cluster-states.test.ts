/** What is said of endpoints while streams are open: what it changes, and what it leaves alone. */
import { describe, expect, type TestContext, test } from "vitest"
import type { KnownEndpoint } from "../../src/cluster/state.ts"
import { startControl } from "../support/control-bed.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const known = ({ port }: RawServer): KnownEndpoint => ({
  address: `127.0.0.1:${port}`,
  origin: 0,
  weight: 1,
  zone: null,
  priority: 0,
  drain: false,
})

async function servers(t: TestContext, many: number): Promise<RawServer[]> {
  const all = await Promise.all(Array.from({ length: many }, () => RawServer.start()))
  for (const server of all) t.onTestFinished(() => server.close())
  return all
}

const streamsAt = (...all: RawServer[]): number[] => all.map(({ streams }) => streams.length)

async function reach(counts: number[], ...all: RawServer[]): Promise<void> {
  await eventually(
    () => streamsAt(...all).join() === counts.join(),
    () => `${counts.join()} streams; there are ${streamsAt(...all).join()}`,
  )
}

describe("over two data threads", () => {
  test("an endpoint that joins gets streams, one that leaves keeps those it has", async (t) => {
    const [first, second] = (await servers(t, 2)) as [RawServer, RawServer]
    const { control, lines, connect, applied } = await startControl(t, [first])
    const clients = await connect(8)
    for (const client of clients) client.open()
    await reach([8, 0], first, second)
    control.states.setEndpoints("test", [known(second)])
    await applied()
    for (const client of clients) client.open()
    await reach([8, 8], first, second)
    for (const client of clients) client.send(dsl.data(1, "more"))
    await eventually(
      () => first.streams.every(({ connection, id }) => connection.dataOf(id).length > 0),
      () => "streams that were open go on",
    )
    expect(lines.saying("endpoints changed")).toEqual([
      { cluster: "test", joined: known(second).address, left: known(first).address, endpoints: 1 },
    ])
  })

  test("a long state comes in parts, and is whole", async (t) => {
    const [first, second] = (await servers(t, 2)) as [RawServer, RawServer]
    const { control, connect, applied } = await startControl(t, [first])
    const drained = Array.from({ length: 3000 }, (_, index) => ({
      ...known(first),
      address: `127.1.${index >> 8}.${index & 255}:1`,
      drain: true,
    }))
    control.states.setEndpoints("test", [...drained, known(second)])
    await applied()
    for (const client of await connect(6)) client.open()
    await reach([0, 6], first, second)
  })

  test("a reload of the same configuration keeps what was said", async (t) => {
    const [first, second] = (await servers(t, 2)) as [RawServer, RawServer]
    const { control, lines, connect, reload } = await startControl(t, [first])
    control.states.setEndpoints("test", [known(first), known(second)])
    control.states.order("test", known(first).address, { drain: true })
    reload()
    await eventually(
      () => lines.saying("configuration reloaded").length === 1,
      () => "it is reloaded",
    )
    for (const client of await connect(6)) client.open()
    await reach([0, 6], first, second)
  })
})

test("in a library's balancer it holds by plain call", async (t) => {
  const [first, second] = (await servers(t, 2)) as [RawServer, RawServer]
  const bed = await TestBed.start(t, { backends: [first] })
  const client = await bed.rawClient()
  client.open()
  await reach([1, 0], first, second)
  bed.balancer.states!.setEndpoints("test", [known(second)])
  await Promise.resolve()
  client.open()
  await reach([1, 1], first, second)
  expect(bed.balancer.snapshot().clusters[0]!.endpoints.map(({ address }) => address)).toEqual([
    known(second).address,
  ])
  client.destroy()
})
