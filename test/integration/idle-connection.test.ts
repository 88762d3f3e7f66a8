import { once } from "node:events"
import { connect } from "node:net"
import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

test("a connection with a short call now and then is not idle, though no stream is open when it is looked at", async (t) => {
  const bed = await TestBed.start(t, { backends: [await RawServer.start()], clock: new ManualClock() })
  bed.raw.onStream = ({ connection, id }) =>
    connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  const client = await bed.rawClient()
  for (let calls = 1; calls <= 20; calls++) {
    await client.end(client.open(dsl.request, { endStream: true }))
    await bed.ended(calls)
    await bed.pass(10_000, client, ...bed.raw.connections)
  }
  expect(client.about(0).filter((frame) => frame.includes("GOAWAY"))).toEqual([])
  client.destroy()
})

describe("idleTimeout 0 (keepalive_timeout 0)", () => {
  async function start(t: TestContext) {
    const clock = new ManualClock()
    const bed = await TestBed.start(t, {
      backends: [await RawServer.start()],
      clock,
      config: { listeners: { address: "127.0.0.1:0", idleTimeout: "0s" } },
    })
    bed.raw.onStream = ({ connection, id }) =>
      connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    return { bed, clock }
  }

  test("one request, then GOAWAY", async (t) => {
    const { bed, clock } = await start(t)
    const client = await bed.rawClient()
    clock.advance(5_000)
    await client.settled()
    expect(client.about(0).join()).not.toContain("GOAWAY")
    const id = client.open(dsl.request, { endStream: true })
    await client.end(id)
    expect(client.about(id)[0]).toContain(":status=200")
    await client.closed()
    expect(client.about(0).join()).toContain("GOAWAY 1 NO_ERROR")
  })

  test("a connection that is never used goes after headerTimeout", async (t) => {
    const { bed } = await start(t)
    const client = await bed.rawClient()
    await client.settled()
    await bed.pass(12_000, client)
    await client.closed()
    expect(client.about(0).join()).toContain("GOAWAY 0 NO_ERROR")
  })

  test("over HTTP/1.1: one request, then the end", async (t) => {
    const { bed, clock } = await start(t)
    const socket = connect(bed.port, "127.0.0.1")
    t.onTestFinished(() => void socket.destroy())
    await once(socket, "connect")
    let text = ""
    socket.on("data", (octets: Buffer) => (text += octets.toString()))
    socket.write("GET / HTTP/1.1\r\n")
    await eventually(
      () => bed.balancer.snapshot().connections === 1,
      () => "the connection",
    )
    clock.advance(5_000)
    socket.write("host: a\r\n\r\n")
    await once(socket, "close")
    expect(text).toMatch(/^HTTP\/1\.1 200 /)
    expect(text).toMatch(/^connection: close\r$/im)
  })
})

describe("maxConnectionAge (keepalive_time) of an idle connection of HTTP/1.1", () => {
  async function start(t: TestContext) {
    const clock = new ManualClock()
    const config = {
      listeners: { address: "127.0.0.1:0", maxConnectionAge: "10s" },
      clusters: {},
      routes: [{ return: { status: 204 } }],
    }
    const bed = await TestBed.start(t, { backends: 0, clock, config })
    const socket = connect(bed.port, "127.0.0.1")
    t.onTestFinished(() => void socket.destroy())
    let text = ""
    socket.on("data", (octets: Buffer) => (text += octets.toString()))
    const ask = async (): Promise<string> => {
      text = ""
      socket.write("GET / HTTP/1.1\r\nhost: a\r\n\r\n")
      await Promise.race([once(socket, "data"), once(socket, "close")])
      return text
    }
    return { clock, socket, ask }
  }

  test("its next answer is the last, and says so", async (t) => {
    const { clock, socket, ask } = await start(t)
    expect(await ask()).not.toMatch(/^connection: close\r$/im)
    clock.advance(20_000)
    const closed = once(socket, "close")
    expect(await ask()).toMatch(/^HTTP\/1\.1 204 [\s\S]*^connection: close\r$/im)
    await closed
  })

  test("without another request it ends with idleTimeout", async (t) => {
    const { clock, socket, ask } = await start(t)
    await ask()
    const closed = once(socket, "close")
    clock.advance(77_000)
    await closed
  })
})

test("half a head on a connection that is being ended opens no call, however long its client takes to close", async (t) => {
  const clock = new ManualClock()
  const config = { clusters: {}, routes: [{ return: { status: 204 } }] }
  const bed = await TestBed.start(t, { backends: 0, clock, config })
  const socket = connect({ port: bed.port, host: "127.0.0.1", allowHalfOpen: true })
  t.onTestFinished(() => void socket.destroy())
  socket.write("GET / HTTP/1.1\r\nhost: ")
  await eventually(
    () => bed.balancer.snapshot().bufferedOctets > 0,
    () => "half a head",
  )
  clock.advance(9_000)
  socket.resume()
  const ended = once(socket, "end")
  const closing = bed.close()
  await ended
  clock.advance(3_000)
  socket.end()
  await closing
  expect(bed.records).toEqual([])
})

test("trailers of HTTP/1.1 have the time of a head", async (t) => {
  const clock = new ManualClock()
  const backend = await RawServer.start()
  const bed = await TestBed.start(t, { backends: [backend], clock })
  const socket = connect(bed.port, "127.0.0.1")
  t.onTestFinished(() => void socket.destroy())
  let text = ""
  socket.on("data", (octets: Buffer) => (text += octets.toString()))
  const closed = once(socket, "close")
  socket.write("POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n0\r\nx: ")
  const { connection } = await backend.stream()
  await bed.pass(10_000, connection)
  expect(text).toBe("")
  await bed.pass(5_000, connection)
  await closed
  expect(text).toMatch(/^HTTP\/1\.1 408 /)
  expect((await bed.ended())[0]).toMatchObject({ status: 408 })
})
