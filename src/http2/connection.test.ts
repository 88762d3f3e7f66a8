import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { Lab } from "../../test/support/memory-link.ts"
import { ErrorCode, fault } from "./error-code.ts"
import { FrameType } from "./frame/types.ts"
import { HeaderList } from "./header-list.ts"

const MAX_ID = 2 ** 31 - 1
const head = new HeaderList([":status", "200"])
const ask = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])

describe("header blocks in pieces (RFC 9113 §6.10)", () => {
  const block = dsl.headerBlock(dsl.request)

  test("are one block, wherever they are cut", () => {
    for (let cut = 0; cut < block.length; cut++) {
      const lab = new Lab("server")
      lab.send(
        dsl.headers(1, block.subarray(0, cut), { endHeaders: false, endStream: true }),
        dsl.continuation(1, block.subarray(cut)),
      )
      expect(lab.events.lines).toEqual(["request 1 /test.Echo/Chat END_STREAM"])
    }
  })

  test.each([
    ["DATA", dsl.data(1, "x")],
    ["PING", dsl.ping()],
    ["a frame of no known type", dsl.frame(0xfe, 0, 0)],
    ["HEADERS", dsl.headers(3, dsl.request)],
    ["CONTINUATION of another stream", dsl.continuation(3, Buffer.alloc(1))],
    ["CONTINUATION of no stream", dsl.continuation(0, Buffer.alloc(1))],
  ])("%s in between ends the connection", (_what, frame) => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, block, { endHeaders: false }), frame)
    expect(lab.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
  })

  test("a block too long for one frame goes out in several, nothing between", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request))
    const list = new HeaderList([":status", "200", "x-long", "~".repeat(40_000)])
    lab.events.streams.get(1)!.sendHeaders(list, true)
    const [frame] = lab.frames()
    expect(dsl.describeFrame(frame!)).toContain("HEADERS 1 END_STREAM :status=200 x-long=~~")
  })
})

describe("padding (RFC 9113 §6.1, §6.2)", () => {
  test.each([
    ["DATA", dsl.data(1, "x", { padding: 0 }), "data 1 x"],
    ["DATA", dsl.data(1, "x", { padding: 255 }), "data 1 x"],
    ["DATA, nothing but padding", dsl.data(1, "", { padding: 3 }), "data 1 "],
    ["HEADERS", dsl.headers(1, dsl.okTrailers, { padding: 9, endStream: true }), "trailers 1 grpc-status 0"],
    [
      "HEADERS with a priority",
      dsl.headers(1, dsl.okTrailers, { padding: 9, endStream: true, priority: { dependsOn: 0 } }),
      "trailers 1 grpc-status 0",
    ],
  ])("%s", (_what, frame, expected) => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request), frame)
    expect(lab.events.lines[1]).toBe(expected)
  })

  const padded = (type: number, flags: number, payload: number[]): Buffer =>
    dsl.frame(type, flags, 1, Buffer.from(payload))
  test.each([
    ["DATA of more padding than frame", padded(FrameType.DATA, 8, [2, 0]), "PROTOCOL_ERROR"],
    ["DATA of as much padding as frame", padded(FrameType.DATA, 8, [1]), "PROTOCOL_ERROR"],
    ["DATA without a pad length", padded(FrameType.DATA, 8, []), "FRAME_SIZE_ERROR"],
    ["HEADERS of more padding than frame", padded(FrameType.HEADERS, 12, [2, 0]), "PROTOCOL_ERROR"],
    [
      "HEADERS whose padding leaves no room for the priority",
      padded(FrameType.HEADERS, 44, [3, 0, 0, 0, 0, 0, 0]),
      "FRAME_SIZE_ERROR",
    ],
    ["HEADERS without a pad length", padded(FrameType.HEADERS, 12, []), "FRAME_SIZE_ERROR"],
    ["HEADERS too short for a priority", padded(FrameType.HEADERS, 36, [0, 0, 0, 0]), "FRAME_SIZE_ERROR"],
  ])("%s", (_what, frame, code) => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request), frame)
    expect(lab.said()).toEqual([`GOAWAY 1 ${code}`])
  })
})

describe("priorities are tolerated (RFC 9113 §5.3)", () => {
  test.each([
    [
      "in HEADERS",
      dsl.headers(1, dsl.request, { priority: { dependsOn: 99, weight: 256, exclusive: true } }),
    ],
    ["for an idle stream", Buffer.concat([dsl.priority(9), dsl.headers(1, dsl.request)])],
    ["RFC 9218's", Buffer.concat([dsl.priorityUpdate(9), dsl.headers(1, dsl.request)])],
  ])("%s", (_what, octets) => {
    const lab = new Lab("server")
    lab.send(octets)
    expect(lab.events.lines).toEqual(["request 1 /test.Echo/Chat"])
  })

  test.each([
    ["a stream that depends on itself", dsl.priority(3, 3), "PROTOCOL_ERROR"],
    ["the same in HEADERS", dsl.headers(3, dsl.request, { priority: { dependsOn: 3 } }), "PROTOCOL_ERROR"],
    ["on stream 0", dsl.priority(0), "PROTOCOL_ERROR"],
    ["of 4 octets", dsl.frame(FrameType.PRIORITY, 0, 1, Buffer.alloc(4)), "FRAME_SIZE_ERROR"],
  ])("%s is an error", (_what, frame, code) => {
    const lab = new Lab("server")
    lab.send(frame)
    expect(lab.said()).toEqual([`GOAWAY 0 ${code}`])
  })
})

describe("PING (RFC 9113 §6.7)", () => {
  test("every one is answered, with its own octets", () => {
    const lab = new Lab("server")
    lab.send(dsl.ping("\x00\xff345678"), dsl.headers(1, dsl.request), dsl.ping("87654321"))
    expect(lab.said()).toEqual(["PING ACK \x00\xff345678", "PING ACK 87654321"])
  })

  test("ours is answered by an event", () => {
    const lab = new Lab("client")
    lab.connection.ping()
    const [ping] = lab.frames()
    lab.send(dsl.ping(ping!.payload.toString("latin1"), { ack: true }))
    expect(lab.events.lines).toEqual(["pong"])
  })
})

describe("GOAWAY received (RFC 9113 §6.8)", () => {
  function asking(many: number): Lab {
    const lab = new Lab("client")
    for (let i = 0; i < many; i++)
      lab.events.streams.set(1 + 2 * i, lab.connection.open(ask, false, false, "test"))
    lab.said()
    return lab
  }

  test("streams above its last were never looked at; those below go on", () => {
    const lab = asking(3)
    lab.send(dsl.goaway(3, ErrorCode.NO_ERROR, "bye"))
    expect(lab.events.take()).toEqual([
      "goaway NO_ERROR bye",
      "reset 5 REFUSED_STREAM connection unprocessed",
    ])
    expect([lab.connection.isDraining, lab.connection.isClosed]).toEqual([true, false])
    lab.send(dsl.headers(1, dsl.response, { endStream: true }), dsl.rstStream(3, ErrorCode.CANCEL))
    expect(lab.events.take()).toEqual(["response 1 200 END_STREAM", "reset 3 CANCEL peer"])
    // Our half of stream 1 is still open; once it ends so does the connection.
    lab.events.streams.get(1)!.sendData(Buffer.alloc(0), 0, 0, true)
    expect(lab.events.take()).toEqual(["end"])
  })

  test("in two phases: all are taken, then some, then the end", () => {
    const lab = asking(2)
    lab.send(dsl.goaway(MAX_ID))
    expect(lab.events.take()).toEqual(["goaway NO_ERROR"])
    lab.send(dsl.goaway(1))
    expect(lab.events.take()).toEqual(["goaway NO_ERROR", "reset 3 REFUSED_STREAM connection unprocessed"])
    lab.connection.receiveEnd("closed")
    expect(lab.events.take()).toEqual(["reset 1 CONNECT_ERROR connection", "end"])
  })

  test("its last id may not rise", () => {
    const lab = asking(2)
    lab.send(dsl.goaway(1), dsl.goaway(3))
    expect(lab.said()).toEqual(["GOAWAY 0 PROTOCOL_ERROR"])
  })

  test("with nothing open the connection is over", () => {
    const lab = new Lab("client")
    lab.send(dsl.goaway(0))
    expect(lab.events.lines).toEqual(["goaway NO_ERROR", "end"])
  })

  test("debug data is cut, and octets outside ASCII do no harm", () => {
    const lab = asking(1)
    lab.send(dsl.goaway(1, ErrorCode.ENHANCE_YOUR_CALM, "\xff".repeat(1000)))
    expect(lab.events.lines[0]).toBe(`goaway ENHANCE_YOUR_CALM ${"\xff".repeat(256)}`)
  })

  test("from a client: its own streams go on, and the connection ends with them", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request, { endStream: true }), dsl.goaway(0))
    expect(lab.connection.isClosed).toBe(false)
    lab.events.streams.get(1)!.sendHeaders(head, true)
    expect(lab.connection.isClosed).toBe(true)
  })
})

describe("GOAWAY sent", () => {
  test("a server drains in two phases, and takes what was under way", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request))
    lab.connection.drain("restart")
    expect(lab.said()).toEqual([`GOAWAY ${MAX_ID} NO_ERROR`, "PING draining"])
    lab.send(dsl.headers(3, dsl.request))
    lab.send(dsl.ping("draining", { ack: true }), dsl.headers(5, dsl.request))
    expect(lab.said()).toEqual(["GOAWAY 3 NO_ERROR"])
    expect(lab.events.take()).toEqual(["request 1 /test.Echo/Chat", "request 3 /test.Echo/Chat"])
    lab.send(dsl.rstStream(1), dsl.rstStream(3))
    expect(lab.events.take().at(-1)).toBe("end")
  })

  test("a server drains a client that has said GOAWAY itself as any other", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request), dsl.goaway(0))
    lab.events.take()
    lab.connection.drain("restart")
    lab.connection.drain("again")
    expect(lab.said()).toEqual([`GOAWAY ${MAX_ID} NO_ERROR`, "PING draining"])
    lab.send(dsl.ping("draining", { ack: true }), dsl.headers(3, dsl.request))
    expect([lab.said(), lab.events.take()]).toEqual([["GOAWAY 1 NO_ERROR"], []])
    lab.send(dsl.rstStream(1))
    expect(lab.events.take().at(-1)).toBe("end")
  })

  test("what comes on streams that the drain left out is ignored, and their header blocks decoded", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request))
    lab.connection.drain("restart")
    lab.send(dsl.ping("draining", { ack: true }))
    lab.said()
    lab.send(dsl.headers(3, dsl.request), dsl.data(3, "x"), dsl.windowUpdate(3, 1), dsl.rstStream(3))
    lab.send(dsl.headers(5, dsl.request), dsl.headers(5, [["x-trailer", "1"]], { endStream: true }))
    expect([lab.said(), lab.events.fault]).toEqual([[], null])
  })

  test("a later error does not raise the last id again", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request))
    lab.connection.drain("restart")
    lab.send(dsl.ping("draining", { ack: true }), dsl.headers(3, dsl.request), dsl.data(0, "x"))
    expect(lab.said().slice(2)).toEqual(["GOAWAY 1 NO_ERROR", "GOAWAY 1 PROTOCOL_ERROR"])
  })

  test("a client that never answers the drain's PING is given up on", () => {
    const lab = new Lab("server")
    lab.connection.drain("restart")
    for (const nowMs of [1000, 6000]) lab.connection.tick(nowMs)
    expect(lab.connection.isClosed).toBe(false)
    lab.connection.tick(6001)
    expect(lab.said().at(-1)).toBe("GOAWAY 0 NO_ERROR")
    expect(lab.connection.isClosed).toBe(true)
  })

  test("a client drains at once: nobody opens streams towards it", () => {
    const lab = new Lab("client")
    lab.connection.drain("no longer needed")
    expect(lab.said()).toEqual(["GOAWAY 0 NO_ERROR"])
    expect(lab.events.lines).toEqual(["end"])
  })

  test.each([
    ["on stream 1", dsl.frame(FrameType.GOAWAY, 0, 1, Buffer.alloc(8)), "PROTOCOL_ERROR"],
    ["of 7 octets", dsl.frame(FrameType.GOAWAY, 0, 0, Buffer.alloc(7)), "FRAME_SIZE_ERROR"],
  ])("GOAWAY %s is an error", (_what, frame, code) => {
    const lab = new Lab("server")
    lab.send(frame)
    expect(lab.said()).toEqual([`GOAWAY 0 ${code}`])
  })
})

describe("the end of a connection", () => {
  test("every stream is told once, the connection last, and nothing after it", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request), dsl.headers(3, dsl.request))
    lab.events.take()
    lab.connection.fail(fault(ErrorCode.INTERNAL_ERROR, "test"))
    lab.connection.fail(fault(ErrorCode.INTERNAL_ERROR, "again"))
    lab.connection.receiveEnd("closed")
    expect(lab.events.lines.sort()).toEqual([
      "end INTERNAL_ERROR",
      "reset 1 INTERNAL_ERROR connection",
      "reset 3 INTERNAL_ERROR connection",
    ])
    expect(lab.connection.ending).toEqual({ reason: "test", streamsLost: 2 })
    lab.said()
    lab.send(dsl.ping())
    lab.connection.ping()
    lab.connection.drain("late")
    lab.connection.tick(1e9)
    for (const stream of lab.events.streams.values()) {
      stream.sendHeaders(head, true)
      stream.sendData(Buffer.from("x"), 0, 1, true)
      stream.consume(1)
      stream.reset(0)
    }
    expect(lab.said()).toEqual([])
  })

  test("a broken socket is nobody's fault", () => {
    const lab = new Lab("client")
    lab.connection.open(ask, false, false, "test")
    lab.connection.receiveEnd("connection reset by peer")
    expect(lab.events.lines).toEqual(["reset 1 CONNECT_ERROR connection", "end"])
    expect(lab.events.fault).toBeNull()
  })
})
