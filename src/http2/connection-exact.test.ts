import { describe, expect, test } from "vitest"
import * as dsl from "../../test/support/frame-dsl.ts"
import { EventLog, Lab, takeOutput } from "../../test/support/memory-link.ts"
import { defaultLimits } from "../base/limits.ts"
import { Http2Connection } from "./connection.ts"
import { ErrorCode, fault } from "./error-code.ts"
import { HeaderList } from "./header-list.ts"

/** The life of a connection: what it says first, and what is left of it at the end. */

const MAX_ID = 2 ** 31 - 1
const ask = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/", ":authority", "a"])

class Limits extends EventLog {
  readonly told: (string | null)[] = []
  override onLimit(counter: string): void {
    this.told.push(counter)
  }
}

describe("what it says first", () => {
  const preface = (role: "server" | "client", limits = {}): dsl.SeenFrame[] =>
    new Lab(role, { greeted: false, limits }).frames()

  const entries = ({ payload }: dsl.SeenFrame): [number, number][] =>
    Array.from({ length: payload.length / 6 }, (_, at) => [
      payload.readUInt16BE(at * 6),
      payload.readUInt32BE(at * 6 + 2),
    ])

  const limits = { headerTableOctets: 11, frameOctets: 16_400, headerListOctets: 33, streamsMax: 44 }

  test("of a server", () => {
    const [settings] = preface("server", {
      ...limits,
      streamWindowOctets: 55,
      upstreamStreamWindowOctets: 66,
    })
    expect(entries(settings!)).toEqual([
      [1, 11],
      [3, 44],
      [4, 55],
      [5, 16_400],
      [6, 33],
      [9, 1],
    ])
  })

  test("of a client", () => {
    const [settings] = preface("client", {
      ...limits,
      streamWindowOctets: 55,
      upstreamStreamWindowOctets: 66,
    })
    expect(entries(settings!)).toEqual([
      [1, 11],
      [2, 0],
      [4, 66],
      [5, 16_400],
      [6, 33],
      [9, 1],
    ])
  })

  test("only a client sends the preface", () => {
    for (const role of ["server", "client"] as const) {
      const lab = new Lab(role, { greeted: false })
      const octets = Buffer.concat(takeOutput(lab.connection))
      expect(octets.subarray(0, 24).equals(dsl.preface)).toBe(role === "client")
    }
  })

  test.each([
    [65_535, []],
    [65_536, ["WINDOW_UPDATE 0 1"]],
    [1_000_000, ["WINDOW_UPDATE 0 934465"]],
  ])("credit beyond the window that all connections start with: %i", (connectionWindowOctets, said) => {
    expect(preface("server", { connectionWindowOctets }).slice(1).map(dsl.describeFrame)).toEqual(said)
  })
})

test("a time limit for header blocks of its own", () => {
  const events = new EventLog()
  const connection = new Http2Connection<string>({
    role: "server",
    limits: defaultLimits,
    events,
    nowMs: 0,
    headerBlockTimeoutMs: 500,
  })
  const octets = Buffer.concat([
    dsl.preface,
    dsl.settings(),
    dsl.settingsAck(),
    dsl.headers(1, Buffer.alloc(1), { endHeaders: false }),
  ])
  connection.receive(octets, 0, octets.length, 100)
  connection.tick(600)
  expect(connection.isClosed).toBe(false)
  connection.tick(601)
  expect(events.fault?.limit).toBe("header_block_timeout")
})

test("it is ready once the peer's SETTINGS have come", () => {
  const lab = new Lab("client", { greeted: false })
  expect(lab.connection.isReady).toBe(false)
  lab.send(dsl.settings({ MAX_CONCURRENT_STREAMS: 7 }))
  expect([lab.connection.isReady, lab.connection.peerMaxConcurrentStreams]).toEqual([true, 7])
})

test("ids that are left for streams", () => {
  const lab = new Lab("client")
  expect(lab.connection.streamIdsLeft).toBe(2 ** 30)
  lab.connection.open(ask, true, false, "test")
  expect(lab.connection.streamIdsLeft).toBe(2 ** 30 - 1)
})

describe("time goes by", () => {
  test("without a drain nothing comes of it", () => {
    const lab = new Lab("server")
    for (const ms of [0, 1, 5000, 5001, 1e9]) lab.connection.tick(ms)
    expect([lab.said(), lab.events.lines]).toEqual([[], []])
  })

  test("a drain waits from the first tick that sees it, and a little later not again", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(1, dsl.request))
    lab.connection.drain("test")
    lab.said()
    for (const ms of [70_000, 70_001, 75_000]) lab.connection.tick(ms)
    expect(lab.said()).toEqual([])
    for (const ms of [75_001, 75_002, 1e6]) lab.connection.tick(ms)
    expect(lab.said()).toEqual(["GOAWAY 1 NO_ERROR"])
  })

  test("nothing comes of it once the connection is over", () => {
    const lab = new Lab("server")
    lab.connection.drain("test")
    lab.connection.tick(0)
    lab.connection.fail(fault(ErrorCode.INTERNAL_ERROR, "test"))
    lab.said()
    lab.connection.tick(1e6)
    expect(lab.said()).toEqual([])
  })
})

describe("the end", () => {
  test("comes once, however often it is asked for", () => {
    const events = new Limits()
    const lab = new Lab("server", { events })
    lab.connection.fail(fault(ErrorCode.INTERNAL_ERROR, "test", "some_limit"))
    lab.connection.fail(fault(ErrorCode.PROTOCOL_ERROR, "again", "another"))
    expect(lab.said()).toEqual(["GOAWAY 0 INTERNAL_ERROR"])
    expect([events.lines, events.told]).toEqual([["end INTERNAL_ERROR"], ["some_limit"]])
  })

  test("names a limit only where one was reached", () => {
    const events = new Limits()
    const lab = new Lab("server", { events })
    lab.connection.fail(fault(ErrorCode.INTERNAL_ERROR, "test"))
    expect(events.told).toEqual([])
  })

  test("is not there before it has come; then no stream may be opened", () => {
    const lab = new Lab("client")
    expect(lab.connection.ending).toEqual({ reason: "", streamsLost: 0 })
    expect([lab.connection.isClosed, lab.connection.isDraining]).toEqual([false, false])
    lab.connection.receiveEnd("gone")
    expect(lab.connection.ending).toEqual({ reason: "gone", streamsLost: 0 })
    expect([lab.connection.isClosed, lab.connection.isDraining]).toEqual([true, true])
  })

  test("of a drain is nobody's fault", () => {
    const lab = new Lab("server")
    lab.connection.drain("restart")
    lab.send(dsl.ping("draining", { ack: true }))
    expect(lab.connection.ending).toEqual({ reason: "drained", streamsLost: 0 })
    expect(lab.events.fault).toBeNull()
  })

  test("GOAWAY names the last stream that was looked at, and no later one", () => {
    const lab = new Lab("server")
    lab.send(dsl.headers(7, dsl.request))
    lab.connection.fail(fault(ErrorCode.INTERNAL_ERROR, "test"))
    expect(lab.said()).toEqual(["GOAWAY 7 INTERNAL_ERROR"])
  })
})

describe("GOAWAY that comes", () => {
  test("may say the same again, and less; not more", () => {
    const lab = new Lab("client")
    lab.connection.open(ask, false, false, "test")
    lab.send(dsl.goaway(MAX_ID), dsl.goaway(5), dsl.goaway(5), dsl.goaway(3))
    expect([lab.connection.isClosed, lab.events.lines.length]).toEqual([false, 4])
    lab.send(dsl.goaway(4))
    expect(lab.events.fault).toMatchObject({ code: ErrorCode.PROTOCOL_ERROR })
  })

  test("leaves the stream that it names, and those below it", () => {
    const lab = new Lab("client")
    for (let at = 0; at < 3; at++) lab.connection.open(ask, false, false, "test")
    lab.send(dsl.goaway(3))
    expect(lab.events.lines.slice(1)).toEqual(["reset 5 REFUSED_STREAM connection unprocessed"])
    expect(lab.connection.streams.size).toBe(2)
  })

  test("codes are 32 bits wide, debug data at most 256 octets", () => {
    const lab = new Lab("client")
    lab.connection.open(ask, false, false, "test")
    lab.send(dsl.goaway(MAX_ID, 0xfedcba98, "x".repeat(256)), dsl.goaway(MAX_ID, 1, "y".repeat(257)))
    expect(lab.events.lines).toEqual([
      `goaway 0xfedcba98 ${"x".repeat(256)}`,
      `goaway PROTOCOL_ERROR ${"y".repeat(256)}`,
    ])
  })
})
