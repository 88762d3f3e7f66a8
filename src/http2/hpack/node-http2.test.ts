/**
 * Against nghttp2, as Node has it: blocks that it makes are decoded by us, and blocks that we make are decoded by it, on
 * loopback, with the table size changed on the way.
 */
import { once } from "node:events"
import http2 from "node:http2"
import net from "node:net"
import { expect, onTestFinished, test } from "vitest"
import { HeaderList } from "../header-list.ts"
import { HpackDecoder } from "./decoder.ts"
import { HpackEncoder } from "./encoder.ts"

const LIMITS = { maxFields: 128, maxOctets: 65_536 }
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
const HEADERS = 1
const SETTINGS = 4
const CONTINUATION = 9
const ACK = 1
const END_STREAM = 1
const END_HEADERS = 4
const PRIORITY = 0x20
const HEADER_TABLE_SIZE = 1
/** What nghttp2 starts with; a first setting equal to it changes nothing. */
const DEFAULT_TABLE_OCTETS = 4096

interface Frame {
  type: number
  flags: number
  streamId: number
  payload: Buffer
}

function frame(type: number, flags: number, streamId: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9)
  head.writeUIntBE(payload.length, 0, 3)
  head[3] = type
  head[4] = flags
  head.writeUInt32BE(streamId, 5)
  return Buffer.concat([head, payload])
}

function settings(headerTableOctets?: number): Buffer {
  if (headerTableOctets === undefined) return frame(SETTINGS, 0, 0, Buffer.alloc(0))
  const payload = Buffer.alloc(6)
  payload.writeUInt16BE(HEADER_TABLE_SIZE, 0)
  payload.writeUInt32BE(headerTableOctets, 2)
  return frame(SETTINGS, 0, 0, payload)
}

/** The frames of a socket, one at a time. */
async function* framesOf(socket: net.Socket, skipOctets = 0): AsyncGenerator<Frame> {
  let octets = Buffer.alloc(0)
  let skip = skipOctets
  for await (const chunk of socket) {
    octets = Buffer.concat([octets, chunk as Buffer])
    if (octets.length < skip) continue
    octets = octets.subarray(skip)
    skip = 0
    while (octets.length >= 9 && octets.length >= 9 + octets.readUIntBE(0, 3)) {
      const end = 9 + octets.readUIntBE(0, 3)
      yield {
        type: octets[3]!,
        flags: octets[4]!,
        streamId: octets.readUInt32BE(5),
        payload: octets.subarray(9, end),
      }
      octets = octets.subarray(end)
    }
  }
}

async function listen(server: net.Server | http2.Http2Server): Promise<number> {
  server.listen(0, "127.0.0.1")
  onTestFinished(() => void server.close())
  await once(server, "listening")
  return (server.address() as net.AddressInfo).port
}

const fieldsOf = (headers: Record<string, string>): string[] => Object.entries(headers).flat()

test("what node:http2 sends as a client decodes to what it was given, also after our table size was lowered", async () => {
  const requests = Array.from({ length: 40 }, (_, i) => ({
    ":method": i % 3 === 0 ? "GET" : "POST",
    ":authority": "chat.example.com",
    ":scheme": "http",
    ":path": `/chat.Chat/Method${i % 4}`,
    "content-type": "application/grpc",
    "x-varying": `${i}-\u00e4\u00ff-${"y".repeat(i * 7)}`,
    "x-steady": "z".repeat(60),
    authorization: "Bearer secret",
  }))
  const server = net.createServer()
  const client = http2.connect(`http://127.0.0.1:${await listen(server)}`)
  client.on("error", () => {})
  const [socket] = (await once(server, "connection")) as [net.Socket]
  onTestFinished(() => {
    client.destroy()
    socket.destroy()
  })
  const send = (some: typeof requests) => {
    for (const request of some) {
      const stream = client.request(
        { ...request, [http2.sensitiveHeaders]: ["authorization"] },
        { endStream: true },
      )
      stream.on("error", () => {})
    }
  }

  const decoder = new HpackDecoder()
  const lists: HeaderList[] = []
  let acknowledgements = 0
  socket.write(Buffer.concat([settings(), frame(SETTINGS, ACK, 0, Buffer.alloc(0))]))
  send(requests.slice(0, 20))
  for await (const { type, flags, payload } of framesOf(socket, PREFACE.length)) {
    if (type === SETTINGS && flags === ACK && ++acknowledgements === 2) {
      decoder.setMaxTableOctets(128)
      send(requests.slice(20))
    }
    if (type !== HEADERS) continue
    expect(flags & END_HEADERS).toBe(END_HEADERS)
    const start = flags & PRIORITY ? 5 : 0
    lists.push(decoder.decode(payload, start, payload.length, LIMITS)!)
    expect(decoder.fault).toBe("")
    if (lists.length === 20) {
      expect(decoder.tableOctets).toBeGreaterThan(128)
      socket.write(settings(128))
    }
    if (lists.length === requests.length) break
  }
  expect(lists.map((list) => list.fields)).toEqual(requests.map(fieldsOf))
  for (const list of lists) expect(list.neverIndexed?.has(7)).toBe(true)
  expect(decoder.tableOctets).toBeLessThanOrEqual(128)
})

test.each([
  ["its default", DEFAULT_TABLE_OCTETS],
  ["100 octets", 100],
  ["nothing", 0],
  ["more than we use", 65_536],
])(
  "what we send, node:http2 decodes to what we were given, its table being %s; and its answers we decode",
  async (_, tableOctets) => {
    const lists = Array.from(
      { length: 60 },
      (_, i) =>
        new HeaderList(
          fieldsOf({
            ":method": "POST",
            ":scheme": "http",
            ":path": `/chat.Chat/Method${i % 5}`,
            ":authority": "chat.example.com",
            "content-type": "application/grpc",
            te: "trailers",
            "grpc-timeout": `${i}S`,
            "x-varying": `${i}-\u00e4\u00ff-${"y".repeat((i * 37) % 900)}`,
            authorization: "Bearer secret",
          }),
          new Set([8]),
        ),
    )
    const seen: { fields: string[]; sensitive: string[] }[] = []
    const server = http2.createServer({ settings: { headerTableSize: tableOctets } })
    server.on("stream", (stream, headers, _flags, rawHeaders) => {
      seen.push({
        fields: rawHeaders as unknown as string[],
        sensitive: Reflect.get(headers, http2.sensitiveHeaders) as string[],
      })
      stream.respond({ "x-number": String(seen.length), "x-steady": "s".repeat(50) }, { endStream: true })
    })
    server.on("session", (session) => onTestFinished(() => session.destroy()))
    const socket = net.connect(await listen(server), "127.0.0.1")
    onTestFinished(() => void socket.destroy())
    socket.write(Buffer.concat([Buffer.from(PREFACE), settings()]))

    const encoder = new HpackEncoder()
    const decoder = new HpackDecoder()
    const answers: string[][] = []
    const sendRequests = () => {
      lists.forEach((list, i) => {
        const streamId = 2 * i + 1
        const block = Buffer.from(encoder.encode(list))
        const cut = Math.min(block.length, 40)
        socket.write(frame(HEADERS, END_STREAM, streamId, block.subarray(0, cut)))
        socket.write(frame(CONTINUATION, END_HEADERS, streamId, block.subarray(cut)))
      })
    }
    for await (const { type, flags, payload } of framesOf(socket)) {
      if (type === SETTINGS && flags === 0) {
        // Every setting of it is six octets; the table size is among them unless it is the default.
        for (let at = 0; at < payload.length; at += 6) {
          if (payload.readUInt16BE(at) !== HEADER_TABLE_SIZE) continue
          encoder.setPeerMaxTableOctets(payload.readUInt32BE(at + 2))
        }
        socket.write(frame(SETTINGS, ACK, 0, Buffer.alloc(0)))
        sendRequests()
      }
      if (type === HEADERS) answers.push([...decoder.decode(payload, 0, payload.length, LIMITS)!.fields])
      if (answers.length === lists.length) break
    }
    expect(seen.map(({ fields }) => fields)).toEqual(lists.map((list) => list.fields))
    for (const { sensitive } of seen) expect(sensitive).toEqual(["authorization"])
    expect(encoder.tableOctets).toBeLessThanOrEqual(tableOctets)
    expect(answers.map((fields) => fields.slice(0, 6))).toEqual(
      lists.map((_, i) => [":status", "200", "x-number", String(i + 1), "x-steady", "s".repeat(50)]),
    )
  },
)
