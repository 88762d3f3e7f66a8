import { describe, expect, test } from "vitest"
import { CallBed, type CallOfBed, message, settled } from "../../../test/support/call-bed.ts"
import { Column } from "../../cluster/traffic.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { failure } from "../../record/failure.ts"
import { legEndKinds } from "./leg-end.ts"

const OK = ["grpc-status", "0"]

describe("what a leg holds", () => {
  test("is given back once, however it ends", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    const [endpoint] = [...bed.cluster.endpoints]
    expect(bed.connections[0]!.streamsOpen).toBe(1)
    const leg = call.call.paced!
    bed.context.pacer.add(leg, { what: failure("drained", "x"), isWithdrawn: false, cause: "drain" }, 60_000)
    expect([bed.context.pacer.size, endpoint!.streamsOpen]).toEqual([1, 1])
    call.cancels()
    expect([bed.context.pacer.size, endpoint!.streamsOpen, bed.connections[0]!.streamsOpen]).toEqual([
      0, 0, 0,
    ])
    leg.end({ kind: "ended" })
    expect(bed.take().filter((line) => line.startsWith("release"))).toHaveLength(1)
    expect(endpoint!.streamsOpen).toBe(0)
  })

  test("its place in a queue, too", async () => {
    const bed = new CallBed({ endpoints: 1 })
    bed.isReachable = () => "later"
    const call = bed.begin()
    expect(bed.context.deadlines.size).toBe(1)
    call.cancels()
    expect(bed.context.deadlines.size).toBe(0)
    bed.connections[0]!.isReady = true
    await settled()
    expect(bed.take()).toEqual([])
  })

  test("how it ended is counted at its endpoint", async () => {
    const bed = new CallBed()
    const ends: [string, (call: CallOfBed) => void][] = [
      ["complete", (call) => call.leg.head(200, OK, true)],
      ["cancelled", (call) => call.cancels()],
      ["ended", (call) => call.fail(failure("drained", "x"))],
      ["rejected", (call) => call.fail(failure("bad_request", "x"))],
    ]
    for (const [, end] of ends) end(await bed.call())
    const rows = [...bed.cluster.endpoints].map(({ traffic }) => traffic)
    for (const [kind] of ends) {
      const column = Column.legEnds + legEndKinds.indexOf(kind as never)
      expect([kind, rows.reduce((sum, row) => sum + row[column]!, 0)]).toEqual([kind, 1])
    }
  })
})

describe("what a call may cost its client", () => {
  const DEADLINE = { fields: ["grpc-timeout", "500m"] }
  const owed = async (end: (call: CallOfBed, bed: CallBed) => void): Promise<number> => {
    const bed = new CallBed()
    const call = await bed.call(DEADLINE)
    end(call, bed)
    return call.call.record.connection.cutCalls
  }
  test.each<[string, (call: CallOfBed, bed: CallBed) => void, number]>([
    ["an answered call pays for one more", (call) => call.leg.head(200, OK, true), -1],
    ["one that its own deadline cuts is charged", (_, bed) => bed.clock.advance(520), 1],
    ["one that its client resets is charged", (call) => call.cancels(), 1],
    ["one that its endpoint resets is not", (call) => call.leg.breaks({ code: 2 }), 0],
  ])("%s", async (_, end, expected) => expect(await owed(end)).toBe(expected))

  test("one that has not reached an endpoint costs nothing", async () => {
    const bed = new CallBed()
    bed.isReachable = () => "later"
    const call = bed.begin(DEADLINE)
    call.cancels()
    expect(call.call.record.connection.cutCalls).toBe(0)
  })
})

describe("messages are counted", () => {
  test("where a piece within one looks like a whole one", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.leg.head(200)
    const outer = Buffer.concat([Buffer.from([0, 0, 0, 0, 6]), message("a")])
    for (const piece of [outer.subarray(0, 5), outer.subarray(5)]) {
      call.data(piece)
      call.leg.data(piece)
    }
    expect(call.call.record).toMatchObject({ requestMessages: 1, responseMessages: 1 })
  })

  test("of a response that is the first to be cut", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.leg.head(200)
    for (const octet of message("ab")) call.leg.data(Buffer.from([octet]))
    expect(call.call.record.responseMessages).toBe(1)
  })

  test("before there is a leg, too", async () => {
    const bed = new CallBed()
    const call = bed.begin()
    call.data(message("ab").subarray(0, 3))
    call.data(message("ab").subarray(3))
    expect(call.call.record.requestMessages).toBe(1)
    await settled()
  })
})

describe("whose fault it is", () => {
  const counted = async (act: (call: CallOfBed, bed: CallBed) => void, options = {}): Promise<number[]> => {
    const bed = new CallBed({
      settings: {
        retry: {
          conditions: ["http_403", "http_503", "grpc_unavailable", "non_idempotent"],
          tries: null,
          timeoutMs: null,
        },
      },
      ...options,
    })
    const call = await bed.call()
    act(call, bed)
    await settled()
    const [first] = [...bed.cluster.endpoints]
    return [first!.streamsAnswered, first!.streamsFailed]
  }
  test.each<[string, (call: CallOfBed) => void, number[]]>([
    ["a status that says something of the call", (call) => call.leg.head(403, [], true), [1, 0]],
    ["a status that says something of the endpoint", (call) => call.leg.head(503, [], true), [0, 1]],
    ["one of gRPC's", (call) => call.leg.head(200, ["grpc-status", "14"], true), [1, 0]],
    [
      "a reset that says nothing of the endpoint",
      (call) => call.leg.breaks({ code: ErrorCode.CANCEL }),
      [0, 0],
    ],
  ])("%s", async (_, act, expected) => expect(await counted(act)).toEqual(expected))

  test("a cancel that comes from elsewhere than the endpoint is no deadline", async () => {
    const bed = new CallBed()
    const call = await bed.call({ fields: ["grpc-timeout", "100m"], ended: true })
    bed.clock.advance(100)
    call.leg.breaks({ code: ErrorCode.CANCEL, origin: "connection", reason: "ECONNRESET" })
    expect(bed.records).toMatchObject([{ grpcStatus: 14 }])
    const other = await bed.call({ fields: ["grpc-timeout", "100m"], ended: true })
    bed.clock.advance(100)
    other.leg.breaks({ code: ErrorCode.INTERNAL_ERROR })
    expect(bed.records[1]).toMatchObject({ status: 502 })
  })

  test("a malformed answer throws away what waits only where it goes past its window", async () => {
    for (const [code, discards] of [
      [ErrorCode.FLOW_CONTROL_ERROR, true],
      [ErrorCode.PROTOCOL_ERROR, false],
    ] as const) {
      const bed = new CallBed()
      const call = await bed.call()
      call.leg.head(200)
      bed.take()
      call.leg.breaks({ origin: "local", code, reason: "broken" })
      expect(bed.take().includes("client discard")).toBe(discards)
    }
  })
})

test("an answer to an ended request needs no early end", async () => {
  const bed = new CallBed()
  const call = await bed.call()
  call.data(message("a"), true)
  call.leg.localEnded = true
  call.leg.head(200)
  bed.take()
  call.leg.trailers(OK)
  expect(bed.take()).toEqual(["client headers grpc-status: 0 END", "release 127.0.0.1:1"])
  const slow = await bed.call()
  slow.leg.room = 0
  slow.data(message("a"), true)
  slow.leg.head(200)
  bed.take()
  slow.leg.trailers(OK)
  expect(bed.take()).toEqual(["client headers grpc-status: 0 END", "leg1 end early", "release 127.0.0.1:2"])
})

test("when octets last came is in the record, either way", async () => {
  const bed = new CallBed()
  const call = await bed.call()
  call.leg.head(200)
  bed.context.ticks satisfies { ticks: number }
  ;(bed.context.clock as { hold?: () => void }).hold?.()
  expect(call.call.record.activeTicks).toBe(0)
  call.data("a")
  const { activeTicks } = call.call.record
  call.call.record.activeTicks = 0
  call.leg.data("b")
  expect([activeTicks, call.call.record.activeTicks]).toEqual([10, 10])
})
