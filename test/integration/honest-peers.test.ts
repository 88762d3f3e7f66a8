import { expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { LogLines } from "../support/log-lines.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { TestBed } from "../support/test-bed.ts"

/*
 * What peers do in the course of honest work, and what other load balancers put up with: no connection ends for it, and
 * no line of the log warns of it.
 */

async function start(t: TestContext, options: Parameters<typeof TestBed.start>[1] = {}) {
  const said = new LogLines()
  const bed = await TestBed.start(t, { backends: [await RawServer.start()], log: said.log, ...options })
  return { bed, warnings: () => said.lines.filter(({ level }) => level !== "info" && level !== "debug") }
}

test("chats that their backend ends, 1,500 of them, use one connection and raise no warning", async (t) => {
  const { bed, warnings } = await start(t)
  bed.raw.onStream = ({ connection, id }) =>
    connection.send(dsl.headers(id, dsl.response), dsl.headers(id, dsl.okTrailers, { endStream: true }))
  const client = await bed.rawClient()
  for (let chats = 100; chats <= 1500; chats += 100) {
    for (let i = 0; i < 100; i++) client.open()
    await bed.ended(chats)
  }
  expect([bed.raw.connections.length, bed.raw.connections[0]!.isClosed, warnings()]).toEqual([1, false, []])
})

test.for([
  ["grpc-go's window estimation: PING at the first DATA, SETTINGS and credit at each doubling", 65_536],
  ["a window resized after every 43 kB", 43_690],
] as const)("%s: no warning, from a client", async ([, every], t) => {
  const { bed, warnings } = await start(t)
  const client = await bed.rawClient({ settings: { INITIAL_WINDOW_SIZE: 2 ** 24 } })
  const id = client.open(dsl.request, { endStream: true })
  const { connection, id: above } = await bed.raw.stream()
  connection.send(dsl.headers(above, dsl.response))
  const total = 8 * 2 ** 20
  const piece = Buffer.alloc(16_384)
  let seen = 0
  let since = 0
  client.onFrame = ({ streamId, payload, type }) => {
    if (streamId !== id || type !== 0) return
    seen += payload.length
    since += payload.length
    if (since < every) return
    since = 0
    client.send(dsl.ping("bdp_ping"), dsl.settings({ INITIAL_WINDOW_SIZE: 2 ** 24 + (seen & 1) }))
  }
  for (let sent = 0; sent < total; sent += piece.length) {
    // As much as the window that the backend was given, and what is given back of it, lets through.
    await eventually(
      () => sent - seen < 65_535 - piece.length,
      () => `${seen} of ${sent} octets came`,
    )
    connection.send(dsl.data(above, piece))
  }
  connection.send(dsl.headers(above, dsl.okTrailers, { endStream: true }))
  await client.end(id)
  expect([seen, warnings()]).toEqual([total, []])
})

const paddings = [
  ["16 octets with 239", 16, 239, 20_000],
  ["1,000 octets with 255", 1000, 255, 12_000],
] as const

test.for(paddings)("a client that pads %s is served", async ([, octets, padding, frames], t) => {
  const { bed, warnings } = await start(t)
  const client = await bed.rawClient()
  const id = client.open()
  const { connection, id: above } = await bed.raw.stream()
  const credit = () =>
    client.seen.reduce((sum, { type, streamId, payload }) => {
      return type === 8 && streamId === id ? sum + payload.readUInt32BE(0) : sum
    }, 262_144)
  await pour(frames, octets, 1 + octets + padding, credit, (piece) =>
    client.send(dsl.data(id, piece, { padding })),
  )
  await eventually(
    () => connection.dataOf(above).length === octets * frames,
    () => `${connection.dataOf(above).length} octets came`,
  )
  client.send(dsl.data(id, "", { endStream: true }))
  connection.send(dsl.headers(above, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  await client.end(id)
  expect(warnings()).toEqual([])
})

test.for(paddings)("a backend that pads %s is served", async ([, octets, padding, frames], t) => {
  const { bed, warnings } = await start(t)
  const client = await bed.rawClient()
  const id = client.open(dsl.request, { endStream: true })
  const { connection, id: above } = await bed.raw.stream()
  connection.send(dsl.headers(above, dsl.response))
  const credit = () =>
    connection.seen.reduce((sum, { type, streamId, payload }) => {
      return type === 8 && streamId === above ? sum + payload.readUInt32BE(0) : sum
    }, 65_536)
  await pour(frames, octets, 1 + octets + padding, credit, (piece) =>
    connection.send(dsl.data(above, piece, { padding })),
  )
  connection.send(dsl.headers(above, dsl.okTrailers, { endStream: true }))
  await client.end(id)
  expect([client.dataOf(id).length, warnings()]).toEqual([octets * frames, []])
})

test("a backend that acknowledges SETTINGS with its first answer, 15 s later, keeps its call and a neighbour", async (t) => {
  const clock = new ManualClock()
  const { bed, warnings } = await start(t, { clock, backends: [await RawServer.start({ isPolite: false })] })
  const [waiter, neighbour] = [await bed.rawClient(), await bed.rawClient()]
  const waits = waiter.open(dsl.request, { endStream: true })
  const { connection, id: above } = await bed.raw.stream(0)
  const chats = neighbour.open()
  const { id: chatsAbove } = await bed.raw.stream(1)
  connection.send(dsl.headers(chatsAbove, dsl.response))
  for (let second = 1; second <= 15; second++) {
    clock.advance(1000)
    connection.send(dsl.data(chatsAbove, "x"))
    await neighbour.until(() => neighbour.dataOf(chats).length === second, `message ${second}`)
  }
  const trailers = dsl.headers(above, dsl.okTrailers, { endStream: true })
  connection.send(dsl.settingsAck(), dsl.headers(above, dsl.response), dsl.data(above, "late"), trailers)
  expect(dsl.describeFrame(await waiter.end(waits))).toBe(`HEADERS ${waits} END_STREAM grpc-status=0`)
  // The endpoint is not out, and its connection is used for the next call.
  const next = waiter.open(dsl.request, { endStream: true })
  const again = await bed.raw.stream(2)
  again.connection.send(dsl.headers(again.id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
  await waiter.end(next)
  neighbour.send(dsl.data(chats, "", { endStream: true }))
  connection.send(dsl.headers(chatsAbove, dsl.okTrailers, { endStream: true }))
  await neighbour.end(chats)
  expect([bed.raw.connections.length, warnings()]).toEqual([1, []])
})

test("a client that acknowledges SETTINGS 15 s later, or never, keeps its calls", async (t) => {
  const clock = new ManualClock()
  const { bed, warnings } = await start(t, { clock })
  const [late, never] = [await bed.rawClient({ isPolite: false }), await bed.rawClient({ isPolite: false })]
  const ids = [late.open(), never.open()]
  const streams = [await bed.raw.stream(0), await bed.raw.stream(1)]
  for (let second = 1; second <= 15; second++) {
    clock.advance(1000)
    await bed.raw.connections[0]!.settled()
  }
  late.send(dsl.settingsAck())
  for (const [at, client] of [late, never].entries()) {
    client.send(dsl.data(ids[at]!, "late", { endStream: true }))
    const { connection, id } = streams[at]!
    await connection.until(() => connection.dataOf(id).toString() === "late", "the request")
    connection.send(dsl.headers(id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
    await client.end(ids[at]!)
  }
  expect(warnings()).toEqual([])
})

const upload = dsl.withFields(dsl.request, {
  "content-type": "text/plain",
  te: undefined,
  "content-length": "5",
})

test.for(["100-continue", "100-Continue"])(
  "expect: %s is met at once, and kept from the backend",
  async (value, t) => {
    const { bed, warnings } = await start(t)
    const client = await bed.rawClient()
    const id = client.open([...upload, ["expect", value]])
    const { connection, id: above, fields } = await bed.raw.stream()
    expect(client.about(id)).toEqual([`HEADERS ${id} :status=100`])
    expect(fields.map(([name]) => name)).not.toContain("expect")
    client.send(dsl.data(id, "Hello", { endStream: true }))
    await connection.until(() => connection.dataOf(above).toString() === "Hello", "the body")
    connection.send(dsl.headers(above, [[":status", "200"]], { endStream: true }))
    await client.end(id)
    expect([client.about(id).slice(1), warnings()]).toEqual([[`HEADERS ${id} END_STREAM :status=200`], []])
  },
)

test.for([
  [
    "a request that is whole",
    [...dsl.withFields(upload, { "content-length": "0" }), ["expect", "100-continue"]],
    true,
  ],
  ["another expectation", [...upload, ["expect", "a miracle"]], false],
] as [string, dsl.Field[], boolean][])("%s is not told to go on", async ([, fields, endStream], t) => {
  const { bed } = await start(t)
  const client = await bed.rawClient()
  const id = client.open(fields, { endStream })
  const { connection, id: above, fields: seen } = await bed.raw.stream()
  connection.send(dsl.headers(above, [[":status", "200"]], { endStream: true }))
  await client.end(id)
  expect(client.about(id)[0]).toBe(`HEADERS ${id} END_STREAM :status=200`)
  expect(seen.map(([name]) => name)).not.toContain("expect")
  if (!endStream) client.send(dsl.data(id, "Hello", { endStream: true }))
  await bed.ended()
})

test("an early 413, of Sluice's or of a backend's, and how a client leaves its upload behind it, charge nobody: 500 on a connection", async (t) => {
  const { bed, warnings } = await start(t, {
    config: {
      routes: [
        { prefix: "/small", cluster: "test", maxBodySize: "1k" },
        { prefix: "/", cluster: "test" },
      ],
    },
  })
  bed.raw.onStream = ({ connection, id }) =>
    connection.send(dsl.headers(id, [[":status", "413"]], { endStream: true }))
  const large = dsl.withFields(upload, { "content-length": "1000000" })
  const client = await bed.rawClient()
  for (let i = 0; i < 250; i++) {
    const ours = client.open([...dsl.withFields(large, { ":path": "/small" }), ["expect", "100-continue"]])
    const theirs = client.open(large)
    client.send(dsl.data(theirs, Buffer.alloc(1000)))
    for (const id of [ours, theirs]) {
      await client.until(() => client.about(id).join().includes(":status=413"), "413")
      expect(client.about(id).filter((line) => line.includes(":status=100"))).toEqual([])
      // curl's ways of giving up an upload: RST_STREAM, or an end before its time.
      client.send(i % 2 === 0 ? dsl.rstStream(id) : dsl.data(id, "", { endStream: true }))
    }
  }
  await bed.ended(500)
  await client.settled()
  const charged = (["abuse_peer_reset", "abuse_made_to_reset", "abuse_refused"] as const).map((name) =>
    bed.balancer.counters.get(name),
  )
  expect([warnings(), charged]).toEqual([[], [0, 0, 0]])
})

/** Sends so many frames as credit comes. */
async function pour(
  frames: number,
  octets: number,
  flowOctets: number,
  credit: () => number,
  send: (piece: Buffer) => void,
): Promise<void> {
  const piece = Buffer.alloc(octets)
  let sent = 0
  while (sent < frames) {
    const room = Math.floor(credit() / flowOctets)
    for (; sent < Math.min(room, frames); sent++) send(piece)
    if (sent === frames) return
    await eventually(
      () => Math.floor(credit() / flowOctets) > sent,
      () => `credit for frame ${sent}`,
    )
  }
}
