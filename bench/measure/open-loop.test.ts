import { describe, expect, test } from "vitest"
import { isCalm, loadShare, rateWithRoom } from "./open-loop.ts"

describe("the share of its core that the load used", () => {
  const report = { generatorCpuNs: 6e8, backendCpuNs: 4e8, seconds: 2 }
  test.each([
    ["one core for both", { proxy: 0, generator: 1, backend: 1 }, 0.5],
    ["one for each", { proxy: 0, generator: 1, backend: 2 }, 0.3],
    ["nothing is pinned", null, 0.3],
  ])("%s", (_, cores, share) => {
    expect(loadShare(report, cores)).toBeCloseTo(share)
  })
})

describe("the rate of an open loop", () => {
  /** A load that needs so many microseconds for a message, and no more than its core. */
  async function found(wanted: number, microseconds: (rate: number) => number) {
    const asked: number[] = []
    const rate = await rateWithRoom(wanted, async (at) => {
      asked.push(at)
      return Math.min(1, (at * microseconds(at)) / 1e6)
    })
    return { rate, asked }
  }

  test("is the one wanted, where that leaves the load room", async () => {
    expect(await found(60_000, () => 10)).toEqual({ rate: 60_000, asked: [60_000] })
  })

  test("is as much as leaves it room, where messages cost it alike", async () => {
    expect(await found(80_000, () => 10)).toEqual({ rate: 60_000, asked: [80_000, 60_000] })
  })

  test("is looked for again where its core was full, or a message costs more at less", async () => {
    expect(await found(200_000, () => 10)).toEqual({
      rate: 60_000,
      asked: [200_000, 120_000, 72_000, 60_000],
    })
    const { rate, asked } = await found(80_000, (at) => 2 + 640_000 / at)
    expect(asked).toHaveLength(4)
    expect(rate).toBeLessThan(asked[3]!)
  })

  test("is the one wanted where the load told nothing", async () => {
    expect(await rateWithRoom(500, async () => Number.NaN)).toBe(500)
  })
})

test.each([
  [0, true],
  [2e8, true],
  [2.01e8, false],
])("a round of two seconds in which the proxy waited %i ns for its core is calm: %s", (proxyWaitNs, calm) => {
  expect(isCalm({ proxyWaitNs, seconds: 2 })).toBe(calm)
})
