import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, type LabOptions, takeOutput } from "../../test/support/memory-link.ts"
import { defaultLimits } from "../base/limits.ts"
import { BufferBudget } from "./buffer-budget.ts"
import { HeaderList } from "./header-list.ts"
import { recycleChunk } from "./output.ts"
import type { Http2Stream } from "./stream.ts"

const MAX = 2 ** 31 - 1
const head = new HeaderList([":status", "200"])

class TakenLog extends EventLog {
  taken = 0
  override onSent(_stream: Http2Stream<string>, octets: number): void {
    this.taken += octets
  }
}

/** A server with one stream whose head is sent. */
function started(options: LabOptions & { settings?: Parameters<typeof dsl.settings>[0] } = {}) {
  const events = new TakenLog()
  const lab = new Lab("server", { events, ...options })
  if (options.settings !== undefined) lab.send(dsl.settings(options.settings))
  lab.send(dsl.headers(1, dsl.request))
  const stream = events.streams.get(1)!
  stream.sendHeaders(head, false)
  lab.said()
  events.take()
  return { lab, stream, events }
}

const sendAll = (stream: Http2Stream<string>, octets: Buffer | string, endStream = false): number => {
  const buffer = Buffer.from(octets)
  return stream.sendData(buffer, 0, buffer.length, endStream)
}

describe("sending under the peer's credit (RFC 9113 §5.2, §6.9)", () => {
  test("what the stream's window lets through goes now, the rest as credit comes", () => {
    const { lab, stream, events } = started({ settings: { INITIAL_WINDOW_SIZE: 5 } })
    expect(sendAll(stream, "Hello, world!")).toBe(5)
    expect(stream.queuedOctets).toBe(8)
    expect(lab.said()).toEqual(["DATA 1 5"])
    lab.send(dsl.windowUpdate(1, 3))
    expect(lab.said()).toEqual(["DATA 1 3"])
    lab.send(dsl.windowUpdate(1, 100))
    expect(lab.said()).toEqual(["DATA 1 5"])
    expect([events.taken, stream.queuedOctets]).toEqual([8, 0])
  })

  test("END_STREAM rides on the last octets; alone it needs no credit", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 2 } })
    sendAll(stream, "ab")
    expect(lab.said()).toEqual(["DATA 1 2"])
    sendAll(stream, "", true)
    expect(lab.said()).toEqual(["DATA 1 0 END_STREAM"])

    const other = started({ settings: { INITIAL_WINDOW_SIZE: 2 } })
    sendAll(other.stream, "abc", true)
    expect(other.lab.said()).toEqual(["DATA 1 2"])
    other.lab.send(dsl.windowUpdate(1, 9))
    expect(other.lab.said()).toEqual(["DATA 1 1 END_STREAM"])
  })

  test("trailers wait behind what is queued", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 1 } })
    sendAll(stream, "abc")
    stream.sendHeaders(new HeaderList(["grpc-status", "0"]), true)
    expect(lab.said()).toEqual(["DATA 1 1"])
    lab.send(dsl.windowUpdate(1, 2))
    expect(lab.said()).toEqual(["DATA 1 2", "HEADERS 1 END_STREAM grpc-status=0"])
  })

  test("nothing in a frame of nothing: an empty piece in the middle is not sent", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 1 } })
    sendAll(stream, "a")
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 0 }))
    lab.said()
    expect(sendAll(stream, "")).toBe(0)
    expect(lab.said()).toEqual([])
  })

  test("frames are no longer than the peer takes, and longer once it says so", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 100_000 } })
    sendAll(stream, Buffer.alloc(20_000))
    expect(lab.said()).toEqual(["DATA 1 16384", "DATA 1 3616"])
    lab.send(dsl.settings({ MAX_FRAME_SIZE: 30_000 }))
    lab.said()
    sendAll(stream, Buffer.alloc(20_000))
    expect(lab.said()).toEqual(["DATA 1 20000"])
  })

  test("a lowered initial window leaves a stream in debt, not in error (§6.9.2)", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 10 } })
    sendAll(stream, "123456789")
    lab.said()
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 2 }))
    expect(stream.sendWindow).toBe(-7)
    sendAll(stream, "abc")
    lab.send(dsl.windowUpdate(1, 7))
    expect(lab.said()).toEqual(["SETTINGS ACK"])
    expect(stream.sendWindow).toBe(0)
    lab.send(dsl.windowUpdate(1, 1))
    expect(lab.said()).toEqual(["DATA 1 1"])
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: 4 }))
    expect(lab.said()).toEqual(["SETTINGS ACK", "DATA 1 2"])
  })

  test("a changed initial window is for streams alone, those to come included; never for the connection", () => {
    const { lab, stream } = started()
    lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: MAX - 10 }))
    lab.send(dsl.headers(3, dsl.request))
    expect([stream.sendWindow, lab.events.streams.get(3)!.sendWindow]).toEqual([MAX - 10, MAX - 10])
    expect(lab.connection.sender.window).toBe(65_535)
  })

  test("the connection's window bounds all streams together", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 1_000_000 } })
    lab.send(dsl.headers(3, dsl.request))
    const other = lab.events.streams.get(3)!
    other.sendHeaders(head, false)
    lab.said()
    sendAll(stream, Buffer.alloc(60_000))
    sendAll(other, Buffer.alloc(60_000))
    const octets = lab.frames().map(({ payload }) => payload.length)
    expect(octets.reduce((sum, length) => sum + length, 0)).toBe(65_535)
    lab.send(dsl.windowUpdate(0, 1_000_000))
    expect(other.queuedOctets).toBe(0)
  })

  test("streams that wait for the connection's credit take turns", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 10_000_000 } })
    lab.send(dsl.headers(3, dsl.request))
    const other = lab.events.streams.get(3)!
    other.sendHeaders(head, false)
    sendAll(stream, Buffer.alloc(65_535 + 50_000))
    sendAll(other, Buffer.alloc(50_000))
    lab.said()
    lab.send(dsl.windowUpdate(0, 100_000))
    const turns = lab.said().map((line) => line.split(" ")[1])
    const inOrder = turns.filter((id, i) => id !== turns[i - 1])
    expect(inOrder).toEqual(["1", "3", "1", "3", "1", "3", "1", "3"])
  })

  describe("streams that always have more to send share what there is", () => {
    /** Whatever is taken of a stream comes again, as the credit that its source is given lets it. */
    class Endless extends EventLog {
      readonly #due: [Http2Stream<string>, number][] = []
      override onSent(stream: Http2Stream<string>, octets: number): void {
        this.#due.push([stream, octets])
      }
      pour(stream: Http2Stream<string>, octets: number): void {
        const taken = sendAll(stream, Buffer.alloc(octets))
        if (taken > 0) this.#due.push([stream, taken])
      }
      refill(): void {
        for (const [stream, octets] of this.#due.splice(0)) this.pour(stream, octets)
      }
    }

    /** `many` streams, each with 64 KiB under way; `turn` is called `turns` times. Returns what each has sent, in KiB. */
    function shares(many: number, credit: number, turns: number, turn: (lab: Lab) => void): number[] {
      const events = new Endless()
      const lab = new Lab("server", { events })
      lab.send(dsl.settings({ INITIAL_WINDOW_SIZE: MAX }), dsl.windowUpdate(0, credit))
      for (let i = 0; i < many; i++) lab.send(dsl.headers(1 + 2 * i, dsl.request))
      const streams = [...events.streams.values()]
      for (const stream of streams) {
        stream.sendHeaders(head, false)
        events.pour(stream, 65_536)
      }
      const before = streams.map(({ sendWindow }) => sendWindow)
      for (let i = 0; i < turns; i++) {
        turn(lab)
        events.refill()
      }
      return streams.map(({ sendWindow }, i) => (before[i]! - sendWindow) / 1024)
    }

    /** A turn, and the frame that ends it. */
    const turn = 2 * 16
    const unfairness = (sent: number[]): number => Math.max(...sent) - Math.min(...sent)

    test.for([1, 1024, 8192, 16_384, 20_000, 32_768])("credit in pieces of %i octets", (piece) => {
      const sent = shares(4, 1, 800, (lab) => {
        lab.said()
        lab.send(dsl.windowUpdate(0, piece))
      })
      expect(unfairness(sent)).toBeLessThanOrEqual(turn)
    })

    test("a slow socket", () => {
      const sent = shares(40, 2 ** 30, 200, ({ connection }) => {
        const { output } = connection
        let written = 0
        for (const { buffer, length } of output.take()) {
          written += length
          recycleChunk(buffer)
        }
        output.sent(written)
        connection.drained()
      })
      expect(unfairness(sent)).toBeLessThanOrEqual(turn)
    })
  })

  test("one whose own credit is used up is passed over, and back in turn once it has some", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 70_000 } })
    lab.send(dsl.headers(3, dsl.request))
    const other = lab.events.streams.get(3)!
    other.sendHeaders(head, false)
    sendAll(stream, Buffer.alloc(70_001))
    sendAll(other, "waits for the connection")
    lab.said()
    lab.send(dsl.windowUpdate(0, 4_465 + 24))
    expect([stream.sendWindow, stream.queuedOctets, other.queuedOctets]).toEqual([0, 1, 0])
    lab.said()
    lab.send(dsl.windowUpdate(0, 100))
    expect(lab.said()).toEqual([])
    lab.send(dsl.windowUpdate(1, 1))
    expect(lab.said()).toEqual(["DATA 1 1"])
  })

  test("what credit lets go goes before what the next frame asks for, as if it had come by itself", () => {
    const { lab, stream, events } = started({ settings: { INITIAL_WINDOW_SIZE: 0 } })
    sendAll(stream, "the end", true)
    lab.send(dsl.data(1, "", { endStream: true }), dsl.goaway(0))
    lab.said()
    events.take()
    lab.send(dsl.windowUpdate(1, 100), dsl.headers(3, dsl.request))
    expect(lab.said()).toEqual(["DATA 1 7 END_STREAM"])
    expect([events.take(), lab.connection.isClosed]).toEqual([["end"], true])
  })

  test("credit that one read brings in pieces makes one frame", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 0 } })
    sendAll(stream, Buffer.alloc(1000))
    lab.send(...Array.from({ length: 20 }, () => dsl.windowUpdate(1, 1)))
    expect(lab.said()).toEqual(["DATA 1 20"])
  })

  test.for([
    ["a stream's", 1, "RST_STREAM 1 FLOW_CONTROL_ERROR"],
    ["the connection's", 0, "GOAWAY 1 FLOW_CONTROL_ERROR"],
  ] as const)("%s window past 2^31-1", ([, id, expected]) => {
    const { lab, events } = started()
    lab.send(dsl.windowUpdate(id, MAX - 65_535))
    expect(lab.said()).toEqual([])
    lab.send(dsl.windowUpdate(id, 1))
    expect(lab.said()).toEqual([expected])
    expect(events.limits).toContain("window_overflow")
  })

  test("a window raised past 2^31-1 by SETTINGS is a connection error", () => {
    const { lab } = started()
    lab.send(dsl.windowUpdate(1, 1), dsl.settings({ INITIAL_WINDOW_SIZE: MAX }))
    expect(lab.said().at(-1)).toBe("GOAWAY 1 FLOW_CONTROL_ERROR")
  })

  test.for([0, 1])("WINDOW_UPDATE of 0 on %i ends the connection: nobody honest sends one", (id) => {
    const { lab } = started()
    lab.send(dsl.windowUpdate(id, 0))
    expect(lab.said()).toEqual(["GOAWAY 1 PROTOCOL_ERROR"])
  })

  test("a reset stream's queue is gone at once, and takes no credit from its neighbours", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 1_000_000 } })
    lab.send(dsl.headers(3, dsl.request))
    const other = lab.events.streams.get(3)!
    other.sendHeaders(head, false)
    sendAll(stream, Buffer.alloc(100_000))
    sendAll(other, "x")
    lab.said()
    expect(lab.connection.sender.queuedOctets).toBe(100_000 - 65_535 + 1)
    lab.send(dsl.rstStream(1))
    expect(lab.connection.sender.queuedOctets).toBe(1)
    lab.send(dsl.windowUpdate(0, 5))
    expect(lab.said()).toEqual(["DATA 3 1"])
  })

  test("what the socket does not take waits with its stream, not in the output", () => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 10_000_000 } })
    lab.send(dsl.windowUpdate(0, 10_000_000))
    sendAll(stream, Buffer.alloc(2_000_000))
    const { output } = lab.connection
    expect(output.unsentOctets).toBeLessThan(256 * 1024 + 2 * 16_393)
    expect(stream.queuedOctets).toBeGreaterThan(1_600_000)
    const sent = takeOutput(lab.connection).reduce((sum, { length }) => sum + length, 0)
    expect(stream.queuedOctets).toBe(0)
    expect(sent).toBeGreaterThan(2_000_000)
  })
})

describe("what waits counts as held", () => {
  const budgetOf = (lab: Lab): [queued: number, overflow: number] => {
    const { queuedOctets, overflowOctets } = lab.connection.sender
    return [queuedOctets, overflowOctets]
  }
  const trailers = new HeaderList(["grpc-status", "0"])

  test.for([
    ["sent once the DATA before them is", (lab: Lab) => lab.send(dsl.windowUpdate(1, 10))],
    ["gone with their stream", (lab: Lab) => lab.send(dsl.rstStream(1))],
    ["thrown away", (_: Lab, stream: Http2Stream<string>) => stream.discardQueued()],
  ] as const)("trailers behind DATA: %s", ([, end]) => {
    const { lab, stream } = started({ settings: { INITIAL_WINDOW_SIZE: 0 } })
    sendAll(stream, "abc")
    stream.sendHeaders(trailers, true)
    expect([stream.queuedOctets, ...budgetOf(lab)]).toEqual([3 + trailers.octets, 3 + trailers.octets, 0])
    end(lab, stream)
    expect([stream.queuedOctets, ...budgetOf(lab)]).toEqual([0, 0, 0])
  })

  test("heads that the socket does not take: past twice unsentOctetsMax, until it does or the connection ends", () => {
    const unsentOctetsMax = 16 * 1024
    for (const isTaken of [true, false]) {
      const { lab } = started({ limits: { unsentOctetsMax } })
      const large = new HeaderList([":status", "200", "x-large", "~".repeat(10_000)])
      const ids = Array.from({ length: 8 }, (_, i) => 3 + 2 * i)
      for (const id of ids) {
        lab.send(dsl.headers(id, dsl.request))
        lab.events.streams.get(id)!.sendHeaders(large, false)
        const { unsentOctets } = lab.connection.output
        const overflow = Math.max(0, unsentOctets - 2 * unsentOctetsMax)
        expect(budgetOf(lab)).toEqual([overflow, overflow])
      }
      expect(lab.connection.sender.overflowOctets).toBeGreaterThan(0)
      if (isTaken) lab.said()
      else lab.connection.receiveEnd("gone")
      expect(budgetOf(lab)).toEqual([0, 0])
    }
  })
})

describe("giving credit", () => {
  test("DATA past a stream's window: FLOW_CONTROL_ERROR for that stream", () => {
    const { lab } = started({ limits: { streamWindowOctets: 100 } })
    lab.send(dsl.data(1, Buffer.alloc(100)), dsl.headers(3, dsl.request), dsl.data(1, "x"), dsl.data(3, "y"))
    expect(lab.said()).toEqual(["RST_STREAM 1 FLOW_CONTROL_ERROR"])
    expect(lab.events.lines.at(-1)).toBe("data 3 y")
  })

  test("DATA past the connection's window: FLOW_CONTROL_ERROR for all", () => {
    const limits = { connectionWindowOctets: 65_535, streamWindowOctets: 60_000 }
    const { lab } = started({ limits })
    // Connection credit comes back at half the window, so one read of more than all of it is needed.
    lab.send(...Array.from({ length: 2 }, () => dsl.data(1, Buffer.alloc(16_000))))
    expect(lab.said()).toEqual([])
    const window = 65_535 - 32_000
    for (let id = 3; id < 3 + 2 * Math.ceil(window / 16_000); id += 2) lab.send(dsl.headers(id, dsl.request))
    expect(lab.events.fault).toBeNull()
    const unread = lab.connection.output.unsentOctets
    expect(unread).toBe(0)
  })

  test("a stream's comes back once half its window was consumed, in one piece", () => {
    const { lab, stream } = started({ limits: { streamWindowOctets: 100 } })
    lab.send(dsl.data(1, Buffer.alloc(60)))
    stream.consume(49)
    expect(lab.said()).toEqual([])
    stream.consume(1)
    expect(lab.said()).toEqual(["WINDOW_UPDATE 1 50"])
    stream.consume(10)
    expect(lab.said()).toEqual([])
  })

  test("the connection's comes back at once, whoever consumes nothing", () => {
    const { lab } = started({ limits: { connectionWindowOctets: 65_535, streamWindowOctets: 65_535 } })
    for (let i = 0; i < 3; i++) lab.send(dsl.data(1, Buffer.alloc(16_000)))
    expect(lab.said()).toEqual(["WINDOW_UPDATE 0 48000"])
  })

  test("near the end of the budget a stream of which octets are held waits for it; one whose octets are all taken does not", () => {
    const events = new EventLog()
    const budget = new BufferBudget({ ...defaultLimits, bufferedOctetsMax: 1000 })
    const lab = new Lab("server", { events, budget, limits: { streamWindowOctets: 65_536 } })
    lab.send(dsl.headers(1, dsl.request), dsl.headers(3, dsl.request))
    const [slow, quick] = [events.streams.get(1)!, events.streams.get(3)!]
    for (const id of [1, 3])
      for (let sent = 0; sent < 40_000; sent += 10_000) lab.send(dsl.data(id, Buffer.alloc(10_000)))
    lab.said()
    budget.add(800)
    slow.consume(39_999)
    quick.consume(40_000)
    expect(lab.said()).toEqual(["WINDOW_UPDATE 3 40000"])
    slow.consume(1)
    expect(lab.said()).toEqual(["WINDOW_UPDATE 1 40000"])
    for (let sent = 0; sent < 40_000; sent += 10_000) lab.send(dsl.data(1, Buffer.alloc(10_000)))
    slow.consume(39_999)
    expect(lab.said()).not.toContain("WINDOW_UPDATE 1 39999")
    budget.add(-1)
    expect(lab.said()).toEqual(["WINDOW_UPDATE 1 39999"])
  })

  test("padding is credit too, though nobody is shown it", () => {
    const { lab, stream } = started({ limits: { streamWindowOctets: 400 } })
    lab.send(dsl.data(1, "", { padding: 255 }))
    expect(lab.events.lines).toEqual(["data 1"].map((line) => `${line} `))
    expect(lab.said()).toEqual(["WINDOW_UPDATE 1 256"])
    stream.consume(0)
    expect(lab.said()).toEqual([])
  })

  test("a half-closed peer is given none: it has nothing more to send", () => {
    const { lab, stream } = started({ limits: { streamWindowOctets: 100 } })
    lab.send(dsl.data(1, Buffer.alloc(90), { endStream: true }))
    stream.consume(90)
    expect(lab.said()).toEqual([])
  })

  test("DATA on a stream that we reset still counts for the connection", () => {
    const { lab, stream } = started({
      limits: { connectionWindowOctets: 65_535, streamWindowOctets: 65_535 },
    })
    stream.reset(8)
    lab.said()
    for (let i = 0; i < 3; i++) lab.send(dsl.data(1, Buffer.alloc(16_000)))
    expect(lab.said()).toEqual(["WINDOW_UPDATE 0 48000"])
  })

  test("a window of one octet works, one octet at a time", () => {
    const { lab, stream } = started({ limits: { streamWindowOctets: 1 } })
    for (const letter of "abc") {
      lab.send(dsl.data(1, letter))
      stream.consume(1)
      expect(lab.said()).toEqual(["WINDOW_UPDATE 1 1"])
    }
    expect(lab.events.lines).toEqual(["data 1 a", "data 1 b", "data 1 c"])
  })
})

describe("a stream window below the one all streams start with (RFC 9113 §6.9.2, §6.9.3)", () => {
  /** A server whose client sends before it has seen SETTINGS that lower the window to 100. */
  function unaware() {
    const lab = new Lab("server", { limits: { streamWindowOctets: 100 }, greeted: false })
    lab.send(dsl.preface, dsl.settings(), dsl.headers(1, dsl.request), dsl.headers(3, dsl.request))
    const [stream, other] = [lab.events.streams.get(1)!, lab.events.streams.get(3)!]
    lab.said()
    return { lab, stream, other }
  }
  const octets = (many: number): Buffer => Buffer.alloc(Math.min(16_384, many))
  /** DATA frames of `total` octets. */
  const upload = (id: number, total: number): Buffer[] =>
    Array.from({ length: Math.ceil(total / 16_384) }, (_, i) => dsl.data(id, octets(total - i * 16_384)))

  test("holds from the acknowledgement on, for streams that are open too", () => {
    const { lab, stream, other } = unaware()
    lab.send(...upload(1, 65_535), dsl.data(3, Buffer.alloc(30)))
    expect(lab.said().filter((line) => line.startsWith("RST"))).toEqual([])
    lab.send(dsl.settingsAck(), dsl.headers(5, dsl.request))
    expect([stream, other, lab.events.streams.get(5)!].map((one) => one.receiveOctets)).toEqual([
      100 - 65_535,
      70,
      100,
    ])
    lab.send(dsl.data(3, Buffer.alloc(71)))
    expect(lab.said()).toEqual(["RST_STREAM 3 FLOW_CONTROL_ERROR"])
  })

  test("a client that is in debt since may end its stream, and sends on once it is out of it", () => {
    const { lab, stream, other } = unaware()
    lab.send(...upload(1, 65_535), dsl.data(3, Buffer.alloc(200)), dsl.settingsAck())
    stream.consume(65_535)
    expect(lab.said()).toContain("WINDOW_UPDATE 1 65535")
    lab.send(dsl.data(1, Buffer.alloc(100)), dsl.data(3, "", { endStream: true }))
    expect([lab.said(), other.remoteEnded]).toEqual([[], true])
  })

  test("more than 65,535 is too much for anybody", () => {
    const { lab } = unaware()
    lab.send(...upload(1, 65_535), dsl.data(1, "x"))
    expect(lab.said()).toContain("RST_STREAM 1 FLOW_CONTROL_ERROR")
  })

  test("one above it holds from the first octet on", () => {
    const lab = new Lab("server", { limits: { streamWindowOctets: 100_000 }, greeted: false })
    lab.send(dsl.preface, dsl.settings(), dsl.headers(1, dsl.request), ...upload(1, 100_000))
    lab.send(dsl.settingsAck())
    expect(lab.events.streams.get(1)!.receiveOctets).toBe(0)
  })
})
