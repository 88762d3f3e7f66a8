import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, type LabOptions } from "../../test/support/memory-link.ts"
import { ErrorCode } from "./error-code.ts"
import { Flag, FrameType } from "./frame/types.ts"
import { HeaderList } from "./header-list.ts"
import type { Http2Stream } from "./stream.ts"

/** What the receiving half must tell apart by one octet, one millisecond or one id. */

const MAX_ID = 2 ** 31 - 1
const head = new HeaderList([":status", "200"])
const ask = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])
const frame = (type: number, size: number, id = 1, flags = 0): Buffer =>
  dsl.frame(type, flags, id, Buffer.alloc(size))

/** A server with stream 1 open. */
function serving(options: LabOptions = {}): Lab {
  const lab = new Lab("server", options)
  lab.send(dsl.headers(1, dsl.request))
  lab.events.take()
  lab.said()
  return lab
}

/** A client that has asked on stream 1, and ended its half if `endStream`. */
function asking(endStream = false): { lab: Lab; stream: Http2Stream<string> } {
  const lab = new Lab("client")
  const stream = lab.connection.open(ask, endStream, false, "test")
  lab.said()
  return { lab, stream }
}

describe("connection errors, by code and reason", () => {
  const { PROTOCOL_ERROR, FRAME_SIZE_ERROR, STREAM_CLOSED } = ErrorCode
  const both: readonly (readonly [string, Buffer, number, string])[] = [
    ["DATA on stream 0", dsl.data(0, "x"), PROTOCOL_ERROR, "DATA on stream 0"],
    ["HEADERS on stream 0", dsl.headers(0, dsl.request), PROTOCOL_ERROR, "HEADERS on stream 0"],
    ["RST_STREAM on stream 0", dsl.rstStream(0), PROTOCOL_ERROR, "RST_STREAM on an idle stream"],
    ["PRIORITY on stream 0", dsl.priority(0), PROTOCOL_ERROR, "PRIORITY on stream 0"],
    [
      "CONTINUATION on stream 0",
      dsl.continuation(0, Buffer.alloc(1)),
      PROTOCOL_ERROR,
      "CONTINUATION without HEADERS",
    ],
    [
      "CONTINUATION on its own",
      dsl.continuation(1, Buffer.alloc(1)),
      PROTOCOL_ERROR,
      "CONTINUATION without HEADERS",
    ],
    ["DATA on an idle stream", dsl.data(9, "x"), PROTOCOL_ERROR, "DATA on an idle stream"],
    ["RST_STREAM on an idle stream", dsl.rstStream(9), PROTOCOL_ERROR, "RST_STREAM on an idle stream"],
    [
      "WINDOW_UPDATE on an idle stream",
      dsl.windowUpdate(9, 1),
      PROTOCOL_ERROR,
      "WINDOW_UPDATE on an idle stream",
    ],
    ["WINDOW_UPDATE of 0", dsl.windowUpdate(1, 0), PROTOCOL_ERROR, "WINDOW_UPDATE of 0"],
    ["SETTINGS on a stream", frame(FrameType.SETTINGS, 0, 1), PROTOCOL_ERROR, "SETTINGS on a stream"],
    ["PING on a stream", frame(FrameType.PING, 8, 1), PROTOCOL_ERROR, "PING on a stream"],
    ["GOAWAY on a stream", frame(FrameType.GOAWAY, 8, 1), PROTOCOL_ERROR, "GOAWAY on a stream"],
    ["PUSH_PROMISE", dsl.pushPromise(1, 2), PROTOCOL_ERROR, "PUSH_PROMISE is not allowed here"],
    [
      "RST_STREAM of 3 octets",
      frame(FrameType.RST_STREAM, 3),
      FRAME_SIZE_ERROR,
      "RST_STREAM is not 4 octets",
    ],
    [
      "RST_STREAM of 5 octets",
      frame(FrameType.RST_STREAM, 5),
      FRAME_SIZE_ERROR,
      "RST_STREAM is not 4 octets",
    ],
    [
      "WINDOW_UPDATE of 3 octets",
      frame(FrameType.WINDOW_UPDATE, 3),
      FRAME_SIZE_ERROR,
      "WINDOW_UPDATE is not 4 octets",
    ],
    [
      "WINDOW_UPDATE of 5 octets",
      frame(FrameType.WINDOW_UPDATE, 5),
      FRAME_SIZE_ERROR,
      "WINDOW_UPDATE is not 4 octets",
    ],
    ["PRIORITY of 4 octets", frame(FrameType.PRIORITY, 4), FRAME_SIZE_ERROR, "PRIORITY is not 5 octets"],
    ["PRIORITY of 6 octets", frame(FrameType.PRIORITY, 6), FRAME_SIZE_ERROR, "PRIORITY is not 5 octets"],
    [
      "GOAWAY of 7 octets",
      frame(FrameType.GOAWAY, 7, 0),
      FRAME_SIZE_ERROR,
      "GOAWAY is shorter than 8 octets",
    ],
    [
      "SETTINGS of 5 octets",
      frame(FrameType.SETTINGS, 5, 0),
      FRAME_SIZE_ERROR,
      "SETTINGS are not whole entries",
    ],
    [
      "SETTINGS of 7 octets",
      frame(FrameType.SETTINGS, 7, 0),
      FRAME_SIZE_ERROR,
      "SETTINGS are not whole entries",
    ],
    [
      "a SETTINGS acknowledgement with an entry",
      frame(FrameType.SETTINGS, 6, 0, Flag.ACK),
      FRAME_SIZE_ERROR,
      "a SETTINGS acknowledgement has a payload",
    ],
  ]
  test.for(both)("%s, to a server and to a client", ([, octets, code, reason]) => {
    for (const lab of [serving(), asking().lab]) {
      lab.send(octets)
      expect(lab.events.fault).toMatchObject({ code, reason })
      expect(lab.connection.isClosed).toBe(true)
    }
  })

  test("DATA and HEADERS behind the end of a stream", () => {
    for (const [octets, reason] of [
      [dsl.data(1, "x"), "DATA after END_STREAM"],
      [dsl.headers(1, dsl.okTrailers, { endStream: true }), "HEADERS after END_STREAM"],
    ] as const) {
      const lab = new Lab("server")
      lab.send(dsl.headers(1, dsl.request, { endStream: true }), octets)
      expect(lab.events.fault).toMatchObject({ code: STREAM_CLOSED, reason })
    }
    const lab = serving()
    lab.send(dsl.headers(1, dsl.okTrailers, { endStream: true }), dsl.data(1, "x"))
    expect(lab.events.fault).toMatchObject({ code: STREAM_CLOSED, reason: "DATA after END_STREAM" })
  })

  test("HEADERS of the same stream within a header block", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request, { endHeaders: false }), dsl.headers(1, dsl.request))
    expect(lab.events.fault).toMatchObject({ code: PROTOCOL_ERROR, reason: "a header block was interrupted" })
    expect(lab.events.lines).toEqual(["end PROTOCOL_ERROR"])
  })

  test("nothing that follows is read", () => {
    const lab = serving()
    lab.send(dsl.data(0, "x"), dsl.headers(3, dsl.request), dsl.ping())
    expect(lab.events.lines).toEqual(["reset 1 PROTOCOL_ERROR connection", "end PROTOCOL_ERROR"])
    expect(lab.said()).toEqual(["GOAWAY 1 PROTOCOL_ERROR"])
  })
})

describe("credit that came before an error is used before it", () => {
  /** Streams 1 and 3 each have 3 octets that wait for credit. */
  function waiting(): Lab {
    const lab = new Lab("server")
    lab.send(
      dsl.settings({ INITIAL_WINDOW_SIZE: 0 }),
      dsl.headers(1, dsl.request),
      dsl.headers(3, dsl.request),
    )
    for (const stream of lab.events.streams.values()) {
      stream.sendHeaders(head, false)
      stream.sendData(Buffer.from("abc"), 0, 3, false)
    }
    lab.said()
    return lab
  }

  test("of the connection", () => {
    const lab = waiting()
    lab.send(dsl.windowUpdate(1, 3), dsl.windowUpdate(1, 0))
    expect(lab.said()).toEqual(["DATA 1 3", "GOAWAY 3 PROTOCOL_ERROR"])
  })

  test("of another stream", () => {
    const lab = waiting()
    lab.send(dsl.windowUpdate(1, MAX_ID))
    expect(lab.said()).toEqual(["DATA 1 3"])
    lab.send(dsl.windowUpdate(3, 3), dsl.windowUpdate(1, 4))
    expect(lab.said()).toEqual(["DATA 3 3", "RST_STREAM 1 FLOW_CONTROL_ERROR"])
  })

  test("by SETTINGS, before WINDOW_UPDATEs behind them", () => {
    const lab = waiting()
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 1 }), dsl.windowUpdate(1, 2), dsl.windowUpdate(3, 1))
    expect(lab.said()).toEqual(["SETTINGS ACK", "DATA 1 1", "DATA 3 1", "DATA 1 2", "DATA 3 1"])
  })
})

describe("time limits, to the millisecond", () => {
  const LIMIT = 10_000
  /** The last moment at which the connection lives, and whether it dies a millisecond later. */
  function livesUntil(lab: Lab, ms: number, isReadingPaused = false): void {
    lab.connection.tick(ms, isReadingPaused)
    expect(lab.connection.isClosed).toBe(false)
    lab.connection.tick(ms + 1)
    expect(lab.connection.isClosed).toBe(true)
  }
  const at = (lab: Lab, ms: number, ...octets: Buffer[]): void => {
    lab.nowMs = ms
    lab.send(...octets)
  }
  const ping = dsl.ping()

  test("a preface, from the moment the socket is up", () => {
    const lab = new Lab("server", { greeted: false })
    livesUntil(lab, LIMIT)
    expect(lab.events.fault?.limit).toBe("preface_timeout")
    const later = new Lab("server", { greeted: false })
    later.connection.connected(5000)
    livesUntil(later, 5000 + LIMIT)
  })

  test("a frame, from its first octet on", () => {
    const lab = new Lab("server")
    at(lab, 0, ping.subarray(0, 5))
    livesUntil(lab, LIMIT)
    expect(lab.events.fault?.limit).toBe("header_block_timeout")
  })

  test("more of the same frame gives it no more time", () => {
    const lab = new Lab("server")
    at(lab, 500, ping.subarray(0, 5))
    at(lab, 9000, ping.subarray(5, 12))
    livesUntil(lab, 500 + LIMIT)
  })

  test("nor one that began when the clock did", () => {
    const lab = new Lab("server")
    at(lab, 0, ping.subarray(0, 5))
    at(lab, 9000, ping.subarray(5, 12))
    livesUntil(lab, LIMIT)
  })

  test("the next frame has its own", () => {
    const lab = new Lab("server")
    at(lab, 500, ping.subarray(0, 5))
    at(lab, 9000, ping.subarray(5), ping.subarray(0, 3))
    livesUntil(lab, 9000 + LIMIT)
  })

  test("none while nothing has begun, nor while DATA has", () => {
    const lab = serving()
    at(lab, 1, ping.subarray(0, 5))
    at(lab, 2, ping.subarray(5))
    lab.connection.tick(1e9)
    at(lab, 3, dsl.data(1, "hello").subarray(0, 11))
    lab.connection.tick(1e9)
    expect(lab.connection.isClosed).toBe(false)
  })

  test("a header block, from its HEADERS on", () => {
    const lab = new Lab("server")
    const block = dsl.headerBlock(dsl.request)
    at(lab, 300, dsl.headers(1, block.subarray(0, 5), { endHeaders: false }))
    at(lab, 9000, dsl.continuation(1, block.subarray(5, 9), false))
    livesUntil(lab, 300 + LIMIT)
    expect(lab.events.fault?.limit).toBe("header_block_timeout")
  })

  test("none once the block is whole", () => {
    const lab = new Lab("server")
    const block = dsl.headerBlock(dsl.request)
    at(
      lab,
      300,
      dsl.headers(1, block.subarray(0, 5), { endHeaders: false }),
      dsl.continuation(1, block.subarray(5)),
    )
    lab.connection.tick(1e9)
    expect(lab.connection.isClosed).toBe(false)
  })

  test("what we do not read is not late: all of its time begins again", () => {
    const lab = new Lab("server")
    at(lab, 0, ping.subarray(0, 5))
    lab.connection.tick(9000, true)
    livesUntil(lab, 9000 + LIMIT)
    const block = new Lab("server")
    at(block, 0, dsl.headers(1, Buffer.alloc(3), { endHeaders: false }))
    block.connection.tick(9000, true)
    livesUntil(block, 9000 + LIMIT)
    const silent = new Lab("server", { greeted: false })
    silent.connection.tick(9000, true)
    livesUntil(silent, 9000 + LIMIT)
    const idle = new Lab("server")
    idle.connection.tick(9000, true)
    idle.connection.tick(1e9)
    expect(idle.connection.isClosed).toBe(false)
  })
})

describe("the preface (RFC 9113 §3.4)", () => {
  test("cut anywhere, with frames behind it", () => {
    const all = Buffer.concat([dsl.preface, dsl.settings(), dsl.headers(1, dsl.request)])
    for (let at = 1; at < all.length; at++) {
      const lab = new Lab("server", { greeted: false })
      lab.send(all.subarray(0, at))
      lab.send(all.subarray(at))
      expect(lab.events.lines).toEqual(["request 1 /test.Echo/Chat"])
    }
  })

  test("wherever it lies in what was read", () => {
    const lab = new Lab("server", { greeted: false })
    const octets = Buffer.concat([Buffer.from("xxxxx"), dsl.preface, dsl.settings(), Buffer.from("yyyyy")])
    lab.connection.receive(octets, 5, 12, 0)
    lab.connection.receive(octets, 12, octets.length - 5, 0)
    expect([lab.connection.isReady, lab.events.limits]).toEqual([true, []])
  })

  test("wrong in any octet, as soon as that has come", () => {
    for (let at = 0; at < dsl.preface.length; at++) {
      const wrong = Buffer.from(dsl.preface)
      wrong[at]! ^= 1
      for (const cut of [0, at]) {
        const lab = new Lab("server", { greeted: false })
        if (cut > 0) lab.send(wrong.subarray(0, cut))
        expect(lab.connection.isClosed).toBe(false)
        lab.send(wrong.subarray(cut, at + 1))
        expect(lab.events.limits).toContain("preface_malformed")
      }
    }
  })

  test("what follows a wrong one is not read", () => {
    const lab = new Lab("server", { greeted: false })
    lab.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"), dsl.preface, dsl.settings())
    expect(lab.said().filter((line) => line.startsWith("SETTINGS ACK"))).toEqual([])
  })
})

describe("what is counted as overhead", () => {
  const limits = { overheadOctetsMax: 100, overheadPerPayloadOctets: 0 }
  test.each([
    ["GOAWAY's debug data", dsl.goaway(MAX_ID, 0, "x".repeat(200))],
    ["padding of DATA", dsl.data(1, "x", { padding: 150 })],
    [
      "the octet that says there is none",
      Buffer.concat(Array.from({ length: 120 }, () => dsl.data(1, "x", { padding: 0 }))),
    ],
    ["padding of HEADERS", dsl.headers(3, dsl.request, { padding: 150 })],
    ["PRIORITY", Buffer.concat(Array.from({ length: 9 }, () => dsl.priority(1)))],
    ["PRIORITY_UPDATE", Buffer.concat(Array.from({ length: 9 }, () => dsl.priorityUpdate(1)))],
    ["frames of no known type", dsl.frame(0xee, 0, 0, Buffer.alloc(105))],
    [
      "acknowledgements of no PING",
      Buffer.concat(Array.from({ length: 7 }, () => dsl.ping("12345678", { ack: true }))),
    ],
    ["SETTINGS acknowledged again", Buffer.concat(Array.from({ length: 13 }, () => dsl.settingsAck()))],
  ])("%s", (_, octets) => {
    const lab = serving({ limits })
    lab.send(octets)
    expect(lab.events.limits).toContain("overhead_flood")
  })

  test("as much as the payload warrants, to the octet: CONTINUATION is payload", () => {
    // Behind HEADERS of 8 octets, CONTINUATION of 16: twice that, and 13 for the stream.
    const allowed = 100 + 2 * (8 + 16) + 13
    for (const [octets, expected] of [
      [allowed, []],
      [allowed + 1, ["overhead_flood"]],
    ] as const) {
      const lab = new Lab("server", { limits: { overheadOctetsMax: 100, overheadPerPayloadOctets: 2 } })
      // No request, but octets of one.
      lab.send(dsl.headers(1, Buffer.alloc(8), { endHeaders: false }), dsl.continuation(1, Buffer.alloc(16)))
      lab.events.limits.length = 0
      lab.send(dsl.frame(0xee, 0, 0, Buffer.alloc(octets - 9)))
      expect(lab.events.limits).toEqual(expected)
    }
  })
})

describe("empty frames in a row", () => {
  test.each([
    ["of DATA", () => dsl.data(1, "")],
    ["of DATA with padding alone", () => dsl.data(1, "", { padding: 1 })],
    ["of HEADERS", (at: number) => dsl.headers(3 + 2 * at, Buffer.alloc(0))],
    [
      "of HEADERS with padding alone",
      (at: number) => dsl.headers(3 + 2 * at, Buffer.alloc(0), { padding: 1 }),
    ],
  ])("%s: ten, and no more", (_, make) => {
    const lab = serving()
    for (let at = 0; at < 10; at++) lab.send(make(at))
    expect(lab.events.limits).not.toContain("empty_frames_flood")
    lab.send(make(10))
    expect(lab.events.limits).toContain("empty_frames_flood")
  })

  test("what ends a stream is none", () => {
    const lab = new Lab("server")
    for (let at = 0; at < 20; at++) {
      lab.send(dsl.headers(1 + 2 * at, dsl.request), dsl.data(1 + 2 * at, "", { endStream: true }))
    }
    expect(lab.events.limits).toEqual([])
  })
})

describe("padding and priority take room in a frame", () => {
  const sent = (octets: Buffer): Lab => {
    const lab = new Lab("server")
    lab.send(octets)
    return lab
  }
  const block = dsl.headerBlock(dsl.request)
  const withFields = (payload: Buffer, flags: number): Buffer =>
    dsl.frame(FrameType.HEADERS, Flag.END_HEADERS | flags, 1, payload)

  test("HEADERS that hold a priority and nothing else have an empty block", () => {
    const lab = sent(withFields(Buffer.alloc(5), Flag.PRIORITY))
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    expect(sent(withFields(Buffer.alloc(4), Flag.PRIORITY)).said()).toEqual(["GOAWAY 0 FRAME_SIZE_ERROR"])
  })

  test("HEADERS padded to the last octet have an empty block", () => {
    expect(sent(withFields(Buffer.from([2, 0, 0]), Flag.PADDED)).said()).toEqual([
      "RST_STREAM 1 PROTOCOL_ERROR",
    ])
    expect(sent(withFields(Buffer.from([3, 0, 0]), Flag.PADDED)).said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
  })

  test("the block stands between both", () => {
    const payload = Buffer.concat([Buffer.from([4]), Buffer.alloc(5), block, Buffer.alloc(4, 0xff)])
    expect(sent(withFields(payload, Flag.PADDED | Flag.PRIORITY)).events.lines).toEqual([
      "request 1 /test.Echo/Chat",
    ])
  })

  test("DATA padded to the last octet are empty", () => {
    const lab = serving()
    lab.send(dsl.frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([2, 0, 0])))
    expect(lab.events.take()).toEqual(["data 1 "])
    lab.send(dsl.frame(FrameType.DATA, Flag.PADDED, 1, Buffer.from([3, 0, 0])))
    expect(lab.said()).toEqual(["GOAWAY 1 PROTOCOL_ERROR"])
  })

  test("a pad length alone gets its credit back", () => {
    const lab = serving({ limits: { streamWindowOctets: 2 } })
    lab.send(dsl.data(1, "", { padding: 0 }))
    expect(lab.said()).toEqual(["WINDOW_UPDATE 1 1"])
  })

  test("padding behind the last DATA gets no credit", () => {
    const lab = serving({ limits: { streamWindowOctets: 200 } })
    lab.send(dsl.data(1, "x", { padding: 150, endStream: true }))
    expect(lab.said()).toEqual([])
  })
})

describe("either half may end first", () => {
  test("DATA come on a stream whose answer has ended, and it ends with the last", () => {
    const lab = serving()
    lab.events.streams.get(1)!.sendHeaders(head, true)
    lab.send(dsl.data(1, "a"))
    expect(lab.connection.streams.size).toBe(1)
    lab.send(dsl.data(1, "b", { endStream: true }))
    expect([lab.events.take(), lab.connection.streams.size]).toEqual([["data 1 a", "data 1 b END_STREAM"], 0])
  })

  test("trailers end it as well", () => {
    const lab = serving()
    lab.events.streams.get(1)!.sendHeaders(head, true)
    lab.send(dsl.headers(1, [["x-end", "1"]], { endStream: true }))
    expect(lab.connection.streams.size).toBe(0)
  })

  test("an answer that is given while the request is told", () => {
    class Prompt extends EventLog {
      override onRequest(...args: Parameters<EventLog["onRequest"]>): void {
        super.onRequest(...args)
        args[0].sendHeaders(head, true)
      }
    }
    for (const [endStream, open] of [
      [true, 0],
      [false, 1],
    ] as const) {
      const lab = new Lab("server", { events: new Prompt() })
      lab.send(dsl.headers(1, dsl.request, { endStream }))
      expect([lab.said(), lab.connection.streams.size]).toEqual([["HEADERS 1 END_STREAM :status=200"], open])
    }
  })

  test.each([
    [true, true, 0],
    [true, false, 1],
    [false, true, 1],
    [false, false, 1],
  ])("a request that has ended: %s; a response that ends: %s; open: %i", (hasEnded, ends, open) => {
    const { lab } = asking(hasEnded)
    lab.send(dsl.headers(1, dsl.response, { endStream: ends }))
    expect(lab.connection.streams.size).toBe(open)
  })
})

describe("content-length (RFC 9113 §8.1.1)", () => {
  const request = (length: number): dsl.Field[] => [...dsl.request, ["content-length", String(length)]]
  const response = (length: number): dsl.Field[] => [...dsl.response, ["content-length", String(length)]]
  const fine: string[] = []
  const refused = ["RST_STREAM 1 PROTOCOL_ERROR"]

  test.each([
    ["0 and no DATA", [dsl.headers(1, request(0), { endStream: true })], fine],
    ["1 and no DATA", [dsl.headers(1, request(1), { endStream: true })], refused],
    ["1 and no DATA yet", [dsl.headers(1, request(1))], fine],
    ["5 and 5", [dsl.headers(1, request(5)), dsl.data(1, "12345", { endStream: true })], fine],
    ["5 and 4", [dsl.headers(1, request(5)), dsl.data(1, "1234", { endStream: true })], refused],
    ["5 and 4 so far", [dsl.headers(1, request(5)), dsl.data(1, "1234")], fine],
    ["5 and 6", [dsl.headers(1, request(5)), dsl.data(1, "123456")], refused],
    [
      "5, 5 and an empty end",
      [dsl.headers(1, request(5)), dsl.data(1, "12345"), dsl.data(1, "", { endStream: true })],
      fine,
    ],
    [
      "5, 4 and trailers",
      [dsl.headers(1, request(5)), dsl.data(1, "1234"), dsl.headers(1, [["x", "y"]], { endStream: true })],
      refused,
    ],
    [
      "5, 5 and trailers",
      [dsl.headers(1, request(5)), dsl.data(1, "12345"), dsl.headers(1, [["x", "y"]], { endStream: true })],
      fine,
    ],
    ["0 and an octet", [dsl.headers(1, request(0)), dsl.data(1, "1")], refused],
  ])("of a request: %s", (_, frames, expected) => {
    const lab = new Lab("server")
    lab.send(...frames)
    expect(lab.said()).toEqual(expected)
  })

  test.each([
    ["0 and no DATA", [dsl.headers(1, response(0), { endStream: true })], fine],
    ["1 and no DATA", [dsl.headers(1, response(1), { endStream: true })], refused],
    ["1 and no DATA yet", [dsl.headers(1, response(1))], fine],
    ["5 and 5", [dsl.headers(1, response(5)), dsl.data(1, "12345", { endStream: true })], fine],
    ["5 and 6", [dsl.headers(1, response(5)), dsl.data(1, "123456")], refused],
    [
      "5 with 304",
      [dsl.headers(1, dsl.withFields(response(5), { ":status": "304" }), { endStream: true })],
      fine,
    ],
    [
      "5 with 204",
      [dsl.headers(1, dsl.withFields(response(5), { ":status": "204" }), { endStream: true })],
      fine,
    ],
    [
      "5 with 205",
      [dsl.headers(1, dsl.withFields(response(5), { ":status": "205" }), { endStream: true })],
      refused,
    ],
    [
      "an octet with 304",
      [dsl.headers(1, dsl.withFields(response(5), { ":status": "304" })), dsl.data(1, "1")],
      refused,
    ],
  ])("of a response: %s", (_, frames, expected) => {
    const { lab } = asking()
    lab.send(...frames)
    expect(lab.said()).toEqual(expected)
  })

  test("of a response to HEAD: it says what a GET would have", () => {
    const lab = new Lab("client")
    lab.connection.open(ask, true, true, "test")
    lab.said()
    lab.send(dsl.headers(1, response(5), { endStream: true }))
    expect([lab.said(), lab.events.lines]).toEqual([[], ["response 1 200 END_STREAM"]])
  })

  test("is named where it does not match", () => {
    for (const frames of [
      [dsl.headers(1, request(5)), dsl.data(1, "123456")],
      [dsl.headers(1, request(5)), dsl.headers(1, [["x", "y"]], { endStream: true })],
    ]) {
      const lab = new Lab("server")
      lab.send(...frames)
      expect(lab.events.limits[0]).toBe("content_length_mismatch")
    }
  })
})

describe("RST_STREAM", () => {
  const refused = dsl.rstStream(1, ErrorCode.REFUSED_STREAM)

  test("REFUSED_STREAM before a head: nothing was done; behind one it was", () => {
    const { lab } = asking()
    lab.send(refused)
    expect(lab.events.take()).toEqual(["reset 1 REFUSED_STREAM peer unprocessed"])
    const other = asking().lab
    other.send(dsl.headers(1, dsl.response), refused)
    expect(other.events.take()).toEqual(["response 1 200", "reset 1 REFUSED_STREAM peer"])
    const cancelled = asking().lab
    cancelled.send(dsl.rstStream(1, ErrorCode.CANCEL))
    expect(cancelled.events.take()).toEqual(["reset 1 CANCEL peer"])
  })

  test("codes are 32 bits wide", () => {
    const { lab } = asking()
    lab.send(dsl.rstStream(1, 0xfedcba98))
    expect(lab.events.take()).toEqual(["reset 1 0xfedcba98 peer"])
  })

  test.each([
    [5999, ["abuse_peer_reset"]],
    [6000, []],
  ])("a stream that was opened at 5,000 ms is young until it is a second old: %i ms", (ms, limits) => {
    const lab = new Lab("server")
    lab.nowMs = 5000
    lab.send(dsl.headers(1, dsl.request))
    lab.nowMs = ms
    lab.send(dsl.rstStream(1))
    expect(lab.events.limits).toEqual(limits)
  })

  test("a young stream that has its whole answer may be reset; one whose answer waits may not", () => {
    for (const [window, limits] of [
      [100, []],
      [1, ["abuse_peer_reset"]],
    ] as const) {
      const lab = new Lab("server")
      lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: window }), dsl.headers(1, dsl.request))
      const stream = lab.events.streams.get(1)!
      stream.sendHeaders(head, false)
      stream.sendData(Buffer.from("abc"), 0, 3, true)
      lab.events.limits.length = 0
      lab.send(dsl.rstStream(1))
      expect(lab.events.limits).toEqual(limits)
    }
  })

  test("a young stream that its owner excuses is not charged; one without an owner has none to ask", () => {
    class Excusing extends EventLog {
      readonly asked: number[] = []
      excuses = true
      hasOwners = true
      override onRequest(...args: Parameters<EventLog["onRequest"]>): void {
        super.onRequest(...args)
        if (!this.hasOwners) args[0].owner = null
      }
      excusesReset({ id }: Http2Stream<string>): boolean {
        this.asked.push(id)
        return this.excuses
      }
    }
    for (const [excuses, hasOwners, asked, limits] of [
      [true, true, [1], []],
      [false, true, [1], ["abuse_peer_reset"]],
      [true, false, [], ["abuse_peer_reset"]],
    ] as const) {
      const events = new Excusing()
      events.excuses = excuses
      events.hasOwners = hasOwners
      const lab = new Lab("server", { events })
      lab.send(dsl.headers(1, dsl.request), dsl.rstStream(1))
      expect([events.asked, events.limits]).toEqual([asked, limits])
    }
  })

  test("a server's is charged to nobody, a young stream's to its client", () => {
    const { lab } = asking()
    lab.send(dsl.rstStream(1))
    expect(lab.events.limits).toEqual([])
    const server = serving()
    server.send(dsl.rstStream(1))
    expect(server.events.limits).toEqual(["abuse_peer_reset"])
  })
})

describe("streams above those that are taken", () => {
  test("the last id there is may be used", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(MAX_ID, dsl.request))
    expect(lab.events.lines).toEqual([`request ${MAX_ID} /test.Echo/Chat`])
  })

  test("one past the limit is refused, and what follows on it ignored", () => {
    const lab = new Lab("server", { maxConcurrentStreams: 1 })
    lab.send(dsl.headers(1, dsl.request), dsl.headers(3, dsl.request))
    expect(lab.said()).toEqual(["RST_STREAM 3 REFUSED_STREAM"])
    lab.send(
      dsl.data(3, "x"),
      dsl.headers(3, [["x", "y"]], { endStream: true }),
      dsl.windowUpdate(3, 1),
      dsl.rstStream(3),
    )
    expect([lab.said(), lab.events.take()]).toEqual([[], ["request 1 /test.Echo/Chat"]])
    lab.send(dsl.rstStream(1), dsl.headers(5, dsl.request))
    expect(lab.events.take()).toEqual(["reset 1 CANCEL peer", "request 5 /test.Echo/Chat"])
  })

  test("as many as the limit says", () => {
    const lab = new Lab("server", { maxConcurrentStreams: 2 })
    lab.send(...[1, 3, 5].map((id) => dsl.headers(id, dsl.request)))
    expect(lab.said()).toEqual(["RST_STREAM 5 REFUSED_STREAM"])
  })
})

describe("HPACK's table", () => {
  /** A size update (RFC 7541 §6.3), then a request. */
  const resized = (octets: number): Buffer => {
    const update = octets < 31 ? [0x20 | octets] : [0x3f, ...integer(octets - 31)]
    return Buffer.concat([Buffer.from(update), dsl.headerBlock(dsl.request)])
  }
  const integer = (rest: number): number[] =>
    rest < 128 ? [rest] : [(rest % 128) | 128, ...integer(Math.floor(rest / 128))]
  const unaware = (headerTableOctets: number): Lab => {
    const lab = new Lab("server", { limits: { headerTableOctets }, greeted: false })
    lab.send(dsl.preface, dsl.settings())
    return lab
  }

  test("may be as large as our SETTINGS say", () => {
    const lab = unaware(8192)
    lab.send(dsl.settingsAck(), dsl.headers(1, resized(8192)))
    expect(lab.events.lines).toEqual(["request 1 /test.Echo/Chat"])
    lab.send(dsl.headers(3, resized(8193)))
    expect(lab.events.fault).toMatchObject({
      code: ErrorCode.COMPRESSION_ERROR,
      limit: "header_table_exceeded",
    })
    const early = unaware(8192)
    early.send(dsl.headers(1, resized(8192)), dsl.headers(3, resized(8193)))
    expect(early.events.lines[0]).toBe("request 1 /test.Echo/Chat")
    expect(early.events.fault).toMatchObject({ limit: "header_table_exceeded" })
  })

  test("has to be made smaller where they say less, once they are acknowledged", () => {
    const lab = unaware(100)
    lab.send(dsl.headers(1, resized(4096)), dsl.settingsAck(), dsl.headers(3, dsl.request))
    expect(lab.events.lines[0]).toBe("request 1 /test.Echo/Chat")
    expect(lab.events.fault).toMatchObject({ code: ErrorCode.COMPRESSION_ERROR, limit: "header_undecodable" })
    const other = unaware(100)
    other.send(dsl.settingsAck(), dsl.headers(1, resized(100)))
    expect(other.events.lines).toEqual(["request 1 /test.Echo/Chat"])
  })
})

describe("header lists past the limit", () => {
  const many = (count: number): dsl.Field[] => Array.from({ length: count }, (_, i) => [`x-${i}`, "y"])
  const large: dsl.Field[] = [["x-large", "y".repeat(1000)]]
  const limits = { headerFieldsMax: 12, headerListOctets: 1000 }

  test.each([
    ["as many fields as are allowed", many(6), undefined],
    ["one more", many(7), "header_fields_exceeded"],
    ["too many octets", large, "header_list_too_large"],
  ])("of a request: %s", (_, more, counter) => {
    const lab = new Lab("server", { limits })
    lab.send(dsl.headers(1, [...dsl.request, ...more]))
    expect(lab.events.limits[0]).toBe(counter)
    expect(lab.events.lines[0]).toContain(counter === undefined ? "request 1" : `refused 1 ${counter}`)
  })

  test("each costs a charge", () => {
    const lab = new Lab("server", { limits: { ...limits, abuseBurst: 1 } })
    lab.send(dsl.headers(1, [...dsl.request, ...large]))
    expect(lab.connection.isClosed).toBe(false)
    lab.send(dsl.headers(3, [...dsl.request, ...large]))
    expect(lab.events.fault?.limit).toBe("abuse_exhausted")
  })

  test.each([
    ["trailers", [...many(13)], "header_fields_exceeded"],
    ["trailers", large, "header_list_too_large"],
  ])("of %s", (_, fields, counter) => {
    const lab = serving({ limits })
    lab.send(dsl.headers(1, fields, { endStream: true }))
    expect(lab.events.limits[0]).toBe(counter)
    expect(lab.said()).toEqual(["RST_STREAM 1 ENHANCE_YOUR_CALM"])
  })

  test.each([
    ["in one frame", [65_536], undefined],
    ["in one frame, an octet more", [65_537], "header_block_too_large"],
    ["in several", [40_000, 25_536], undefined],
    ["in several, the last an octet too long", [40_000, 25_537], "header_block_too_large"],
  ])("blocks: %s", (_, sizes, limit) => {
    const lab = new Lab("server", { limits: { frameOctets: 100_000, headerBlockOctets: 65_536 } })
    const pieces = sizes.map((size) => Buffer.alloc(size))
    lab.send(
      dsl.headers(1, pieces[0]!, { endHeaders: pieces.length === 1 }),
      ...pieces.slice(1).map((piece) => dsl.continuation(1, piece)),
    )
    // What is not too long is not HPACK.
    expect(lab.events.fault?.limit).toBe(limit ?? "header_undecodable")
  })
})

test("a backend's header blocks have a bound of their own", () => {
  const limits = { headerBlockOctets: 1000, responseBlockOctets: 2000, frameOctets: 20_000 }
  for (const [role, most] of [
    ["server", 1000],
    ["client", 2000],
  ] as const)
    for (const [octets, limit] of [
      [most, "header_undecodable"],
      [most + 1, "header_block_too_large"],
    ] as const) {
      const lab = new Lab(role, { limits })
      if (role === "client") lab.connection.open(ask, false, false, "test")
      lab.send(
        dsl.headers(1, Buffer.alloc(octets - 1, 0xff), { endHeaders: false }),
        dsl.continuation(1, Buffer.alloc(1)),
      )
      expect(lab.events.fault?.limit).toBe(limit)
      const other = new Lab(role, { limits })
      if (role === "client") other.connection.open(ask, false, false, "test")
      other.send(dsl.headers(1, Buffer.alloc(octets, 0xff)))
      expect(other.events.fault?.limit).toBe(limit)
    }
})

describe("SETTINGS that come again", () => {
  test("are counted by their own entries, wherever they lie in what was read", () => {
    const lab = serving()
    lab.send(dsl.data(1, Buffer.alloc(16_000)), dsl.settings({ MAX_CONCURRENT_STREAMS: 5 }))
    expect([lab.events.fault, lab.connection.peerMaxConcurrentStreams]).toEqual([null, 5])
  })

  test("say nothing of our encoder's table where they have no size for it", () => {
    const lab = serving()
    const isSizeUpdate = (octet: number): boolean => (octet & 0xe0) === 0x20
    lab.send(dsl.settings({ HEADER_TABLE_SIZE: 100 }))
    lab.said()
    const block = lab.connection.sender.encoder.encode(new HeaderList(["x-a", "b"]))
    expect(isSizeUpdate(block[0]!)).toBe(true)
    lab.send(dsl.settings({ MAX_CONCURRENT_STREAMS: 7 }))
    const next = lab.connection.sender.encoder.encode(new HeaderList(["x-b", "c"]))
    expect(isSizeUpdate(next[0]!)).toBe(false)
  })
})

describe("limits are named", () => {
  test("DATA past a stream's window", () => {
    const lab = serving({ limits: { streamWindowOctets: 1 } })
    lab.send(dsl.data(1, "xy"))
    expect(lab.events.limits).toEqual(["stream_window_exceeded", "abuse_made_to_reset"])
  })

  test("a header block with a fault in it", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, Buffer.from([0x80])))
    expect(lab.events.fault).toMatchObject({ code: ErrorCode.COMPRESSION_ERROR, limit: "header_undecodable" })
  })

  test("a frame longer than we take", () => {
    const lab = serving()
    lab.send(dsl.data(1, Buffer.alloc(16_384)))
    expect(lab.connection.isClosed).toBe(false)
    lab.send(dsl.data(1, Buffer.alloc(16_385)))
    expect(lab.events.fault).toMatchObject({ code: ErrorCode.FRAME_SIZE_ERROR })
  })
})
