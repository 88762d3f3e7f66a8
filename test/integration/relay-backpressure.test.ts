import { describe, expect, test } from "vitest"
import { FrameType } from "../../src/http2/frame/types.ts"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import type { RawConnection } from "../support/raw-connection.ts"
import { RawServer } from "../support/raw-server.ts"
import { EchoBackend, TestBed } from "../support/test-bed.ts"

const KiB = 1024

/** What a peer has given credit for on a stream, beyond its first window. */
function creditOf(connection: RawConnection, streamId: number): () => number {
  return () =>
    connection.seen
      .filter((frame) => frame.type === FrameType.WINDOW_UPDATE && frame.streamId === streamId)
      .reduce((sum, { payload }) => sum + payload.readUInt32BE(0), 0)
}

/** Sends as much on a stream as its credit allows, until no more comes; returns how much that was. */
async function fill(connection: RawConnection, streamId: number, window: number): Promise<number> {
  const credit = creditOf(connection, streamId)
  let sent = 0
  while (window + credit() - sent >= 16 * KiB) {
    connection.send(dsl.data(streamId, Buffer.alloc(16 * KiB)))
    sent += 16 * KiB
    await connection.settled()
  }
  return sent
}

describe("a slow reader", () => {
  test("downstream: what is held for it is bounded by the windows, its backend is held back, its neighbour is not", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start()] })
    const slow = await bed.rawClient({ givesCredit: false })
    const quick = await bed.rawClient()
    const slowId = slow.open()
    const { connection, id: first } = await bed.raw.stream(0)
    const quickId = quick.open()
    const { id: second } = await bed.raw.stream(1)
    connection.send(dsl.headers(first, dsl.response), dsl.headers(second, dsl.response))
    // The backend sends all that its window lets it, until no more credit comes.
    const credit = creditOf(connection, first)
    const sent = await fill(connection, first, 64 * KiB)
    await slow.until(() => slow.dataOf(slowId).length === 65_535, "what the client's window lets through")
    expect(sent).toBeLessThanOrEqual(65_535 + 64 * KiB)
    expect(credit() + 64 * KiB - sent).toBeLessThan(16 * KiB)
    const [held] = bed.balancer.snapshot().streams.map(({ bufferedOctets }) => bufferedOctets)
    expect(held).toBe(sent - 65_535)

    // The neighbour, on the very same upstream connection, has all of it at once.
    for (let round = 0; round < 20; round++) {
      connection.send(dsl.data(second, Buffer.alloc(16 * KiB)))
      await quick.until(() => quick.dataOf(quickId).length === (round + 1) * 16 * KiB, `round ${round}`)
    }
    slow.send(dsl.windowUpdate(slowId, 2 ** 20), dsl.windowUpdate(0, 2 ** 20))
    await slow.until(() => slow.dataOf(slowId).length === sent, "the rest")
    slow.destroy()
    quick.destroy()
  })

  test("upstream: a backend that reads nothing holds its client at one window; the neighbour goes on", async (t) => {
    const bed = await TestBed.start(t, { backends: [await RawServer.start({ givesCredit: false })] })
    const client = await bed.rawClient()
    const [stuck, free] = [client.open(), client.open()]
    const { connection, id: first } = await bed.raw.stream(0)
    const { id: second } = await bed.raw.stream(1)
    connection.send(dsl.windowUpdate(0, 2 ** 24))
    // The client may send 256 KiB; the backend's own window takes 65,535 of it.
    const sent = await fill(client, stuck, 256 * KiB)
    expect(connection.dataOf(first).length).toBe(65_535)
    expect(sent).toBeLessThanOrEqual(65_535 + 256 * KiB)
    const { bufferedOctets } = bed.balancer.snapshot().streams[0]!
    expect(bufferedOctets).toBeLessThanOrEqual(256 * KiB)

    for (let round = 0; round < 10; round++) {
      client.send(dsl.data(free, Buffer.alloc(16 * KiB)))
      connection.send(dsl.windowUpdate(second, 16 * KiB))
    }
    await connection.until(() => connection.dataOf(second).length === 160 * KiB, "the neighbour's upload")
    connection.send(dsl.windowUpdate(first, 2 ** 20))
    await connection.until(() => connection.dataOf(first).length === sent, "all that was sent")
    client.destroy()
  })

  test("a client that leaves its socket unread does not make the process hold what it asked for", async (t) => {
    const bed = await TestBed.start(t, { backends: 1 })
    const lazy = await bed.rawClient({ settings: { INITIAL_WINDOW_SIZE: 2 ** 30 } })
    lazy.send(dsl.windowUpdate(0, 2 ** 30))
    lazy.socket.pause()
    const push = dsl.withFields(dsl.request, { ":path": "/test.Echo/Push" })
    const many = Buffer.from("\0\0\0\0\x06300000", "latin1")
    const ids = Array.from({ length: 10 }, () => lazy.open(push))
    for (const id of ids) lazy.send(dsl.data(id, many, { endStream: true }))
    await eventually(
      () => bed.balancer.snapshot().streams.length === 10,
      () => "ten streams",
    )
    const others = bed.client()
    for (let i = 0; i < 50; i++) expect((await others.unary(Buffer.from("x"))).code).toBe(0)
    const held = bed.balancer.snapshot().streams.reduce((sum, { bufferedOctets }) => sum + bufferedOctets, 0)
    expect(held).toBeLessThanOrEqual(10 * 64 * KiB)
    lazy.destroy()
    await bed.ended(60)
  })
})

test("a client that we do not read is not late with what it has sent", async (t) => {
  const clock = new ManualClock()
  const large = new EchoBackend("a", {
    Unary: (_call: unknown, callback: (error: null, value: Buffer) => void) =>
      callback(null, Buffer.alloc(40_000_000)),
  })
  const limits = { controlFramesQueuedMax: 50 }
  const bed = await TestBed.start(t, { backends: [large], clock, config: { limits } })
  const client = await bed.rawClient({ settings: { INITIAL_WINDOW_SIZE: 2 ** 31 - 1 } })
  client.send(dsl.windowUpdate(0, 2 ** 30))
  await client.settled()
  client.socket.pause()
  const id = client.open(dsl.withFields(dsl.request, { ":path": "/test.Echo/Unary" }))
  client.send(dsl.data(id, Buffer.alloc(5), { endStream: true }))
  // The kernel takes no more: all that the backend's window lets through is held.
  await eventually(
    () => bed.balancer.snapshot().bufferedOctets >= 64 * KiB,
    () => JSON.stringify(bed.balancer.snapshot()),
  )
  // So many calls that are answered at once that nothing more is read, the rest of the last one included.
  const bad = dsl.withFields(dsl.request, { "grpc-timeout": "bad" })
  const many = Array.from({ length: 60 }, (_, i) => dsl.headers(3 + 2 * i, bad, { endStream: true }))
  const last = dsl.headers(123, dsl.request, { endStream: true })
  client.send(...many, last.subarray(0, 20))
  await eventually(
    () => bed.balancer.counters.get("control_frames_queued") > 0,
    () => JSON.stringify(bed.balancer.snapshot()),
  )
  client.send(last.subarray(20))
  for (let i = 0; i < 12; i++) clock.advance(1000)
  expect(bed.balancer.counters.get("header_block_timeout")).toBe(0)
  expect(bed.balancer.snapshot().connections).toBe(1)
})
