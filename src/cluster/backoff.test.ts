import { describe, expect, test } from "vitest"
import { seededRandom } from "../base/random.ts"
import { Backoff } from "./backoff.ts"

const backoffOf = (random: () => number = () => 0.5, delayMaxMs = 1000) =>
  new Backoff({ delayMs: 100, delayMaxMs, random })

describe("back-off between connections", () => {
  /** The delays after so many failures in a row, the first at `nowMs`. */
  function delays(backoff: Backoff, many: number, nowMs = 0): number[] {
    return Array.from({ length: many }, () => {
      backoff.failed(nowMs, nowMs)
      const left = backoff.leftMs(nowMs)
      nowMs += left
      return Math.round(left)
    })
  }

  test("each failure in a row waits 1.6 times as long, up to 0.3 s", () => {
    expect(delays(backoffOf(), 6)).toEqual([100, 160, 256, 300, 300, 300])
  })

  test("an endpoint that was down for a minute is asked less often, one that was down for long as the limit says", () => {
    const backoff = backoffOf()
    const all = delays(backoff, 1200)
    let downMs = 0
    for (const delay of all) {
      if (downMs < 60_000) expect(delay).toBeLessThanOrEqual(300)
      expect(delay).toBeLessThanOrEqual(1000)
      downMs += delay
    }
    expect(all.at(-1)).toBe(1000)
  })

  test("up but not yet of use: the delay is kept, and grows no further than at first", () => {
    const backoff = backoffOf()
    delays(backoff, 1200)
    backoff.up()
    expect(delays(backoff, 3, 1e9)).toEqual([300, 300, 300])
  })

  test("the limit rules, also where it is less", () => {
    expect(
      delays(
        backoffOf(() => 0.5, 120),
        3,
      ),
    ).toEqual([100, 120, 120])
  })

  test("delays vary by a fifth either way", () => {
    const random = seededRandom(7)
    const firsts = Array.from({ length: 1000 }, () => {
      const backoff = backoffOf(random)
      backoff.failed(0, 0)
      return backoff.leftMs(0)
    })
    expect(Math.min(...firsts)).toBeGreaterThanOrEqual(80)
    expect(Math.min(...firsts)).toBeLessThan(82)
    expect(Math.max(...firsts)).toBeGreaterThan(118)
    expect(Math.max(...firsts)).toBeLessThanOrEqual(120)
  })

  test("whoever waits as long as is left has none left, whatever the fractions", () => {
    const random = seededRandom(3)
    for (let i = 0; i < 10_000; i++) {
      const backoff = backoffOf(random)
      const startedMs = 1e9 * random()
      backoff.failed(startedMs, startedMs + random())
      const nowMs = startedMs + 50 * random()
      expect(backoff.leftMs(nowMs + backoff.leftMs(nowMs))).toBe(0)
    }
  })

  test("counted from where the attempt began: one that took its time is followed at once", () => {
    const backoff = backoffOf()
    backoff.failed(1000, 1070)
    expect(backoff.leftMs(1070)).toBe(30)
    backoff.failed(2000, 9000)
    expect(backoff.leftMs(9000)).toBe(0)
  })

  test("attempts made together fail as one", () => {
    const backoff = backoffOf()
    for (const startedMs of [0, 3, 4]) backoff.failed(startedMs, 5)
    expect(backoff.leftMs(0)).toBe(100)
  })

  test("one that is begun the moment the last one failed is another one", () => {
    const backoff = backoffOf()
    // It lasted, so the next is begun at once.
    backoff.failed(0, 500)
    expect(backoff.leftMs(500)).toBe(0)
    backoff.failed(500, 500)
    expect(backoff.leftMs(500)).toBe(160)
  })

  test("a connection that was of use ends it, unless it is older than the failure", () => {
    const backoff = backoffOf()
    backoff.failed(0, 10)
    backoff.failed(100, 110)
    backoff.served(50)
    backoff.failed(300, 300)
    expect(backoff.leftMs(300)).toBeCloseTo(256)
    backoff.served(600)
    backoff.failed(700, 700)
    expect(backoff.leftMs(700)).toBe(100)
  })
})
