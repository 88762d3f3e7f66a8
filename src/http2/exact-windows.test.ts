import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, type LabOptions } from "../../test/support/memory-link.ts"
import { HeaderList } from "./header-list.ts"
import type { Http2Stream } from "./stream.ts"

/** What happens where a window comes to exactly 0, to one octet, or below: RFC 9113 §6.9. */

const MAX = 2 ** 31 - 1
const DEFAULT = 65_535
const head = new HeaderList([":status", "200"])
const trailers = new HeaderList(["grpc-status", "0"])
const TRAILERS = "HEADERS 1 END_STREAM grpc-status=0"

class TakenLog extends EventLog {
  taken = 0
  override onSent(_stream: Http2Stream<string>, octets: number): void {
    this.taken += octets
  }
}

/** A server that has answered stream 1 with a head. */
function answering(settings: Parameters<typeof dsl.settings>[0] = {}, options: LabOptions = {}) {
  const events = new TakenLog()
  const lab = new Lab("server", { events, ...options })
  lab.send(dsl.settings(settings), dsl.headers(1, dsl.request))
  const stream = events.streams.get(1)!
  stream.sendHeaders(head, false)
  lab.said()
  // SETTINGS a second time count as one.
  events.limits.length = 0
  return { lab, events, stream }
}

/** Another stream of the same connection, answered with a head. */
function another(lab: Lab, id = 3): Http2Stream<string> {
  lab.send(dsl.headers(id, dsl.request))
  const stream = lab.events.streams.get(id)!
  stream.sendHeaders(head, false)
  lab.said()
  return stream
}

const send = (stream: Http2Stream<string>, octets: number, endStream = false): number =>
  stream.sendData(Buffer.alloc(octets), 0, octets, endStream)

const windows = (lab: Lab, stream: Http2Stream<string>): [stream: number, connection: number] => [
  stream.sendWindow,
  lab.connection.sender.window,
]

/** Octets of all DATA that the lab has sent since it was last asked. */
const dataSent = (lab: Lab): number =>
  lab.frames().reduce((sum, { type, payload }) => sum + (type === 0 ? payload.length : 0), 0)

describe("the end of an answer that uses a window up to exactly nothing needs no more of it", () => {
  const wide = { INITIAL_WINDOW_SIZE: 1_000_000 }
  const pieces: readonly (readonly [string, readonly number[]])[] = [
    ["in one piece", [DEFAULT]],
    ["in pieces of a frame", [16_384, 16_384, 16_384, 16_383]],
    ["the last of one octet", [16_384, 16_384, 16_384, 16_382, 1]],
    ["in two halves", [32_768, 32_767]],
  ]
  const settings: readonly (readonly [string, Parameters<typeof dsl.settings>[0]])[] = [
    ["a client at defaults: both windows", {}],
    ["the connection's alone", wide],
  ]
  const cases = settings.flatMap(([of, its]) => pieces.map(([how, sizes]) => [of, how, its, sizes] as const))

  test.for(cases)("%s, %s: trailers", ([, , its, sizes]) => {
    const { lab, stream } = answering(its)
    for (const octets of sizes) expect(send(stream, octets)).toBe(octets)
    expect(lab.connection.sender.window).toBe(0)
    stream.sendHeaders(trailers, true)
    expect(lab.said().at(-1)).toBe(TRAILERS)
    expect([stream.localEnded, stream.queuedOctets, lab.connection.sender.queuedOctets]).toEqual([true, 0, 0])
  })

  test.for(cases)("%s, %s: END_STREAM with the last octet", ([, , its, sizes]) => {
    const { lab, stream } = answering(its)
    for (const [at, octets] of sizes.entries()) send(stream, octets, at === sizes.length - 1)
    expect(lab.said().at(-1)).toBe(`DATA 1 ${DEFAULT % 16_384} END_STREAM`)
  })

  test.for(cases)("%s, %s: END_STREAM alone", ([, , its, sizes]) => {
    const { lab, stream } = answering(its)
    for (const octets of sizes) send(stream, octets)
    lab.said()
    expect(send(stream, 0, true)).toBe(0)
    expect(lab.said()).toEqual(["DATA 1 0 END_STREAM"])
    expect(stream.localEnded).toBe(true)
  })

  test("the stream's alone", () => {
    const { lab, stream } = answering({ INITIAL_WINDOW_SIZE: 5 })
    expect(send(stream, 5)).toBe(5)
    stream.sendHeaders(trailers, true)
    expect(lab.said()).toEqual(["DATA 1 5", TRAILERS])
  })

  test.each([
    ["the connection's", { INITIAL_WINDOW_SIZE: MAX }, 0, [MAX - DEFAULT - 10, 0]],
    ["the stream's", { INITIAL_WINDOW_SIZE: DEFAULT }, 1, [0, MAX - DEFAULT - 10]],
  ] as const)("%s comes for what was queued, and no octet more", (_, its, id, left) => {
    for (const end of ["trailers", "data", "alone"]) {
      const { lab, stream } = answering(its)
      if (id === 1) lab.send(dsl.windowUpdate(0, MAX - DEFAULT))
      expect(send(stream, DEFAULT + 10, end === "data")).toBe(DEFAULT)
      if (end === "trailers") stream.sendHeaders(trailers, true)
      if (end === "alone") send(stream, 0, true)
      lab.said()
      lab.send(dsl.windowUpdate(id, 9))
      expect(dataSent(lab)).toBe(9)
      lab.send(dsl.windowUpdate(id, 1))
      expect(lab.said()).toEqual(end === "trailers" ? ["DATA 1 1", TRAILERS] : ["DATA 1 1 END_STREAM"])
      expect(windows(lab, stream)).toEqual(left)
    }
  })

  test("both at once, for two streams", () => {
    const { lab, stream } = answering({ INITIAL_WINDOW_SIZE: 40_000 })
    const other = another(lab)
    send(stream, 40_000)
    stream.sendHeaders(trailers, true)
    expect(send(other, DEFAULT - 40_000)).toBe(DEFAULT - 40_000)
    expect(lab.connection.sender.window).toBe(0)
    lab.said()
    other.sendHeaders(trailers, true)
    expect(lab.said()).toEqual(["HEADERS 3 END_STREAM grpc-status=0"])
  })
})

describe("one octet beside a window", () => {
  test.each([
    ["one less than the stream's", { INITIAL_WINDOW_SIZE: 100 }, 99, 99, 0],
    ["as much as the stream's", { INITIAL_WINDOW_SIZE: 100 }, 100, 100, 0],
    ["one more than the stream's", { INITIAL_WINDOW_SIZE: 100 }, 101, 100, 1],
    ["a stream's of nothing", { INITIAL_WINDOW_SIZE: 0 }, 1, 0, 1],
    ["a stream's of one", { INITIAL_WINDOW_SIZE: 1 }, 2, 1, 1],
    ["one less than the connection's", { INITIAL_WINDOW_SIZE: MAX }, DEFAULT - 1, DEFAULT - 1, 0],
    ["as much as the connection's", { INITIAL_WINDOW_SIZE: MAX }, DEFAULT, DEFAULT, 0],
    ["one more than the connection's", { INITIAL_WINDOW_SIZE: MAX }, DEFAULT + 1, DEFAULT, 1],
  ])("%s", (_, settings, octets, sent, queued) => {
    const { lab, stream } = answering(settings)
    const before = windows(lab, stream)
    expect(send(stream, octets)).toBe(sent)
    expect([stream.queuedOctets, lab.connection.sender.queuedOctets]).toEqual([queued, queued])
    expect(dataSent(lab)).toBe(sent)
    expect(windows(lab, stream)).toEqual(before.map((window) => window - sent))
  })

  test.each([
    ["a frame of the default size", 16_384, ["DATA 1 16384"], {}],
    ["and one octet", 16_385, ["DATA 1 16384", "DATA 1 1"], {}],
    ["two whole frames", 32_768, ["DATA 1 16384", "DATA 1 16384"], {}],
    ["a frame of the peer's size", 16_385, ["DATA 1 16385"], { MAX_FRAME_SIZE: 16_385 }],
    ["and one octet", 16_386, ["DATA 1 16384", "DATA 1 2"], { MAX_FRAME_SIZE: 16_385 }],
  ])("SETTINGS_MAX_FRAME_SIZE: %s", (_, octets, frames, settings) => {
    const { lab, stream } = answering(settings)
    expect(send(stream, octets)).toBe(octets)
    expect(lab.said()).toEqual(frames)
  })

  test("a window of one octet is used again and again", () => {
    const { lab, stream, events } = answering({ INITIAL_WINDOW_SIZE: 1 })
    send(stream, 3, true)
    expect(lab.said()).toEqual(["DATA 1 1"])
    lab.send(dsl.windowUpdate(1, 1))
    expect([lab.said(), events.taken]).toEqual([["DATA 1 1"], 1])
    lab.send(dsl.windowUpdate(1, 1))
    expect([lab.said(), events.taken]).toEqual([["DATA 1 1 END_STREAM"], 2])
  })
})

describe("a window that SETTINGS have lowered below 0 (RFC 9113 §6.9.2)", () => {
  /** 100 octets are sent, 50 wait, and the window goes from 0 to -`debt`. */
  function indebted(debt: number) {
    const made = answering({ INITIAL_WINDOW_SIZE: 100 })
    expect(send(made.stream, 150)).toBe(100)
    made.lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 100 - debt }))
    expect(made.stream.sendWindow).toBe(-debt)
    made.lab.said()
    return made
  }

  test.each([1, 7, 100])("of %i octets is paid off first", (debt) => {
    const { lab, stream } = indebted(debt)
    if (debt > 1) {
      lab.send(dsl.windowUpdate(1, debt - 1))
      expect([stream.sendWindow, lab.said()]).toEqual([-1, []])
    }
    lab.send(dsl.windowUpdate(1, 1))
    expect([stream.sendWindow, lab.said()]).toEqual([0, []])
    lab.send(dsl.windowUpdate(1, 1))
    expect([stream.sendWindow, lab.said()]).toEqual([0, ["DATA 1 1"]])
    lab.send(dsl.windowUpdate(1, 60))
    expect([stream.sendWindow, lab.said()]).toEqual([11, ["DATA 1 49"]])
  })

  test("is paid off by SETTINGS as well, to the octet", () => {
    const { lab, stream } = indebted(40)
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 99 }))
    expect([stream.sendWindow, lab.said()]).toEqual([-1, ["SETTINGS ACK"]])
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 100 }))
    expect([stream.sendWindow, lab.said()]).toEqual([0, ["SETTINGS ACK"]])
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 101 }))
    expect([stream.sendWindow, lab.said()]).toEqual([0, ["SETTINGS ACK", "DATA 1 1"]])
  })

  test("lets an answer end that has nothing more to send", () => {
    const { lab, stream } = answering({ INITIAL_WINDOW_SIZE: 100 })
    send(stream, 100)
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }))
    lab.said()
    stream.sendHeaders(trailers, true)
    expect(lab.said()).toEqual([TRAILERS])

    const other = answering({ INITIAL_WINDOW_SIZE: 100 })
    send(other.stream, 100)
    other.lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }))
    other.lab.said()
    send(other.stream, 0, true)
    expect(other.lab.said()).toEqual(["DATA 1 0 END_STREAM"])
  })

  test("holds for streams that were open, each by what it has sent; new ones begin at the new size", () => {
    const { lab, stream } = answering({ INITIAL_WINDOW_SIZE: 100 })
    const other = another(lab)
    send(stream, 100)
    send(other, 30)
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 10 }))
    expect([stream.sendWindow, other.sendWindow, another(lab, 5).sendWindow]).toEqual([-90, -20, 10])
  })
})

describe("a window may be 2^31-1 and no more (RFC 9113 §6.9.1)", () => {
  const allowed = [
    ["a stream's, by WINDOW_UPDATE", dsl.windowUpdate(1, MAX - DEFAULT), [MAX, DEFAULT]],
    ["the connection's, by WINDOW_UPDATE", dsl.windowUpdate(0, MAX - DEFAULT), [DEFAULT, MAX]],
    ["a stream's, by SETTINGS", dsl.settings({ INITIAL_WINDOW_SIZE: MAX }), [MAX, DEFAULT]],
  ] as const
  test.each(allowed)("%s: the most", (_, frame, expected) => {
    const { lab, stream, events } = answering()
    lab.send(frame)
    expect(windows(lab, stream)).toEqual(expected)
    expect(events.limits).not.toContain("window_overflow")
  })

  test.each([
    [
      "a stream's, by WINDOW_UPDATE",
      dsl.windowUpdate(1, MAX - DEFAULT + 1),
      "RST_STREAM 1 FLOW_CONTROL_ERROR",
    ],
    [
      "the connection's, by WINDOW_UPDATE",
      dsl.windowUpdate(0, MAX - DEFAULT + 1),
      "GOAWAY 1 FLOW_CONTROL_ERROR",
    ],
    [
      "a stream's, by SETTINGS",
      Buffer.concat([dsl.windowUpdate(1, 1), dsl.settings({ INITIAL_WINDOW_SIZE: MAX })]),
      "GOAWAY 1 FLOW_CONTROL_ERROR",
    ],
  ])("%s: one more", (_, frame, expected) => {
    const { lab, events } = answering()
    lab.send(frame)
    expect(lab.said().at(-1)).toBe(expected)
    expect(events.limits).toContain("window_overflow")
  })

  test("what has been sent of it does not count", () => {
    const { lab, stream, events } = answering()
    send(stream, 10)
    lab.send(dsl.windowUpdate(1, MAX - DEFAULT + 10), dsl.windowUpdate(0, MAX - DEFAULT + 10))
    expect([windows(lab, stream), events.limits]).toEqual([[MAX, MAX], []])
  })

  test.each([
    ["a stream's", 1],
    ["the connection's", 0],
  ])("%s: credit that came just before is used first", (_, id) => {
    const { lab, stream, events } = answering({ INITIAL_WINDOW_SIZE: id === 1 ? DEFAULT : MAX })
    if (id === 1) lab.send(dsl.windowUpdate(0, MAX - DEFAULT))
    send(stream, DEFAULT + 100)
    lab.said()
    // The first fills the window; only what waits makes room for the second.
    lab.send(dsl.windowUpdate(id, MAX), dsl.windowUpdate(id, 100))
    expect([events.limits, dataSent(lab), stream.queuedOctets]).toEqual([[], 100, 0])
    expect(windows(lab, stream)[id === 1 ? 0 : 1]).toBe(MAX)
  })

  test("a stream that ends by the credit that came just before needs no more", () => {
    const { lab, stream, events } = answering()
    lab.send(dsl.data(1, "", { endStream: true }))
    send(stream, DEFAULT + 100, true)
    lab.send(dsl.windowUpdate(0, 1000), dsl.windowUpdate(1, MAX), dsl.windowUpdate(1, MAX))
    expect([events.limits, stream.isClosed]).toEqual([[], true])
    expect(lab.said().at(-1)).toContain("END_STREAM")
  })
})

describe("what our own windows let the peer send", () => {
  const octets = (many: number): Buffer => Buffer.alloc(many)

  test.each([
    ["all but one", 99, []],
    ["all of it", 100, []],
    ["one more", 101, ["RST_STREAM 1 FLOW_CONTROL_ERROR"]],
  ])("a stream's: %s", (_, many, said) => {
    const { lab } = answering({}, { limits: { streamWindowOctets: 100 } })
    lab.send(dsl.data(1, octets(many)))
    expect(lab.said()).toEqual(said)
  })

  test("a stream's, used up: END_STREAM alone needs none of it, padding does", () => {
    for (const [frame, said] of [
      [dsl.data(1, "", { endStream: true }), []],
      [dsl.data(1, "", { endStream: true, padding: 0 }), ["RST_STREAM 1 FLOW_CONTROL_ERROR"]],
    ] as const) {
      const { lab } = answering({}, { limits: { streamWindowOctets: 100 } })
      lab.send(dsl.data(1, octets(100)), frame)
      expect(lab.said()).toEqual(said)
    }
  })

  // One frame longer than the window: shorter ones are credited at half of it, so they never use it up.
  const limits = { frameOctets: 2 ** 20, connectionWindowOctets: DEFAULT, streamWindowOctets: 2 ** 20 }
  test.each([
    ["all of it", DEFAULT, [`WINDOW_UPDATE 0 ${DEFAULT}`]],
    ["one more", DEFAULT + 1, ["GOAWAY 1 FLOW_CONTROL_ERROR"]],
  ])("the connection's: %s", (_, many, said) => {
    const { lab, events } = answering({}, { limits })
    lab.send(dsl.data(1, octets(many)))
    expect(lab.said()).toEqual(said)
    expect(events.limits).toEqual(said.length === 1 && many > DEFAULT ? ["connection_window_exceeded"] : [])
  })

  test.each([
    ["less than half", 32_767, []],
    ["half", 32_768, ["WINDOW_UPDATE 0 32768"]],
  ])("the connection's comes back at half: %s", (_, many, said) => {
    const { lab } = answering({}, { limits })
    lab.send(dsl.data(1, octets(many)))
    expect(lab.said()).toEqual(said)
  })

  test("padding and its length count, for both", () => {
    const { lab } = answering({}, { limits: { ...limits, streamWindowOctets: 100 } })
    lab.send(dsl.data(1, octets(89), { padding: 10 }))
    expect(lab.said()).toEqual([])
    lab.send(dsl.data(1, octets(1)))
    expect(lab.said()).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"])
    const other = answering({}, { limits: { ...limits, streamWindowOctets: 100 } })
    other.lab.send(dsl.data(1, octets(90), { padding: 10 }))
    expect(other.lab.said()).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"])
  })
})

describe("DATA of one stream in a row is handed on as one, and to its windows it is many", () => {
  interface Reader {
    limits?: LabOptions["limits"]
    /** What is handed on is taken. */
    consumes?: boolean
    contentLength?: string
  }

  class PiecesLog extends EventLog {
    pieces: number[] = []
    consumes = true
    override onData(...[stream, , start, end]: Parameters<EventLog["onData"]>): void {
      this.pieces.push(end - start)
      if (this.consumes) stream.consume(end - start)
    }
  }

  /** What came of these reads: how long the pieces are that were handed on, and what is said. */
  function read(reads: Buffer[][], { limits = {}, consumes = true, contentLength }: Reader) {
    const events = new PiecesLog()
    events.consumes = consumes
    const lab = new Lab("server", { events, limits })
    const length: [string, string][] = contentLength === undefined ? [] : [["content-length", contentLength]]
    lab.send(dsl.headers(1, [...dsl.request, ...length]))
    lab.said()
    for (const frames of reads) lab.send(...frames)
    return { pieces: events.pieces, said: lab.said(), limits: events.limits }
  }

  const small = { limits: { streamWindowOctets: 100 } }
  const rows: [string, Reader, number[], number[], string[]][] = [
    ["all for which no credit is due", small, [20, 20, 9], [49], []],
    ["not what makes it due", small, [20, 20, 10], [40, 10], ["WINDOW_UPDATE 1 50"]],
    [
      "what is due counts from there again",
      small,
      [20, 31, 40, 9, 1],
      [20, 31, 49, 1],
      ["WINDOW_UPDATE 1 51", "WINDOW_UPDATE 1 50"],
    ],
    [
      "nor what makes it due to the connection",
      { limits: { connectionWindowOctets: DEFAULT } },
      [16_000, 16_000, 700, 66, 1, 1, 5, 5],
      [16_000, 16_000, 766, 1, 1, 10],
      ["WINDOW_UPDATE 0 32768"],
    ],
    [
      "not past the stream's window",
      { ...small, consumes: false },
      [40, 49, 11, 1],
      [40, 49, 11],
      ["RST_STREAM 1 FLOW_CONTROL_ERROR"],
    ],
    ["all of what content-length says", { contentLength: "30" }, [10, 10, 10], [30], []],
    ["not past it", { contentLength: "30" }, [10, 10, 11], [20], ["RST_STREAM 1 PROTOCOL_ERROR"]],
  ]
  test.each(rows)("%s", (_, reader, octets, pieces, said) => {
    const frames = octets.map((each) => dsl.data(1, "x".repeat(each)))
    const atOnce = read([frames], reader)
    expect({ ...atOnce, limits: [] }).toEqual({ pieces, said, limits: [] })
    const oneByOne = read(
      frames.map((each) => [each]),
      reader,
    )
    expect({ ...oneByOne, pieces }).toEqual(atOnce)
  })

  test("of a stream that is not open, each is refused as it comes", () => {
    const frames = [dsl.data(5, "a"), dsl.data(5, "b")]
    expect(read([frames], {}).said).toEqual(["GOAWAY 1 PROTOCOL_ERROR"])
  })
})

describe("streams that wait take turns of 16,384 octets", () => {
  /** Two streams that wait for the connection; what goes out once `credit` has come. */
  function turns(first: number, second: number, credit: number): string[] {
    const { lab, stream } = answering({ INITIAL_WINDOW_SIZE: MAX, MAX_FRAME_SIZE: 100_000 })
    const other = another(lab)
    send(stream, DEFAULT)
    lab.said()
    send(stream, first)
    send(other, second)
    lab.send(dsl.windowUpdate(0, credit))
    return lab.said()
  }

  test.each([
    ["a turn is one frame of this size", 16_384, 10, 20_000, ["DATA 1 16384", "DATA 3 10"]],
    ["less than a turn, and nothing more", 16_383, 10, 20_000, ["DATA 1 16383", "DATA 3 10"]],
    ["credit gives out within a turn", 16_384, 10, 16_383, ["DATA 1 16383"]],
    ["credit gives out at a turn's end", 20_000, 10, 16_384, ["DATA 1 16384"]],
    ["the next turn is the other's", 20_000, 10, 16_394, ["DATA 1 16384", "DATA 3 10"]],
    ["and then the first goes on", 20_000, 10, 16_395, ["DATA 1 16384", "DATA 3 10", "DATA 1 1"]],
  ])("%s", (_, first, second, credit, said) => {
    expect(turns(first, second, credit)).toEqual(said)
  })
})
