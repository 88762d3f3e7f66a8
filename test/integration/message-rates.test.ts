/** `messageLimits` on real sockets: what a side sends too fast waits without credit, and nothing is lost. */
import { expect, test } from "vitest"
import { FrameType } from "../../src/http2/frame/types.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

const message = Buffer.concat([Buffer.from([0, 0, 0, 0, 95]), Buffer.alloc(95, "m")])

test("a client that sends too fast is read no further than its window, and its backend has each in its time", async (t) => {
  const clock = new ManualClock()
  const bed = await TestBed.start(t, {
    clock,
    backends: [await RawServer.start()],
    config: { messageLimits: [{ messages: 10, burst: 4 }] },
  })
  const client = await bed.rawClient()
  const id = client.open()
  const { connection, id: above } = await bed.raw.stream(0)
  client.send(...Array.from({ length: 100 }, () => dsl.data(id, message)))
  await connection.until(() => connection.dataOf(above).length >= 500, "the burst")
  await client.settled()
  await connection.settled()
  expect(connection.dataOf(above).length).toBe(500)
  const credit = (): number =>
    client.seen
      .filter((frame) => frame.type === FrameType.WINDOW_UPDATE && frame.streamId === id)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)
  expect(credit()).toBeLessThanOrEqual(500)
  expect(bed.balancer.snapshot().streams[0]!.bufferedOctets).toBeGreaterThanOrEqual(9500)

  clock.advance(1000)
  await connection.until(() => connection.dataOf(above).length >= 1400, "a second's worth")
  await connection.settled()
  expect(connection.dataOf(above).length).toBeLessThanOrEqual(1500)

  client.send(dsl.data(id, "", { endStream: true }))
  await client.settled()
  await bed.pass(12_000, connection)
  await connection.until(() => connection.dataOf(above).length === 10_000, "all of it")
  await connection.end(above)
  connection.send(dsl.headers(above, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  await client.end(id)
  await bed.ended(1)
  expect(bed.records[0]!.requestMessages).toBe(100)
})

test("a client that gives up while its messages wait leaves nothing behind, and its connection has its credit", async (t) => {
  const clock = new ManualClock()
  const bed = await TestBed.start(t, {
    clock,
    backends: [await RawServer.start()],
    config: { messageLimits: [{ octets: 1000 }] },
  })
  const client = await bed.rawClient()
  const id = client.open()
  const { connection, id: above } = await bed.raw.stream(0)
  for (let i = 0; i < 3; i++) client.send(dsl.data(id, Buffer.alloc(16_384)))
  await connection.until(() => connection.dataOf(above).length > 0, "the first")
  client.send(dsl.rstStream(id))
  await bed.ended(1)
  await connection.end(above)
  const next = client.open()
  await bed.raw.stream(1)
  client.send(dsl.rstStream(next))
  await bed.ended(2)
})

const creditOf = (
  connection: { seen: readonly { type: number; streamId: number; payload: Buffer }[] },
  id: number,
) =>
  connection.seen
    .filter((frame) => frame.type === FrameType.WINDOW_UPDATE && frame.streamId === id)
    .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)

test("a backend that sends too fast is read no further than its window, and its client has each in its time", async (t) => {
  const clock = new ManualClock()
  // More than half a window: credit would be given for them, were they taken.
  const large = Buffer.concat([Buffer.from([0, 0, 0, 3, 127]), Buffer.alloc(895, "m")])
  const bed = await TestBed.start(t, {
    clock,
    backends: [await RawServer.start()],
    config: { messageLimits: [{ messages: 10, burst: 4, from: "backend" }] },
  })
  const client = await bed.rawClient()
  const id = client.open()
  const { connection, id: above } = await bed.raw.stream(0)
  connection.send(dsl.headers(above, dsl.response))
  connection.send(...Array.from({ length: 70 }, () => dsl.data(above, large)))
  connection.send(dsl.headers(above, dsl.okTrailers, { endStream: true }))
  // Requests have no rate.
  client.send(...Array.from({ length: 20 }, () => dsl.data(id, message)))
  await client.until(() => client.dataOf(id).length >= 4500, "the burst")
  await connection.settled()
  await client.settled()
  expect(client.dataOf(id).length).toBe(4500)
  expect(creditOf(connection, above)).toBeLessThanOrEqual(4500)
  expect(bed.balancer.counters.get("answers_limited")).toBe(1)
  expect(bed.balancer.snapshot().streams[0]!.bufferedOctets).toBeGreaterThanOrEqual(58_500)

  clock.advance(1000)
  await client.until(() => client.dataOf(id).length >= 12_600, "a second's worth")
  await client.settled()
  expect(client.dataOf(id).length).toBeLessThanOrEqual(13_500)
  await bed.pass(12_000, client)
  await client.end(id)
  expect(client.dataOf(id).length).toBe(63_000)
  await bed.ended(1)
  expect(bed.records[0]).toMatchObject({ requestMessages: 20, responseMessages: 70, grpcStatus: 0 })
})

test("a client that leaves while messages for it wait leaves nothing behind", async (t) => {
  const bed = await TestBed.start(t, {
    clock: new ManualClock(),
    backends: [await RawServer.start()],
    config: { messageLimits: [{ messages: 1, from: "backend" }] },
  })
  const client = await bed.rawClient()
  const id = client.open()
  const { connection, id: above } = await bed.raw.stream(0)
  connection.send(dsl.headers(above, dsl.response), dsl.data(above, message), dsl.data(above, message))
  await client.until(() => client.dataOf(id).length === 100, "the first")
  await connection.settled()
  client.send(dsl.rstStream(id))
  await bed.ended(1)
  await connection.end(above)
  expect(bed.balancer.snapshot().streams).toEqual([])
})
