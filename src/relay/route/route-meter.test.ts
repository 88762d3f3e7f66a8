import { expect, test } from "vitest"
import { bucketColumns, readHistogram } from "../../base/histogram.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import { Stalls } from "../call/stalls.ts"
import { TURN_ROW, TURNS, TurnMessages } from "../overload/turn-messages.ts"
import { ROUTE_HISTOGRAMS, ROUTE_ROW, RouteColumn, RouteMeter } from "./route-meter.ts"

function bed() {
  const row = new Float64Array(ROUTE_ROW)
  const turns = new Float64Array(TURN_ROW)
  const turn = new TurnMessages(turns)
  const record = { requestTicks: -1, responseTicks: -1 } as NewStreamRecord
  const read = (name: keyof typeof ROUTE_HISTOGRAMS) => {
    const { cumulative, count, sum } = readHistogram(row, RouteColumn[name], ROUTE_HISTOGRAMS[name])
    return { count, sum, at: (bound: number) => cumulative.find(([le]) => le === bound)![1] }
  }
  return { row, turns, turn, record, read, meter: new RouteMeter(row, turn) }
}

test("a gap is between a message and the one before it in its direction", () => {
  const { meter, record, read, row } = bed()
  meter.fromClient(record, 10, 1, 100)
  expect(read("requestGaps").count).toBe(0)
  meter.toClient(record, 10, 1, 105)
  meter.fromClient(record, 5, 0, 300)
  meter.fromClient(record, 5, 1, 400)
  expect(read("requestGaps")).toMatchObject({ count: 1, sum: 30 })
  expect(read("responseGaps").count).toBe(0)
  // 300 ticks may be up to 30.1 s.
  expect(read("requestGaps").at(30)).toBe(0)
  expect(read("requestGaps").at(60)).toBe(1)
  expect(row[RouteColumn.requestMessages]).toBe(2)
  expect(row[RouteColumn.requestOctets]).toBe(20)
})

test("messages that come together follow each other at once", () => {
  const { meter, record, read } = bed()
  meter.toClient(record, 30, 3, 100)
  meter.toClient(record, 30, 3, 1100)
  expect(read("responseGaps")).toMatchObject({ count: 5, sum: 100 })
  expect(read("responseGaps").at(0.2)).toBe(4)
})

test("so do those that come within a tick, of which the first may be tick 0", () => {
  const { meter, record, read } = bed()
  meter.fromClient(record, 30, 3, 0)
  meter.fromClient(record, 20, 2, 0)
  expect(read("requestGaps")).toMatchObject({ count: 4, sum: 0 })
  meter.fromClient(record, 10, 1, 7)
  expect(read("requestGaps")).toMatchObject({ count: 5, sum: 0.7 })
  expect(read("requestGaps").at(0.2)).toBe(4)
  expect(read("responseGaps").count).toBe(0)
})

test("every message counts with the length of its turn", () => {
  const { meter, record, turn, turns } = bed()
  meter.fromClient(record, 1, 1, 1)
  meter.toClient(record, 1, 2, 1)
  turn.turnEnded(0.4)
  turn.turnEnded(7)
  const { count, sum, cumulative } = readHistogram(turns, 0, TURNS)
  expect(count).toBe(3)
  expect(sum).toBeCloseTo(0.0012)
  expect(cumulative.find(([le]) => le === 0.0005)![1]).toBe(3)
  expect(cumulative.find(([le]) => le === 0.00025)![1]).toBe(0)
})

test.for([
  { grpcStatus: 14, status: 200, column: RouteColumn.ended + 14, of: 2 },
  { grpcStatus: -1, status: 404, column: RouteColumn.ended + 17, of: 4 },
  { grpcStatus: 99, status: 0, column: RouteColumn.ended + 17, of: 0 },
])("ended with grpc-status $grpcStatus and HTTP $status", ({ grpcStatus, status, column, of }) => {
  const { meter, row } = bed()
  meter.began()
  meter.ended({ grpcStatus, status } as NewStreamRecord)
  expect([row[RouteColumn.open], row[RouteColumn.began], row[column]]).toEqual([0, 1, 1])
  const classes = [1, 2, 3, 4, 5].map((first) => row[RouteColumn.classes + first - 1])
  expect(classes).toEqual([1, 2, 3, 4, 5].map((first) => Number(first === of)))
})

test("a stall lasts from the first octets that wait until none do, or the call is over", () => {
  const { meter, read } = bed()
  const stalls = new Stalls()
  stalls.note(meter, true, false, 10)
  stalls.note(meter, true, true, 12)
  stalls.note(meter, true, true, 20)
  expect(read("clientStalls").count).toBe(0)
  stalls.note(meter, false, true, 30)
  expect(read("clientStalls")).toMatchObject({ count: 1, sum: 2 })
  stalls.end(meter, 42)
  expect(read("endpointStalls")).toMatchObject({ count: 1, sum: 3 })
  stalls.end(meter, 50)
  expect(read("endpointStalls").count + read("clientStalls").count).toBe(2)
})

test("what is counted has columns of its own, one behind the other, and the row ends with the last", () => {
  const silences = ROUTE_HISTOGRAMS.requestGaps
  const widths: [keyof typeof RouteColumn, number][] = [
    ["open", 1],
    ["began", 1],
    ["requestMessages", 1],
    ["responseMessages", 1],
    ["requestOctets", 1],
    ["responseOctets", 1],
    // grpc-status 0 to 16, and none.
    ["ended", 18],
    // 1xx to 5xx.
    ["classes", 5],
    ["requestGaps", bucketColumns(silences)],
    ["responseGaps", bucketColumns(silences)],
    ["clientStalls", bucketColumns(silences)],
    ["endpointStalls", bucketColumns(silences)],
    ["heads", bucketColumns(ROUTE_HISTOGRAMS.heads)],
  ]
  let at = 0
  for (const [name, width] of widths) {
    expect([name, RouteColumn[name]]).toEqual([name, at])
    at += width
  }
  expect(ROUTE_ROW).toBe(at)
})

test("silences are told from 0.2 seconds to a day, heads from a millisecond to a minute", () => {
  const { requestGaps, responseGaps, clientStalls, endpointStalls, heads } = ROUTE_HISTOGRAMS
  for (const silences of [requestGaps, responseGaps, clientStalls, endpointStalls])
    expect(silences).toEqual({
      bounds: [2, 10, 50, 100, 300, 600, 1200, 3000, 6000, 18_000, 36_000, 144_000, 864_000],
      perSecond: 10,
      slack: 1,
    })
  expect(heads).toEqual({
    bounds: [1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000],
    perSecond: 1000,
    slack: 1,
  })
})
