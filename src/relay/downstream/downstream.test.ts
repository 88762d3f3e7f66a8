import { describe, expect, test } from "vitest"
import { ClientBed, type ClientBedOptions } from "../../../test/support/client-bed.ts"
import {
  data,
  goaway,
  headers,
  ping,
  preface,
  request,
  rstStream,
  settings,
  settingsAck,
  withFields,
} from "../../../test/support/frame-dsl.ts"
import { defaultLimits } from "../../base/limits.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { DownstreamConnection } from "./downstream.ts"

/** A client that has shaken hands. */
function bedOf(options: ClientBedOptions & { isGreeted?: boolean } = {}) {
  const bed = new ClientBed(options)
  const connection = new DownstreamConnection(bed.options)
  if (options.isGreeted !== false) {
    bed.link.send(preface, settings(), settingsAck())
    bed.link.said()
    bed.link.take()
  }
  return { bed, link: bed.link, connection }
}

const ANSWER = new HeaderList([":status", "200", "content-type", "application/grpc"])

/** Fields of a few thousand octets. */
const LARGE = Object.fromEntries(Array.from({ length: 10 }, (_, at) => [`x-${at}`, "a".repeat(1000)]))

describe("a request", () => {
  test("is a stream that starts once its connection knows the owner", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request), data(1, "ab"), headers(1, [["x", "y"]], { endStream: true }))
    expect(bed.take()).toEqual(["0 start route /test.Echo/Chat", "0 data ab", "0 trailers x y"])
    expect(bed.record.requests).toBe(1)
    expect([...connection.streams]).toEqual([bed.opened[0]!.owner])
  })

  test("whose last octets come says so, and a reset of its client's", () => {
    const { bed, link } = bedOf()
    link.send(headers(1, request), data(1, "ab", { endStream: true }))
    link.send(headers(3, request), rstStream(3, ErrorCode.CANCEL))
    expect(bed.take()).toEqual([
      "0 start route /test.Echo/Chat",
      "0 data ab END",
      "1 start route /test.Echo/Chat",
      `1 reset ${ErrorCode.CANCEL} peer`,
    ])
    expect(bed.record.requests).toBe(2)
  })

  test("hears that octets of its answer, which waited for credit, are on their way", () => {
    const { bed, link } = bedOf({ isGreeted: false })
    link.send(preface, settings({ INITIAL_WINDOW_SIZE: 1 }), settingsAck(), headers(1, request))
    const { stream } = bed.opened[0]!
    stream.sendHeaders(ANSWER, false)
    expect(stream.sendData(Buffer.from("abc"), 0, 3, false)).toBe(1)
    bed.take()
    link.send(settings({ INITIAL_WINDOW_SIZE: 9 }))
    expect(bed.take()).toEqual(["0 sent 2"])
  })

  test("whose path has no meaning is refused by the server that it names, counted and in the log", () => {
    const { bed, link } = bedOf()
    bed.routeOf = () => null
    link.send(headers(1, withFields(request, { ":path": "/a/../../b" })))
    expect(bed.take()).toEqual([
      "0 fail fallback of test.example refused bad_request 400 malformed request: the path has no meaning",
    ])
    expect(bed.limit("path_refused")).toBe(1)
    expect(bed.record.requests).toBe(1)
    expect(bed.shared.log.saying("limit reached: path_refused")).toEqual([{ client: "192.0.2.1:51234" }])
  })

  test.each<[string, Record<string, string>, string]>([
    ["is malformed", { "Upper-Case": "a" }, "0 fail route refused bad_request 400 malformed request: "],
    ["has too large a head", LARGE, "0 fail route refused headers_too_large 494 "],
  ])("that %s is refused in the words of its protocol", (_, changes, expected) => {
    const { bed, link } = bedOf({ limits: { headerListOctets: 8192 } })
    link.send(headers(1, withFields(request, changes)))
    expect(bed.take()[0]!.slice(0, expected.length)).toBe(expected)
    expect(bed.record.requests).toBe(1)
  })

  test("that is refused goes by its server's own answer where its path has none", () => {
    const { bed, link } = bedOf()
    bed.routeOf = () => null
    link.send(headers(1, withFields(request, { "Upper-Case": "a" })))
    expect(bed.take()[0]).toMatch(/^0 fail fallback of \S+ refused bad_request 400 malformed request: /)
  })

  test("that breaks the protocol later ends by what it did", () => {
    const { bed, link } = bedOf()
    link.send(
      headers(1, withFields(request, { "content-length": "1" })),
      data(1, "abc"),
      headers(3, request),
      headers(3, Object.entries(LARGE), { endStream: true }),
    )
    const faults = bed.take().filter((line) => line.includes("fail"))
    expect(faults[0]).toMatch(/^0 fail route bad_request 400 malformed request: /)
  })
})

test.each([
  ["its client's frames are too many", ErrorCode.ENHANCE_YOUR_CALM, "headers_too_large"],
  ["they are no HTTP", ErrorCode.PROTOCOL_ERROR, "bad_request"],
])("a stream at fault is told which: %s", (_, code, kind) => {
  const { bed, link, connection } = bedOf()
  link.send(headers(1, request))
  bed.take()
  connection.onRequestFault(connection.http2.streams.values()[0]!, code, "why")
  expect(bed.take()[0]).toMatch(new RegExp(`^0 fail route ${kind} \\d+ malformed request: why$`))
})

test("a request that is refused may have been no backend's, and its connection knows the owner", () => {
  const { bed, link, connection } = bedOf()
  bed.routeOf = () => null
  link.send(headers(1, withFields(request, { ":path": "/a/../../b" })))
  expect([...connection.streams]).toEqual([bed.opened[0]!.owner])
  link.send(rstStream(1, ErrorCode.CANCEL))
  expect(bed.take().at(-1)).toBe(`0 reset ${ErrorCode.CANCEL} peer`)
})

test.each<[string, Record<string, string>, boolean]>([
  ["a malformed head", { "Upper-Case": "a" }, true],
  ["a length that is no number", { "content-length": "x" }, true],
])("%s is unsent: no backend has seen it", (_, changes, expected) => {
  const { bed, link } = bedOf()
  link.send(headers(1, withFields(request, changes)))
  expect(bed.take()[0]).toMatch(/^0 fail route refused bad_request 400 malformed request: .+$/)
  expect(bed.failures.map(({ isUnsent }) => isUnsent)).toEqual([expected])
})

test("a length that the octets contradict is malformed too", () => {
  const { bed, link } = bedOf()
  link.send(headers(1, withFields(request, { "content-length": "5" }), { endStream: true }))
  expect(bed.take()[0]).toMatch(/^0 fail route refused bad_request 400 malformed request: /)
})

describe("a listener's own bounds", () => {
  test("after so many requests the client is told to go", () => {
    const { bed, link } = bedOf({ listener: { maxRequestsPerConnection: 2 } })
    link.send(headers(1, request))
    expect(link.said()).toEqual([])
    link.send(headers(3, request))
    expect(link.said()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING draining"])
    expect(bed.take()).toHaveLength(2)
  })

  test("so many streams at once, and no more", () => {
    const { bed, link } = bedOf({ listener: { maxConcurrentStreams: 1 } })
    link.send(headers(1, request), headers(3, request))
    expect(bed.take()).toEqual(["0 start route /test.Echo/Chat"])
    expect(link.said()).toContain("RST_STREAM 3 REFUSED_STREAM")
  })

  test("a head has so long to be whole, from when the client came", () => {
    const { bed, link, connection } = bedOf({ listener: { headerTimeoutMs: 2000 } })
    link.send(headers(1, request, { endHeaders: false }))
    bed.advance(2000)
    connection.tick(bed.nowMs)
    expect(connection.http2.isClosed).toBe(false)
    bed.advance(1)
    connection.tick(bed.nowMs)
    expect(bed.limit("header_block_timeout")).toBe(1)
    expect(bed.take()).toEqual(["closed"])
  })
})

test("a client that came late in the process is not idle since its beginning", () => {
  const bed = new ClientBed({ listener: { idleConnectionTimeoutMs: 10_000, headerTimeoutMs: 1000 } })
  bed.advance(60_000)
  const connection = new DownstreamConnection(bed.options)
  bed.link.send(preface, settings(), settingsAck())
  bed.link.said()
  connection.tick(bed.nowMs)
  expect(bed.link.said()).toEqual([])
})

describe("a client that has nothing open", () => {
  const idle = { listener: { idleConnectionTimeoutMs: 10_000 } }

  test("is let go after so long", () => {
    const { bed, link, connection } = bedOf(idle)
    bed.record.requests = 1
    connection.tick(bed.nowMs)
    bed.advance(10_000)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual([])
    bed.advance(1)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING draining"])
  })

  test("counts from the last call, were it over between two looks", () => {
    const { bed, link, connection } = bedOf(idle)
    connection.tick(bed.nowMs)
    bed.advance(9000)
    bed.record.requests++
    connection.tick(bed.nowMs)
    bed.advance(9000)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual([])
    bed.advance(1001)
    connection.tick(bed.nowMs)
    expect(link.said()).toHaveLength(2)
  })

  test("is none that has a stream", () => {
    const { bed, link, connection } = bedOf(idle)
    link.send(headers(1, request))
    bed.advance(9000)
    connection.tick(bed.nowMs)
    bed.advance(9000)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual([])
    bed.opened[0]!.stream.reset(ErrorCode.CANCEL)
    bed.advance(1001)
    connection.tick(bed.nowMs)
    expect(link.said().at(-1)).toBe("RST_STREAM 1 CANCEL")
    bed.advance(9000)
    connection.tick(bed.nowMs)
    expect(link.said()).toHaveLength(2)
  })
})

describe("a client that says nothing while streams are open", () => {
  test("is asked after a minute, and given up 20 seconds later", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request))
    bed.take()
    bed.advance(59_999)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual([])
    bed.advance(1)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual(["PING keepaliv"])
    bed.advance(19_999)
    connection.tick(bed.nowMs)
    expect(bed.take()).toEqual([])
    link.take()
    bed.advance(1)
    connection.tick(bed.nowMs)
    expect(bed.limit("ping_timeout")).toBe(1)
    expect(bed.take()).toEqual([`0 reset ${ErrorCode.CONNECT_ERROR} connection`, "closed"])
    expect(link.take()).toEqual(["end", "destroy"])
    expect(connection.http2.ending.reason).toBe("no answer to PING")
  })

  test("is alive when it answers", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request))
    bed.advance(60_000)
    connection.tick(bed.nowMs)
    link.send(ping("keepaliv", { ack: true }))
    bed.advance(20_000)
    connection.tick(bed.nowMs)
    expect(connection.http2.isClosed).toBe(false)
  })

  test("is not judged while nothing is read of it", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request))
    link.isPaused = true
    bed.advance(60_000)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual([])
  })

  test("is not asked without streams", () => {
    const { bed, link, connection } = bedOf({ listener: { idleConnectionTimeoutMs: null } })
    bed.advance(60_000)
    connection.tick(bed.nowMs)
    expect(link.said()).toEqual([])
  })

  test("has the time of a handshake from when it came, unless nothing is read of it", () => {
    const { bed, link, connection } = bedOf({ isGreeted: false, limits: { prefaceTimeoutMs: 5000 } })
    link.isPaused = true
    bed.advance(5001)
    connection.tick(bed.nowMs)
    expect(connection.http2.isClosed).toBe(false)
    link.isPaused = false
    bed.advance(5001)
    connection.tick(bed.nowMs)
    expect(bed.limit("preface_timeout")).toBe(1)
    connection.tick(bed.nowMs)
    expect(bed.take()).toEqual(["closed"])
  })
})

describe("output", () => {
  test("is written on the turn, and much of it at once", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request))
    bed.opened[0]!.stream.sendHeaders(ANSWER, false)
    expect(link.take()).toEqual(["schedule"])
    connection.onMuchOutput()
    expect(link.take()).toEqual(["flush now"])
  })

  test.each([
    ["answers", 10, "control_frames_queued"],
    ["something else", 9, "unsent_octets_paused"],
  ])("that is not read stops reading, by the name of what is too much: %s", (_, frames, counter) => {
    const { bed, connection } = bedOf({ limits: { controlFramesQueuedMax: 10 } })
    connection.http2.output.controlFrames = frames
    expect(connection.shouldPauseReading).toBe(frames === 10)
    connection.onPaused()
    connection.onPaused()
    expect(bed.limit(counter)).toBe(2)
    expect(bed.shared.log.saying(`limit reached: ${counter}`)).toEqual([{ client: "192.0.2.1:51234" }])
  })

  test("that was congested goes on once the kernel has taken what waited", () => {
    const { bed, link } = bedOf({ limits: { unsentOctetsMax: 16_384 } })
    link.send(settings({ INITIAL_WINDOW_SIZE: 65_535 }), headers(1, request))
    const { stream } = bed.opened[0]!
    stream.sendHeaders(ANSWER, false)
    const octets = Buffer.alloc(60_000)
    const taken = stream.sendData(octets, 0, octets.length, false)
    expect(taken).toBeLessThan(octets.length)
    bed.take()
    link.octets()
    const sent = bed.take().map((line) => Number(/^0 sent (\d+)$/.exec(line)![1]))
    expect(taken + sent.reduce((sum, one) => sum + one, 0)).toBe(octets.length)
  })

  test("that is held and is too much ends the connection by name", () => {
    const { bed, link, connection } = bedOf({ limits: { connectionBufferedOctetsMax: 262_144 } })
    link.send(headers(1, request))
    const { sender } = connection.http2
    Object.defineProperty(sender, "queuedOctets", { value: 300_000 })
    Object.defineProperty(sender, "overflowOctets", { value: 299_000 })
    expect(connection.overflowOctets).toBe(299_000)
    connection.onQueueExceeded()
    bed.take()
    link.take()
    bed.advance(1000)
    expect(link.take()).toContain("destroy")
    expect(bed.take()).toContain("closed")
    expect(bed.limit("connection_buffer_exceeded")).toBe(1)
    expect(bed.shared.log.saying("connection ended to free memory")).toMatchObject([
      { client: "192.0.2.1:51234", held: 299_000 },
    ])
  })
})

describe("what a client says of itself", () => {
  test("a larger header table than ours is counted, not an error", () => {
    const { bed, link } = bedOf()
    const own = defaultLimits.encoderTableOctets
    link.send(settings({ HEADER_TABLE_SIZE: own }))
    expect(bed.limit("header_table_reduced")).toBe(0)
    link.send(settings({ HEADER_TABLE_SIZE: own + 1 }))
    expect(bed.limit("header_table_reduced")).toBe(1)
    expect(bed.shared.log.lines).toEqual([])
  })

  test("GOAWAY for a fault is in the log once, cut; that it goes is not", () => {
    const { bed, link } = bedOf()
    link.send(headers(1, request), goaway(0))
    expect(bed.shared.log.lines).toEqual([])
    link.send(goaway(0, ErrorCode.INTERNAL_ERROR, "x".repeat(200)))
    link.send(goaway(0, ErrorCode.INTERNAL_ERROR, "again"))
    expect(bed.shared.log.saying("GOAWAY from client")).toEqual([
      { client: "192.0.2.1:51234", code: "INTERNAL_ERROR", debug: "x".repeat(100) },
    ])
  })

  test("what is met in the course of honest work is counted without a warning", () => {
    const { bed, connection } = bedOf()
    connection.onLimit("abuse_peer_reset")
    expect(bed.limit("abuse_peer_reset")).toBe(1)
    expect(bed.shared.log.lines).toEqual([])
  })

  test.each([
    ["no answer pays for it, and it has no deadline", 0, 0, false],
    ["an answered call pays", -1, 0, true],
    ["its own short deadline is near", 0, 500, true],
  ])("a young stream's reset is excused where %s", (_, cutCalls, deadlineInMs, expected) => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request))
    const { owner } = bed.opened[0]!
    bed.record.cutCalls = cutCalls
    if (deadlineInMs > 0) Object.assign(owner.record, { deadlineMs: bed.nowMs + deadlineInMs })
    bed.advance(300)
    expect(connection.excusesReset(connection.http2.streams.values()[0]!)).toBe(expected)
  })
})

describe("the end of a client's connection", () => {
  test("lets it read what is left, for so long", () => {
    const { bed, link } = bedOf({ limits: { drainTimeoutMs: 4321 } })
    link.user!.receiveEnd("gone")
    expect(bed.take()).toEqual(["closed"])
    expect(link.take()).toEqual(["end"])
    expect(link.graceMs).toBe(4321)
    expect(bed.limit("drain_timeout")).toBe(0)
    link.onTimeout()
    expect(bed.limit("drain_timeout")).toBe(1)
    expect(bed.shared.log.lines).toEqual([])
  })

  test("for the client's fault is in the log", () => {
    const { bed, link } = bedOf()
    link.send(data(0, "no stream"))
    expect(bed.shared.log.saying("connection ended for the client's fault")).toMatchObject([
      { client: "192.0.2.1:51234", code: "PROTOCOL_ERROR" },
    ])
  })

  test("by a drain is after its last stream", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request))
    connection.drain()
    expect(link.said()).toEqual(["GOAWAY 2147483647 NO_ERROR", "PING draining"])
    link.send(ping("draining", { ack: true }))
    expect(bed.take()).not.toContain("closed")
    bed.opened[0]!.stream.reset(ErrorCode.CANCEL)
    expect(bed.take()).toContain("closed")
  })

  test("by an order ends each stream with UNAVAILABLE", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request), headers(3, request))
    bed.take()
    connection.abort("it stops")
    expect(bed.take().slice(0, 2)).toEqual([
      "0 fail route shutdown 503 it stops",
      "1 fail route shutdown 503 it stops",
    ])
    expect(link.said().at(-1)).toBe("GOAWAY 3 NO_ERROR")
    expect(bed.shared.log.saying("connection ended for the client's fault")).toEqual([])
  })

  test("at once leaves nothing to be sent", () => {
    const { bed, link, connection } = bedOf()
    link.send(headers(1, request))
    link.take()
    connection.cut("too much")
    expect(link.take().at(-1)).toBe("destroy")
    expect(connection.http2.ending.reason).toBe("too much")
    expect(bed.take()).toContain("closed")
    expect(link.said().at(-1)).toBe("GOAWAY 1 ENHANCE_YOUR_CALM")
  })
})
