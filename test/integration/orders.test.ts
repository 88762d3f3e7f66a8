/** What people order of live streams while it runs, over two data threads. */
import { describe, expect, type TestContext, test } from "vitest"
import { startControl } from "../support/control-bed.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import type { RawClient } from "../support/raw-client.ts"
import { RawServer } from "../support/raw-server.ts"

const addressOf = ({ port }: RawServer): string => `127.0.0.1:${port}`

async function start(t: TestContext) {
  const servers = [await RawServer.start(), await RawServer.start()] as const
  for (const server of servers) {
    server.onStream = ({ connection, id }) => connection.send(dsl.headers(id, dsl.response))
    t.onTestFinished(() => server.close())
  }
  const bed = await startControl(t, servers)
  const { orders } = bed.control
  const open = async (...clients: RawClient[]): Promise<void> => {
    for (const client of clients) await client.head(client.open())
  }
  const counts = (): number[] => servers.map(({ streams }) => streams.length)
  const [first, second] = servers.map(addressOf) as [string, string]
  return { ...bed, servers, orders, open, counts, first, second }
}

describe("an endpoint that drains", () => {
  test("gets no new streams; without a grace those it has go on", async (t) => {
    const { orders, connect, open, counts, applied, first } = await start(t)
    const clients = await connect(8)
    await open(...clients)
    const [before] = counts()
    orders.drainEndpoint("test", first)
    await applied()
    await open(...clients)
    expect(counts()[0]).toBe(before)
    for (const client of clients)
      expect(client.said().filter((line) => line.includes("END_STREAM"))).toEqual([])
    orders.resumeEndpoint("test", first)
    await applied()
    await open(...clients)
    expect(counts()[0]).toBeGreaterThan(before!)
  })

  test("with a grace they end after it with UNAVAILABLE, those of the others do not", async (t) => {
    const { orders, connect, open, servers, first, second } = await start(t)
    const clients = await connect(4)
    await open(...clients, ...clients)
    orders.drainEndpoint("test", first, { graceMs: 0 })
    const [drained, other] = servers
    for (const { connection, id } of drained.streams) await connection.end(id)
    const endingsNow = (): string[] =>
      clients.flatMap(({ seen }) => seen.filter(dsl.endsStream).map(dsl.describeFrame))
    await eventually(
      () => endingsNow().length === drained.streams.length,
      () => `${drained.streams.length} endings`,
    )
    const endings = endingsNow()
    for (const line of endings)
      expect(line).toContain(`grpc-status=14 grpc-message=cluster test, endpoint ${first} is drained`)
    for (const { connection, id } of other.streams)
      connection.send(dsl.headers(id, [...dsl.okTrailers, ["x-from", second]], { endStream: true }))
    await eventually(
      () => clients.every(({ seen }) => seen.filter(dsl.endsStream).length === 2),
      () => "the others end when their backend says so",
    )
  })
})

test("a listener that drains tells its clients, and those that come, to go elsewhere; then streams end", async (t) => {
  const { orders, connect, open, listener } = await start(t)
  const clients = await connect(4)
  await open(...clients)
  await orders.drainListener(listener, { graceMs: 0 })
  for (const client of clients) {
    await client.frame((frame) => dsl.describeFrame(frame).startsWith("GOAWAY"), "GOAWAY")
    expect(dsl.describeFrame(await client.end(1))).toContain(`grpc-message=listener ${listener} is drained`)
    await client.closed()
  }
  const [late] = await connect(1)
  await late!.closed()
  expect(late!.about(0).some((line) => line.startsWith("GOAWAY"))).toBe(true)
  await orders.resumeListener(listener)
  await open(...(await connect(4)))
})

test("one stream ends at once with the status that is ordered, and no other does", async (t) => {
  const { orders, connect, open, servers } = await start(t)
  const clients = await connect(3)
  await open(...clients, ...clients)
  // Connections are numbered over all threads, from 1.
  const ids = Array.from({ length: 6 }, (_, index) => index + 1)
  const ended = await Promise.allSettled(ids.map((id) => orders.endStream(`${id}-2`, 10)))
  expect(ended.filter(({ status }) => status === "fulfilled")).toHaveLength(3)
  for (const client of clients) {
    expect(dsl.describeFrame(await client.end(3))).toContain(
      "grpc-status=10 grpc-message=the stream was ended by order",
    )
    expect(client.about(1)).toHaveLength(1)
  }
  for (const { connection, id } of servers.flatMap(({ streams }) => streams)) {
    if (id === 1) connection.send(dsl.headers(id, dsl.okTrailers, { endStream: true }))
  }
})

test("a weight by order holds until it is taken back", async (t) => {
  const { orders, control, first, applied } = await start(t)
  const weight = (): number => control.states.endpointsOf("test")[0]!.weight
  orders.setWeight("test", first, 7)
  await applied()
  expect(weight()).toBe(7)
  orders.setWeight("test", first, null)
  await applied()
  expect(weight()).toBe(1)
})

test("what there is not is said in a sentence", async (t) => {
  const { orders, first } = await start(t)
  const cases: [() => unknown, string][] = [
    [() => orders.drainEndpoint("tset", first), 'there is no cluster "tset"'],
    [() => orders.drainCluster("tset"), 'there is no cluster "tset"'],
    [() => orders.drainEndpoint("test", "h:1"), 'cluster "test" has no endpoint h:1'],
    [() => orders.setWeight("test", first, 0.5), "a weight is a whole number from 1, not 0.5"],
    [() => orders.drainListener("x"), 'there is no listener "x"'],
    [() => orders.resumeListener("x"), 'there is no listener "x"'],
    [() => orders.endStream("17", 14), '"17" is no stream\'s id, such as 17-3'],
    [() => orders.endStream("17-3", 17), "a grpc-status is a number from 0 to 16, not 17"],
    [() => orders.endStream("17-3", 14), "there is no stream 17-3 any more"],
  ]
  for (const [order, message] of cases) await expect((async () => order())()).rejects.toThrow(message)
})
