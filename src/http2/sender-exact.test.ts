import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, type LabOptions } from "../../test/support/memory-link.ts"
import { defaultLimits } from "../base/limits.ts"
import { BufferBudget } from "./buffer-budget.ts"
import { ErrorCode } from "./error-code.ts"
import { HeaderList } from "./header-list.ts"
import { recycleChunk } from "./output.ts"
import type { Http2Stream } from "./stream.ts"

/** What the sending half does at its bounds, and what it says of octets that waited. */

const MAX = 2 ** 31 - 1
const head = new HeaderList([":status", "200"])
const trailers = new HeaderList(["grpc-status", "0"])
const ask = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])
const UNSENT_MAX = 16_384

class Log extends EventLog {
  readonly taken: (readonly [id: number, octets: number])[] = []
  exceeded = 0
  override onSent({ id }: Http2Stream<string>, octets: number): void {
    this.taken.push([id, octets])
  }
  override onQueueExceeded(): void {
    this.exceeded++
  }
}

/** A server that has answered stream 1 with a head, and whose peer gives plenty of credit unless `window` says less. */
function answering(window = MAX, options: LabOptions = {}) {
  const events = new Log()
  const lab = new Lab("server", { events, ...options })
  lab.send(
    dsl.settings({ INITIAL_WINDOW_SIZE: window }),
    dsl.windowUpdate(0, MAX - 65_535),
    dsl.headers(1, dsl.request),
  )
  const stream = events.streams.get(1)!
  stream.sendHeaders(head, false)
  lab.said()
  events.limits.length = 0
  return { lab, events, stream }
}

function another(lab: Lab, id = 3): Http2Stream<string> {
  lab.send(dsl.headers(id, dsl.request))
  const stream = lab.events.streams.get(id)!
  stream.sendHeaders(head, false)
  lab.said()
  return stream
}

const send = (stream: Http2Stream<string>, octets: number, endStream = false): number =>
  stream.sendData(Buffer.alloc(octets + 3), 3, octets + 3, endStream)

/** The kernel takes what is in the output, and the connection hears of it later. */
function write(lab: Lab): number {
  const { output } = lab.connection
  let octets = 0
  for (const { buffer, length } of output.take()) {
    octets += length
    recycleChunk(buffer)
  }
  output.sent(octets)
  return octets
}

describe("a socket that takes no more (unsentOctetsMax)", () => {
  const limits = { unsentOctetsMax: UNSENT_MAX }

  test.each([
    ["an octet of room: DATA goes out whole", UNSENT_MAX - 1, 10, 0],
    ["none: DATA waits", UNSENT_MAX, 0, 10],
    ["none for long: DATA waits", UNSENT_MAX + 1, 0, 10],
  ])("%s", (_, unsent, sent, queued) => {
    const { lab, stream } = answering(MAX, { limits })
    lab.connection.output.raw(Buffer.alloc(unsent))
    expect([send(stream, 10), stream.queuedOctets]).toEqual([sent, queued])
    expect(lab.connection.sender.isCongested).toBe(true)
    write(lab)
    expect(lab.connection.sender.isCongested).toBe(false)
    lab.connection.drained()
    expect(stream.queuedOctets).toBe(0)
  })

  test("is congested from the bound on", () => {
    const { lab } = answering(MAX, { limits })
    lab.connection.output.raw(Buffer.alloc(UNSENT_MAX - 1))
    expect(lab.connection.sender.isCongested).toBe(false)
    lab.connection.output.raw(Buffer.alloc(1))
    expect(lab.connection.sender.isCongested).toBe(true)
  })

  test("reading pauses at twice the bound, or at the bound of control frames", () => {
    const { lab } = answering(MAX, { limits: { ...limits, controlFramesQueuedMax: 100 } })
    const { output } = lab.connection
    output.raw(Buffer.alloc(2 * UNSENT_MAX - 1))
    expect(lab.connection.shouldPauseReading).toBe(false)
    output.raw(Buffer.alloc(1))
    expect(lab.connection.shouldPauseReading).toBe(true)
    write(lab)
    for (let at = 0; at < 99; at++) output.uint32Frame(8, 1, 1)
    expect(lab.connection.shouldPauseReading).toBe(false)
    output.uint32Frame(8, 1, 1)
    expect(lab.connection.shouldPauseReading).toBe(true)
  })

  test("heads go out all the same, and count as held past twice the bound, until the kernel has them", () => {
    const { lab, stream } = answering(MAX, { limits })
    const { sender, output } = lab.connection
    output.raw(Buffer.alloc(2 * UNSENT_MAX - 100))
    stream.sendHeaders(new HeaderList(["x", "y".repeat(40)]), false)
    const before = output.unsentOctets - 2 * UNSENT_MAX
    expect([before < 0, sender.overflowOctets]).toEqual([true, 0])
    stream.sendHeaders(new HeaderList(["x", "~".repeat(200)]), false)
    const overflow = output.unsentOctets - 2 * UNSENT_MAX
    expect([overflow > 0, sender.overflowOctets, sender.queuedOctets]).toEqual([true, overflow, overflow])
    write(lab)
    expect(sender.overflowOctets).toBe(overflow)
    lab.connection.drained()
    expect([sender.overflowOctets, sender.queuedOctets]).toEqual([0, 0])
  })
})

describe("what was queued and is taken is told of, to the octet", () => {
  test("what goes at once is not", () => {
    const { stream, events } = answering()
    expect([send(stream, 10), events.taken]).toEqual([10, []])
  })

  test("of what is queued, what goes at once is not either", () => {
    const { stream, events } = answering(4)
    expect([send(stream, 10), events.taken]).toEqual([4, []])
  })

  test("older octets that go with new ones are", () => {
    // The socket has room again, which the connection has not been told of.
    const { lab, stream, events } = answering(MAX, { limits: { unsentOctetsMax: UNSENT_MAX } })
    lab.connection.output.raw(Buffer.alloc(UNSENT_MAX))
    expect(send(stream, 7)).toBe(0)
    write(lab)
    expect([send(stream, 5), events.taken]).toEqual([5, [[1, 7]]])
    expect([stream.queuedOctets, lab.connection.sender.queuedOctets]).toEqual([0, 0])
  })

  test.each([
    ["none of both", 0, 0, []],
    ["some of the older", 3, 0, [[1, 3]]],
    ["all of the older", 7, 0, [[1, 7]]],
    ["and some of the new", 9, 2, [[1, 7]]],
    ["all", 12, 5, [[1, 7]]],
    ["all, with credit left", 20, 5, [[1, 7]]],
    ["one octet of the older", 1, 0, [[1, 1]]],
  ])("%s", (_, credit, sent, taken) => {
    const { lab, stream, events } = answering(100, { limits: { unsentOctetsMax: UNSENT_MAX } })
    send(stream, 100 - credit)
    lab.said()
    lab.connection.output.raw(Buffer.alloc(UNSENT_MAX))
    expect(send(stream, 7)).toBe(0)
    write(lab)
    expect([send(stream, 5), events.taken]).toEqual([sent, taken])
    expect(stream.queuedOctets).toBe(Math.max(0, 12 - credit))
  })

  test("each stream of its own", () => {
    const { lab, stream, events } = answering(0)
    const other = another(lab)
    send(stream, 5)
    send(other, 6)
    lab.send(dsl.windowUpdate(3, 4), dsl.windowUpdate(1, 5))
    expect(events.taken).toEqual([
      [1, 5],
      [3, 4],
    ])
  })
})

describe("END_STREAM and trailers behind octets that wait", () => {
  test("our half has ended from then on: nothing more is taken", () => {
    for (const end of ["data", "trailers", "alone"]) {
      const { lab, stream } = answering(0)
      send(stream, 3, end === "data")
      if (end === "trailers") stream.sendHeaders(trailers, true)
      if (end === "alone") send(stream, 0, true)
      expect(stream.localEnded).toBe(true)
      expect(send(stream, 10)).toBe(10)
      stream.sendHeaders(head, false)
      stream.sendHeaders(trailers, true)
      lab.send(dsl.windowUpdate(1, 100))
      expect(lab.said()).toEqual(
        end === "trailers" ? ["DATA 1 3", "HEADERS 1 END_STREAM grpc-status=0"] : ["DATA 1 3 END_STREAM"],
      )
      expect([stream.queuedOctets, lab.connection.sender.queuedOctets]).toEqual([0, 0])
    }
  })

  test("a head that does not end the stream is not held back", () => {
    const { lab, stream } = answering(0)
    send(stream, 3)
    stream.sendHeaders(new HeaderList([":status", "103"]), false)
    expect(lab.said()).toEqual(["HEADERS 1 :status=103"])
    expect(stream.localEnded).toBe(false)
  })

  test("a stream that both have ended is gone, and its place free", () => {
    for (const end of ["data", "trailers", "at once"]) {
      const { lab, stream } = answering(end === "at once" ? MAX : 0)
      lab.send(dsl.data(1, "", { endStream: true }))
      send(stream, 3, end !== "trailers")
      if (end === "trailers") stream.sendHeaders(trailers, true)
      if (end !== "at once") {
        expect([lab.connection.streams.size, stream.isClosed]).toEqual([1, false])
        lab.send(dsl.windowUpdate(1, 3))
      }
      expect([lab.connection.streams.size, stream.isClosed]).toEqual([0, true])
    }
  })

  test("END_STREAM alone, where there is no credit", () => {
    const { lab, stream } = answering(0)
    lab.send(dsl.data(1, "", { endStream: true }))
    expect(send(stream, 0, true)).toBe(0)
    expect([lab.said(), stream.localEnded, stream.isClosed]).toEqual([["DATA 1 0 END_STREAM"], true, true])
  })

  test.each<[string, (lab: Lab, stream: Http2Stream<string>) => void]>([
    [
      "where the stream is in debt",
      (lab, stream) => {
        send(stream, 100)
        lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }))
      },
    ],
    ["where the socket takes no more", (lab) => lab.connection.output.raw(Buffer.alloc(UNSENT_MAX))],
  ])("END_STREAM alone, %s", (_, prepare) => {
    const { lab, stream } = answering(100, { limits: { unsentOctetsMax: UNSENT_MAX } })
    lab.send(dsl.data(1, "", { endStream: true }))
    prepare(lab, stream)
    expect(send(stream, 0, true)).toBe(0)
    expect([stream.localEnded, stream.isClosed, lab.connection.streams.size]).toEqual([true, true, 0])
  })

  test("older octets, but for one, that go with a new one", () => {
    const { lab, stream, events } = answering(MAX, { limits: { unsentOctetsMax: UNSENT_MAX } })
    lab.connection.output.raw(Buffer.alloc(UNSENT_MAX))
    send(stream, 1)
    write(lab)
    expect([send(stream, 1), events.taken]).toEqual([1, [[1, 1]]])
  })

  test("a little that waits takes little room, and leaves its queue to others", () => {
    const { lab, stream } = answering(0)
    send(stream, 600)
    const { queue } = stream
    expect(queue!.capacity).toBe(1024)
    lab.send(dsl.windowUpdate(1, 600))
    const other = another(lab)
    send(other, 1)
    expect(other.queue).toBe(queue)
    other.reset(ErrorCode.CANCEL)
    const third = another(lab, 5)
    send(third, 1)
    expect(third.queue).toBe(queue)
  })

  test("nothing of nothing, with credit and without", () => {
    for (const window of [0, 100]) {
      const { lab, stream } = answering(window)
      expect([send(stream, 0), lab.said(), stream.queue]).toEqual([0, [], null])
    }
  })

  test("one octet is not nothing", () => {
    const { lab, stream } = answering()
    expect([send(stream, 1), lab.said()]).toEqual([1, ["DATA 1 1"]])
  })
})

describe("what waits is thrown away", () => {
  test("with its END_STREAM or trailers, and something else is sent in its place", () => {
    for (const end of ["data", "trailers"]) {
      const { lab, stream } = answering(0)
      send(stream, 3, end === "data")
      if (end === "trailers") stream.sendHeaders(trailers, true)
      stream.discardQueued()
      expect([stream.localEnded, stream.queuedOctets, lab.connection.sender.queuedOctets]).toEqual([
        false,
        0,
        0,
      ])
      send(stream, 2)
      expect(lab.said()).toEqual([])
      lab.send(dsl.windowUpdate(1, 100))
      expect(lab.said()).toEqual(["DATA 1 2"])
      stream.sendHeaders(new HeaderList(["grpc-status", "8"]), true)
      expect(lab.said()).toEqual(["HEADERS 1 END_STREAM grpc-status=8"])
    }
  })

  test("nothing is, where nothing waits", () => {
    const { lab, stream } = answering()
    send(stream, 3, true)
    stream.discardQueued()
    expect(stream.localEnded).toBe(true)
    expect(send(stream, 5)).toBe(5)
    expect(lab.said()).toEqual(["DATA 1 3 END_STREAM"])
  })

  test("with its stream, whoever ends it", () => {
    for (const end of [
      (lab: Lab) => lab.send(dsl.rstStream(1)),
      (_: Lab, stream: Http2Stream<string>) => stream.reset(ErrorCode.CANCEL),
      (lab: Lab) => lab.connection.receiveEnd("gone"),
    ]) {
      const { lab, stream } = answering(0)
      send(stream, 3)
      stream.sendHeaders(trailers, true)
      end(lab, stream)
      expect([stream.queue, stream.queuedTrailers, stream.queuedOctets]).toEqual([null, null, 0])
      expect(lab.connection.sender.queuedOctets).toBe(0)
    }
  })

  test("a queue that is given up is clean when another stream has it", () => {
    const { lab, stream } = answering(0)
    const other = another(lab)
    stream.sendData(Buffer.from("secret"), 0, 6, false)
    stream.reset(ErrorCode.CANCEL)
    other.sendData(Buffer.from("mine"), 0, 4, false)
    lab.said()
    lab.send(dsl.windowUpdate(3, 100))
    expect(lab.frames().map(({ payload }) => payload.toString())).toEqual(["mine"])
  })
})

describe("more than a connection may hold (connectionBufferedOctetsMax)", () => {
  test("is told of when it comes to that, and again once it has been less", () => {
    const { lab, stream, events } = answering(0, { limits: { connectionBufferedOctetsMax: 100 } })
    send(stream, 100)
    expect(events.exceeded).toBe(0)
    send(stream, 1)
    expect(events.exceeded).toBe(1)
    send(stream, 50)
    expect(events.exceeded).toBe(1)
    lab.send(dsl.windowUpdate(1, 52))
    expect([lab.connection.sender.queuedOctets, events.exceeded]).toEqual([99, 1])
    send(stream, 1)
    expect(events.exceeded).toBe(1)
    send(stream, 1)
    expect(events.exceeded).toBe(2)
  })

  test("what waits counts for the process as well, and no longer than it waits", () => {
    const budget = new BufferBudget(defaultLimits)
    const { lab, stream } = answering(0, { budget })
    send(stream, 10)
    stream.sendHeaders(trailers, true)
    expect(budget.octets).toBe(10 + trailers.octets)
    lab.send(dsl.windowUpdate(1, 4))
    expect(budget.octets).toBe(6 + trailers.octets)
    lab.send(dsl.windowUpdate(1, 6))
    expect(budget.octets).toBe(0)
    const other = another(lab)
    send(other, 10)
    lab.connection.receiveEnd("gone")
    expect(budget.octets).toBe(0)
  })

  test("heads that overflow are given up with their connection", () => {
    const budget = new BufferBudget(defaultLimits)
    const { lab, stream } = answering(MAX, { budget, limits: { unsentOctetsMax: UNSENT_MAX } })
    lab.connection.output.raw(Buffer.alloc(2 * UNSENT_MAX))
    stream.sendHeaders(trailers, true)
    expect(budget.octets).toBeGreaterThan(0)
    lab.connection.receiveEnd("gone")
    expect([budget.octets, lab.connection.sender.overflowOctets]).toEqual([0, 0])
  })
})

describe("taking turns", () => {
  /** Streams 1, 3 and 5 wait, each with 20,000 octets, for the connection's credit. */
  function three() {
    const events = new Log()
    const lab = new Lab("server", { events })
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: MAX }))
    for (const id of [1, 3, 5]) another(lab, id)
    send(events.streams.get(1)!, 65_535)
    for (const stream of events.streams.values()) send(stream, 20_000)
    lab.said()
    return { lab, events }
  }
  const ids = (lab: Lab): number[] => lab.frames().map(({ streamId }) => streamId)

  test("a turn that credit cuts goes on where it was", () => {
    const { lab } = three()
    lab.send(dsl.windowUpdate(0, 1000))
    lab.send(dsl.windowUpdate(0, 1000))
    expect(new Set(ids(lab))).toEqual(new Set([1]))
    // 14,384 are left of the turn, then it is the next one's.
    lab.send(dsl.windowUpdate(0, 14_384))
    expect(new Set(ids(lab))).toEqual(new Set([1]))
    lab.send(dsl.windowUpdate(0, 1))
    expect(ids(lab)).toEqual([3])
  })

  test("each turn is a whole one", () => {
    const { lab } = three()
    lab.send(dsl.windowUpdate(0, 16_384))
    lab.send(dsl.windowUpdate(0, 16_383))
    lab.said()
    lab.send(dsl.windowUpdate(0, 1))
    expect(ids(lab)).toEqual([3])
    lab.send(dsl.windowUpdate(0, 1))
    expect(ids(lab)).toEqual([5])
  })

  test("one that has an octet of credit left after its turn takes another", () => {
    const events = new Log()
    const lab = new Lab("server", { events })
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 16_385 }))
    const [first, second, third] = [another(lab, 1), another(lab, 3), another(lab, 5)]
    lab.send(dsl.windowUpdate(5, 100_000))
    send(third, 65_535)
    send(first, 16_385)
    send(second, 10)
    lab.said()
    lab.send(dsl.windowUpdate(0, 20_000))
    expect(lab.said()).toEqual(["DATA 1 16384", "DATA 3 10", "DATA 1 1"])
  })

  test("one that has gone takes no turn", () => {
    const { lab } = three()
    lab.send(dsl.rstStream(1), dsl.rstStream(3), dsl.windowUpdate(0, 1))
    expect(ids(lab)).toEqual([5])
  })

  test("credit is used once", () => {
    const { lab, stream } = answering(0)
    send(stream, 10)
    lab.send(dsl.windowUpdate(1, 4))
    expect(lab.said()).toEqual(["DATA 1 4"])
    lab.send(dsl.ping(), dsl.data(1, "x"))
    expect(lab.said()).toEqual(["PING ACK 12345678"])
  })

  test("SETTINGS that give credit let octets go before what follows", () => {
    const { lab, stream } = answering(0)
    send(stream, 5)
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 5 }), dsl.ping())
    expect(lab.said()).toEqual(["SETTINGS ACK", "DATA 1 5", "PING ACK 12345678"])
  })
})

describe("frames of the connection", () => {
  test("GOAWAY cuts what it says at 256 octets", () => {
    const { lab } = answering()
    for (const [said, length] of [
      ["", 0],
      ["x", 1],
      ["y".repeat(256), 256],
      ["z".repeat(257), 256],
    ] as const) {
      lab.connection.sender.goaway(0x01020304, 0x0a0b0c0d, said)
      const [frame] = lab.frames()
      expect(frame!.payload.subarray(0, 8).toString("hex")).toBe("010203040a0b0c0d")
      expect(frame!.payload.subarray(8).toString("latin1")).toBe(said.slice(0, length))
    }
  })

  test("stand on stream 0, without flags but for an acknowledgement", () => {
    const { lab } = answering()
    const { sender } = lab.connection
    sender.goaway(1, 2, "x")
    sender.settings([[1, 2]])
    sender.settingsAck()
    sender.ping(Buffer.alloc(8), false)
    sender.ping(Buffer.alloc(8), true)
    sender.windowUpdate(0, 5)
    expect(lab.frames().map(({ type, flags, streamId }) => [type, flags, streamId])).toEqual([
      [7, 0, 0],
      [4, 0, 0],
      [4, 1, 0],
      [6, 0, 0],
      [6, 1, 0],
      [8, 0, 0],
    ])
  })

  test("SETTINGS hold each entry in six octets", () => {
    const { lab } = answering()
    lab.connection.sender.settings([
      [0x0102, 0x03040506],
      [0x0708, 0xfffffffe],
    ])
    expect(lab.frames()[0]!.payload.toString("hex")).toBe("0102030405060708fffffffe")
  })

  test("resets are counted", () => {
    const { lab, stream } = answering()
    expect(lab.connection.sender.resetsSent).toBe(0)
    stream.reset(ErrorCode.CANCEL)
    another(lab).reset(ErrorCode.CANCEL)
    expect(lab.connection.sender.resetsSent).toBe(2)
  })
})

describe("how streams end", () => {
  test("nothing is done to one that is closed", () => {
    const { lab, stream, events } = answering()
    stream.reset(ErrorCode.CANCEL)
    expect(lab.said()).toEqual(["RST_STREAM 1 CANCEL"])
    stream.reset(ErrorCode.CANCEL)
    stream.sendHeaders(trailers, true)
    stream.consume(1_000_000)
    stream.discardQueued()
    expect([send(stream, 5), send(stream, 0, true)]).toEqual([5, 0])
    expect([lab.said(), events.take()]).toEqual([[], ["request 1 /test.Echo/Chat"]])
  })

  test("what comes on one that we found fault with is ignored; on one that is long gone it is not", () => {
    const { lab } = answering()
    lab.send(dsl.headers(1, dsl.okTrailers))
    expect(lab.said()).toEqual(["RST_STREAM 1 PROTOCOL_ERROR"])
    lab.send(dsl.data(1, "x"), dsl.headers(1, dsl.okTrailers, { endStream: true }))
    expect(lab.said()).toEqual([])
  })

  test("a client's fault is charged, a server's is not", () => {
    const limits = { abuseBurst: 0 }
    const server = new Lab("server", { limits })
    server.send(dsl.headers(1, [[":method", "GET"]]))
    expect(server.events.fault?.limit).toBe("abuse_exhausted")
    const client = new Lab("client", { limits })
    client.connection.open(ask, false, false, "test")
    client.send(dsl.headers(1, [["x", "y"]]))
    expect([client.events.fault, client.events.limits]).toEqual([
      null,
      ["header_malformed", "abuse_made_to_reset"],
    ])
  })

  test("one that its owner has reset is told of by nobody", () => {
    const { lab, stream, events } = answering()
    events.take()
    stream.reset(ErrorCode.INTERNAL_ERROR)
    lab.connection.receiveEnd("gone")
    expect(events.take()).toEqual(["end"])
  })

  test("the last of a draining connection ends it: by END_STREAM, by a reset of ours, of theirs, or a fault", () => {
    for (const end of [
      (lab: Lab, stream: Http2Stream<string>) => {
        lab.send(dsl.data(1, "", { endStream: true }))
        send(stream, 0, true)
      },
      (_: Lab, stream: Http2Stream<string>) => stream.reset(ErrorCode.CANCEL),
      (lab: Lab) => lab.send(dsl.rstStream(1)),
      (lab: Lab) => lab.send(dsl.headers(1, dsl.okTrailers)),
    ]) {
      const { lab, stream } = answering()
      lab.connection.drain("test")
      lab.send(dsl.ping("draining", { ack: true }))
      expect(lab.connection.isClosed).toBe(false)
      end(lab, stream)
      expect(lab.connection.isClosed).toBe(true)
    }
  })
})

describe("the credit that streams begin with", () => {
  const receive = (role: "server" | "client", limits: LabOptions["limits"]): number => {
    const lab = new Lab(role, { limits: limits ?? {} })
    if (role === "client") return lab.connection.open(ask, false, false, "test").receiveOctets
    lab.send(dsl.headers(1, dsl.request))
    return lab.events.streams.get(1)!.receiveOctets
  }

  test.each([
    ["server", 100, 200, 100],
    ["client", 100, 200, 200],
    ["server", 70_000, 80_000, 70_000],
    ["client", 70_000, 80_000, 80_000],
  ] as const)("of a %s: %i, %i: %i", (role, streamWindowOctets, upstreamStreamWindowOctets, octets) => {
    expect(receive(role, { streamWindowOctets, upstreamStreamWindowOctets })).toBe(octets)
  })

  test.each([65_534, 65_535, 65_536])(
    "a window of %i: what the acknowledgement takes from open streams",
    (streamWindowOctets) => {
      const lab = new Lab("server", { limits: { streamWindowOctets }, greeted: false })
      lab.send(dsl.preface, dsl.settings(), dsl.headers(1, dsl.request))
      const stream = lab.events.streams.get(1)!
      expect(stream.receiveOctets).toBe(Math.max(65_535, streamWindowOctets))
      lab.send(dsl.settingsAck())
      expect(stream.receiveOctets).toBe(streamWindowOctets)
    },
  )

  test("a stream knows when it was opened, in whole milliseconds", () => {
    const lab = new Lab("server")
    lab.nowMs = 1234.9
    lab.send(dsl.headers(1, dsl.request))
    expect(lab.events.streams.get(1)!.openedMs).toBe(1234)
  })

  test("it takes header lists as large as the peer says", () => {
    const { lab, stream } = answering()
    expect(stream.headerListMax).toBe(Number.POSITIVE_INFINITY)
    lab.send(dsl.settings({ MAX_HEADER_LIST_SIZE: 1234 }))
    expect(stream.headerListMax).toBe(1234)
  })

  test("streams that we open pay for overhead as those that are opened to us do", () => {
    const allowed = (streams: number): number => {
      for (let octets = 100; ; octets++) {
        const lab = new Lab("client", { limits: { overheadOctetsMax: 100 } })
        for (let at = 0; at < streams; at++) lab.connection.open(ask, false, false, "test")
        lab.send(dsl.frame(0xee, 0, 0, Buffer.alloc(octets - 9)))
        if (lab.connection.isClosed) return octets - 1
      }
    }
    expect([allowed(0), allowed(1), allowed(3)]).toEqual([100, 113, 139])
  })
})
