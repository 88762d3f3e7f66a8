import { describe, expect, test } from "vitest"
import { withoutCheckout } from "./child.ts"
import { selfTimes } from "./cpu-profile.ts"
import { Histogram } from "./histogram.ts"
import { randomCycle } from "./memory-probe.ts"
import { readTimes, timesBetween } from "./own-times.ts"
import { cpuNs, openFiles, processTree, residentOctets, threadTimes, waitOfBusiest } from "./process-usage.ts"
import { spread } from "./statistics.ts"

describe("spread", () => {
  test.each([
    [[3, 1, 2], { median: 2, min: 1, max: 3 }],
    [[4, 1, 2, 3], { median: 2.5, min: 1, max: 4 }],
    [[5], { median: 5, min: 5, max: 5 }],
    [[], { median: Number.NaN, min: Number.NaN, max: Number.NaN }],
  ])("of %j", (values, expected) => {
    expect(spread(values)).toEqual(expected)
  })
})

describe("Histogram", () => {
  test("is exact below 256 µs", () => {
    const times = new Histogram()
    for (let value = 1; value <= 200; value++) times.add(value)
    expect([0.5, 0.99, 0.999, 1].map((share) => times.quantile(share))).toEqual([100, 198, 200, 200])
  })

  test.each([256, 257, 1000, 65_535, 65_536, 10_000_000, 2 ** 31 - 1])(
    "%i µs is kept within 1 %%",
    (value) => {
      const times = new Histogram()
      times.add(value)
      expect(times.quantile(0.5)).toBeLessThanOrEqual(value)
      expect(times.quantile(0.5)).toBeGreaterThan(value * 0.99)
    },
  )

  test("empty has no quantile", () => {
    const times = new Histogram()
    times.add(5)
    times.clear()
    expect(times.quantile(0.5)).toBeNaN()
    expect(times.total).toBe(0)
  })
})

test.skipIf(process.platform !== "linux")("a process's own usage is read", () => {
  expect(processTree(process.pid)[0]).toBe(process.pid)
  expect(cpuNs([process.pid])).toBeGreaterThan(0)
  expect(residentOctets([process.pid])).toBeGreaterThan(1_000_000)
  expect(openFiles([process.pid])).toBeGreaterThan(2)
  expect(cpuNs([])).toBe(0)
})

test("a CPU profile becomes self times, waiting left out", () => {
  const frame = (functionName: string, url = "") => ({ functionName, url, lineNumber: 9 })
  const times = selfTimes({
    nodes: [
      { id: 1, callFrame: frame("(root)") },
      { id: 2, callFrame: frame("(idle)") },
      { id: 3, callFrame: frame("relay", "file:///a/b/src/relay/relay.ts") },
      { id: 4, callFrame: frame("(garbage collector)") },
    ],
    samples: [1, 3, 2, 3, 4],
    timeDeltas: [5, 10, 100, 20, 7],
  })
  expect(times).toEqual([
    { place: "relay  src/relay/relay.ts:10", microseconds: 30 },
    { place: "(garbage collector)", microseconds: 7 },
  ])
})

describe("the proxy's own times", () => {
  const text = (...counts: number[]) =>
    ["5e-05", "0.0001", "0.00025", "+Inf"]
      .map((bound, index) => `sluice_message_seconds_bucket{le="${bound}"} ${counts[index]}\n`)
      .join("")

  test("are those between two readings, in proportion within a bucket", () => {
    const [before, after] = [readTimes(text(10, 10, 10, 10)), readTimes(text(510, 1000, 1010, 1010))]
    const { p50, p99, p999 } = timesBetween(before, after)!
    expect([p50, p99, p999].map(Math.round)).toEqual([50, 100, 235])
  })

  test("above the largest bound are that bound", () => {
    expect(timesBetween(readTimes(text(0, 0, 0, 0)), readTimes(text(0, 0, 0, 5)))!.p50).toBe(250)
  })

  test("there are none where it does not tell, and where nothing came", () => {
    expect(readTimes("up 1\n")).toBeNull()
    expect(timesBetween(null, readTimes(text(1, 1, 1, 1)))).toBeNull()
    expect(timesBetween(readTimes(text(1, 1, 1, 1)), readTimes(text(1, 1, 1, 1)))).toBeNull()
  })
})

test("of a process's threads the one that ran most counts", () => {
  const times = (ranNs: number, waitedNs: number) => ({ ranNs, waitedNs })
  const before = new Map([
    ["1", times(9000, 10)],
    ["2", times(100, 20)],
  ])
  const after = new Map([
    ["1", times(9100, 5000)],
    ["2", times(900, 27)],
    ["3", times(300, 600)],
  ])
  expect(waitOfBusiest(before, after)).toBe(7)
  expect(waitOfBusiest(new Map(), new Map())).toBe(0)
})

test.skipIf(process.platform !== "linux")("threads of a process are read", () => {
  const [own] = [...threadTimes([process.pid]).values()]
  expect(own === undefined || own.ranNs > 0).toBe(true)
})

test("what a process said names no place of this machine", () => {
  const here = import.meta.filename
  expect(withoutCheckout(`at begin (file://${here}:12:3) | ${here}`)).toBe(
    "at begin (bench/measure/measure.test.ts:12:3) | bench/measure/measure.test.ts",
  )
})

test("the walk through memory comes by every place before it comes back", () => {
  const next = randomCycle(1000)
  const seen = new Set<number>()
  for (let at = 0; !seen.has(at); at = next[at]!) seen.add(at)
  expect(seen.size).toBe(1000)
})
