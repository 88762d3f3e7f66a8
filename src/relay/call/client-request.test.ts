import { describe, expect, test } from "vitest"
import { CallBed, type CallBedOptions, settled } from "../../../test/support/call-bed.ts"
import { defaultLimits } from "../../base/limits.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { CallRequest } from "./call-request.ts"
import { ClientRequest } from "./client-request.ts"
import type { Leg } from "./leg.ts"
import { ReplayRing } from "./replay-ring.ts"

const REFUSED = { unprocessed: true, code: ErrorCode.REFUSED_STREAM, reason: "RST_STREAM" }

describe("a request on its way to a leg", () => {
  test("what came before there was one counts as sent to it", async () => {
    const bed = new CallBed()
    const call = bed.begin()
    call.data("abc")
    await settled()
    expect(call.call.record.attempts[0]!.octetsSent).toBe(3)
    call.data("de")
    expect(call.call.record.attempts[0]!.octetsSent).toBe(5)
  })

  test("header lists as large as the endpoint takes go up, larger ones do not", async () => {
    for (const short of [0, 1]) {
      const bed = new CallBed({ endpoints: 1 })
      const first = await bed.call({ ended: true })
      const { octets } = first.call.record.requestHeaders
      bed.connections[0]!.headerListMax = octets - short
      bed.take()
      await bed.call({ ended: true })
      expect(bed.take().some((line) => line.includes(" open "))).toBe(short === 0)
    }
  })

  test("trailers that the endpoint does not take are not sent to it", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    bed.connections[0]!.headerListMax = 10
    bed.take()
    call.trailers(["x-long", "y".repeat(100)])
    expect(bed.take().filter((line) => line.startsWith("leg0"))).toEqual(["leg0 reset CANCEL"])
  })

  test("what is kept of it is let go with the answer's head, and with the call", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.data(Buffer.alloc(6000))
    expect(bed.context.budget.octets).toBe(6000)
    call.leg.head(200)
    expect(bed.context.budget.octets).toBe(0)
    const other = await bed.call()
    other.data(Buffer.alloc(6000))
    other.cancels()
    expect(bed.context.budget.octets).toBe(0)
  })

  test("what a leg has not taken when its answer comes is credited once it has", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.leg.room = 2
    call.data("abcde")
    call.leg.head(200)
    bed.take()
    call.leg.take(1)
    call.leg.take(2)
    call.data("f")
    expect(bed.take().filter((line) => line.startsWith("client"))).toEqual([
      "client credit 1",
      "client credit 2",
    ])
  })

  test("what waits for another leg stays, however short memory is", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.data(Buffer.from("x".repeat(6000)))
    bed.isReachable = () => "later"
    call.leg.breaks(REFUSED)
    bed.context.budget.add(Number.MAX_SAFE_INTEGER / 4)
    bed.take()
    bed.connections.at(-1)!.comesUp()
    await settled()
    expect(bed.take().at(-1)).toBe(`leg1 data ${"x".repeat(6000)}`)
  })

  test("what waits for its first leg is sent whole, though memory gets short while that leg is opened", async () => {
    const bed = new CallBed({ limits: { bufferedOctetsMax: 1024 * 1024, bufferedWithholdPercent: 2 } })
    bed.isReachable = () => "later"
    const call = bed.begin()
    call.data("abc", true)
    await settled()
    bed.onOpen = () => bed.context.budget.add(30_000)
    bed.take()
    bed.connections[0]!.comesUp()
    await settled()
    expect(bed.take().filter((line) => line.startsWith("leg0 data"))).toEqual([
      "leg0 data abc",
      "leg0 data  END",
    ])
    expect(call.call.record.attempts[0]!.octetsSent).toBe(3)
    // What is held just in case goes when more is queued.
    bed.context.budget.add(1)
    expect(bed.context.budget.octets).toBe(30_001)
  })

  test("what is to be sent again stays, though another stream gets the place of the leg and memory gets short", async () => {
    const bed = new CallBed({
      limits: { bufferedOctetsMax: 1024 * 1024, bufferedWithholdPercent: 2 },
      cluster: { maxConnectionsPerEndpoint: 1 },
      settings: { retry: { conditions: ["http_503", "non_idempotent"], tries: null, timeoutMs: null } },
    })
    bed.capacity = 1
    const call = await bed.call()
    call.data("abc")
    call.data("de", true)
    bed.isReachable = () => "later"
    await bed.call()
    await bed.call({ ended: true })
    expect(bed.legs).toHaveLength(1)
    bed.onOpen = () => bed.context.budget.add(30_000)
    bed.take()
    bed.legs[0]!.head(503)
    expect(bed.take()).toEqual(["leg0 reset CANCEL", "release 127.0.0.1:1", "leg1 open 127.0.0.1:1 /s/m END"])
    bed.connections[1]!.capacity = 2
    bed.connections[1]!.comesUp()
    expect(bed.take().filter((line) => line.startsWith("leg3 data"))).toEqual([
      "leg3 data abcde",
      "leg3 data  END",
    ])
  })

  test("credit is given for it once, however often it is sent", async () => {
    const bed = new CallBed()
    const call = await bed.call()
    call.data("abc")
    expect(bed.take()).toContain("client credit 3")
    call.leg.breaks(REFUSED)
    await settled()
    expect(bed.take().filter((line) => line.startsWith("client"))).toEqual([])
    call.data("de")
    expect(bed.take()).toContain("client credit 2")
  })
})

test("what came before its call was found to have continuity is handed over whole: octets, then trailers", () => {
  const budget = new BufferBudget(defaultLimits)
  const context = { budget, replayRing: new ReplayRing() }
  const request = new ClientRequest({
    context,
    downstream: new CallBed().begin().client,
    record: { state: null },
  })
  request.receive(null, Buffer.from("#abc#"), 1, 4, false)
  request.receiveTrailers(null, new HeaderList(["x-t", "1"]))
  const told: string[] = []
  const to = {
    receive: (leg: Leg | null, octets: Buffer, start: number, end: number, endStream: boolean) =>
      told.push(`${octets.toString("latin1", start, end)} ${endStream} ${leg === null}`),
    receiveTrailers: (leg: Leg | null, list: HeaderList) =>
      void told.push(`x-t ${list.get("x-t") ?? "-"} ${leg === null}`),
  }
  request.handOver(to as unknown as CallRequest)
  expect([told, request.isReplayable, budget.octets]).toEqual([["abc false true", "x-t 1 true"], false, 0])
  const bare = new ClientRequest({
    context,
    downstream: new CallBed().begin().client,
    record: { state: null },
  })
  bare.receive(null, Buffer.from("de"), 0, 2, false)
  bare.handOver(to as unknown as CallRequest)
  expect(told.slice(2)).toEqual(["de false true"])
})

describe("timeouts of a silent side", () => {
  const bedOf = (settings: CallBedOptions["settings"]): CallBed =>
    new CallBed({ settings: { readTimeoutMs: null, sendTimeoutMs: null, bodyTimeoutMs: null, ...settings } })
  const status = (bed: CallBed): string =>
    bed.records[0] === undefined ? "lives" : bed.records[0].grpcMessage

  test("an interim head is a sign of life", async () => {
    const bed = bedOf({ readTimeoutMs: 1000 })
    const call = await bed.call({ ended: true })
    bed.clock.advance(900)
    call.leg.owner.onInformational({ list: call.call.record.requestHeaders, status: 103, contentLength: -1 })
    bed.clock.advance(980)
    expect(status(bed)).toBe("lives")
    bed.clock.advance(40)
    expect(status(bed)).toBe("endpoint 127.0.0.1:1 sent nothing for 1000 ms (grpc_read_timeout)")
  })

  test("a client that takes what waits gives the endpoint its time anew", async () => {
    const bed = bedOf({ readTimeoutMs: 1000 })
    const call = await bed.call({ ended: true })
    call.client.room = 0
    call.leg.head(200)
    call.leg.data("abc")
    bed.clock.advance(5500)
    expect(status(bed)).toBe("lives")
    call.take()
    bed.clock.advance(980)
    expect(status(bed)).toBe("lives")
    bed.clock.advance(40)
    expect(status(bed)).not.toBe("lives")
  })

  test("trailers of a client's begin the endpoint's time", async () => {
    const bed = bedOf({ readTimeoutMs: 1000 })
    const call = await bed.call()
    bed.clock.advance(900)
    call.trailers(["x-t", "1"])
    bed.clock.advance(980)
    expect(status(bed)).toBe("lives")
    bed.clock.advance(40)
    expect(status(bed)).not.toBe("lives")
  })

  test("an endpoint that takes nothing; one that takes a little lives", async () => {
    const bed = bedOf({ sendTimeoutMs: 1000 })
    const call = await bed.call()
    call.leg.head(200)
    call.leg.room = 0
    call.data("abc")
    bed.clock.advance(1400)
    call.leg.take(1)
    bed.clock.advance(1000)
    expect(status(bed)).toBe("lives")
    bed.clock.advance(200)
    expect(status(bed)).toBe("endpoint 127.0.0.1:1 took nothing for 1000 ms (grpc_send_timeout)")
    expect(bed.context.deadlines.size).toBe(0)
  })

  test("a stream that is as old as its route lets streams get ends in its turn", async () => {
    const bed = bedOf({ maxStreamAgeMs: 10_000 })
    const call = await bed.call()
    call.leg.head(200)
    bed.clock.advance(9990)
    expect(status(bed)).toBe("lives")
    bed.clock.advance(100)
    expect(status(bed)).toBe("the stream is as old as streams may get here (10000 ms)")
  })

  test("one that has no leg then is looked at again", async () => {
    const bed = bedOf({ maxStreamAgeMs: 10_000, connectTimeoutMs: 60_000 })
    bed.isReachable = () => "later"
    const call = bed.begin()
    bed.clock.advance(10_100)
    expect(bed.context.pacer.size).toBe(0)
    bed.connections[0]!.comesUp()
    await settled()
    call.leg.head(200)
    bed.clock.advance(9000)
    expect(status(bed)).toBe("lives")
    bed.clock.advance(1100)
    expect(status(bed)).not.toBe("lives")
  })
})
