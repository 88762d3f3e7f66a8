import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, type LabOptions } from "../../test/support/memory-link.ts"
import { defaultLimits, type LimitName, limitTable } from "../base/limits.ts"
import { BufferBudget } from "./buffer-budget.ts"
import { Flag, FrameType } from "./frame/types.ts"
import { HeaderList } from "./header-list.ts"
import { HpackEncoder } from "./hpack/index.ts"

interface Attack {
  readonly name: string
  /** The bound that holds it, and the counter of that bound unless another is named. */
  readonly limit: LimitName
  readonly counter?: string
  readonly options?: LabOptions
  /** Frame number `i` of the attack, from 0; its stream ids are from 101 on. */
  readonly blow: (i: number) => Buffer
  /** How many of them an honest peer may send at once. */
  readonly allowed: number
  readonly code?: string
  /** Whether every frame makes us answer. */
  readonly answers?: boolean
}

const id = (i: number): number => 101 + 2 * i
const headersThen = (i: number, ...frames: Buffer[]): Buffer =>
  Buffer.concat([dsl.headers(id(i), dsl.request), ...frames])
const { abuseBurst } = defaultLimits
/** Overhead that no payload warrants more of, so that its bound is exact. */
const bare = (overheadOctetsMax: number): LabOptions => ({
  limits: { overheadOctetsMax, overheadPerPayloadOctets: 0, streamWindowOctets: 10_000_000 },
})
/** What an honest request takes, to the octet. */
const blockOctets = dsl.headerBlock(dsl.request).length

const attacks: Attack[] = [
  {
    name: "rapid reset (CVE-2023-44487)",
    limit: "abuseBurst",
    blow: (i) => headersThen(i, dsl.rstStream(id(i))),
    allowed: abuseBurst,
  },
  {
    name: "MadeYouReset by a window past 2^31-1 (CVE-2025-8671)",
    limit: "abuseBurst",
    blow: (i) => headersThen(i, dsl.windowUpdate(id(i), 2 ** 31 - 1)),
    allowed: abuseBurst,
  },
  {
    name: "MadeYouReset by trailers that end nothing",
    limit: "abuseBurst",
    blow: (i) => headersThen(i, dsl.headers(id(i), dsl.okTrailers)),
    allowed: abuseBurst,
  },
  {
    name: "MadeYouReset by malformed requests",
    limit: "abuseBurst",
    blow: (i) => dsl.headers(id(i), [[":method", "GET"]]),
    allowed: abuseBurst,
  },
  {
    name: "streams past the limit, refused again and again",
    limit: "abuseBurst",
    options: { maxConcurrentStreams: 1 },
    blow: (i) => dsl.headers(id(i), dsl.request),
    allowed: abuseBurst,
  },
  {
    name: "PING flood (CVE-2019-9512)",
    limit: "abuseBurst",
    blow: () => dsl.ping(),
    // One is free, for the request before it.
    allowed: abuseBurst + 1,
    answers: true,
  },
  {
    name: "SETTINGS flood (CVE-2019-9515)",
    limit: "abuseBurst",
    blow: () => dsl.settings(),
    allowed: abuseBurst,
    answers: true,
  },
  {
    name: "SETTINGS flood with an octet of work between",
    limit: "abuseBurst",
    blow: () => Buffer.concat([dsl.data(1, "x"), dsl.settings()]),
    allowed: abuseBurst,
    answers: true,
  },
  {
    name: "one SETTINGS of many entries (CVE-2020-11080)",
    limit: "settingsEntriesMax",
    blow: () => dsl.rawSettings(Array.from({ length: 33 }, () => [4, 1] as const)),
    allowed: 0,
  },
  {
    name: "PRIORITY flood (CVE-2019-9513)",
    limit: "priorityFramesPerStreamMax",
    blow: () => dsl.priority(1),
    // The request before it has opened one stream.
    allowed: 200,
  },
  {
    name: "PRIORITY_UPDATE flood",
    limit: "priorityFramesPerStreamMax",
    blow: () => dsl.priorityUpdate(1),
    allowed: 200,
  },
  {
    name: "frames of no known type",
    limit: "overheadOctetsMax",
    options: bare(2 ** 20),
    blow: () => dsl.frame(0xee, 0, 0, Buffer.alloc(16_000)),
    allowed: Math.floor(2 ** 20 / 16_009),
  },
  {
    name: "padding around nothing",
    limit: "overheadOctetsMax",
    options: bare(2 ** 20),
    blow: () => dsl.data(1, "x", { padding: 255 }),
    allowed: 4096,
  },
  {
    name: "padding around next to nothing, in proportion to it",
    limit: "overheadPerPayloadOctets",
    options: { limits: { streamWindowOctets: 100_000_000 } },
    blow: () => dsl.data(1, "x", { padding: 255 }),
    // 256 octets of overhead each, 16 of them warranted by their octet, and some by the request.
    allowed: Math.floor((8 * 2 ** 20 + 16 * blockOctets) / 240),
  },
  {
    name: "RST_STREAM for streams long gone",
    limit: "overheadOctetsMax",
    options: bare(65_536),
    blow: (i) => (i === 0 ? headersThen(0, dsl.rstStream(id(0))) : dsl.rstStream(id(0))),
    allowed: Math.floor(65_536 / 13),
  },
  {
    name: "answers to no PING",
    limit: "overheadOctetsMax",
    options: bare(65_536),
    blow: () => dsl.ping("nobodyas", { ack: true }),
    allowed: Math.floor(65_536 / 17),
  },
  {
    name: "empty DATA (CVE-2019-9518)",
    limit: "emptyFramesMax",
    blow: () => dsl.data(1, ""),
    allowed: 10,
  },
  {
    name: "WINDOW_UPDATE flood (CVE-2019-9511)",
    limit: "windowUpdatesPerDataMax",
    blow: () => dsl.windowUpdate(1, 1),
    allowed: 1 + 2 * (1 + 10),
  },
  {
    name: "a header block in ever more frames (CVE-2024-27316)",
    limit: "continuationFramesMax",
    blow: (i) =>
      i === 0
        ? dsl.headers(id(0), Buffer.from("0001", "hex"), { endHeaders: false })
        : dsl.continuation(id(0), Buffer.from("61"), false),
    allowed: 9,
  },
  {
    name: "empty CONTINUATION",
    limit: "continuationFramesMax",
    counter: "continuation_empty",
    blow: (i) =>
      i === 0
        ? dsl.headers(id(0), Buffer.alloc(0), { endHeaders: false })
        : dsl.continuation(id(0), Buffer.alloc(0), false),
    allowed: 1,
  },
  {
    name: "a header block too large in one frame",
    limit: "headerBlockOctets",
    options: { limits: { headerBlockOctets: blockOctets } },
    blow: (i) =>
      i === 0 ? dsl.headers(id(i), dsl.request) : dsl.headers(id(i), Buffer.alloc(blockOctets + 1)),
    allowed: 1,
  },
  {
    name: "a header block too large in its first frame",
    limit: "headerBlockOctets",
    options: { limits: { headerBlockOctets: blockOctets } },
    blow: (i) => dsl.headers(id(i), Buffer.alloc(blockOctets + 1), { endHeaders: false }),
    allowed: 0,
  },
  {
    name: "a header block too large before it is decoded",
    limit: "headerBlockOctets",
    blow: (i) =>
      i === 0
        ? dsl.headers(id(0), Buffer.alloc(16_384), { endHeaders: false })
        : dsl.continuation(id(0), Buffer.alloc(16_384), false),
    allowed: 16,
  },
  {
    name: "a header block of pieces of a KiB",
    limit: "continuationFramesMax",
    blow: (i) =>
      i === 0
        ? dsl.headers(id(0), Buffer.alloc(1024), { endHeaders: false })
        : dsl.continuation(id(0), Buffer.alloc(1024), false),
    // One more than the eight after the first, for the 8 KiB that have come by then.
    allowed: 10,
  },
  {
    name: "a header block above 64 KiB while memory is short",
    limit: "headerBlockOctets",
    options: { limits: { bufferedOctetsMax: 2 ** 20, bufferedWithholdPercent: 1 } },
    blow: (i) =>
      i === 0
        ? dsl.headers(id(0), Buffer.alloc(16_384), { endHeaders: false })
        : dsl.continuation(id(0), Buffer.alloc(16_384), false),
    // Four are not counted, and with the fifth memory is short.
    allowed: 5,
  },
  {
    name: "a frame longer than SETTINGS_MAX_FRAME_SIZE",
    limit: "frameOctets",
    blow: () => dsl.data(1, Buffer.alloc(16_385)),
    allowed: 0,
    code: "FRAME_SIZE_ERROR",
  },
  {
    name: "DATA on streams that ended long ago",
    limit: "abuseBurst",
    blow: (i) => (i === 0 ? dsl.headers(9999, dsl.request) : dsl.data(5, "x")),
    allowed: abuseBurst + 1,
  },
]

/** A server with one honest request open. */
function attacked(options: LabOptions = {}): Lab {
  const lab = new Lab("server", options)
  lab.send(dsl.headers(1, dsl.request))
  lab.said()
  lab.events.take()
  return lab
}

describe("attacks, each held by its limit", () => {
  test.each(attacks)(
    "$name",
    ({
      limit,
      counter = limitTable[limit].counter,
      options = {},
      blow,
      allowed,
      code = "ENHANCE_YOUR_CALM",
    }) => {
      const lab = attacked(options)
      for (let i = 0; i < allowed; i++) lab.send(blow(i))
      expect([lab.events.fault, lab.events.limits.includes(counter)]).toEqual([null, false])
      // Payload that comes with it warrants a little more.
      for (let more = 0; lab.events.fault === null && more <= allowed / 1000; more++)
        lab.send(blow(allowed + more))
      expect(lab.events.limits).toContain(counter)
      expect(lab.said().at(-1)).toMatch(new RegExp(`^GOAWAY \\d+ ${code}$`))
      // What it had open was told, once, and nothing more is heard or said.
      expect(lab.events.lines.filter((line) => line.startsWith("reset 1 "))).toHaveLength(1)
      lab.send(dsl.headers(99_999, dsl.request))
      expect([lab.said(), lab.events.lines.at(-1)]).toEqual([[], `end ${code}`])
    },
  )

  test("a connection beside it that is attacked in the same way has a bucket of its own", () => {
    const [one, two] = [attacked(), attacked()]
    for (let i = 0; i <= abuseBurst; i++) one.send(headersThen(i, dsl.rstStream(id(i))))
    expect(one.events.fault).not.toBeNull()
    two.send(headersThen(0, dsl.rstStream(id(0))))
    expect(two.events.fault).toBeNull()
  })
})

describe("what is charged is counted under a name of its own", () => {
  test.each([
    ["abuse_peer_reset", headersThen(0, dsl.rstStream(id(0)))],
    ["abuse_made_to_reset", dsl.headers(id(0), [[":method", "GET"]])],
    ["abuse_settings", dsl.settings()],
    ["abuse_ping", Buffer.concat([dsl.ping(), dsl.ping()])],
  ])("%s", (counter, octets) => {
    const lab = attacked()
    lab.send(octets)
    expect(lab.events.limits).toContain(counter)
  })
})

describe("what is held of a header block under way", () => {
  const piece = Buffer.alloc(16_384)
  test.each([
    ["once the block is whole", () => dsl.continuation(id(0), piece)],
    ["once the connection is over", () => dsl.data(1, Buffer.alloc(1))],
  ])("counts as memory held from 64 KiB on, and no more %s", (_, end) => {
    const budget = new BufferBudget(defaultLimits)
    const lab = attacked({ budget })
    lab.send(dsl.headers(id(0), piece, { endHeaders: false }))
    for (let i = 0; i < 7; i++) lab.send(dsl.continuation(id(0), piece, false))
    expect(budget.octets).toBe(65_536)
    lab.send(end())
    expect(budget.octets).toBe(0)
  })
})

describe("a header list too large ends its stream alone", () => {
  const answers = (list: HeaderList) => {
    const events = new EventLog()
    events.onRefusedRequest = (stream) => stream.sendHeaders(list, true)
    return events
  }
  const tooMany = Array.from({ length: 129 }, (_, i): dsl.Field => [`x-${i}`, ""])
  const list = new HeaderList([":status", "431"])

  test.each([
    ["content-type before what is too much", [...dsl.request, ...tooMany], "application/grpc"],
    [
      "behind it",
      [...dsl.withFields(dsl.request, { "content-type": undefined }), ...tooMany, ["content-type", "text/x"]],
      "text/x",
    ],
    ["nowhere", [...dsl.withFields(dsl.request, { "content-type": undefined }), ...tooMany], ""],
  ] as [string, dsl.Field[], string][])(
    "its owner learns the kind of request: %s",
    (_, fields, contentType) => {
      const lab = attacked()
      const block = new HpackEncoder().encode(new HeaderList(fields.flat()))
      lab.send(dsl.frame(FrameType.HEADERS, Flag.END_HEADERS, 3, block))
      expect(lab.events.lines.at(-1)).toBe(`refused 3 header_fields_exceeded ${contentType}`.trimEnd())
    },
  )

  test.each([
    ["a request that is whole", true, ["HEADERS 3 END_STREAM :status=431"]],
    ["one that goes on", false, ["HEADERS 3 END_STREAM :status=431", "RST_STREAM 3 NO_ERROR"]],
  ] as const)("it may be answered: %s", (_, endStream, expected) => {
    const lab = attacked({ events: answers(list) })
    lab.send(dsl.headers(3, [...dsl.request, ...tooMany], { endStream }))
    expect(lab.said()).toEqual(expected)
    if (!endStream) lab.send(dsl.data(3, "on its way"))
    lab.send(dsl.headers(5, dsl.request))
    expect([lab.said(), lab.connection.streams.size]).toEqual([[], 2])
  })

  test("again and again: the connection ends", () => {
    const lab = attacked({ events: answers(list) })
    const ids = Array.from({ length: 201 }, (_, i) => 3 + 2 * i)
    for (const id of ids) lab.send(dsl.headers(id, [...dsl.request, ...tooMany], { endStream: true }))
    expect(lab.events.limits.at(-1)).toBe("abuse_exhausted")
  })

  const many = (fields: number): dsl.Field[] => [
    ...dsl.request,
    ...Array.from({ length: fields - dsl.request.length }, (): dsl.Field => ["cookie", "a"]),
  ]

  test.each([
    ["header_fields_exceeded", many(129)],
    [
      "header_list_too_large",
      [...dsl.request, ["x", "y".repeat(8000)], ["x2", "y".repeat(8000)]] as dsl.Field[],
    ],
  ])("%s", (counter, fields) => {
    const lab = attacked({ limits: counter === "header_list_too_large" ? { headerListOctets: 16_000 } : {} })
    lab.send(dsl.headers(3, fields))
    expect(lab.said()).toEqual(["RST_STREAM 3 ENHANCE_YOUR_CALM"])
    expect(lab.events.limits).toContain(counter)
    lab.send(dsl.data(1, "still here"))
    expect(lab.events.lines.at(-1)).toBe("data 1 still here")
  })

  test("the most there may be is let by", () => {
    const lab = attacked()
    lab.send(dsl.headers(3, many(128)))
    expect(lab.events.lines).toEqual(["request 3 /test.Echo/Chat"])
  })

  test("trailers have the same bounds", () => {
    const lab = attacked()
    const trailers = Array.from({ length: 129 }, (_, i): dsl.Field => [`x-${i}`, ""])
    lab.send(dsl.headers(1, trailers, { endStream: true }))
    expect(lab.said()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM"])
  })
})

describe("honest peers are not mistaken for attackers", () => {
  const head = new HeaderList([":status", "200"])

  test("the bucket fills again: 33 early resets a second go on for as long as they like", () => {
    const lab = attacked()
    let i = 0
    for (let second = 0; second < 60; second++) {
      lab.nowMs = second * 1000
      for (let n = 0; n < 33; n++) lab.send(headersThen(i, dsl.rstStream(id(i++))))
    }
    expect(lab.events.fault).toBeNull()
  })

  test("a call that has lived for a second may be cancelled without charge", () => {
    const lab = new Lab("server", { maxConcurrentStreams: 10_000 })
    for (let i = 0; i < 500; i++) lab.send(dsl.headers(id(i), dsl.request))
    lab.nowMs = 1000
    for (let i = 0; i < 500; i++) lab.send(dsl.rstStream(id(i)))
    expect(lab.events.fault).toBeNull()
    expect(lab.events.limits).toEqual([])
  })

  test.for([
    ["ten seconds, for a week", 10_000, 6 * 60 * 24 * 7],
    ["second or so, for an hour", 1000, 3600],
  ] as const)("keepalive: a PING every %s", ([, everyMs, times]) => {
    const lab = attacked()
    for (let i = 0; i < times; i++) {
      lab.nowMs = i * everyMs
      lab.send(dsl.ping())
      if (i % 1000 === 0) lab.said()
    }
    expect([lab.events.fault, lab.events.limits]).toEqual([null, []])
  })

  test("grpc-go measures its bandwidth by a PING for every message it gets, however short", () => {
    const lab = attacked({ limits: { streamWindowOctets: 2 ** 30 } })
    const stream = lab.events.streams.get(1)!
    stream.sendHeaders(head, false)
    const message = Buffer.alloc(10)
    for (let i = 0; i < 200_000; i++) {
      lab.nowMs = i
      lab.send(dsl.data(1, message), dsl.ping())
      stream.sendData(message, 0, 10, false)
      lab.send(dsl.windowUpdate(0, 10), dsl.windowUpdate(1, 10))
      if (i % 100 === 0) lab.said()
    }
    expect([lab.events.fault, lab.events.limits]).toEqual([null, []])
  }, 60_000)

  test.for([
    ["SETTINGS for every doubling of grpc-go's window", 65_536],
    ["SETTINGS as often as a window is used up", 43_690],
  ] as const)("%s, as it moves bulk", ([, everyOctets]) => {
    const lab = attacked({ limits: { streamWindowOctets: 2 ** 30 } })
    const stream = lab.events.streams.get(1)!
    stream.sendHeaders(head, false)
    const piece = Buffer.alloc(16_384)
    for (let moved = 0, since = 0; moved < 64 * 2 ** 20; moved += piece.length) {
      stream.sendData(piece, 0, piece.length, false)
      lab.send(dsl.windowUpdate(0, piece.length), dsl.windowUpdate(1, piece.length), dsl.ping())
      since += piece.length
      if (since >= everyOctets) {
        lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 65_535 + (moved & 0xffff) }))
        since = 0
      }
      lab.said()
    }
    expect([lab.events.fault, lab.events.limits]).toEqual([null, []])
  })

  test.for([
    ["server", 16, 239],
    ["server", 1000, 255],
    ["client", 16, 239],
    ["client", 1000, 255],
    ["server", 16, 255],
  ] as const)("to a %s: frames of %i octets, padded with %i, for 100 MB", ([role, octets, padding]) => {
    const limits = { streamWindowOctets: 2 ** 30, upstreamStreamWindowOctets: 2 ** 30 }
    const lab = new Lab(role, { limits })
    if (role === "server") lab.send(dsl.headers(1, dsl.request))
    else {
      lab.connection.open(new HeaderList(dsl.request.flat()), true, false, "test")
      lab.send(dsl.headers(1, dsl.response))
    }
    const frames = Buffer.concat(
      Array.from({ length: 100 }, () => dsl.data(1, Buffer.alloc(octets), { padding })),
    )
    const many = Math.ceil(1e8 / frames.length)
    for (let i = 0; i < many; i++) {
      lab.send(frames)
      lab.said()
      lab.events.take()
    }
    expect([lab.events.fault, lab.events.limits]).toEqual([null, []])
  })

  test("large metadata on every call: CONTINUATION is payload, not overhead", () => {
    const lab = attacked({ maxConcurrentStreams: 100 })
    const block = dsl.headerBlock([...dsl.request, ["authorization", "x".repeat(30_000)]])
    for (let i = 0; i < 1000; i++) {
      lab.nowMs = 10 * i
      const [first, rest] = [block.subarray(0, 16_384), block.subarray(16_384)]
      lab.send(
        dsl.headers(id(i), first, { endHeaders: false, endStream: true }),
        dsl.continuation(id(i), rest),
      )
      lab.events.streams.get(id(i))!.sendHeaders(head, true)
      lab.said()
    }
    expect([lab.events.fault, lab.events.limits]).toEqual([null, []])
  })

  test("a browser's priorities: a few for each stream", () => {
    const lab = attacked()
    for (let i = 0; i < 400; i++) {
      lab.send(
        headersThen(i, dsl.data(id(i), "", { endStream: true })),
        dsl.priorityUpdate(id(i)),
        dsl.priority(id(i)),
      )
      lab.events.streams.get(id(i))!.sendHeaders(head, true)
    }
    expect(lab.events.fault).toBeNull()
  })
})

describe("a peer that does not read", () => {
  test("after so many octets or control frames reading should pause, and go on once they are gone", () => {
    const lab = attacked({ limits: { abuseBurst: 100_000 } })
    const { connection } = lab
    for (let i = 0; i < 999; i++) lab.send(dsl.ping())
    expect(connection.shouldPauseReading).toBe(false)
    for (let i = 0; i < 2; i++) lab.send(dsl.ping())
    expect(connection.shouldPauseReading).toBe(true)
    lab.said()
    expect(connection.shouldPauseReading).toBe(false)
  })

  test("control frames that were read long ago count no more, though the output was never empty", () => {
    const lab = attacked({ limits: { abuseBurst: 100_000 } })
    const { connection } = lab
    const { output } = connection
    for (let i = 0; i < 5000; i++) {
      lab.send(dsl.ping())
      const octets = output.take().reduce((sum, { length }) => sum + length, 0)
      // Before the kernel has taken this one, the next is there.
      lab.send(dsl.ping())
      output.sent(octets)
    }
    expect(connection.shouldPauseReading).toBe(false)
  })
})

describe("a client is charged by nobody it serves", () => {
  test("a server that ends calls early and says so by RST_STREAM, which crosses ours, is no attacker", () => {
    const events = new EventLog()
    const lab = new Lab("client", { events, limits: { overheadOctetsMax: 64 * 1024 } })
    const list = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])
    for (let i = 0; i < 8000; i++) {
      const stream = lab.connection.open(list, false, false, "test")
      lab.send(
        dsl.headers(
          stream.id,
          [
            [":status", "200"],
            ["grpc-status", "16"],
          ],
          { endStream: true },
        ),
      )
      stream.reset(0)
      lab.send(dsl.rstStream(stream.id, 0))
    }
    expect(lab.events.fault).toBeNull()
  })

  test("a call that its server has ended is left by END_STREAM, which no server counts, whatever waits", () => {
    const lab = new Lab("client", { events: new EventLog() })
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 5 }))
    const list = new HeaderList(dsl.request.flat())
    for (let i = 0; i < 1000; i++) {
      const stream = lab.connection.open(list, false, false, "test")
      stream.sendData(Buffer.from("0123456789"), 0, 10, i % 2 === 0)
      lab.said()
      lab.send(dsl.headers(stream.id, [...dsl.response, ...dsl.okTrailers], { endStream: true }))
      stream.endEarly()
      expect([lab.said(), stream.isClosed]).toEqual([[`DATA ${stream.id} 0 END_STREAM`], true])
    }
    expect([lab.connection.sender.resetsSent, lab.connection.sender.queuedOctets]).toEqual([0, 0])
  })

  test("a call that its server has not ended is left by RST_STREAM NO_ERROR", () => {
    const lab = new Lab("client", { events: new EventLog() })
    const stream = lab.connection.open(new HeaderList(dsl.request.flat()), false, false, "test")
    lab.said()
    stream.endEarly()
    expect([lab.said(), stream.isClosed]).toEqual([[`RST_STREAM ${stream.id} NO_ERROR`], true])
  })

  test("a server that resets its calls is no attacker", () => {
    const lab = new Lab("client", { events: new EventLog() })
    const list = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])
    for (let i = 0; i < 1000; i++) {
      const stream = lab.connection.open(list, true, false, "test")
      lab.send(dsl.rstStream(stream.id, 7))
    }
    expect(lab.events.fault).toBeNull()
    expect(lab.frames().filter(({ type }) => type === FrameType.GOAWAY)).toEqual([])
  })
})
