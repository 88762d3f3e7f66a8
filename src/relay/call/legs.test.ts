import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions, message, settled } from "../../../test/support/call-bed.ts"
import { Column } from "../../cluster/traffic.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import { failure } from "../../record/failure.ts"
import { failureOf, type LegEnd, statusEndOf } from "./leg-end.ts"
import { endOfWait, longestWaitMs } from "./leg-wait.ts"

const HTTP = { contentType: "text/plain", method: "GET", ended: true }
const LOST = { origin: "connection" as const, reason: "gone" }
const OPEN = /^leg\d+ open 127\.0\.0\.1:(\d)/

/** The endpoints at which legs were opened, by their last digits. */
const opened = (lines: readonly string[]): string =>
  lines.flatMap((line) => OPEN.exec(line)?.[1] ?? []).join("")

describe("what the client is told of how a leg ended", () => {
  const status = (of: number, grpcStatus = -1): LegEnd => ({
    kind: "status",
    status: of,
    grpcStatus,
    pushbackMs: null,
  })

  test.each<[LegEnd, object]>([
    [status(400), { kind: "upstream_refused", message: "a: HTTP status 400" }],
    [status(503), { kind: "upstream_refused", message: "a: HTTP status 503" }],
    [status(200, 8), { kind: "upstream_refused", message: "a: grpc-status 8", grpcStatus: 8 }],
    [
      { kind: "handed_off", received: 3 },
      { kind: "upstream_lost", message: "a: handed the stream off" },
    ],
    [
      { kind: "failed_status", grpcStatus: 8 },
      { kind: "upstream_lost", message: "a: grpc-status 8" },
    ],
    [
      { kind: "not_connected", isTimeout: true, reason: "late" },
      { kind: "connect_timeout", message: "a: late", isUnsent: true },
    ],
    [
      { kind: "not_connected", isTimeout: false, reason: "refused" },
      { kind: "connect_failed", message: "a: refused", isUnsent: true },
    ],
    [
      { kind: "no_slot", reason: "full" },
      { kind: "pick_queue", message: "a: full", isUnsent: true },
    ],
    [
      { kind: "lost", isGoodbye: false, reason: "gone" },
      { kind: "upstream_lost", message: "a: gone" },
    ],
    [
      { kind: "malformed", isAnswered: false, isOverrun: false, reason: "bad" },
      { kind: "upstream_malformed", message: "a: bad" },
    ],
    [
      { kind: "unprocessed", isGoaway: true, code: ErrorCode.NO_ERROR, reason: "GOAWAY" },
      { kind: "upstream_refused", message: "a: GOAWAY (NO_ERROR)", isUnsent: true },
    ],
  ])("%j", (end, expected) => {
    expect(failureOf(end, "a")).toMatchObject(expected)
  })

  test("a head is one from 400 on, or of gRPC by its status", () => {
    const head = (of: number, grpcStatus?: string) => ({
      status: of,
      contentLength: -1,
      list: new HeaderList(grpcStatus === undefined ? [] : ["grpc-status", grpcStatus]),
    })
    expect(statusEndOf(head(400), false)).toEqual({
      kind: "status",
      status: 400,
      grpcStatus: -1,
      pushbackMs: null,
    })
    expect(statusEndOf(head(399), false)).toBe(null)
    expect(statusEndOf(head(200, "8"), false)).toBe(null)
    expect(statusEndOf(head(200, "8"), true)).toMatchObject({ status: 200, grpcStatus: 8 })
    expect(statusEndOf(head(200, "0"), true)).toBe(null)
    expect(statusEndOf(head(200), true)).toBe(null)
  })
})

describe("how long a leg waits for a place on a connection", () => {
  const limits = { pickQueueTimeoutMs: 500 } as never
  const pool = (ready: boolean[], cause: string | null = null) =>
    ({ connections: ready.map((isReady) => ({ isReady })), failureSince: () => cause }) as never

  test("as long as connecting may take, or as one may queue where a connection is there", () => {
    expect(longestWaitMs(pool([]), 2000, limits)).toBe(2000)
    expect(longestWaitMs(pool([false]), 2000, limits)).toBe(2000)
    expect(longestWaitMs(pool([false, true]), 2000, limits)).toBe(500)
    expect(longestWaitMs(pool([true]), 100, limits)).toBe(100)
  })

  test("and how it ends then", () => {
    expect(endOfWait(pool([false, true]), 0, 2000)).toEqual({
      kind: "no_slot",
      reason: "pickQueueTimeoutMs: no stream became free in time",
    })
    expect(endOfWait(pool([false]), 0, 2000)).toEqual({
      kind: "not_connected",
      isTimeout: true,
      reason: "no connection within 2000 ms",
    })
    expect(endOfWait(pool([], "refused"), 0, 2000)).toMatchObject({
      reason: "no connection within 2000 ms; the last connection tried: refused",
    })
  })
})

describe("a leg without a connection", () => {
  const waiting = async (limits: Record<string, number> = {}, options: CallBedOptions = {}) => {
    const bed = new CallBed({ endpoints: 1, limits, settings: { connectTimeoutMs: 2000 }, ...options })
    bed.isReachable = () => "later"
    const call = await bed.call()
    return { bed, call }
  }

  test("is given up after as long as connecting may take; the endpoint is to blame", async () => {
    const { bed } = await waiting()
    bed.clock.advance(1990)
    expect(bed.records).toEqual([])
    bed.clock.advance(30)
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
    expect(bed.records[0]!.grpcMessage).toContain("no connection within 2000 ms")
    expect(bed.counters.get("pick_queue_timeout")).toBe(0)
    expect(bed.context.deadlines.size).toBe(0)
    const [endpoint] = [...bed.cluster.endpoints]
    expect([endpoint!.connectionsFailed, endpoint!.streamsOpen]).toEqual([1, 0])
  })

  test("waits for a place where all are taken, and that is no fault of the endpoint's", async () => {
    const bed = new CallBed({
      endpoints: 1,
      limits: { pickQueueTimeoutMs: 500 },
      settings: { connectTimeoutMs: 2000 },
      cluster: { maxConnectionsPerEndpoint: 1 },
    })
    bed.capacity = 1
    await bed.call()
    const second = await bed.call()
    expect(second.call.waitsFor).toBe("connection")
    bed.clock.advance(600)
    await settled()
    const [record] = bed.records
    expect(record?.grpcMessage ?? "").toContain("pickQueueTimeoutMs: no stream became free in time")
    expect(bed.counters.get("pick_queue_timeout")).toBe(1)
    const [endpoint] = [...bed.cluster.endpoints]
    expect(endpoint!.connectionsFailed).toBe(0)
  })

  test("has the place of one that ends", async () => {
    const bed = new CallBed({ endpoints: 1, cluster: { maxConnectionsPerEndpoint: 1 } })
    bed.capacity = 1
    const first = await bed.call()
    await bed.call()
    expect(bed.legs).toHaveLength(1)
    first.leg.head(200)
    first.leg.trailers(["grpc-status", "0"])
    await settled()
    expect(bed.legs).toHaveLength(2)
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("is told by its record when it had one", async () => {
    const bed = new CallBed({ endpoints: 1 })
    bed.isReachable = () => "later"
    const call = await bed.call()
    bed.clock.advance(120)
    bed.connections[0]!.comesUp()
    const [attempt] = call.call.record.attempts
    expect(attempt!.connectedMs - attempt!.startMs).toBe(120)
    bed.clock.advance(30)
    call.leg.head(200)
    call.leg.data(message("a"))
    bed.clock.advance(50)
    call.leg.trailers(["grpc-status", "0"])
    expect(attempt).toMatchObject({
      address: "127.0.0.1:1",
      status: 200,
      octetsReceived: 6,
      headersMs: attempt!.connectedMs + 30,
      endMs: attempt!.connectedMs + 80,
    })
    expect(attempt!.responseTrailers!.get("grpc-status")).toBe("0")
  })
})

describe("a turn of the pacer", () => {
  const DRAINED = { what: failure("drained", "we go"), isWithdrawn: false, cause: "drain" as const }

  test("ends a call that cannot move, with the reason", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const leg = call.call.paced!
    leg.onTurn(DRAINED)
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
    // Over already.
    leg.onTurn(DRAINED)
    expect(bed.records).toHaveLength(1)
  })

  test("for a plan leaves one where it is, and is told so, be it over or not", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    let over = 0
    const plan = { ...DRAINED, cause: "rebalance" as const, move: { to: null, over: () => void over++ } }
    const leg = call.call.paced!
    leg.onTurn(plan)
    expect([over, bed.records.length, leg.canMove(0)]).toEqual([1, 0, false])
    call.cancels()
    leg.onTurn(plan)
    expect(over).toBe(2)
  })

  test("that is an end moves nothing, and asks no leg that is over", async () => {
    const bed = new CallBed({ continuity: { modes: ["restart"], restartWith: "none", keepOctets: 1000 } })
    const call = await bed.call()
    call.leg.head(200)
    bed.clock.advance(2000)
    const leg = call.call.paced!
    expect(leg.canMove(0)).toBe(true)
    leg.onTurn({ ...DRAINED, isEnd: true })
    expect(bed.legs).toHaveLength(1)
    expect(bed.records).toMatchObject([{ grpcMessage: "we go" }])
    expect(leg.canMove(0)).toBe(false)
  })

  test("of a leg that is over moves nothing either", async () => {
    const bed = new CallBed({ continuity: { modes: ["restart"], restartWith: "none", keepOctets: 1000 } })
    const call = await bed.call()
    call.leg.head(200)
    bed.clock.advance(2000)
    const leg = call.call.paced!
    call.leg.breaks(LOST)
    bed.clock.advance(60)
    await settled()
    call.leg.head(200)
    bed.take()
    leg.onTurn(DRAINED)
    expect([bed.take(), bed.records]).toEqual([[], []])
  })
})

describe("a leg as others see it", () => {
  test("says where it is, what is held for its call, and ends it where memory is short", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const leg = call.call.paced!
    expect(leg.endpointAddress).toBe("127.0.0.1:1")
    expect(leg.where).toBe("cluster c, endpoint 127.0.0.1:1")
    expect(leg.paceClient).toBe(call.call.record.connection)
    call.leg.head(200)
    call.client.room = 0
    call.leg.data(message("abc"))
    expect([leg.bufferedOctets, leg.octetsWaiting]).toEqual([8, 8])
    call.client.room = 0
    call.take(3)
    expect(leg.octetsWaiting).toBe(5)
    bed.take()
    leg.shed(failure("overload", "memory"))
    expect(bed.take()).toContain("client discard")
    expect(bed.records).toMatchObject([{ grpcStatus: 8 }])
  })
})

describe("another leg", () => {
  const retry = (...conditions: string[]) => ({
    retry: { conditions: conditions as never, tries: null, timeoutMs: null },
  })

  test("goes where none was yet, each once", async () => {
    const bed = new CallBed({ endpoints: 3, settings: retry("error", "non_idempotent") })
    const call = await bed.call()
    for (let tries = 0; tries < 3; tries++) {
      call.leg.breaks(LOST)
      bed.clock.advance(3000)
      await settled()
    }
    const places = opened(bed.take())
    expect(places).toHaveLength(3)
    for (const place of ["1", "2", "3"]) expect(places).toContain(place)
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
    const picks = [...bed.cluster.endpoints].map(({ traffic }) => [
      traffic[Column.picks],
      traffic[Column.retries],
    ])
    expect(picks.map(([all]) => all)).toEqual([1, 1, 1])
    expect(picks.reduce((sum, [, retries]) => sum + retries!, 0)).toBe(2)
  })

  test("has no credit for what the client takes of an earlier one's", async () => {
    const bed = new CallBed({ endpoints: 2, settings: retry("http_503", "non_idempotent") })
    const call = await bed.call(HTTP)
    call.leg.head(503)
    await settled()
    call.leg.head(200)
    call.client.room = 0
    call.leg.data("abc")
    bed.take()
    call.take(2)
    expect(bed.take()).toEqual(["leg1 credit 2"])
  })

  test("of a call whose method was changed goes by the new one", async () => {
    const bed = new CallBed({ endpoints: 2, settings: retry("error") })
    const call = await bed.call({ contentType: "text/plain", method: "POST", ended: true })
    call.leg.breaks(LOST)
    await settled()
    expect(bed.legs).toHaveLength(1)
  })

  test("that is the first of its call is no retry", async () => {
    const bed = new CallBed({ endpoints: 1 })
    await bed.call()
    const { traffic } = [...bed.cluster.endpoints][0]!
    expect([traffic[Column.picks], traffic[Column.retries]]).toEqual([1, 0])
  })
})
