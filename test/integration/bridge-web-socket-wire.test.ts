import { randomBytes } from "node:crypto"
import { connect, type Socket } from "node:net"
import { describe, expect, type TestContext, test } from "vitest"
import { eventually } from "../support/eventually.ts"
import * as dsl from "../support/frame-dsl.ts"
import { ManualClock } from "../support/manual-clock.ts"
import { RawServer } from "../support/raw-server.ts"
import { readWord, TalkBackend, wordOctets } from "../support/talk-backend.ts"
import { TestBed } from "../support/test-bed.ts"

/** RFC 6455 §5.2. */
const Op = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const

interface FrameOptions {
  fin?: boolean
  /** The reserved bits, 1 to 7. */
  rsv?: number
  masked?: boolean
}

function frame(opcode: number, payload: Buffer | string = "", options: FrameOptions = {}): Buffer {
  const { fin = true, rsv = 0, masked = true } = options
  const octets = Buffer.from(payload)
  const long = octets.length > 0xffff ? 8 : octets.length > 125 ? 2 : 0
  const head = Buffer.alloc(2 + long)
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode
  head[1] = (masked ? 0x80 : 0) | (long === 8 ? 127 : long === 2 ? 126 : octets.length)
  if (long === 2) head.writeUInt16BE(octets.length, 2)
  if (long === 8) head.writeBigUInt64BE(BigInt(octets.length), 2)
  if (!masked) return Buffer.concat([head, octets])
  const mask = randomBytes(4)
  return Buffer.concat([head, mask, octets.map((octet, i) => octet ^ mask[i % 4]!)])
}

const close = (code: number, reason = ""): Buffer => {
  const payload = Buffer.alloc(2 + Buffer.byteLength(reason))
  payload.writeUInt16BE(code)
  payload.write(reason, 2)
  return frame(Op.CLOSE, payload)
}

interface Seen {
  opcode: number
  payload: Buffer
}

/** A WebSocket client that sends frames as they stand and reads what comes. */
class RawSocket {
  readonly seen: Seen[] = []
  isClosed = false
  readonly #socket: Socket
  #octets = Buffer.alloc(0)
  #isOpen = false

  constructor(port: number, path: string, subprotocol = "") {
    const socket = connect(port, "127.0.0.1")
    this.#socket = socket
    socket.write(
      [
        `GET ${path} HTTP/1.1`,
        "Host: a.test",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ...(subprotocol === "" ? [] : [`Sec-WebSocket-Protocol: ${subprotocol}`]),
        "\r\n",
      ].join("\r\n"),
    )
    socket.on("data", (chunk: Buffer) => this.#receive(chunk))
    socket.on("error", () => {})
    socket.on("close", () => (this.isClosed = true))
  }

  send(...octets: Buffer[]): this {
    this.#socket.write(Buffer.concat(octets))
    return this
  }

  pause(): this {
    this.#socket.pause()
    return this
  }

  resume(): this {
    this.#socket.resume()
    return this
  }

  async hears(many: number): Promise<Seen[]> {
    await eventually(
      () => this.seen.length >= many || this.isClosed,
      () => `${many} frames; there are ${this.seen.length}`,
    )
    return this.seen
  }

  /** Texts, and the code of the Close, once the server has closed. */
  async ended(): Promise<{ texts: string[]; code: number | undefined }> {
    await eventually(
      () => this.isClosed || this.seen.some(({ opcode }) => opcode === Op.CLOSE),
      () => "a Close",
    )
    this.#socket.destroy()
    const texts = this.seen
      .filter(({ opcode }) => opcode === Op.TEXT)
      .map(({ payload }) => payload.toString())
    const last = this.seen.find(({ opcode }) => opcode === Op.CLOSE)
    return { texts, code: last?.payload.readUInt16BE() }
  }

  #receive(chunk: Buffer): void {
    this.#octets = Buffer.concat([this.#octets, chunk])
    if (!this.#isOpen) {
      const end = this.#octets.indexOf("\r\n\r\n")
      if (end < 0) return
      this.#isOpen = true
      this.#octets = this.#octets.subarray(end + 4)
    }
    while (this.#octets.length >= 2) {
      const short = this.#octets[1]! & 0x7f
      const at = 2 + (short === 126 ? 2 : short === 127 ? 8 : 0)
      if (this.#octets.length < at) return
      const length =
        short === 126
          ? this.#octets.readUInt16BE(2)
          : short === 127
            ? Number(this.#octets.readBigUInt64BE(2))
            : short
      if (this.#octets.length < at + length) return
      this.seen.push({ opcode: this.#octets[0]! & 0x0f, payload: this.#octets.subarray(at, at + length) })
      this.#octets = this.#octets.subarray(at + length)
    }
  }
}

async function start(t: TestContext) {
  const backend = new TalkBackend()
  const bed = await TestBed.start(t, { backends: [backend], config: { bridge: { webSocket: true } } })
  return { bed, backend }
}

const CHAT = "/talk.Talk/Chat"
const text = (said: string): Buffer => Buffer.from(JSON.stringify({ text: said }))

describe("frames that are right", () => {
  const right: [name: string, frames: Buffer[], heard: string[]][] = [
    ["one message in one frame", [frame(Op.TEXT, text("a"))], ["a"]],
    ["an empty JSON object", [frame(Op.TEXT, "{}")], [""]],
    ["fragments", [frame(Op.TEXT, "{", { fin: false }), frame(Op.CONTINUATION, "}")], [""]],
    [
      "a character cut in two",
      [
        frame(Op.TEXT, text("你").subarray(0, 10), { fin: false }),
        frame(Op.CONTINUATION, text("你").subarray(10)),
      ],
      ["你"],
    ],
    [
      "empty fragments",
      [
        frame(Op.TEXT, "", { fin: false }),
        frame(Op.CONTINUATION, text("e"), { fin: false }),
        frame(Op.CONTINUATION),
      ],
      ["e"],
    ],
    [
      "a ping between fragments",
      [
        frame(Op.TEXT, text("pp").subarray(0, 4), { fin: false }),
        frame(Op.PING, "hello"),
        frame(Op.CONTINUATION, text("pp").subarray(4)),
      ],
      ["pp"],
    ],
    ["a pong that nobody asked for", [frame(Op.PONG, "x"), frame(Op.TEXT, text("q"))], ["q"]],
    [
      "125, 126 and 65,536 octets",
      [100, 115, 116, 65_600].map((n) => frame(Op.TEXT, text("x".repeat(n)))),
      [100, 115, 116, 65_600].map((n) => "x".repeat(n)),
    ],
    [
      "66,000 fragments of one octet",
      [
        frame(Op.TEXT, '{"text":"', { fin: false }),
        ...Array.from({ length: 66_000 }, () => frame(Op.CONTINUATION, "x", { fin: false })),
        frame(Op.CONTINUATION, '"}'),
      ],
      ["x".repeat(66_000)],
    ],
    [
      "many at once",
      Array.from({ length: 200 }, (_, i) => frame(Op.TEXT, text(`${i}`))),
      Array.from({ length: 200 }, (_, i) => `${i}`),
    ],
  ]
  test.for(right)("%s", async ([_name, frames, heard], t) => {
    const { bed } = await start(t)
    const socket = new RawSocket(bed.port, CHAT).send(...frames, frame(Op.TEXT, '{"@end":{}}'))
    const { texts, code } = await socket.ended()
    expect(texts.slice(0, -1).map((one) => (JSON.parse(one) as { text?: string }).text ?? "")).toEqual(heard)
    expect([texts.at(-1), code]).toEqual(['{"@status":{"code":0,"message":"OK","details":[]}}', 1000])
  })

  test("a message octet by octet, each a fragment of its own and a packet of its own", async (t) => {
    const { bed } = await start(t)
    const socket = new RawSocket(bed.port, CHAT)
    const octets = [...text("piecemeal")]
    for (const [i, octet] of octets.entries()) {
      const fin = i === octets.length - 1
      for (const one of frame(i === 0 ? Op.TEXT : Op.CONTINUATION, Buffer.from([octet]), { fin }))
        socket.send(Buffer.from([one]))
      await new Promise((resolve) => setImmediate(resolve))
    }
    socket.send(frame(Op.TEXT, '{"@end":{}}'))
    expect((await socket.ended()).texts[0]).toBe('{"text":"piecemeal"}')
  })

  test("a ping is answered with its own octets", async (t) => {
    const { bed } = await start(t)
    const socket = new RawSocket(bed.port, CHAT).send(frame(Op.PING, "0123456789".repeat(12)))
    const [pong] = await socket.hears(1)
    expect([pong!.opcode, pong!.payload.toString()]).toEqual([Op.PONG, "0123456789".repeat(12)])
    await socket.send(close(1000)).ended()
  })

  test.for([1000, 1001, 1003, 1008, 1011, 3000, 4999])(
    "a Close with %d is answered with the same",
    async (code, t) => {
      const { bed } = await start(t)
      const socket = new RawSocket(bed.port, CHAT).send(close(code, "done"))
      expect(await socket.ended()).toEqual({ texts: [], code })
    },
  )
})

describe("frames that are wrong end the call, with a status and the RFC's code", () => {
  const wrong: [name: string, frames: Buffer[], code: number][] = [
    ["no mask", [frame(Op.TEXT, "{}", { masked: false })], 1002],
    ["a reserved bit", [frame(Op.TEXT, "{}", { rsv: 4 })], 1002],
    ["an unknown opcode", [frame(3, "{}")], 1002],
    ["an unknown control opcode", [frame(11, "")], 1002],
    ["a continuation of nothing", [frame(Op.CONTINUATION, "{}")], 1002],
    ["a new message within another", [frame(Op.TEXT, "{", { fin: false }), frame(Op.TEXT, "}")], 1002],
    ["a fragmented ping", [frame(Op.PING, "", { fin: false })], 1002],
    ["a ping of 126 octets", [frame(Op.PING, "x".repeat(126))], 1002],
    ["a Close of one octet", [frame(Op.CLOSE, "x")], 1002],
    ["a Close with a code that may not travel", [close(1005)], 1002],
    ["a Close with a code of the future", [close(1100)], 1002],
    ["text that is not UTF-8", [frame(Op.TEXT, Buffer.from([0x7b, 0xc3, 0x28, 0x7d]))], 1007],
    ["half a character", [frame(Op.TEXT, Buffer.from([0xe4, 0xbd]))], 1007],
    ["a surrogate in UTF-8", [frame(Op.TEXT, Buffer.from([0xed, 0xa0, 0x80]))], 1007],
    ["a Close with a reason that is not UTF-8", [frame(Op.CLOSE, Buffer.from([3, 232, 0xff]))], 1007],
    ["5 MiB", [frame(Op.TEXT, Buffer.alloc(5 * 1024 * 1024, " "))], 1009],
    [
      "5 MiB in fragments",
      [
        frame(Op.TEXT, Buffer.alloc(3 << 20, " "), { fin: false }),
        frame(Op.CONTINUATION, Buffer.alloc(2 << 20, " ")),
      ],
      1009,
    ],
  ]
  test.for(wrong)("%s", async ([_name, frames, code], t) => {
    const { bed, backend } = await start(t)
    const socket = new RawSocket(bed.port, CHAT).send(frame(Op.TEXT, text("x")))
    await socket.hears(1)
    const { texts, code: closedWith } = await socket.send(...frames).ended()
    const { "@status": status } = JSON.parse(texts.at(-1)!) as { "@status": { code: number } }
    expect([status.code, closedWith]).toEqual([code === 1009 ? 8 : 3, code])
    await eventually(
      () => backend.calls[0]!.isCancelled,
      () => "the backend saw the cancellation",
    )
  })
})

test("halves of messages count as memory held: past the budget their calls end, and no other", async (t) => {
  const backend = new TalkBackend()
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: { bridge: { webSocket: true }, limits: { bufferedOctetsMax: 4 << 20 } },
  })
  const neighbour = new RawSocket(bed.port, CHAT).send(frame(Op.TEXT, text("before")))
  const half = frame(Op.TEXT, Buffer.alloc(1 << 20, " "), { fin: false })
  const hoarders = Array.from({ length: 8 }, () => new RawSocket(bed.port, CHAT))
  for (const one of hoarders) one.send(frame(Op.TEXT, text("x")))
  await Promise.all(hoarders.map((one) => one.hears(1)))
  for (const one of hoarders) one.send(half)
  // What was read when the budget was full already goes with the next pass.
  await eventually(
    () => bed.records.length >= 4 && bed.balancer.snapshot().bufferedOctets <= 4 << 20,
    () =>
      `four calls ended; ${bed.records.length} have, ${bed.balancer.snapshot().bufferedOctets} octets held`,
  )
  expect(bed.records.map(({ grpcStatus }) => grpcStatus)).toEqual(bed.records.map(() => 8))
  neighbour.send(frame(Op.TEXT, text("after")), frame(Op.TEXT, '{"@end":{}}'))
  expect((await neighbour.ended()).texts.slice(0, 2)).toEqual(['{"text":"before"}', '{"text":"after"}'])
  for (const one of hoarders) one.send(close(1000))
  await bed.ended(9)
  expect(bed.balancer.snapshot().bufferedOctets).toBe(0)
})

test("a call that ended for its half of a message holds no more, whatever its client goes on to send", async (t) => {
  const backend = new TalkBackend()
  const bed = await TestBed.start(t, {
    backends: [backend],
    config: { bridge: { webSocket: true }, limits: { bufferedOctetsMax: 1 << 20 } },
  })
  const socket = new RawSocket(bed.port, CHAT).send(frame(Op.TEXT, text("x")))
  await socket.hears(1)
  const half = frame(Op.TEXT, Buffer.alloc(3 << 20, " "), { fin: false })
  socket.send(half)
  const [record] = await bed.ended()
  expect(record).toMatchObject({ grpcStatus: 8 })
  const more = Array.from({ length: 8 }, () => frame(Op.CONTINUATION, Buffer.alloc(1 << 20), { fin: false }))
  socket.send(...more, frame(Op.CONTINUATION), close(1000))
  let most = 0
  await eventually(
    () => {
      most = Math.max(most, bed.balancer.snapshot().bufferedOctets)
      return socket.isClosed
    },
    () => "all of it was read, and the Close",
  )
  // What the client is told counts until its socket has taken it.
  expect(most).toBeLessThan(1000)
  const { texts, code } = await socket.ended()
  expect(texts.at(-1)).toContain("bufferedOctetsMax")
  expect(code).toBe(1000)
})

test("fragments of one octet hold what they are", async (t) => {
  const { bed } = await start(t)
  const socket = new RawSocket(bed.port, CHAT).send(frame(Op.TEXT, text("x")))
  await socket.hears(1)
  const fragment = frame(Op.CONTINUATION, " ", { fin: false })
  socket.send(frame(Op.TEXT, " ", { fin: false }), ...Array.from({ length: 16_000 }, () => fragment))
  socket.send(frame(Op.PING, "read"))
  await socket.hears(2)
  expect(bed.balancer.snapshot().streams[0]!.bufferedOctets).toBe(16_384)
  expect(bed.balancer.snapshot().bufferedOctets).toBe(16_384)
  await socket.send(close(1000)).ended()
})

test("pings of a client that does not read are answered as far as it reads, and cost it nothing", async (t) => {
  const { bed } = await start(t)
  const socket = new RawSocket(bed.port, CHAT).send(frame(Op.TEXT, text("x")))
  await socket.hears(1)
  socket.pause()
  const pings = Buffer.concat(Array.from({ length: 5000 }, () => frame(Op.PING, "x".repeat(125))))
  for (let i = 0; i < 20; i++) socket.send(pings)
  socket.send(frame(Op.PING, "last"), frame(Op.TEXT, text("y")))
  await eventually(
    () => bed.balancer.snapshot().streams[0]?.requestMessages === 2,
    () => "all of it was read",
  )
  await eventually(
    () => socket.resume().seen.some(({ payload }) => payload.toString() === "last"),
    () => `the answer to the last ping behind ${socket.seen.length} frames`,
  )
  await socket.send(close(1000)).ended()
})

describe("pings and pongs are not held for a message", () => {
  const held = (bed: TestBed): number => bed.balancer.snapshot().streams[0]!.bufferedOctets
  const flood = (opcode: number): Buffer =>
    Buffer.concat(Array.from({ length: 40 }, () => frame(opcode, "x".repeat(125))))

  test.for([
    ["pongs", flood(Op.PONG)],
    ["pings", flood(Op.PING)],
  ] as const)("%s between messages, and within one", async ([, frames], t) => {
    const { bed } = await start(t)
    const socket = new RawSocket(bed.port, CHAT).send(frame(Op.TEXT, text("a")))
    await socket.hears(1)
    // The answer to the last ping: all before it has been read.
    const isRead = async (mark: string): Promise<void> => {
      socket.send(frame(Op.PING, mark))
      await eventually(
        () => socket.seen.some(({ opcode, payload }) => opcode === Op.PONG && payload.toString() === mark),
        () => `the answer to ${mark}`,
      )
    }
    socket.send(frames)
    await isRead("between")
    expect(held(bed)).toBe(0)
    const half = frame(Op.TEXT, Buffer.alloc(1000, " "), { fin: false })
    socket.send(half)
    await isRead("begun")
    expect(held(bed)).toBe(1024)
    socket.send(frames)
    await isRead("within")
    expect(held(bed)).toBe(1024)
    socket.send(frame(Op.CONTINUATION, text("b")), frame(Op.TEXT, '{"@end":{}}'))
    expect((await socket.ended()).texts.slice(0, 2)).toEqual(['{"text":"a"}', '{"text":"b"}'])
  })

  test("nor for a first message that is still to come", async (t) => {
    const { bed } = await start(t)
    const socket = new RawSocket(bed.port, CHAT, "grpc-websockets")
    for (let i = 0; i < 20; i++) {
      socket.send(flood(Op.PONG), frame(Op.PING, `${i}`))
      await socket.hears(i + 1)
    }
    expect(socket.seen.length).toBe(20)
    await socket.send(close(1000)).ended()
  })
})

const HEADERS = frame(Op.BINARY, "content-type: application/grpc-web+proto\r\nx-grpc-web: 1\r\nx-echo: a\r\n")

const END = frame(Op.BINARY, Buffer.from([1]))

describe("a page that reads slowly", () => {
  const pingTimeouts = (bed: TestBed): number => bed.balancer.snapshot().counters.ping_timeout ?? 0
  const received = (bed: TestBed): number => bed.balancer.snapshot().streams[0]?.responseOctets ?? 0
  const WINDOW = 12 << 20

  /** A page that does not read, and an answer that is whole: more than the kernel takes of it, and the status. */
  async function unread(t: TestContext, clock?: ManualClock) {
    const backend = await RawServer.start()
    const bed = await TestBed.start(t, {
      backends: [backend],
      config: { bridge: { webSocket: true }, limits: { upstreamStreamWindowOctets: WINDOW } },
      ...(clock !== undefined && { clock }),
    })
    const page = new RawSocket(bed.port, CHAT, "grpc-websockets").send(HEADERS, END)
    const { connection, id } = await backend.stream(0)
    await eventually(
      () => bed.balancer.snapshot().streams.length === 1,
      () => "the call",
    )
    page.pause()
    connection.send(dsl.headers(id, dsl.response))
    for (let sent = 0; sent < WINDOW; sent += 16_384) connection.send(dsl.data(id, Buffer.alloc(16_384)))
    connection.send(dsl.headers(id, dsl.okTrailers, { endStream: true }))
    await connection.settled()
    return { bed, page }
  }

  test("gets the end of its answer, and its Close; until then the call is not over", async (t) => {
    const { bed, page } = await unread(t)
    expect([received(bed), bed.records]).toEqual([WINDOW, []])
    expect((await page.resume().ended()).code).toBe(1000)
    const octets = page.seen.reduce((sum, { payload }) => sum + payload.length, 0)
    expect(octets).toBeGreaterThan(WINDOW)
    expect(page.seen.at(-2)!.payload.toString()).toContain("grpc-status: 0")
    expect((await bed.ended())[0]).toMatchObject({ status: 101, grpcStatus: 0 })
  })

  test("or never, is found by a ping when its answer is whole too", async (t) => {
    const clock = new ManualClock()
    const { bed, page } = await unread(t, clock)
    for (let second = 0; second < 60; second++) clock.advance(1000)
    expect(pingTimeouts(bed)).toBe(1)
    await bed.ended()
    await page.resume().ended()
  })
})

describe("the subprotocol grpc-websockets", () => {
  const message = (fields: Parameters<typeof wordOctets>[0]): Buffer => {
    const octets = wordOctets(fields)
    const prefix = Buffer.alloc(5)
    prefix.writeUInt32BE(octets.length, 1)
    return Buffer.concat([prefix, octets])
  }
  const data = (octets: Buffer): Buffer => frame(Op.BINARY, Buffer.concat([Buffer.from([0]), octets]))

  /** Header block, messages, trailers, of all that came; each WebSocket message begins with what it holds. */
  function read(seen: Seen[]): { header: string; words: string[]; trailer: string } {
    const binary = seen.filter(({ opcode }) => opcode === Op.BINARY).map(({ payload }) => payload)
    const [first, last] = [binary[0]!, binary.at(-1)!]
    expect([first[0], last[0]]).toEqual([0x80, 0x80])
    expect([first.length, last.length]).toEqual([5 + first.readUInt32BE(1), 5 + last.readUInt32BE(1)])
    const body = Buffer.concat(binary.slice(1, -1))
    const words: string[] = []
    for (let at = 0; at < body.length; ) {
      const end = at + 5 + body.readUInt32BE(at + 1)
      words.push(readWord(body.subarray(at + 5, end)).text)
      at = end
    }
    return { header: first.toString("latin1", 5), words, trailer: last.toString("latin1", 5) }
  }

  test("headers, messages cut anywhere, half-close; a header block, messages, trailers", async (t) => {
    const { bed, backend } = await start(t)
    const octets = Buffer.concat([message({ text: "one" }), message({ text: "two" })])
    const socket = new RawSocket(bed.port, CHAT, "grpc-websockets")
    socket.send(HEADERS, ...[...octets].map((octet) => data(Buffer.from([octet]))), END)
    expect((await socket.ended()).code).toBe(1000)
    const { header, words, trailer } = read(socket.seen)
    expect(words).toEqual(["one", "two"])
    expect(header).toContain("x-initial: a\r\n")
    expect(header).not.toContain("grpc-accept-encoding")
    expect(trailer).toBe("grpc-status: 0\r\ngrpc-message: OK\r\nx-trailing: a\r\n")
    expect(backend.calls[0]!.metadata.get("x-grpc-web")).toEqual([])
  })

  test("a call that fails at once has a header block too", async (t) => {
    const { bed } = await start(t)
    const socket = new RawSocket(bed.port, "/talk.Talk/Nope", "grpc-websockets").send(HEADERS, END)
    await socket.ended()
    const { words, trailer } = read(socket.seen)
    expect(words).toEqual([])
    expect(trailer).toContain("grpc-status: 12\r\n")
  })

  const wrong: [name: string, frames: Buffer[], status: number][] = [
    ["a first message of text", [frame(Op.TEXT, "content-type: x\r\n")], 3],
    ["headers without a colon", [frame(Op.BINARY, "nonsense\r\n")], 3],
    ["a header name with a space", [frame(Op.BINARY, "x y: 1\r\n")], 3],
    ["a pseudo-header", [frame(Op.BINARY, ":path: /other\r\n")], 3],
    ["headers of 20 kB", [frame(Op.BINARY, `x-a: ${"a".repeat(20_000)}\r\n`)], 3],
    ["a malformed grpc-timeout", [frame(Op.BINARY, "grpc-timeout: soon\r\n")], 3],
    ["a text message", [HEADERS, frame(Op.TEXT, "{}")], 3],
    ["an unknown control octet", [HEADERS, frame(Op.BINARY, Buffer.from([7]))], 3],
    ["an empty message", [HEADERS, frame(Op.BINARY, "")], 3],
    ["data after the half-close", [HEADERS, data(message({ text: "compute" })), END, data(message({}))], 3],
  ]
  test.for(wrong)("%s", async ([name, frames, status], t) => {
    const { bed } = await start(t)
    const path = name.startsWith("data after") ? "/talk.Talk/Say" : CHAT
    const socket = new RawSocket(bed.port, path, "grpc-websockets").send(...frames)
    expect((await socket.ended()).code).toBe(1000)
    expect(read(socket.seen).trailer).toContain(`grpc-status: ${status}\r\n`)
  })

  test("a close without a half-close is a cancellation", async (t) => {
    const { bed, backend } = await start(t)
    const socket = new RawSocket(bed.port, CHAT, "grpc-websockets").send(
      HEADERS,
      data(message({ text: "x" })),
    )
    await socket.hears(2)
    socket.send(close(1000))
    await eventually(
      () => backend.calls[0]!.isCancelled,
      () => "the backend saw the cancellation",
    )
    await socket.ended()
  })
})
