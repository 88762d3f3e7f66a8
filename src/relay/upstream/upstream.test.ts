import { describe, expect, test } from "vitest"
import { CallBed } from "../../../test/support/call-bed.ts"
import { FakeLink } from "../../../test/support/fake-link.ts"
import {
  data,
  goaway,
  headers,
  okTrailers,
  ping,
  response,
  rstStream,
  settings,
  settingsAck,
} from "../../../test/support/frame-dsl.ts"
import { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool } from "../../cluster/pool.ts"
import { defaultCluster, defaultEndpoint } from "../../config/defaults.ts"
import type { ClusterConfig } from "../../config/model.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { LegConnection } from "./leg-connection.ts"
import type { UpstreamStreamOwner } from "./stream-owner.ts"
import { UpstreamConnection } from "./upstream.ts"

const HEAD = new HeaderList([":method", "POST", ":scheme", "http", ":path", "/s/m", ":authority", "a"])

interface BedOptions {
  cluster?: Partial<ClusterConfig>
  limits?: Record<string, number>
  isUp?: boolean
  /** False: the endpoint has sent no SETTINGS yet. */
  isReady?: boolean
}

/** Connections of one pool to an endpoint that is a script of frames. */
class Bed {
  readonly shared: CallBed
  readonly endpoint = new Endpoint(
    defaultEndpoint({ text: "127.0.0.1:1", host: "127.0.0.1", port: 1, unixPath: null }),
  )
  /** What the pool is told. */
  readonly told: string[] = []
  readonly pool = {
    connections: [] as UpstreamConnection[],
    waiting: 0,
    isSaturated: false,
    waitTimeoutMs: 0,
  }
  readonly closed: UpstreamConnection[] = []
  readonly #config: ClusterConfig

  constructor({ cluster = {}, limits = {} }: BedOptions = {}) {
    this.shared = new CallBed({ limits })
    this.#config = { ...defaultCluster("c"), ...cluster }
    const say = (line: string): void => void this.told.push(line)
    const nameOf = (one: UpstreamConnection): number => this.pool.connections.indexOf(one)
    Object.assign(this.pool, {
      release: (one: UpstreamConnection) => say(`release ${nameOf(one)}`),
      retired: (one: UpstreamConnection) => say(`retired ${nameOf(one)}`),
      changed: () => say("changed"),
      settingsReceived: (one: UpstreamConnection) => say(`settings ${nameOf(one)}`),
      proven: (one: UpstreamConnection) => say(`proven ${nameOf(one)}`),
      lost: (one: UpstreamConnection, why: string | null = null) => say(`lost ${nameOf(one)}: ${why}`),
      connectFailed: (one: UpstreamConnection, why: string, isLimit: boolean) =>
        say(`failed ${nameOf(one)}: ${why}${isLimit ? " (limit)" : ""}`),
    })
  }

  connect({ isUp = true, isReady = true }: BedOptions = {}): {
    link: FakeLink
    connection: UpstreamConnection
  } {
    const link = new FakeLink("client")
    link.isUp = isUp
    const connection = new UpstreamConnection({
      context: this.shared.context,
      endpoint: this.endpoint,
      pool: this.pool as unknown as Pool<LegConnection>,
      cluster: this.#config,
      dial: () => null as never,
      link: () => link.asLink,
      onClosed: (one) => this.closed.push(one),
    })
    this.pool.connections.push(connection)
    if (isReady) {
      link.send(settings(), settingsAck())
      this.tick(connection)
    }
    link.said()
    link.take()
    this.take()
    return { link, connection }
  }

  tick(connection: UpstreamConnection): void {
    connection.tick(this.shared.context.clock.now())
  }

  /** What the pool was told since it was asked last. */
  take(): string[] {
    return this.told.splice(0)
  }

  limit(counter: string): number {
    return this.shared.counters.get(counter as "ping_timeout")
  }

  advance(ms: number): void {
    this.shared.clock.advance(ms)
  }
}

/** The owner of a stream: what it is told, as lines. */
function owner(lines: string[] = [], more: Partial<UpstreamStreamOwner> = {}): UpstreamStreamOwner {
  return {
    onResponse: ({ status }, end) => lines.push(`response ${status}${end ? " END" : ""}`),
    onInformational: ({ status }) => lines.push(`informational ${status}`),
    onResponseData: (octets, start, end, isEnd) =>
      lines.push(`data ${octets.toString("latin1", start, end)}${isEnd ? " END" : ""}`),
    onResponseTrailers: (list) => lines.push(`trailers ${list.fields.join(" ")}`),
    onUpstreamReset: ({ code, origin, unprocessed, reason }) =>
      lines.push(`reset ${code} ${origin}${unprocessed ? " unprocessed" : ""} ${reason}`.trimEnd()),
    onUpstreamSent: (octets) => lines.push(`sent ${octets}`),
    ...more,
  } as UpstreamStreamOwner
}

/** A stream that has its head sent, and what its owner is told. */
function opened(connection: UpstreamConnection) {
  const lines: string[] = []
  connection.streamsOpen++
  const stream = connection.open(HEAD, false, false, owner(lines))
  return { lines, stream }
}

describe("what a stream is told of its endpoint", () => {
  test("everything that comes, in its order", () => {
    const { connection, link } = new Bed().connect()
    const { lines, stream } = opened(connection)
    link.send(headers(1, [[":status", "103"]]))
    expect(connection.hasServed).toBe(false)
    link.send(
      headers(1, response),
      data(1, "abc"),
      data(1, "de"),
      headers(1, okTrailers, { endStream: true }),
    )
    expect(connection.hasServed).toBe(true)
    stream.reset(ErrorCode.CANCEL)
    expect(lines).toEqual(["informational 103", "response 200", "data abcde", "trailers grpc-status 0"])
  })

  test("where an answer ends", () => {
    const { connection, link } = new Bed().connect()
    const [first, second] = [opened(connection), opened(connection)]
    link.send(headers(1, response, { endStream: true }))
    link.send(headers(3, response), data(3, "a", { endStream: true }))
    expect(first.lines).toEqual(["response 200 END"])
    expect(second.lines).toEqual(["response 200", "data a END"])
  })

  test("a reset, whose it is and why", () => {
    const { connection, link } = new Bed().connect()
    const { lines } = opened(connection)
    link.send(rstStream(1, ErrorCode.REFUSED_STREAM))
    expect(lines[0]).toMatch(/^reset 7 peer unprocessed/)
  })

  test("that octets which waited for credit are on their way", () => {
    const { connection, link } = new Bed().connect({ isReady: false })
    link.send(settings({ INITIAL_WINDOW_SIZE: 2 }), settingsAck())
    const { lines, stream } = opened(connection)
    expect(stream.sendData(Buffer.from("abc"), 0, 3, false)).toBe(2)
    link.send(settings({ INITIAL_WINDOW_SIZE: 9 }))
    expect(lines).toEqual(["sent 1"])
  })
})

describe("whether a connection takes a stream", () => {
  const isUsable = (change: (bed: Bed, one: ReturnType<Bed["connect"]>) => void): boolean => {
    const bed = new Bed({ limits: { unsentOctetsMax: 65_536 } })
    const one = bed.connect()
    expect(one.connection.isUsable).toBe(true)
    change(bed, one)
    return one.connection.isUsable
  }

  test.each<[string, boolean, (bed: Bed, one: ReturnType<Bed["connect"]>) => void]>([
    ["nothing has happened", true, () => {}],
    ["it was retired", false, (_, { connection }) => connection.retire()],
    [
      "it was retired while a stream goes on",
      false,
      (_, { connection }) => {
        opened(connection)
        connection.retire()
      },
    ],
    ["the endpoint has said GOAWAY", false, (_, { link }) => link.send(goaway(0))],
    ["its socket is gone", false, (_, { link }) => link.user!.receiveEnd("gone")],
  ])("%s: %s", (_, expected, change) => {
    expect(isUsable(change)).toBe(expected)
  })

  test("as long as less is unsent than twice the bound", () => {
    const { connection, link } = new Bed({ limits: { unsentOctetsMax: 65_536 } }).connect()
    connection.http2.output.unsentOctets = 2 * 65_536 - 1
    expect(connection.isUsable).toBe(true)
    connection.http2.output.unsentOctets++
    expect(connection.isUsable).toBe(false)
    connection.http2.output.unsentOctets = 0
    expect(link.take()).toEqual([])
  })

  test("as many as the cluster says, the endpoint says, or the limit does, whichever is least", () => {
    const capacity = (cluster: number | null, endpoint: number | undefined): number => {
      const bed = new Bed({ cluster: { maxStreamsPerConnection: cluster }, limits: { streamsMax: 50 } })
      const { connection, link } = bed.connect({ isReady: false })
      link.send(settings(endpoint === undefined ? {} : { MAX_CONCURRENT_STREAMS: endpoint }))
      return connection.capacity
    }
    expect(capacity(null, undefined)).toBe(50)
    expect(capacity(null, 20)).toBe(20)
    expect(capacity(10, 20)).toBe(10)
    expect(capacity(100, 80)).toBe(80)
    expect(capacity(60, undefined)).toBe(60)
  })

  test("it is ready once SETTINGS have come, and knows how large heads may be", () => {
    const bed = new Bed()
    const { connection, link } = bed.connect({ isReady: false })
    expect(connection.isReady).toBe(false)
    link.send(settings({ MAX_HEADER_LIST_SIZE: 9000 }))
    expect(bed.take()).toEqual(["settings 0"])
    expect(connection.isReady).toBe(true)
    expect(connection.headerListMax).toBe(9000)
  })

  test("it knows its cluster and its streams", () => {
    const { connection } = new Bed().connect()
    expect(connection.clusterName).toBe("c")
    const first = owner()
    connection.open(HEAD, false, false, first)
    const other = connection.open(HEAD, false, false, owner())
    expect(connection.pacedStreams).toHaveLength(2)
    other.owner = null
    expect(connection.pacedStreams).toEqual([first])
  })
})

describe("a lease that is given back", () => {
  test("is told to the pool", () => {
    const bed = new Bed()
    const { connection } = bed.connect()
    connection.release()
    expect(bed.take()).toEqual(["release 0"])
    expect(connection.isUsable).toBe(true)
  })

  test("retires the connection after as many requests as it may have", () => {
    const bed = new Bed({ cluster: { maxRequestsPerConnection: 2 } })
    const { connection, link } = bed.connect()
    const { stream } = opened(connection)
    connection.release()
    expect(bed.take()).toEqual(["release 0"])
    connection.release()
    connection.release()
    expect(bed.take()).toEqual(["retired 0", "release 0", "release 0"])
    expect(connection.isUsable).toBe(false)
    expect(connection.isLeaving).toBe(true)
    expect(link.said().at(-1)).toBe("GOAWAY 0 NO_ERROR")
    expect(bed.closed).toEqual([])
    stream.reset(ErrorCode.CANCEL)
    expect(bed.closed).toEqual([connection])
    expect(connection.http2.ending.reason).toBe("drained")
  })

  test("retires the connection once so many streams were reset, and says so once", () => {
    const bed = new Bed({ limits: { upstreamResetsMax: 2 } })
    const { connection } = bed.connect()
    const streams = [1, 2, 3, 4].map(() => opened(connection).stream)
    for (const stream of streams.slice(0, 3)) {
      stream.reset(ErrorCode.CANCEL)
      connection.release()
    }
    expect(bed.take()).toEqual(["release 0", "retired 0", "release 0", "release 0"])
    expect(bed.limit("upstream_resets_exceeded")).toBe(1)
    const message = "connection to endpoint is replaced: callers gave up many of its streams"
    expect(bed.shared.log.saying(message)).toEqual([
      { cluster: "c", endpoint: "127.0.0.1:1", upstreamResetsMax: 2 },
    ])
  })
})

test("a connection that is retired twice is told so once", () => {
  const bed = new Bed()
  const { connection, link } = bed.connect()
  opened(connection)
  connection.retire()
  connection.retire()
  expect(bed.take()).toEqual(["retired 0"])
  expect(link.said().filter((frame) => frame.startsWith("GOAWAY"))).toEqual(["GOAWAY 0 NO_ERROR"])
})

describe("a server that answers in HTTP/1.1", () => {
  const answer = "HTTP/1.1 400 Bad Request\r\n\r\n"

  test("is called that, by its first octets", () => {
    const bed = new Bed()
    const { link } = bed.connect({ isReady: false })
    link.send(answer)
    expect(bed.take()).toEqual(["failed 0: it answered in HTTP/1.1, not HTTP/2"])
  })

  test("is not told by what comes later", () => {
    const bed = new Bed()
    const { link } = bed.connect()
    link.send(answer)
    expect(bed.take()[0]).not.toContain("HTTP/1.1")
  })
})

describe("the pool of a connection", () => {
  test.each([
    ["no stream waits, and there is room", { waiting: 0, isSaturated: false }, []],
    ["one waits", { waiting: 1, isSaturated: false }, ["changed"]],
    ["all are full", { waiting: 0, isSaturated: true }, ["changed"]],
  ])("looks again when the kernel has taken what waited: %s", (_, state, told) => {
    const bed = new Bed()
    const { link } = bed.connect()
    Object.assign(bed.pool, state)
    link.user!.drained()
    expect(bed.take()).toEqual(told)
  })

  test("hears of a PING that was asked for, and answered", () => {
    const bed = new Bed()
    const { connection, link } = bed.connect()
    expect(connection.prove()).toBe(true)
    expect(link.said()).toEqual(["PING keepaliv"])
    link.send(ping("keepaliv", { ack: true }))
    expect(bed.take()).toEqual(["proven 0"])
    expect(connection.prove()).toBe(false)
  })
})

describe("output", () => {
  test("is written on the turn, and much of it at once", () => {
    const { connection, link } = new Bed().connect()
    opened(connection)
    expect(link.take()).toEqual(["schedule"])
    connection.onMuchOutput()
    expect(link.take()).toEqual(["flush now"])
  })

  test.each([
    ["frames that are answers", 10, "control_frames_queued"],
    ["fewer of them, but much else", 9, "unsent_octets_paused"],
  ])("that is not read stops reading, by the name of what is too much: %s", (_, frames, counter) => {
    const bed = new Bed({ limits: { controlFramesQueuedMax: 10 } })
    const { connection } = bed.connect()
    connection.http2.output.controlFrames = frames
    connection.onPaused()
    connection.onPaused()
    expect(bed.limit(counter)).toBe(2)
    expect(bed.shared.log.saying(`limit reached: ${counter}`)).toEqual([
      { cluster: "c", endpoint: "127.0.0.1:1" },
    ])
  })

  test("asks the link whether it is read", () => {
    const { connection, link } = new Bed({ limits: { controlFramesQueuedMax: 10 } }).connect()
    expect(connection.shouldPauseReading).toBe(false)
    connection.http2.output.controlFrames = 10
    expect(connection.shouldPauseReading).toBe(true)
    expect(connection.isReadingPaused).toBe(false)
    link.isPaused = true
    expect(connection.isReadingPaused).toBe(true)
  })

  test("that is held for all streams together and is too much ends the largest", () => {
    const bed = new Bed({ limits: { connectionBufferedOctetsMax: 262_144 } })
    const { connection } = bed.connect()
    const shed: string[] = []
    const ownerOf = (name: string) =>
      owner([], {
        record: { path: name, connection: { remoteAddress: "192.0.2.9", remotePort: 9 } } as never,
        endpointAddress: "127.0.0.1:1",
        shed: () => shed.push(name),
      })
    const small = connection.open(HEAD, false, false, ownerOf("small"))
    const large = connection.open(HEAD, false, false, ownerOf("large"))
    const octets = Buffer.alloc(300_000)
    small.sendData(octets, 0, 65_535 + 5000, false)
    large.sendData(octets, 0, octets.length, false)
    bed.advance(1000)
    expect(shed).toEqual(["large"])
    expect(bed.limit("connection_buffer_exceeded")).toBe(1)
    expect(bed.shared.log.saying("stream ended to free memory")).toMatchObject([{ path: "large" }])
  })

  test("that no stream holds and is too much ends the connection at once", () => {
    const bed = new Bed({ limits: { connectionBufferedOctetsMax: 262_144 } })
    const { connection, link } = bed.connect()
    opened(connection)
    const sender = connection.http2.sender as { queuedOctets: number; overflowOctets: number }
    Object.defineProperty(sender, "queuedOctets", { value: 300_000 })
    Object.defineProperty(sender, "overflowOctets", { value: 300_000 })
    connection.onQueueExceeded()
    link.take()
    bed.advance(1000)
    expect(link.take()).toContain("destroy")
    expect(bed.shared.log.saying("connection ended to free memory")).toMatchObject([
      { endpoint: "127.0.0.1:1", held: 300_000 },
    ])
    expect(bed.shared.log.saying("connection to endpoint failed")).toMatchObject([
      { code: "ENHANCE_YOUR_CALM" },
    ])
  })
})

describe("GOAWAY of an endpoint", () => {
  test.each<[string, number, string, { isLeaving: boolean; said: boolean; calmed: boolean }]>([
    ["that goes", ErrorCode.NO_ERROR, "", { isLeaving: true, said: false, calmed: false }],
    ["for a fault", ErrorCode.PROTOCOL_ERROR, "", { isLeaving: false, said: true, calmed: false }],
    [
      "for PINGs, which are ours",
      ErrorCode.ENHANCE_YOUR_CALM,
      "too_many_pings",
      { isLeaving: true, said: true, calmed: true },
    ],
    [
      "for something else that is too much",
      ErrorCode.ENHANCE_YOUR_CALM,
      "",
      { isLeaving: false, said: true, calmed: true },
    ],
    [
      "for a fault that it calls PINGs",
      ErrorCode.PROTOCOL_ERROR,
      "too_many_pings",
      { isLeaving: false, said: true, calmed: false },
    ],
  ])("%s", (_, code, debug, expected) => {
    const bed = new Bed()
    const { connection, link } = bed.connect()
    opened(connection)
    link.send(goaway(1, code, debug))
    expect(bed.take()).toEqual(["lost 0: null"])
    expect({
      isLeaving: connection.isLeaving,
      said: bed.shared.log.saying("GOAWAY from endpoint").length > 0,
      calmed: bed.limit("keepalive_calmed") === 1 && bed.endpoint.keepalive !== null,
    }).toEqual(expected)
  })

  test("for a fault, of a connection that was retired, is no failure still", () => {
    const bed = new Bed()
    const { connection, link } = bed.connect()
    opened(connection)
    connection.retire()
    link.send(goaway(1, ErrorCode.INTERNAL_ERROR, "x".repeat(200)))
    expect(connection.isLeaving).toBe(true)
    expect(bed.shared.log.saying("GOAWAY from endpoint")).toEqual([
      { cluster: "c", endpoint: "127.0.0.1:1", code: "INTERNAL_ERROR", debug: "x".repeat(100) },
    ])
  })
})

describe("a connection that comes up", () => {
  test("and has no socket in time is given up", () => {
    const bed = new Bed({ limits: { prefaceTimeoutMs: 5000 } })
    const { connection } = bed.connect({ isUp: false, isReady: false })
    bed.advance(5000)
    bed.tick(connection)
    expect(bed.take()).toEqual([])
    bed.advance(1)
    bed.tick(connection)
    expect(bed.take()).toEqual(["failed 0: no connection within 5000 ms"])
  })

  test("is waited for as long as a stream waits", () => {
    const bed = new Bed({ limits: { prefaceTimeoutMs: 5000 } })
    const { connection } = bed.connect({ isUp: false, isReady: false })
    bed.pool.waitTimeoutMs = 8000
    bed.advance(8000)
    bed.tick(connection)
    expect(bed.take()).toEqual([])
    bed.advance(1)
    bed.tick(connection)
    expect(bed.take()).toEqual(["failed 0: no connection within 8000 ms"])
  })

  test("has the time of a handshake from when its socket is there", () => {
    const bed = new Bed({ limits: { prefaceTimeoutMs: 5000 } })
    const { connection, link } = bed.connect({ isUp: false, isReady: false })
    bed.advance(4000)
    link.isUp = true
    bed.tick(connection)
    // From here on it is not asked whether it is up.
    link.isUp = false
    bed.advance(5000)
    bed.tick(connection)
    expect(bed.take()).toEqual([])
    bed.advance(1)
    bed.tick(connection)
    expect(bed.take()[0]).toMatch(/^failed 0: /)
  })

  test("and fails for want of a descriptor says so, and is no fault of the endpoint's", () => {
    const bed = new Bed()
    const { link } = bed.connect({ isUp: false, isReady: false })
    link.lacksDescriptor = true
    link.user!.receiveEnd("too many open files")
    expect(bed.take()[0]).toMatch(
      /^failed 0: too many open files: this process may have .+ \(ulimit -n\) \(limit\)$/,
    )
    expect(bed.limit("descriptors_exhausted")).toBe(1)
  })

  test("and was retired before is not failed but lost", () => {
    const bed = new Bed()
    const { connection } = bed.connect({ isUp: false, isReady: false })
    connection.retire()
    expect(bed.take()).toEqual(["retired 0", "lost 0: null"])
  })
})

describe("once a second", () => {
  test("an endpoint that is silent is asked, and is dead without an answer; so are its other connections", () => {
    const bed = new Bed({ cluster: { keepalive: { intervalMs: 30_000, timeoutMs: 20_000 } } })
    const first = bed.connect()
    const other = bed.connect()
    const early = bed.connect({ isReady: false })
    opened(first.connection)
    bed.advance(30_000)
    bed.tick(first.connection)
    expect(first.link.said().at(-1)).toBe("PING keepaliv")
    bed.advance(20_000)
    bed.tick(first.connection)
    expect(bed.take()).toEqual(["lost 0: no answer to PING within 20000 ms"])
    expect(other.link.said()).toEqual(["PING keepaliv"])
    expect(early.link.said()).toEqual([])
    expect(bed.limit("ping_hastened")).toBe(1)
    expect(bed.closed).toEqual([first.connection])
    bed.tick(first.connection)
    expect(bed.take()).toEqual([])
  })

  test("a connection that was without streams for so long is retired, but not before it is ready", () => {
    const bed = new Bed({ cluster: { idleTimeoutMs: 3000 } })
    const { connection } = bed.connect()
    const early = bed.connect({ isReady: false })
    bed.advance(3000)
    bed.tick(connection)
    expect(bed.take()).toEqual([])
    bed.advance(1)
    bed.tick(early.connection)
    expect(bed.take()).toEqual([])
    bed.tick(connection)
    expect(bed.take()).toEqual(["retired 0", "lost 0: null"])
  })

  test("one with a stream is not idle", () => {
    const bed = new Bed({ cluster: { idleTimeoutMs: 3000 } })
    const { connection } = bed.connect()
    opened(connection)
    bed.advance(5000)
    bed.tick(connection)
    expect(bed.take()).toEqual([])
  })

  test("SETTINGS that never come end it, unless nothing is read", () => {
    const bed = new Bed({ limits: { prefaceTimeoutMs: 5000 } })
    const { connection, link } = bed.connect({ isReady: false })
    bed.tick(connection)
    link.isPaused = true
    bed.advance(5001)
    bed.tick(connection)
    expect(bed.take()).toEqual([])
    link.isPaused = false
    bed.advance(5001)
    bed.tick(connection)
    expect(bed.take()[0]).toMatch(/^failed 0: /)
    expect(bed.closed).toEqual([connection])
  })
})

describe("the end of a connection", () => {
  test("with streams on it is a failure of the endpoint's", () => {
    const bed = new Bed()
    const { connection, link } = bed.connect()
    const { lines } = opened(connection)
    link.user!.receiveEnd("connection reset by peer")
    expect(bed.take()).toEqual(["lost 0: connection reset by peer"])
    expect(lines).toEqual([`reset ${ErrorCode.CONNECT_ERROR} connection connection reset by peer`])
    expect(bed.closed).toEqual([connection])
  })

  test("without any is none, nor that of one that goes", () => {
    const bed = new Bed()
    bed.connect().link.user!.receiveEnd("gone")
    expect(bed.take()).toEqual(["lost 0: null"])
    const going = bed.connect()
    opened(going.connection)
    going.link.send(goaway(1))
    going.link.user!.receiveEnd("gone")
    expect(bed.take()).toEqual(["lost 1: null", "lost 1: null"])
  })

  test("by our own order is none either", () => {
    const bed = new Bed()
    const { connection, link } = bed.connect()
    opened(connection)
    connection.abort("no longer wanted")
    expect(bed.take()).toEqual(["lost 0: null"])
    expect(link.said().at(-1)).toBe("GOAWAY 0 CANCEL")
    expect(connection.http2.ending.reason).toBe("no longer wanted")
    expect(bed.shared.log.lines).toEqual([])
  })

  test("lets the endpoint read what is left, for so long", () => {
    const bed = new Bed({ limits: { drainTimeoutMs: 4321 } })
    const { link } = bed.connect()
    link.user!.receiveEnd("gone")
    expect(link.take()).toEqual(["end"])
    expect(link.graceMs).toBe(4321)
    expect(bed.limit("drain_timeout")).toBe(0)
    link.onTimeout()
    expect(bed.limit("drain_timeout")).toBe(1)
  })

  test("for a fault of the endpoint's is in the log, any other is not", () => {
    const bed = new Bed()
    const { link } = bed.connect()
    link.send(data(0, "no stream"))
    expect(bed.shared.log.saying("connection to endpoint failed")).toMatchObject([
      { cluster: "c", endpoint: "127.0.0.1:1", code: "PROTOCOL_ERROR" },
    ])
    bed.connect().link.user!.receiveEnd("gone")
    expect(bed.shared.log.saying("connection to endpoint failed")).toHaveLength(1)
  })

  test("is the end of its being silent", () => {
    const bed = new Bed({ cluster: { keepalive: { intervalMs: 10_000, timeoutMs: 20_000 } } })
    const { connection, link } = bed.connect()
    opened(connection)
    bed.advance(10_000)
    bed.tick(connection)
    bed.advance(2000)
    bed.tick(connection)
    expect(bed.endpoint.silentConnections).toBe(1)
    link.user!.receiveEnd("gone")
    expect(bed.endpoint.silentConnections).toBe(0)
  })

  test("what an answer shows: the endpoint is not silent", () => {
    const bed = new Bed({ limits: { hastenedPingAfterMs: 1000 } })
    const { connection, link } = bed.connect()
    opened(connection)
    bed.tick(connection)
    bed.advance(1000)
    bed.tick(connection)
    expect(link.said().at(-1)).toBe("PING keepaliv")
    link.send(headers(1, response))
    opened(connection)
    bed.tick(connection)
    bed.advance(10_000)
    bed.tick(connection)
    expect(link.said().filter((frame) => frame.startsWith("PING"))).toEqual(["PING keepaliv"])
  })
})
