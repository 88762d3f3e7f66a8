import { describe, expect, test } from "vitest"
import type { TimedReport, TimedResult } from "../measure/results.ts"
import { SHAPES } from "../shapes.ts"
import { compareRow, comparison } from "./verdict.ts"

/** The same slow and fast minutes for both. */
const MINUTES = [3, 3.6, 2.9, 4.4, 3.1, 3, 3.3, 5, 3.2]
/** What is left of noise within a pair of rounds, in percent. */
const NOISE = [0.4, -1.1, 0.9, 1.6, -0.7, -1.4, 0.2, 2.1, -0.3]

function report(costOf: (round: number) => number, failure = ""): TimedReport {
  const result = (peer: string, rounds: number[], why: string): TimedResult => ({
    peer,
    kind: "sluice",
    failure: why,
    cpuUs: { median: 0, min: 0, max: 0 },
    cpuUsOfRounds: rounds,
    rate: { median: 0, min: 0, max: 0 },
    proxyShare: 1,
    generatorUs: 0,
    backendUs: 0,
    latency: null,
    peakTimes: null,
    ownPacedTimes: null,
    ownPeakTimes: null,
    waitMsPerSecond: 0,
    loadWaitMsPerSecond: 0,
  })
  const shape = SHAPES.find(({ name }) => name === "bidi-10x10") as TimedReport["shape"]
  const now = MINUTES.map((minute, round) => minute * costOf(round))
  return { shape, results: [result("sluice", now, failure), result("before", MINUTES, "")] }
}

const noisy = (change: number) => (round: number) => change * (1 + NOISE[round]! / 100)

describe("a row beside an earlier revision", () => {
  test.each([
    [1.05, "costs more"],
    [0.95, "costs less"],
    [1, "same"],
    [1.01, "same"],
    [0.99, "same"],
    [1.3, "costs more"],
  ])("a change of CPU per message by %f, under noise, is: %s", (change, verdict) => {
    expect(compareRow(report(noisy(change)), "sluice", "before").verdict).toBe(verdict)
  })

  test("rounds that disagree are no difference", () => {
    const swinging = (round: number) => (round % 2 === 0 ? 1.2 : 0.9)
    expect(compareRow(report(swinging), "sluice", "before").verdict).toBe("same")
  })

  test("the ratio is of pairs, with the middle half of them", () => {
    const row = compareRow(
      report(() => 1.1),
      "sluice",
      "before",
    )
    expect(row).toMatchObject({ shape: "bidi-10x10", verdict: "costs more" })
    for (const ratio of [row.low, row.ratio, row.high]) expect(ratio).toBeCloseTo(1.1)
  })

  test("a run that failed has no figure", () => {
    const row = compareRow(report(noisy(1), "lost"), "sluice", "before")
    expect(row.verdict).toBe("no figure")
    expect(comparison([row])).toBe("bidi-10x10     no figure")
  })

  test("the line says it in percent", () => {
    const rows = [1.05, 0.8].map((change) =>
      compareRow(
        report(() => change),
        "sluice",
        "before",
      ),
    )
    expect(comparison(rows)).toBe(
      "bidi-10x10       +5.0 %  (+5.0 % to +5.0 %)  costs more\n" +
        "bidi-10x10      −20.0 %  (−20.0 % to −20.0 %)  costs less",
    )
  })
})
