import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { defaultLimits } from "../../base/limits.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import { BufferBudget } from "../../http2/buffer-budget.ts"
import type { Log } from "../../log/logger.ts"
import { silentLog } from "../../log/silent-log.ts"
import type { Failure } from "../../record/failure.ts"
import {
  type BufferingConnection,
  type BufferingStream,
  ResetLargestStreams,
  resetLargestLater,
} from "./reset-largest.ts"

const KiB = 1024

/** A connection whose streams hold so much on it, and so much on both sides together. */
function resetOn(streams: Record<string, { here: number; inAll: number }>, overflowOctets: number): string[] {
  const clock = new ManualClock()
  const ended: string[] = []
  const values = Object.entries(streams).map(([name, { here, inAll }]) => ({
    queuedOctets: here,
    owner: {
      bufferedOctets: inAll,
      endpointAddress: "",
      record: { path: name, connection: { remoteAddress: "", remotePort: 0 } },
      shed: () => ended.push(name),
    } as unknown as BufferingStream,
  }))
  const queuedOctets = values.reduce((sum, one) => sum + one.queuedOctets, overflowOctets)
  const http2 = { sender: { queuedOctets, overflowOctets }, streams: { values: () => values } }
  const context = {
    limits: { ...defaultLimits, connectionBufferedOctetsMax: 1000 * KiB },
    counters: new Counters(),
    deadlines: new TimerWheel(clock),
    log: silentLog,
  }
  resetLargestLater(context, http2, {}, () => ended.push("the connection"))
  clock.advance(100)
  return ended
}

test.for<[string, Record<string, [here: number, inAll: number]>, overflow: number, string[]]>([
  ["within its share: nobody", { a: [400, 400], b: [500, 500] }, 0, []],
  ["the largest first, and no more than have to", { a: [300, 300], b: [600, 600], c: [200, 200] }, 0, ["b"]],
  ["what waits elsewhere frees nothing", { a: [100, 9000], b: [700, 700], c: [300, 900] }, 0, ["b"]],
  ["until enough is free", { a: [400, 400], b: [500, 500], c: [501, 501] }, 0, ["c"]],
  ["several where one is not enough", { a: [800, 800], b: [801, 801], c: [802, 802] }, 0, ["c", "b"]],
  ["heads that nobody reads go with the connection", { a: [1, 1], b: [2, 2] }, 1000, ["the connection"]],
  ["unless a stream holds more", { a: [1, 1], b: [900, 900] }, 200, ["b"]],
])("a connection past its share ends what waits on it: %s", ([, kibibytes, overflow, expected]) => {
  const streams = Object.entries(kibibytes).map(([name, [here, inAll]]) => {
    return [name, { here: here * KiB, inAll: inAll * KiB }] as const
  })
  expect(resetOn(Object.fromEntries(streams), overflow * KiB)).toEqual(expected)
})

describe("a process that holds too much", () => {
  /** A budget of 100 KiB, and connections with what their streams hold, in KiB. */
  function processOf(connections: readonly { streams: Record<string, number>; overflow?: number }[]) {
    const clock = new ManualClock()
    const counters = new Counters()
    const limits = { ...defaultLimits, bufferedOctetsMax: 100 * KiB }
    const budget = new BufferBudget(limits)
    const said: [message: string, fields: object][] = []
    const log: Log = {
      ...silentLog,
      warn: (message, fields) => void said.push([message, fields ?? {}]),
      with: () => log,
    }
    const ended: string[] = []
    const failures: Failure[] = []
    const made = connections.map(({ streams, overflow = 0 }, at): BufferingConnection => {
      const record = { remoteAddress: "10.0.0.1", remotePort: 5000 + at } as BufferingConnection["record"]
      return {
        record,
        overflowOctets: overflow * KiB,
        cut(reason) {
          ended.push(`connection ${at}: ${reason}`)
          budget.add(-overflow * KiB)
        },
        streams: Object.entries(streams).map(([name, held]) => ({
          record: { path: `/${name}`, connection: record } as BufferingStream["record"],
          endpointAddress: "10.0.0.9:1",
          bufferedOctets: held * KiB,
          shed(what) {
            ended.push(name)
            failures.push(what)
            budget.add(-held * KiB)
          },
        })),
      }
    })
    new ResetLargestStreams({ limits, counters, budget, log, deadlines: new TimerWheel(clock) }, () => made)
    const held = connections.flatMap(({ streams, overflow = 0 }) => [...Object.values(streams), overflow])
    return {
      budget,
      clock,
      counters,
      said,
      ended,
      failures,
      octets: held.reduce((sum, one) => sum + one, 0) * KiB,
    }
  }

  test("ends the largest of all connections, once, and says which and why", () => {
    const all = processOf([{ streams: { a: 30, b: 20 } }, { streams: { c: 45, d: 10 } }])
    all.budget.add(all.octets - 1)
    all.budget.add(1)
    expect(all.ended).toEqual([])
    all.clock.advance(100)
    expect(all.ended).toEqual(["c"])
    const limit = "bufferedOctetsMax (102400 octets)"
    expect(all.failures[0]).toMatchObject({
      kind: "overload",
      message: `${limit} is used up and this stream held 46080 octets`,
    })
    const fields = { limit, held: 46_080, path: "/c", client: "10.0.0.1:5001", endpoint: "10.0.0.9:1" }
    expect(all.said).toEqual([["stream ended to free memory", fields]])
    expect(all.counters.get("worker_buffer_exceeded")).toBe(1)
  })

  test("a connection that does not read its heads goes as a whole", () => {
    const all = processOf([{ streams: { a: 30 } }, { streams: { b: 20 }, overflow: 60 }])
    all.budget.add(all.octets)
    all.clock.advance(100)
    expect(all.ended).toEqual([
      "connection 1: bufferedOctetsMax (102400 octets) is used up and 61440 octets of heads and trailers were not read",
    ])
    const fields = { limit: "bufferedOctetsMax (102400 octets)", held: 61_440, client: "10.0.0.1:5001" }
    expect(all.said).toEqual([["connection ended to free memory", fields]])
  })

  test("what has gone by itself meanwhile saves the others", () => {
    const all = processOf([{ streams: { a: 60, b: 60 } }])
    all.budget.add(all.octets)
    all.budget.add(-20 * KiB)
    all.clock.advance(100)
    expect([all.ended, all.counters.get("worker_buffer_exceeded")]).toEqual([[], 0])
  })

  test("looks again when it is exceeded again", () => {
    const all = processOf([{ streams: { a: 60, b: 60 } }])
    all.budget.add(all.octets)
    all.clock.advance(100)
    all.budget.add(60 * KiB)
    all.clock.advance(100)
    expect(all.ended).toEqual(["a", "a"])
  })

  test("ends nothing that holds less than 4 KiB, and whatever holds as much", () => {
    const few = processOf([
      { streams: Object.fromEntries([...Array(40).keys()].map((at) => [`s${at}`, 3.9])) },
    ])
    few.budget.add(few.octets)
    few.clock.advance(100)
    expect(few.ended).toEqual([])
    const some = processOf([
      { streams: Object.fromEntries([...Array(26).keys()].map((at) => [`s${at}`, 4])) },
    ])
    some.budget.add(some.octets)
    some.clock.advance(100)
    expect(some.ended).toEqual(["s0"])
  })

  test("credit that is withheld is counted", () => {
    const all = processOf([])
    all.budget.add(90 * KiB)
    all.budget.withhold({ consume() {} })
    expect(all.counters.get("worker_buffer_withheld")).toBe(1)
  })
})

test.for<[string, excess: number, string[]]>([
  ["exactly its share: nobody", 0, []],
  ["one octet more: one", 1, ["a"]],
])("a connection that holds %s", ([, excess, expected]) => {
  expect(resetOn({ a: { here: 1000 * KiB + excess, inAll: 0 } }, 0)).toEqual(expected)
})

test("streams that nobody owns any more are passed over", () => {
  const clock = new ManualClock()
  const counters = new Counters()
  const limits = { ...defaultLimits, connectionBufferedOctetsMax: 10 * KiB }
  const ended: string[] = []
  const http2 = {
    sender: { queuedOctets: 30 * KiB, overflowOctets: 10 * KiB },
    streams: { values: () => [{ queuedOctets: 20 * KiB, owner: null }] },
  }
  const context = { limits, counters, deadlines: new TimerWheel(clock), log: silentLog }
  resetLargestLater(context, http2, {}, (reason) => ended.push(reason))
  clock.advance(100)
  expect(ended).toEqual([
    "connectionBufferedOctetsMax (10240 octets) is used up and 10240 octets of heads and trailers were not read",
  ])
  expect(counters.get("connection_buffer_exceeded")).toBe(1)
})
