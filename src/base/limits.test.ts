import { existsSync, readFileSync } from "node:fs"
import { describe, expect, test } from "vitest"
import { renderLimits } from "../../scripts/write-limits.ts"
import { Counters, counterIds, counterNames } from "./counters.ts"
import { defaultLimits, limitNames, limitTable } from "./limits.ts"
import { resolveLimits } from "./resolve-limits.ts"

describe("the table", () => {
  test.each(limitNames)("%s: a default in its range, a counter, a reason and a source", (name) => {
    const row = limitTable[name]
    expect(row.value).toBe(defaultLimits[name])
    expect(row.value).toBeGreaterThanOrEqual(row.min)
    expect(row.value).toBeLessThanOrEqual(row.max)
    expect(counterNames).toContain(row.counter)
    for (const text of [row.counts, row.stops, row.effect, row.source]) expect(text).not.toBe("")
  })

  test("time limits are milliseconds and named so", () => {
    for (const name of limitNames) expect(name.endsWith("Ms"), name).toBe(limitTable[name].unit === "ms")
  })

  test("docs/limits.md says what the table says", () => {
    const path = new URL("../../docs/limits.md", import.meta.url)
    expect(existsSync(path)).toBe(true)
    expect(readFileSync(path, "utf8")).toBe(renderLimits())
  })
})

describe("overrides", () => {
  test("none leave the defaults, and nothing can change them", () => {
    const { limits, problems } = resolveLimits({})
    expect(limits).toEqual(defaultLimits)
    expect(problems).toEqual([])
    expect(Object.isFrozen(limits)).toBe(true)
    expect(Object.isFrozen(defaultLimits)).toBe(true)
  })

  test("take their place by name", () => {
    expect(resolveLimits({ streamsMax: 5000 }).limits.streamsMax).toBe(5000)
  })

  test.each([
    ["a name nobody knows", { streamMax: 5 }, 'unknown limit "streamMax"'],
    ["a name of Object's own", { constructor: 5 }, 'unknown limit "constructor"'],
    ["__proto__", JSON.parse('{"__proto__": 5}'), 'unknown limit "__proto__"'],
    ["too small", { streamsMax: 0 }, "streamsMax must be a whole number from 1 to 1000000 (streams), not 0"],
    ["too large", { frameOctets: 2 ** 24 }, "frameOctets must be a whole number from 16384 to 16777215"],
    ["a fraction", { abuseBurst: 1.5 }, "not 1.5"],
    ["not a number", { abuseBurst: Number.NaN }, "not NaN"],
    ["a stream window above the connection's", { connectionWindowOctets: 100_000 }, "must not exceed"],
  ])(
    "%s is a problem, not a throw, and the limits stay sound",
    (_, overrides: Record<string, number>, message) => {
      const { limits, problems } = resolveLimits(overrides)
      expect(problems[0]?.message).toContain(message)
      expect(limits.streamsMax).toBe(1000)
      expect(limits.streamWindowOctets).toBeLessThanOrEqual(limits.connectionWindowOctets)
    },
  )
})

describe("counters", () => {
  test("start at zero, count by one or by many, and know each other's names", () => {
    const counters = new Counters()
    expect(new Set(Object.values(counters.snapshot()))).toEqual(new Set([0]))
    counters.add(counterIds.abuse_ping)
    counters.add(counterIds.abuse_ping, 41)
    expect(counters.get("abuse_ping")).toBe(42)
    expect(counters.snapshot().abuse_ping).toBe(42)
    expect(Object.keys(counters.snapshot())).toEqual(counterNames)
  })

  test("of several workers add up", () => {
    const total = new Counters()
    const worker = new Counters()
    worker.add(counterIds.preface_timeout, 2)
    total.merge(worker.snapshot())
    total.merge({ preface_timeout: 3 })
    expect(total.get("preface_timeout")).toBe(5)
  })
})
