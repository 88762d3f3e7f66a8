import { describe, expect, test } from "vitest"
import { defaultOutlierDetection } from "../config/defaults.ts"
import type { OutlierDetectionConfig } from "../config/model.ts"
import type { OutcomeCounts } from "./counts.ts"
import { detectOutliers, type OutlierState } from "./outliers.ts"

const outlierDefaults = defaultOutlierDetection()

const NONE: OutlierDetectionConfig = { ...outlierDefaults, consecutiveFailures: null, successRate: null }

const counts = (successes: number, failures: number, consecutiveFailures = 0): OutcomeCounts => ({
  successes,
  failures,
  consecutiveFailures,
})

const named = (...rows: OutcomeCounts[]) => new Map(rows.map((row, index) => [`e${index}`, row]))

/** One reading from nothing; the endpoints that are ejected. */
function ejectedOf(rows: readonly OutcomeCounts[], settings: Partial<OutlierDetectionConfig>, percent = 100) {
  const { orders } = detectOutliers(
    new Map(),
    named(...rows),
    new Map(),
    { ...NONE, maxEjectionPercent: percent, ...settings },
    0,
  )
  return orders.map(({ endpoint, cause }) => `${endpoint} ${cause}`)
}

describe("failures in a row", () => {
  test.for([
    { row: counts(0, 4, 4), out: false },
    { row: counts(0, 5, 5), out: true },
    { row: counts(100, 5, 5), out: true },
    { row: counts(1, 9, 0), out: false },
  ])("$row: $out", ({ row, out }) => {
    expect(ejectedOf([row, counts(9, 0)], { consecutiveFailures: 5 })).toEqual(
      out ? ["e0 consecutive_failures"] : [],
    )
  })

  test("without new ones they are no news", () => {
    const same = named(counts(0, 5, 5))
    expect(detectOutliers(same, same, new Map(), { ...NONE, consecutiveFailures: 5 }, 0).orders).toEqual([])
  })
})

describe("success rate", () => {
  const successRate = { stdevFactor: 1900, minimumHosts: 5, requestVolume: 100 }
  const good = counts(99, 1)
  test.for([
    { name: "one far below its like", rows: [counts(50, 50), good, good, good, good], out: ["e0"] },
    { name: "all alike, however bad", rows: Array(5).fill(counts(10, 90)), out: [] },
    { name: "too few endpoints", rows: [counts(0, 100), good, good, good], out: [] },
    { name: "too few calls at the bad one", rows: [counts(0, 99), good, good, good, good], out: [] },
    { name: "spread evenly", rows: [60, 70, 80, 90, 100].map((rate) => counts(rate, 100 - rate)), out: [] },
  ])("$name", ({ rows, out }) => {
    expect(ejectedOf(rows, { successRate })).toEqual(out.map((one) => `${one} success_rate`))
  })
})

describe("failure percentage", () => {
  const failurePercentage = { threshold: 85, minimumHosts: 2, requestVolume: 50 }
  test.for([
    { row: counts(15, 85), out: true },
    { row: counts(16, 84), out: false },
    { row: counts(0, 49), out: false },
  ])("$row: $out", ({ row, out }) => {
    expect(ejectedOf([row, counts(100, 0)], { failurePercentage })).toEqual(
      out ? ["e0 failure_percentage"] : [],
    )
  })

  test("needs its like to be seen", () => {
    expect(ejectedOf([counts(0, 100)], { failurePercentage })).toEqual([])
  })
})

describe("no more are left out than", () => {
  const bad = counts(0, 9, 9)
  test.for([
    { percent: 10, endpoints: 3, most: 1 },
    { percent: 10, endpoints: 29, most: 2 },
    { percent: 50, endpoints: 5, most: 2 },
    { percent: 0, endpoints: 5, most: 1 },
    { percent: 100, endpoints: 5, most: 5 },
  ])("$percent % of $endpoints: $most", ({ percent, endpoints, most }) => {
    const rows = Array<OutcomeCounts>(endpoints).fill(bad)
    expect(ejectedOf(rows, { consecutiveFailures: 5 }, percent).length).toBe(most)
  })
})

test("each time in a row it is left out longer, up to the longest; good intervals are forgiven one by one", () => {
  const settings = { ...NONE, consecutiveFailures: 5, maxEjectionMs: 75_000 }
  let before = named(counts(0, 0), counts(0, 0))
  let states: ReadonlyMap<string, OutlierState> = new Map()
  let nowMs = 0
  const step = (row: OutcomeCounts) => {
    const now = named(row, counts(nowMs, 0))
    const reading = detectOutliers(before, now, states, settings, nowMs)
    before = now
    states = reading.states
    return reading.orders.map(({ cause }) => cause)
  }
  const untilMs = () => states.get("e0")!.ejectedUntilMs
  expect(step(counts(0, 5, 5))).toEqual(["consecutive_failures"])
  expect(untilMs()).toBe(30_000)
  nowMs = 29_999
  expect(step(counts(0, 6, 6))).toEqual([])
  nowMs = 30_000
  expect(step(counts(0, 6, 6))).toEqual([null])
  nowMs = 40_000
  expect(step(counts(0, 7, 7))).toEqual(["consecutive_failures"])
  expect(untilMs()).toBe(100_000)
  nowMs = 100_000
  // Let in and out again in one reading.
  expect(step(counts(0, 8, 8))).toEqual([null, "consecutive_failures"])
  expect(untilMs()).toBe(175_000)
  nowMs = 175_000
  expect(step(counts(1, 8, 0))).toEqual([null])
  for (let i = 0; i < 5; i++) step(counts(1 + i, 8, 0))
  expect(states.get("e0")).toEqual({ ejectedUntilMs: null, ejections: 0 })
})

test("endpoints that left are forgotten", () => {
  const states = new Map([["gone", { ejectedUntilMs: 9, ejections: 1 }]])
  expect([...detectOutliers(new Map(), named(counts(1, 0)), states, NONE, 0).states.keys()]).toEqual(["e0"])
})
