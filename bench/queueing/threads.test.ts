import { describe, expect, test } from "vitest"
import { type QueueingCase, simulateThreads } from "./threads.ts"

const CASE: QueueingCase = {
  threads: 1,
  connections: 64,
  serviceUs: 100,
  load: 0.5,
  dealt: "in turn",
  messages: 200_000,
  seed: 1,
}

describe("threads that serve in order", () => {
  // Pollaczek and Khinchine for M/D/1: half of the messages find the thread idle at half load.
  test("one thread at half load: half of the messages do not wait, and the rate is half of what it can do", () => {
    const { p50, rate, busiest } = simulateThreads(CASE)
    expect(p50).toBeLessThan(5)
    expect(rate).toBeCloseTo(5_000)
    expect(busiest).toBe(0.5)
  })

  test.each([2, 4, 16])(
    "connections dealt in turn to %i threads load them alike: waits are those of one",
    (threads) => {
      const one = simulateThreads(CASE)
      const many = simulateThreads({ ...CASE, threads, messages: 200_000 * threads })
      expect(many.busiest).toBe(0.5)
      expect(many.rate).toBeCloseTo(threads * one.rate)
      expect(Math.abs(many.p99 / one.p99 - 1)).toBeLessThan(0.1)
    },
  )

  test("at random some threads have more connections than others, and theirs wait longer", () => {
    const inTurn = simulateThreads({ ...CASE, threads: 16 })
    const atRandom = simulateThreads({ ...CASE, threads: 16, dealt: "at random" })
    expect(atRandom.busiest).toBeGreaterThan(inTurn.busiest)
    expect(atRandom.p99).toBeGreaterThan(inTurn.p99)
  })

  test("the same seed gives the same run", () => {
    expect(simulateThreads({ ...CASE, dealt: "at random" })).toEqual(
      simulateThreads({ ...CASE, dealt: "at random" }),
    )
  })
})
