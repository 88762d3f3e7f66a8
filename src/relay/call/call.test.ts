import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions, message, settled } from "../../../test/support/call-bed.ts"
import { Column } from "../../cluster/traffic.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"

const OK = ["grpc-status", "0"]
const UNPROCESSED = { unprocessed: true, code: ErrorCode.REFUSED_STREAM, reason: "RST_STREAM" }

describe("a call from head to report", () => {
  test("goes up, comes down, and gives its place back", async () => {
    const bed = new CallBed()
    const call = await bed.call({ fields: ["x-a", "1"] })
    call.data(message("hello"), true)
    call.leg.localEnded = true
    call.leg.head(200, ["x-b", "2"])
    call.leg.data(message("world"))
    call.leg.trailers(OK)
    expect(bed.take()).toEqual([
      "leg0 open 127.0.0.1:1 /s/m, x-a: 1",
      "leg0 data |hello END",
      "client credit 10",
      "client headers 200, x-b: 2",
      "client data |world",
      "leg0 credit 10",
      "client headers grpc-status: 0 END",
      "release 127.0.0.1:1",
    ])
    const [record] = bed.records
    expect(record).toMatchObject({
      requestOctets: 10,
      responseOctets: 10,
      requestMessages: 1,
      responseMessages: 1,
    })
    expect(record).toMatchObject({
      status: 200,
      grpcStatus: 0,
      attempts: [{ octetsSent: 10, octetsReceived: 10, status: 200 }],
    })
    expect(bed.context.admission.streamsOpen).toBe(0)
  })

  test("times are whole milliseconds", async () => {
    const bed = new CallBed()
    bed.clock.advance(10.6)
    const call = await bed.call()
    bed.clock.advance(5)
    call.leg.head(200)
    bed.clock.advance(5)
    call.leg.trailers(OK)
    const [record] = bed.records
    expect(record).toMatchObject({
      startMs: 1010,
      endMs: 1020,
      attempts: [{ startMs: 1010, connectedMs: 1010, headersMs: 1015, endMs: 1020 }],
    })
  })

  test("traffic is counted at its endpoint", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.data(message("hello"))
    call.leg.head(200)
    call.leg.data(Buffer.concat([message("a"), message("b")]))
    call.leg.trailers(["grpc-status", "5"])
    const { traffic } = [...bed.cluster.endpoints][0]!
    const counted = [
      "picks",
      "retries",
      "requestMessages",
      "responseMessages",
      "requestOctets",
      "responseOctets",
    ] as const
    expect(counted.map((name) => traffic[Column[name]])).toEqual([1, 0, 1, 2, 10, 12])
    expect([traffic[Column.ended + 5], traffic[Column.legEnds]]).toEqual([1, 1])
  })

  test("messages are counted across pieces", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    for (const octet of message("ab")) call.data(Buffer.from([octet]))
    call.data(message("c"))
    call.leg.head(200)
    for (const octet of message("de")) call.leg.data(Buffer.from([octet]))
    call.leg.data(message("f"))
    expect(call.call.record).toMatchObject({ requestMessages: 2, responseMessages: 2 })
    const { traffic } = [...bed.cluster.endpoints][0]!
    expect([traffic[Column.requestMessages], traffic[Column.responseMessages]]).toEqual([2, 2])
  })

  test("of plain HTTP no messages are counted, and its request may outlast its answer", async () => {
    const bed = new CallBed()
    const call = await bed.call({ contentType: "text/plain" })
    call.data(message("a"))
    call.leg.head(200)
    call.leg.data(message("b"), true)
    expect(bed.records).toEqual([])
    call.data("more", true)
    expect(bed.records).toMatchObject([{ requestMessages: 0, responseMessages: 0, requestOctets: 10 }])
    expect(bed.take().slice(-3)).toEqual(["leg0 data more END", "client credit 4", "release 127.0.0.1:1"])
  })

  test("what its client has not taken is not credited", async () => {
    const bed = new CallBed()
    const call = await bed.call({ ended: true })
    call.client.room = 4
    call.leg.localEnded = true
    call.leg.head(200)
    call.leg.data(message("world"))
    call.leg.trailers(OK)
    expect(bed.records).toEqual([])
    call.take(2)
    call.take()
    expect(bed.take()).toEqual([
      "leg0 open 127.0.0.1:1 /s/m END",
      "client headers 200",
      "client data |world",
      "leg0 credit 4",
      "client headers grpc-status: 0 END",
      "release 127.0.0.1:1",
      "leg0 credit 2",
      "leg0 credit 4",
    ])
    expect(bed.records).toHaveLength(1)
  })

  test("credit for what its client takes later goes to the leg while that is open", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.client.room = 0
    call.leg.head(200)
    call.leg.data("12345")
    bed.take()
    call.take(3)
    call.take(2)
    expect(bed.take()).toEqual(["leg0 credit 3", "leg0 credit 2"])
  })

  test("octets that come before a leg is there wait for it", async () => {
    const bed = new CallBed()
    const call = bed.begin()
    call.data("abc")
    expect([call.call.waitsFor, call.call.bufferedOctets]).toEqual(["connection", 3])
    call.data("de", true)
    expect(bed.take()).toEqual([])
    await settled()
    expect(bed.take()).toEqual([
      "leg0 open 127.0.0.1:1 /s/m",
      "leg0 data abcde",
      "client credit 5",
      "leg0 data  END",
    ])
    expect([call.call.waitsFor, call.call.bufferedOctets]).toEqual([null, 5])
  })

  test("what a leg has not taken is no credit for the client", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.leg.room = 2
    call.data("abcde")
    expect(bed.take().slice(1)).toEqual(["leg0 data abcde", "client credit 2"])
    expect([call.call.waitsFor, call.call.bufferedOctets]).toEqual(["endpoint", 3])
    call.client.queuedOctets = 1
    expect(call.call.waitsFor).toBe("client")
    call.client.queuedOctets = 0
    call.leg.take()
    expect(bed.take()).toEqual(["client credit 3"])
    expect(call.call.waitsFor).toBe(null)
  })

  test("trailers of the client go up without what has no business there", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.trailers(["x-t", "1", "content-length", "5"])
    expect(bed.take().at(-1)).toBe("leg0 headers x-t: 1 END")
    const early = bed.begin()
    early.trailers(["x-t", "2"])
    await settled()
    expect(bed.take()).toEqual(["leg1 open 127.0.0.1:2 /s/m", "leg1 headers x-t: 2 END"])
  })

  test("interim heads pass, unless the client does not take lists of their size", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const list = new HeaderList([":status", "103", "link", "x"])
    call.leg.owner.onInformational({ list, status: 103, contentLength: -1 })
    call.client.headerListMax = list.octets - 1
    call.leg.owner.onInformational({ list, status: 103, contentLength: -1 })
    call.client.headerListMax = list.octets
    call.leg.owner.onInformational({ list, status: 103, contentLength: -1 })
    expect(bed.take().slice(1)).toEqual(["client headers 103, link: x", "client headers 103, link: x"])
  })

  test("HEAD is told to the leg", async () => {
    const bed = new CallBed()
    await bed.call({ method: "HEAD", contentType: "text/plain", ended: true })
    expect(bed.take()).toEqual(["leg0 open 127.0.0.1:1 /s/m HEAD END"])
  })
})

describe("an answer that is complete before the request", () => {
  test("of gRPC ends the call on both sides", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.leg.head(200)
    call.leg.trailers(OK)
    expect(bed.take().slice(2)).toEqual([
      "client headers grpc-status: 0 END",
      "leg0 end early",
      "release 127.0.0.1:1",
      "client reset NO_ERROR",
    ])
    expect(bed.records).toHaveLength(1)
  })

  test("the client's side ends once it has taken everything", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.client.room = 0
    call.leg.head(200)
    call.leg.data("abc")
    call.leg.trailers(OK)
    expect(bed.take().slice(-2)).toEqual(["leg0 end early", "release 127.0.0.1:1"])
    call.data("late")
    expect(bed.take()).toEqual(["client credit 4"])
    call.take(2)
    expect([bed.take(), bed.records.length]).toEqual([["leg0 credit 2"], 0])
    call.take(1)
    expect([bed.take(), bed.records.length]).toEqual([["leg0 credit 1", "client reset NO_ERROR"], 1])
  })

  test("a request that says its length is reset, not ended", async () => {
    const bed = new CallBed()
    const call = await bed.call({ fields: ["content-length", "100"] })
    call.leg.head(200)
    call.leg.trailers(OK)
    expect(bed.take().slice(3, 5)).toEqual(["leg0 reset NO_ERROR", "release 127.0.0.1:1"])
  })

  test("what comes of the request afterwards is credited and forgotten", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.client.isClosed = false
    call.leg.head(200, OK, true)
    bed.take()
    call.data("abc", true)
    expect(bed.take()).toEqual(["client credit 3"])
  })
})

describe("a client that gives up", () => {
  test.each([
    [{ code: ErrorCode.CANCEL, origin: "peer" as const }, "leg0 reset CANCEL"],
    [{ code: ErrorCode.INTERNAL_ERROR, origin: "peer" as const }, "leg0 reset INTERNAL_ERROR"],
  ])("%j: %s", async (end, expected) => {
    const bed = new CallBed()
    const call = await bed.call()
    call.cancels(end)
    expect(bed.take().slice(1)).toEqual([expected, "release 127.0.0.1:1"])
    expect(bed.records).toMatchObject([{ status: 499, grpcStatus: -1 }])
  })

  test("after the head keeps its status", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.leg.head(200)
    call.cancels()
    expect(bed.records).toMatchObject([{ status: 200 }])
  })

  test("before there is a leg leaves none behind", async () => {
    const bed = new CallBed()
    const call = bed.begin()
    call.cancels()
    await settled()
    expect(bed.take()).toEqual([])
    expect(bed.records).toHaveLength(1)
    call.cancels()
    expect(bed.records).toHaveLength(1)
    expect(bed.context.deadlines.size).toBe(0)
  })
})

describe("a leg that ends early", () => {
  const failing = async (end: object, options: CallBedOptions = {}, before?: (bed: CallBed) => void) => {
    const bed = new CallBed(options)
    const call = await bed.call()
    call.data(message("a"))
    before?.(bed)
    bed.take()
    call.leg.breaks(end)
    await settled()
    return { bed, call, lines: bed.take() }
  }

  test("unprocessed: another endpoint is sent all of it", async () => {
    const { bed, call, lines } = await failing(UNPROCESSED)
    expect(lines).toEqual(["release 127.0.0.1:1", "leg1 open 127.0.0.1:2 /s/m", "leg1 data |a"])
    call.leg.head(200, OK, true)
    expect(bed.records).toMatchObject([
      { grpcStatus: 0, attempts: [{ address: "127.0.0.1:1" }, { address: "127.0.0.1:2" }] },
    ])
    const endpoints = [...bed.cluster.endpoints]
    expect(endpoints.map(({ traffic }) => [traffic[Column.picks], traffic[Column.retries]])).toEqual([
      [1, 0],
      [1, 1],
    ])
  })

  test("a late word of it is not heard", async () => {
    const { bed, call } = await failing(UNPROCESSED)
    const [first] = bed.legs
    first!.head(500)
    first!.data("x")
    first!.trailers(OK)
    first!.take(1)
    first!.owner.onInformational({ list: new HeaderList([":status", "103"]), status: 103, contentLength: -1 })
    first!.owner.onUpstreamReset({ code: 2, origin: "peer", unprocessed: false, reason: "" })
    expect(bed.take()).toEqual([])
    expect(call.call.record.status).toBe(0)
  })

  test("and none is left: the client is told why", async () => {
    const { bed, lines } = await failing(UNPROCESSED, { endpoints: 1 })
    expect(lines.slice(0, 2)).toEqual([
      "release 127.0.0.1:1",
      "client headers 200, grpc-status: 14, grpc-message: cluster c, endpoint 127.0.0.1:1: RST_STREAM (REFUSED_STREAM) END",
    ])
    expect(lines[2]).toBe("client reset NO_ERROR")
    expect(bed.records).toMatchObject([{ status: 200, grpcStatus: 14 }])
  })

  test("reset after its head: the code goes on", async () => {
    const { bed, lines } = await failing({ code: ErrorCode.ENHANCE_YOUR_CALM }, {}, (one) =>
      one.legs[0]!.head(200),
    )
    expect(lines).toEqual(["release 127.0.0.1:1", "client reset ENHANCE_YOUR_CALM"])
    expect(bed.records).toMatchObject([{ status: 200, grpcStatus: -1 }])
  })

  test("reset before its head: so does the code, and HTTP's status is 502", async () => {
    const { bed, lines } = await failing({ code: ErrorCode.ENHANCE_YOUR_CALM }, { endpoints: 1 })
    expect(lines).toEqual(["release 127.0.0.1:1", "client reset ENHANCE_YOUR_CALM"])
    expect(bed.records).toMatchObject([{ status: 502 }])
  })

  test("lost with its connection, after its head: a gRPC client is told in trailers", async () => {
    const { lines } = await failing({ origin: "connection", reason: "ECONNRESET" }, {}, (one) =>
      one.legs[0]!.head(200),
    )
    expect(lines).toEqual([
      "release 127.0.0.1:1",
      "client headers grpc-status: 14, grpc-message: cluster c, endpoint 127.0.0.1:1: ECONNRESET END",
      "client reset NO_ERROR",
    ])
  })

  test("after its end takes nothing from the answer", async () => {
    const bed = new CallBed()
    const call = await bed.call({ contentType: "text/plain" })
    call.leg.head(200)
    call.leg.data("abc", true)
    bed.take()
    call.leg.breaks({ code: ErrorCode.NO_ERROR })
    expect(bed.take()).toEqual(["release 127.0.0.1:1", "client reset NO_ERROR"])
    expect(bed.records).toMatchObject([{ status: 200 }])
  })

  test("at the call's own deadline is the deadline", async () => {
    const bed = new CallBed()
    const call = await bed.call({ fields: ["grpc-timeout", "100m"] })
    bed.clock.advance(100)
    call.leg.breaks({ code: ErrorCode.CANCEL })
    expect(bed.records).toMatchObject([{ grpcStatus: 4 }])
    const soon = await bed.call({ fields: ["grpc-timeout", "100m"] })
    bed.take()
    soon.leg.breaks({ code: ErrorCode.CANCEL })
    expect(bed.take()).toEqual(["release 127.0.0.1:2", "client reset CANCEL"])
  })

  test("a status for which another endpoint is asked", async () => {
    const bed = new CallBed({
      settings: { retry: { conditions: ["http_503"], tries: null, timeoutMs: null } },
    })
    const call = await bed.call({ method: "GET", contentType: "text/plain", ended: true })
    call.leg.head(503)
    await settled()
    call.leg.head(503)
    expect(bed.take()).toEqual([
      "leg0 open 127.0.0.1:1 /s/m END",
      "leg0 reset CANCEL",
      "release 127.0.0.1:1",
      "leg1 open 127.0.0.1:2 /s/m END",
      "client headers 503",
    ])
  })
})

describe("no place on a connection", () => {
  test("an endpoint that cannot be reached: the next is asked", async () => {
    const bed = new CallBed()
    bed.isReachable = (address) => address.endsWith(":2")
    const call = await bed.call()
    expect(bed.take()).toEqual(["leg0 open 127.0.0.1:2 /s/m"])
    call.leg.head(200, OK, true)
    expect(bed.records).toMatchObject([{ attempts: [{ status: 502, connectedMs: 0 }, { status: 200 }] }])
  })

  test("none that can be: the client is told the last one's reason", async () => {
    const bed = new CallBed()
    bed.isReachable = () => false
    await bed.call({ ended: true })
    expect(bed.take()).toEqual([
      "client headers 200, grpc-status: 14, grpc-message: cluster c, endpoint 127.0.0.1:2: ECONNREFUSED END",
    ])
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("one that does not answer in time: the next is asked, and then the client is told", async () => {
    const bed = new CallBed({ settings: { connectTimeoutMs: 1000 } })
    bed.isReachable = () => "later"
    await bed.call({ ended: true })
    bed.clock.advance(1010)
    await settled()
    expect(bed.take()).toEqual([])
    bed.clock.advance(1010)
    await settled()
    expect(bed.take()).toEqual([
      "client headers 200, grpc-status: 14, grpc-message: cluster c, endpoint 127.0.0.1:2: no connection within 1000 ms END",
    ])
    expect(bed.records).toMatchObject([{ attempts: [{ status: 504 }, { status: 504 }] }])
  })

  test("all connections full: a stream waits for one that ends, so long as it may", async () => {
    const bed = new CallBed({
      endpoints: 1,
      limits: { pickQueueTimeoutMs: 500 },
      cluster: { maxConnectionsPerEndpoint: 1 },
    })
    bed.capacity = 1
    const first = await bed.call()
    await bed.call({ ended: true })
    expect(bed.take()).toEqual(["leg0 open 127.0.0.1:1 /s/m"])
    first.leg.head(200, OK, true)
    await settled()
    expect(bed.take()).toContain("leg1 open 127.0.0.1:1 /s/m END")
    await bed.call({ ended: true })
    bed.clock.advance(510)
    expect(bed.take()).toEqual([
      "client headers 200, grpc-status: 14, grpc-message: cluster c, endpoint 127.0.0.1:1: pickQueueTimeoutMs: no stream became free in time END",
    ])
    expect(bed.counters.get("pick_queue_timeout")).toBe(1)
  })

  test("too many wait: the client is told so at once", async () => {
    const bed = new CallBed({ endpoints: 1, limits: { pickQueueMax: 1 } })
    bed.isReachable = () => "later"
    await bed.call({ ended: true })
    await bed.call({ ended: true })
    expect(bed.take()).toEqual([
      "client headers 200, grpc-status: 14, grpc-message: cluster c, endpoint 127.0.0.1:1: pickQueueMax: 1 streams are waiting already END",
    ])
  })

  test("a cluster without endpoints", async () => {
    const bed = new CallBed({ endpoints: 0 })
    await bed.call({ ended: true })
    expect(bed.take()).toEqual([
      "client headers 200, grpc-status: 14, grpc-message: cluster c: no endpoint is available END",
    ])
    expect(bed.records).toMatchObject([{ attempts: [] }])
  })
})

describe("header lists", () => {
  test("that an endpoint does not take end the call, not its connection", async () => {
    const bed = new CallBed()
    await bed.call()
    bed.connections[0]!.headerListMax = 10
    bed.take()
    await bed.call({ ended: true })
    await bed.call({ ended: true })
    expect(bed.take().filter((line) => line.includes("header lists"))).toEqual([
      expect.stringMatching(
        /grpc-status: 8, grpc-message: cluster c, endpoint 127\.0\.0\.1:1: takes header lists of 10 octets, this one has \d+ END$/,
      ),
    ])
  })

  test("trailers of a client's, too", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    bed.connections[0]!.headerListMax = 10
    call.trailers(["x-long", "y".repeat(100)])
    expect(bed.records).toMatchObject([{ grpcStatus: 8 }])
  })
})

describe("timeouts", () => {
  const silent = (settings: CallBedOptions["settings"], options: CallBedOptions = {}) =>
    new CallBed({
      ...options,
      settings: { readTimeoutMs: null, sendTimeoutMs: null, bodyTimeoutMs: null, ...settings },
    })

  test("an endpoint that is silent: the next one is asked as long as no answer has begun", async () => {
    const bed = silent({
      readTimeoutMs: 1000,
      retry: { conditions: ["timeout"], tries: null, timeoutMs: null },
    })
    const call = await bed.call({ method: "GET", contentType: "text/plain", ended: true })
    bed.clock.advance(990)
    expect(bed.take()).toHaveLength(1)
    bed.clock.advance(30)
    await settled()
    expect(bed.take()).toEqual(["leg0 reset CANCEL", "release 127.0.0.1:1", "leg1 open 127.0.0.1:2 /s/m END"])
    call.leg.head(200)
    bed.clock.advance(1020)
    expect(bed.take()).toEqual([
      "client headers 200",
      "leg1 reset CANCEL",
      "release 127.0.0.1:2",
      "client reset INTERNAL_ERROR",
    ])
    expect(bed.records).toMatchObject([{ attempts: [{ status: 504 }, { status: 200 }] }])
  })

  test("each octet of it begins the time anew", async () => {
    const bed = silent({ readTimeoutMs: 1000 })
    const call = await bed.call({ ended: true })
    for (const come of [() => call.leg.head(200), () => call.leg.data("a"), () => call.leg.data("b")]) {
      bed.clock.advance(900)
      come()
    }
    bed.clock.advance(990)
    expect(bed.records).toEqual([])
    bed.clock.advance(30)
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
  })

  test("the call's own deadline", async () => {
    const bed = silent({})
    const call = await bed.call({ fields: ["grpc-timeout", "500m"] })
    bed.clock.advance(495)
    expect(bed.records).toEqual([])
    bed.clock.advance(20)
    expect(bed.records).toMatchObject([{ grpcStatus: 4 }])
    expect(call.client.isClosed).toBe(true)
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("a client that sends nothing of its body", async () => {
    const bed = silent({ bodyTimeoutMs: 1000 })
    const call = await bed.call()
    bed.clock.advance(900)
    call.data("a")
    bed.clock.advance(990)
    expect(bed.records).toEqual([])
    bed.clock.advance(30)
    expect(bed.records).toMatchObject([{ grpcStatus: 1 }])
  })
})

describe("a body that is too large", () => {
  test("ends the call at the octet past it", async () => {
    const bed = new CallBed({ settings: { maxBodyOctets: 10 } })
    const call = await bed.call()
    call.data("0123456789")
    expect(bed.records).toEqual([])
    call.data("x")
    expect(bed.records).toMatchObject([{ grpcStatus: 8, requestOctets: 11 }])
    expect(bed.take().slice(3)).toEqual([
      "client charge",
      "leg0 reset CANCEL",
      "release 127.0.0.1:1",
      "client headers 200, grpc-status: 8, grpc-message: the request is larger than client_max_body_size (10 octets) END",
      "client reset NO_ERROR",
    ])
  })
})

describe("endings of Sluice's own", () => {
  test("the client is told, and the leg let go", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.fail(failure("drained", "we go"))
    expect(bed.take().slice(1)).toEqual([
      "leg0 reset CANCEL",
      "release 127.0.0.1:1",
      "client headers 200, grpc-status: 14, grpc-message: we go END",
      "client reset NO_ERROR",
    ])
    call.fail(failure("drained", "again"))
    expect(bed.take()).toEqual([])
    expect(bed.records).toHaveLength(1)
  })

  test("what no honest client sends is charged", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.fail(failure("bad_request", "no"))
    expect(bed.take()).toContain("client charge")
    const other = await bed.call()
    other.fail(failure("drained", "no"))
    expect(bed.take()).not.toContain("client charge")
  })

  test("shed: what waits for the client goes at once", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.client.room = 0
    call.leg.head(200)
    call.leg.data("abc")
    bed.take()
    call.call.shed(failure("overload", "too much"))
    expect(bed.take()).toEqual([
      "client discard",
      "leg0 reset CANCEL",
      "release 127.0.0.1:1",
      "client headers grpc-status: 8, grpc-message: too much END",
      "client reset NO_ERROR",
    ])
  })

  test("shed when it is over, with what its client has not taken", async () => {
    const bed = new CallBed()
    const call = await bed.call({ ended: true })
    call.client.room = 0
    call.leg.localEnded = true
    call.leg.head(200)
    call.leg.data("abc")
    call.fail(failure("drained", "x"))
    bed.take()
    call.call.shed(failure("overload", "too much"))
    expect(bed.take()).toEqual(["client discard", "client reset ENHANCE_YOUR_CALM"])
  })

  test("a turn of the pacer", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const leg = call.call.paced!
    expect([leg.address, call.call.endpointAddress]).toEqual(["127.0.0.1:1", "127.0.0.1:1"])
    expect(leg.paceClient).toBe(call.call.record.connection)
    expect(leg.paceEndpoint).toBe(leg.endpoint)
    leg.onTurn({ what: failure("drained", "moved on"), isWithdrawn: false, cause: "drain" as const })
    expect(bed.records).toMatchObject([{ grpcMessage: "moved on" }])
    expect(call.call.paced).toBe(null)
    leg.onTurn({ what: failure("drained", "again"), isWithdrawn: false, cause: "drain" as const })
    expect(bed.records).toHaveLength(1)
  })

  test("an endpoint that goes on past its window: what waits is thrown away", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.leg.head(200)
    bed.take()
    call.leg.breaks({ origin: "local", code: ErrorCode.FLOW_CONTROL_ERROR, reason: "past the window" })
    expect(bed.take()[1]).toMatch(/client (discard|headers|reset)/)
  })
})

describe("who the fault counts against", () => {
  const told = async (act: (bed: CallBed, call: Awaited<ReturnType<CallBed["call"]>>) => void) => {
    const bed = new CallBed({ cluster: {} })
    const call = await bed.call()
    act(bed, call)
    const [endpoint] = [...bed.cluster.endpoints]
    return [endpoint!.streamsAnswered, endpoint!.streamsFailed, endpoint!.connectionsFailed]
  }
  test.each<[string, (bed: CallBed, call: Awaited<ReturnType<CallBed["call"]>>) => void, number[]]>([
    ["an answer", (_, call) => call.leg.head(200), [1, 0, 0]],
    ["a reset", (_, call) => call.leg.breaks({ code: 2 }), [0, 1, 0]],
    ["a client that gives up", (_, call) => call.cancels(), [0, 0, 0]],
    [
      "a lost connection, which its pool counts",
      (_, call) => call.leg.breaks({ origin: "connection", reason: "x" }),
      [0, 0, 0],
    ],
  ])("%s", async (_, act, counted) => expect(await told(act)).toEqual(counted))

  test("a young call that is rejected is charged to its client", async () => {
    const bed = new CallBed({ settings: { maxBodyOctets: 1 } })
    const young = await bed.call()
    bed.clock.advance(999)
    young.data("abc")
    expect(bed.take()).toContain("client charge")
    const old = await bed.call()
    bed.clock.advance(1000)
    old.data("abc")
    expect(bed.take()).not.toContain("client charge")
    const waiting = new CallBed({ settings: { maxBodyOctets: 1 } })
    waiting.begin().data("abc")
    expect(waiting.take()).not.toContain("client charge")
  })
})
