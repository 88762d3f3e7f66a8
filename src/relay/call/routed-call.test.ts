import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions, message, settled } from "../../../test/support/call-bed.ts"
import { streamRecord } from "../../../test/support/stream-record.ts"
import { failure } from "../../record/failure.ts"
import { TURN_ROW, TurnMessages } from "../overload/turn-messages.ts"
import type { ContentHandler, Phase, Route } from "../route/route.ts"
import { ROUTE_ROW, RouteColumn, RouteMeter } from "../route/route-meter.ts"
import type { Leg } from "./leg.ts"
import { beginRecords } from "./periodic-records.ts"
import { Stalls } from "./stalls.ts"
import type { DownstreamStream } from "./stream-owner.ts"
import { waitsFor } from "./waits-for.ts"

/** A bed whose route is counted, and the row of its numbers. */
function metered(options: CallBedOptions = {}): { bed: CallBed; row: Float64Array; stalls(): number[] } {
  const row = new Float64Array(ROUTE_ROW)
  const bed = new CallBed({
    ...options,
    meter: new RouteMeter(row, new TurnMessages(new Float64Array(TURN_ROW))),
  })
  const sum = (from: number, to: number): number => row.slice(from, to).reduce((all, one) => all + one, 0)
  const stalls = (): number[] => [
    sum(RouteColumn.clientStalls, RouteColumn.endpointStalls),
    sum(RouteColumn.endpointStalls, RouteColumn.heads),
  ]
  return { bed, row, stalls }
}

const PAGE = { errorPages: [{ httpStatuses: [502, 403, 404], status: null, target: "/page" }] }

describe("a call is counted at its route", () => {
  test("once it is there, until it is over, by its status", async () => {
    const { bed, row } = metered()
    const call = await bed.call()
    expect([row[RouteColumn.open], row[RouteColumn.began]]).toEqual([1, 1])
    expect(row.slice(RouteColumn.heads).reduce((all, one) => all + one, 0)).toBeGreaterThan(0)
    call.data(message("ab"))
    call.leg.head(200)
    call.leg.data(message("c"))
    call.leg.trailers(["grpc-status", "5"])
    expect([row[RouteColumn.open], row[RouteColumn.began]]).toEqual([0, 1])
    expect(row[RouteColumn.ended + 5]).toBe(1)
    expect([row[RouteColumn.requestMessages], row[RouteColumn.responseMessages]]).toEqual([1, 1])
    expect([row[RouteColumn.requestOctets], row[RouteColumn.responseOctets]]).toEqual([7, 6])
  })

  test("its head when it goes to the first endpoint, and no other time", async () => {
    const retry = { conditions: ["error", "non_idempotent"] as const, tries: null, timeoutMs: null }
    const { bed, row } = metered({ settings: { retry: { ...retry, conditions: [...retry.conditions] } } })
    const heads = (): number => {
      const counts = row.slice(RouteColumn.heads)
      return counts.filter((one) => one === 1).length
    }
    const call = await bed.call()
    const before = heads()
    expect(before).toBeGreaterThan(0)
    call.leg.breaks({ origin: "connection", reason: "gone" })
    await settled()
    expect(bed.legs).toHaveLength(2)
    expect(heads()).toBe(before)
  })

  test("by how long its head took from its begin, not from another time", async () => {
    const { row } = metered()
    const before = row.slice(RouteColumn.heads)
    const { bed, row: later } = metered()
    await bed.call()
    const at = later.slice(RouteColumn.heads).findIndex((count, index) => count !== before[index])
    const slow = metered()
    slow.bed.isReachable = () => "later"
    slow.bed.begin()
    slow.bed.clock.advance(2500)
    slow.bed.connections[0]!.comesUp()
    await settled()
    const atSlow = slow.row.slice(RouteColumn.heads).findIndex((count) => count !== 0)
    // At once is the first bucket; 2.5 s is far from it.
    expect([at, atSlow > at]).toEqual([0, true])
  })

  test("once, where it is over before its phases are", async () => {
    const content: Phase = () => ({ kind: "wait", begin: () => () => {} })
    const { bed, row } = metered({ action: { kind: "files" } as never, content })
    const call = await bed.call()
    expect([row[RouteColumn.open], row[RouteColumn.began]]).toEqual([0, 0])
    call.cancels()
    expect([row[RouteColumn.open], row[RouteColumn.began]]).toEqual([0, 1])
  })

  test("once, though it leads to the page of an error", async () => {
    const { bed, row } = metered({ endpoints: 1, settings: PAGE })
    const call = await bed.call({ contentType: "text/plain", method: "GET", ended: true })
    call.leg.breaks({ origin: "connection", reason: "gone" })
    await settled()
    const { legs } = bed
    expect(legs).toHaveLength(2)
    // It has left its route by its error, and is there again for the page.
    expect([row[RouteColumn.open], row[RouteColumn.began]]).toEqual([1, 2])
    expect(row[RouteColumn.classes + 4]).toBe(1)
    legs[1]!.head(200, [], true)
    expect([row[RouteColumn.open], row[RouteColumn.began]]).toEqual([0, 2])
  })
})

describe("what waits for its peer is counted", () => {
  test("as long as octets of an answer wait for the client", async () => {
    const { bed, stalls } = metered()
    const call = await bed.call()
    call.leg.head(200)
    call.leg.data(message("a"))
    call.take(0)
    expect(stalls()).toEqual([0, 0])
    call.client.room = 0
    call.leg.data(message("b"))
    bed.clock.advance(1000)
    call.take()
    expect(stalls()[0]).toBeGreaterThan(0)
    expect(stalls()[1]).toBe(0)
  })

  test("as long as octets of a request wait for the endpoint", async () => {
    const { bed, stalls } = metered()
    bed.legRoom = 0
    const call = await bed.call()
    call.data(message("a"))
    bed.clock.advance(1000)
    call.leg.take()
    expect(stalls()[0]).toBe(0)
    expect(stalls()[1]).toBeGreaterThan(0)
  })

  test("as long as one octet of a request waits", async () => {
    const { bed, stalls } = metered()
    bed.legRoom = 5
    const call = await bed.call()
    call.data(message("a"))
    bed.clock.advance(1000)
    call.leg.take()
    expect(stalls()[1]).toBeGreaterThan(0)
  })

  test("until the call is over, where they wait still", async () => {
    const { bed, stalls } = metered()
    bed.legRoom = 0
    const call = await bed.call()
    call.data(message("a"))
    bed.clock.advance(1000)
    call.cancels()
    expect(stalls()[1]).toBeGreaterThan(0)
  })

  test("each wait once, and none where none waits", () => {
    const told: [string, number][] = []
    const meter = {
      stalled: (whose: string, ticks: number) => told.push([whose, ticks]),
    } as unknown as RouteMeter
    const stalls = new Stalls()
    stalls.note(meter, false, false, 0)
    stalls.note(meter, true, false, 0)
    stalls.note(meter, true, true, 5)
    stalls.note(meter, false, true, 7)
    stalls.note(meter, false, true, 8)
    stalls.note(meter, true, false, 9)
    expect(told).toEqual([
      ["client", 7],
      ["endpoint", 4],
    ])
    stalls.end(null, 20)
    stalls.end(meter, 20)
    stalls.end(meter, 30)
    expect(told.slice(2)).toEqual([["client", 11]])
  })
})

describe("what a call waits for", () => {
  const leg = (changes: object) =>
    ({ isOver: false, upstream: {}, queuedOctets: 0, ...changes }) as unknown as Leg
  const downstream = (queuedOctets: number) => ({ queuedOctets }) as DownstreamStream

  test.each<[string, Leg | null, number, string | null]>([
    ["nothing, without a leg", null, 0, null],
    ["the client, were there no leg", null, 1, "client"],
    ["a place on a connection", leg({ upstream: null }), 1, "connection"],
    ["nothing of a leg that is over", leg({ upstream: null, isOver: true }), 0, null],
    ["the endpoint", leg({ queuedOctets: 1 }), 0, "endpoint"],
    ["of both sides the client", leg({ queuedOctets: 1 }), 1, "client"],
    ["nothing", leg({}), 0, null],
  ])("%s", (_, one, queued, expected) => {
    expect(waitsFor(one, downstream(queued))).toBe(expected)
  })

  test("before its first leg a connection, while it stands in a queue", async () => {
    const bed = new CallBed()
    bed.isReachable = () => "later"
    const call = await bed.call()
    expect(call.call.waitsFor).toBe("connection")
    expect(call.call.endpointAddress).toBe("127.0.0.1:1")
    expect(call.call.paced).not.toBe(null)
    call.cancels()
    expect(call.call.paced).toBe(null)
  })

  test("without a leg nothing, at no address, and it holds no octets", async () => {
    const call = await new CallBed({ endpoints: 0 }).call({ ended: true })
    expect([call.call.waitsFor, call.call.endpointAddress, call.call.bufferedOctets]).toEqual([null, "", 0])
  })
})

describe("access records of a call that goes on", () => {
  const begin = (accessLogIntervalMs: number | null, logs = 1) => {
    const bed = new CallBed()
    const lines: string[] = []
    const accessLogs = Array.from({ length: logs }, () => ({
      write: (_record: unknown, event: string) => lines.push(event),
    }))
    const route = { accessLogs, settings: { accessLogIntervalMs } } as unknown as Route
    return { bed, lines, records: beginRecords(bed.context, route, streamRecord()) }
  }

  test("are one as it begins, one an interval, and none once it is over", () => {
    const { bed, lines, records } = begin(1000, 2)
    expect(lines).toEqual(["start", "start"])
    bed.clock.advance(2500)
    expect(lines.slice(2)).toEqual(["alive", "alive", "alive", "alive"])
    records!.end()
    bed.clock.advance(5000)
    expect(lines).toHaveLength(6)
  })

  test("are none where no interval is set, or no log", () => {
    expect(begin(null).records).toBe(null)
    expect(begin(1000, 0).records).toBe(null)
    expect(begin(1000).records).not.toBe(null)
  })

  test("of a call begin with its admission, and end with it", async () => {
    const bed = new CallBed({
      settings: { accessLogIntervalMs: 1000, accessLogs: [{} as never] },
    })
    const call = await bed.call()
    expect(bed.take()[0]).toBe("log start")
    bed.clock.advance(1500)
    expect(bed.take()).toEqual(["log alive"])
    call.leg.head(200)
    call.leg.trailers(["grpc-status", "0"])
    expect(bed.take().filter((line) => line.startsWith("log"))).toEqual(["log end"])
    bed.clock.advance(5000)
    expect(bed.take()).toEqual([])
  })
})

describe("the page of an error", () => {
  const http = { contentType: "text/plain", method: "GET", ended: true }

  test("is where a call goes whose endpoint cannot be reached: another leg, and the attempts stay in its record", async () => {
    const bed = new CallBed({ endpoints: 1, settings: PAGE })
    const call = await bed.call(http)
    call.leg.breaks({ origin: "connection", reason: "gone" })
    await settled()
    expect(bed.take().at(-1)).toContain("leg1 open 127.0.0.1:1")
    bed.legs[1]!.head(200, ["x-a", "1"], true)
    expect(bed.take().find((line) => line.startsWith("client headers"))).toContain("client headers 502")
    expect(bed.records).toHaveLength(1)
    expect(bed.records[0]!.attempts).toHaveLength(2)
    expect(bed.context.admission.streamsOpen).toBe(0)
    // What the page cannot say stands in the record.
    expect(bed.records[0]!.grpcMessage).toBe("cluster c, endpoint 127.0.0.1:1: gone")
  })

  test.each<[string, number[]]>([
    ["none where the error has none", [500]],
    ["none where there are none at all", []],
  ])("%s", async (_, httpStatuses) => {
    const errorPages = httpStatuses.length === 0 ? [] : [{ httpStatuses, status: null, target: "/page" }]
    const bed = new CallBed({ endpoints: 1, settings: { errorPages } })
    const call = await bed.call(http)
    call.leg.breaks({ origin: "connection", reason: "gone" })
    await settled()
    expect(bed.legs).toHaveLength(1)
    expect(bed.records[0]!.status).toBe(502)
  })

  test("is none once the client has the head of an answer, or is gone", async () => {
    const bed = new CallBed({ endpoints: 1, settings: PAGE })
    const call = await bed.call(http)
    call.leg.head(200)
    call.leg.breaks({ origin: "connection", reason: "gone" })
    await settled()
    expect(bed.take().filter((line) => line.includes(" open "))).toHaveLength(1)
    const gone = await bed.call(http)
    gone.client.isClosed = true
    gone.fail(failure("access_denied", "no"))
    await settled()
    expect(bed.take().filter((line) => line.includes(" open "))).toHaveLength(1)
    const ended = await bed.call(http)
    ended.client.localEnded = true
    ended.fail(failure("access_denied", "no"))
    await settled()
    expect(bed.legs).toHaveLength(3)
  })
})

test("an answer of a phase is told how its octets go, and that the call is over", async () => {
  const lines: string[] = []
  const content: Phase = (): ContentHandler => ({
    kind: "content",
    answer: () => ({ onSent: () => lines.push("sent"), cancel: () => lines.push("over") }),
  })
  const bed = new CallBed({ action: { kind: "files" } as never, content })
  const call = await bed.call({ contentType: "text/plain" })
  call.cancels()
  expect(lines).toEqual(["over"])
  expect(bed.records).toHaveLength(1)
  expect(bed.context.admission.streamsOpen).toBe(0)
})

test("what phases have taken is given back once, at the end of the call", async () => {
  const bed = new CallBed()
  const call = await bed.call()
  const lines: number[] = []
  call.call.atEnd(() => lines.push(1))
  call.call.atEnd(() => lines.push(2))
  expect(lines).toEqual([])
  call.leg.head(200, [], true)
  call.cancels()
  expect(lines).toEqual([1, 2])
})

describe("a call that is traced", () => {
  const traced = async (sample: string, spanName: string | null = null) => {
    const trace = { sample, ratio: 1, context: "propagate" as const, spanName, attributes: [] }
    const bed = new CallBed({ endpoints: 1, settings: { trace } })
    const spans: string[] = []
    Object.assign(bed.context, {
      onSpans: (made: { name: string }[]) => spans.push(...made.map(({ name }) => name)),
    })
    const call = await bed.call()
    const [opened] = bed.take()
    expect(spans).toEqual([])
    call.leg.head(200)
    call.leg.trailers(["grpc-status", "0"])
    return { opened, spans }
  }

  test("has its spans told of when it is over, by the name that its route has for them", async () => {
    const { opened, spans } = await traced("on", "call of $request_method")
    expect(opened).toMatch(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-01/)
    expect(spans.length).toBeGreaterThan(1)
    expect(spans).toContain("call of POST")
  })

  test("and came to no cluster names none", async () => {
    const trace = { sample: "on", ratio: 1, context: "propagate" as const, spanName: null, attributes: [] }
    const action = {
      kind: "return" as const,
      status: 404,
      template: "",
      contentType: "",
      grpcStatus: 5,
      grpcMessage: "no",
    }
    const bed = new CallBed({ settings: { trace }, action })
    const attributes: string[][] = []
    Object.assign(bed.context, {
      onSpans: (made: { attributes: object }[]) =>
        attributes.push(...made.map((span) => Object.keys(span.attributes))),
    })
    await bed.call({ ended: true })
    expect(attributes).toHaveLength(1)
    expect(attributes[0]).toContain("sluice.route")
    expect(attributes[0]).not.toContain("sluice.cluster")
  })

  test("and is not sampled has none, and its endpoint is told so", async () => {
    const { opened, spans } = await traced("off")
    expect(opened).toMatch(/traceparent: 00-[0-9a-f]{32}-[0-9a-f]{16}-00/)
    expect(spans).toEqual([])
  })
})

describe("a phase that waits", () => {
  /** A call whose first phase waits, and what it is told. */
  const waiting = async () => {
    let done: (verdict: null | ReturnType<typeof failure>) => void = () => {}
    let givenUp = 0
    const content: Phase = () => ({
      kind: "wait",
      begin: (given) => {
        done = given as typeof done
        return () => givenUp++
      },
    })
    const bed = new CallBed({ action: { kind: "files" } as never, content })
    const call = await bed.call()
    return {
      bed,
      call,
      done: (verdict: null | ReturnType<typeof failure>) => done(verdict),
      givenUp: () => givenUp,
    }
  }

  test("ends the call with its verdict", async () => {
    const { bed, done, givenUp } = await waiting()
    expect(bed.records).toEqual([])
    done(failure("access_denied", "no"))
    expect(bed.records).toMatchObject([{ grpcStatus: 7, grpcMessage: "no" }])
    expect(givenUp()).toBe(0)
  })

  test("is given up with the call", async () => {
    const { bed, call, done, givenUp } = await waiting()
    call.cancels()
    expect([givenUp(), bed.records.length]).toEqual([1, 1])
    done(failure("access_denied", "no"))
    expect(bed.records).toHaveLength(1)
  })

  test("is no reason to time a client's deadline twice", async () => {
    const { bed, call } = await waiting()
    call.data("abc")
    expect(bed.take()).toEqual([])
    call.cancels()
    expect(bed.context.budget.octets).toBe(0)
  })
})
