import { once } from "node:events"
import { type ClientHttp2Stream, connect, createServer } from "node:http2"
import type { AddressInfo } from "node:net"
import { expect, test } from "vitest"
import { createBalancer } from "../../src/index.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { EchoBackend, TestBed } from "../support/test-bed.ts"

const HELD_OCTETS = 60_000

test("a client that takes nothing loses its largest streams once its connection holds too much, and no other", async (t) => {
  const backend = createServer()
  backend.on("stream", (stream) => {
    stream.on("error", () => {})
    stream.respond({ ":status": 200, "content-type": "application/grpc" })
    stream.write(Buffer.alloc(HELD_OCTETS))
  })
  backend.listen(0, "127.0.0.1")
  await once(backend, "listening")
  const limits = { connectionBufferedOctetsMax: 1024 * 1024 }
  const balancer = createBalancer({
    listeners: "127.0.0.1:0",
    clusters: { backend: [`127.0.0.1:${(backend.address() as AddressInfo).port}`] },
    limits,
  })
  await balancer.start()
  const url = `http://127.0.0.1:${balancer.addresses[0]!.port}`
  const slow = connect(url, { settings: { initialWindowSize: 0 } })
  const neighbour = connect(url)
  t.onTestFinished(async () => {
    slow.destroy()
    neighbour.destroy()
    await balancer.close({ graceMs: 0 })
    backend.close()
  })

  const open = (session: typeof slow): ClientHttp2Stream => {
    const headers = {
      ":method": "POST",
      ":path": "/a.B/C",
      "content-type": "application/grpc",
      te: "trailers",
    }
    const stream = session.request(headers, { endStream: false })
    stream.on("error", () => {})
    return stream
  }
  const beside = open(neighbour)
  await once(beside, "data")

  const ended = new Promise<Record<string, unknown>>((resolve) => {
    for (let i = 0; i < 30; i++) open(slow).once("trailers", resolve)
  })
  const trailers = await ended
  expect(trailers["grpc-status"]).toBe("8")
  expect(String(trailers["grpc-message"])).toContain(
    "connectionBufferedOctetsMax (1048576 octets) is used up",
  )

  expect(balancer.snapshot().counters.connection_buffer_exceeded).toBeGreaterThan(0)
  const heldNow = (): number =>
    balancer.snapshot().streams.reduce((sum, { bufferedOctets }) => sum + bufferedOctets, 0)
  await eventually(
    () => heldNow() <= limits.connectionBufferedOctetsMax,
    () => `${heldNow()} octets are held`,
  )
  // Half the room and more is still in use: only as many ended as had to.
  expect(heldNow()).toBeGreaterThan(limits.connectionBufferedOctetsMax / 2)
  expect(beside.closed).toBe(false)
})

test("streams that are over and wait for a client to take their answer are ended too", async (t) => {
  const backend = createServer()
  backend.on("stream", (stream) => {
    stream.on("error", () => {})
    stream.respond({ ":status": 200, "content-type": "application/grpc" })
    stream.write(Buffer.alloc(HELD_OCTETS))
  })
  backend.listen(0, "127.0.0.1")
  await once(backend, "listening")
  const limits = { connectionBufferedOctetsMax: 1024 * 1024 }
  const clusters = { backend: [`127.0.0.1:${(backend.address() as AddressInfo).port}`] }
  const clock = new ManualClock()
  const balancer = createBalancer({ listeners: "127.0.0.1:0", clusters, limits }, { clock })
  let ended = 0
  balancer.on("stream", () => ended++)
  await balancer.start()
  const url = `http://127.0.0.1:${balancer.addresses[0]!.port}`
  const slow = connect(url, { settings: { initialWindowSize: 0 } })
  t.onTestFinished(async () => {
    slow.destroy()
    const closed = balancer.close({ graceMs: 0 })
    clock.advance(10_000)
    await closed
    backend.close()
  })
  const open = (more: Record<string, string>): void => {
    const fixed = { ":method": "POST", ":path": "/a.B/C", "content-type": "application/grpc" }
    const stream = slow.request({ ...fixed, ...more }, { endStream: false })
    stream.on("error", () => {})
    stream.resume()
  }
  const held = (): number =>
    balancer.snapshot().streams.reduce((sum, { bufferedOctets }) => sum + bufferedOctets, 0)

  // Their deadlines pass while the answer waits, and its trailers behind it.
  const overdue = 17
  for (let i = 0; i < overdue; i++) open({ "grpc-timeout": "400m" })
  await eventually(
    () => held() === overdue * HELD_OCTETS,
    () => `${held()} octets are held`,
  )
  clock.advance(500)
  expect(ended).toBe(overdue)
  expect(held()).toBeGreaterThan(overdue * HELD_OCTETS)
  for (let i = 0; i < 13; i++) open({})
  const isExceeded = (): boolean => balancer.counters.get("connection_buffer_exceeded") > 0
  await eventually(isExceeded, () => `${held()} octets are held`)
  clock.advance(100)
  expect(held()).toBeLessThanOrEqual(limits.connectionBufferedOctetsMax)
  expect(held()).toBeGreaterThan(limits.connectionBufferedOctetsMax / 2)
})

test("a client that reads nothing and asks for heads without end loses its connection, and its neighbour nothing", async (t) => {
  const limits = { connectionBufferedOctetsMax: 256 * 1024, unsentOctetsMax: 16 * 1024 }
  const logs = new LogLines()
  const bed = await TestBed.start(t, {
    backends: [await RawServer.start()],
    log: logs.log,
    config: { limits },
  })
  const neighbour = await bed.rawClient()
  const beside = neighbour.open()
  const own = await bed.raw.stream()
  const deaf = await bed.rawClient()
  deaf.socket.pause()
  const streams = 500
  for (let i = 0; i < streams; i++) deaf.open()
  await bed.raw.stream(streams)
  const large: dsl.Field = ["x-large", "~".repeat(14_000)]
  for (const { connection, id } of bed.raw.streams.slice(1))
    connection.send(dsl.headers(id, [...dsl.response, large]))
  await bed.ended(streams)
  expect(logs.saying("connection ended to free memory")).toHaveLength(1)
  await eventually(
    () => bed.balancer.snapshot().bufferedOctets === 0,
    () => `${bed.balancer.snapshot().bufferedOctets} octets are held`,
  )
  own.connection.send(dsl.headers(own.id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  await neighbour.end(beside)
  expect(neighbour.about(beside)[0]).toContain("grpc-status=0")
  neighbour.destroy()
  deaf.destroy()
})

test("clients that hold most of the budget do not keep others, whose octets are taken, from credit", async (t) => {
  const MiB = 1024 * 1024
  const limits = { bufferedOctetsMax: MiB, connectionBufferedOctetsMax: MiB / 4 }
  const answers = new EchoBackend("a", {
    Unary: (call: { request: Buffer }, callback: (error: null, value: Buffer) => void) =>
      callback(null, Buffer.alloc(Number(call.request.toString()))),
  })
  const bed = await TestBed.start(t, { backends: [answers], config: { limits } })
  const asked = Buffer.from(String(HELD_OCTETS))
  const message = Buffer.concat([Buffer.from([0, 0, 0, 0, asked.length]), asked])
  for (let clients = 0; clients < 4; clients++) {
    const client = await bed.rawClient({ settings: { INITIAL_WINDOW_SIZE: 0 }, givesCredit: false })
    for (let calls = 0; calls < 4; calls++) {
      const id = client.open(dsl.withFields(dsl.request, { ":path": "/test.Echo/Unary" }))
      client.send(dsl.data(id, message, { endStream: true }))
    }
  }
  const held = (): number => bed.balancer.snapshot().bufferedOctets
  await eventually(
    () => held() > 16 * HELD_OCTETS,
    () => `${held()} octets are held`,
  )
  expect(held()).toBeGreaterThan(0.8 * MiB)
  const { code, message: answer } = await bed.client().unary(Buffer.from(String(MiB)))
  expect([code, answer?.length]).toEqual([0, MiB])
  expect(bed.balancer.counters.get("worker_buffer_exceeded")).toBe(0)
})

test("large heads of streams that live count as held, and the largest holders are ended", async (t) => {
  const limits = { bufferedOctetsMax: 1024 * 1024 }
  const bed = await TestBed.start(t, { backends: [await RawServer.start()], config: { limits } })
  const client = await bed.rawClient()
  const ids = Array.from({ length: 100 }, (_, i) =>
    client.open([...dsl.request, ["x-large", `${i}`.padEnd(15_000, "x")]]),
  )
  const ended = (): number =>
    ids.filter((id) => client.about(id).join().includes("bufferedOctetsMax (1048576 octets) is used up"))
      .length
  const held = (): number => bed.balancer.snapshot().bufferedOctets
  await eventually(
    () => ended() > 25 && held() <= limits.bufferedOctetsMax,
    () => `${ended()} ended, ${held()} octets are held`,
  )
  expect(ended()).toBeLessThan(50)
})

test("also those of streams that are over, until their clients take the answer", async (t) => {
  const bed = await TestBed.start(t, {
    config: { servers: [{ routes: [{ prefix: "/other", cluster: "test" }] }] },
  })
  const client = await bed.rawClient({ settings: { INITIAL_WINDOW_SIZE: 0 } })
  const fields = dsl.withFields(dsl.request, { "content-type": "text/plain", "x-large": "x".repeat(15_000) })
  const ids = [client.open(fields, { endStream: true }), client.open(fields, { endStream: true })]
  await bed.ended(2)
  const held = (): number => bed.balancer.snapshot().bufferedOctets
  expect(held()).toBeGreaterThan(30_000)
  client.send(dsl.windowUpdate(ids[0]!, 1000))
  await client.end(ids[0]!)
  expect(held()).toBeGreaterThan(15_000)
  expect(held()).toBeLessThan(20_000)
  client.send(dsl.rstStream(ids[1]!))
  await client.settled()
  expect(held()).toBe(0)
})

test("large heads of answers count for as long as their streams live", async (t) => {
  const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
  const client = await bed.rawClient()
  const id = client.open()
  const { connection, id: above } = await bed.raw.stream()
  connection.send(dsl.headers(above, [...dsl.response, ["x-large", "x".repeat(15_000)]]))
  await client.head(id)
  const held = (): number => bed.balancer.snapshot().bufferedOctets
  expect(held()).toBeGreaterThan(15_000)
  connection.send(dsl.headers(above, dsl.okTrailers, { endStream: true }))
  await client.end(id)
  await bed.ended()
  expect(held()).toBe(0)
})
