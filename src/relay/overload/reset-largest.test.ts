import { expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { defaultLimits } from "../../base/limits.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import { silentLog } from "../../log/logger.ts"
import { type BufferingStream, resetLargestLater } from "./reset-largest.ts"

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
