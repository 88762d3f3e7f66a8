import { describe, expect, test } from "vitest"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import { Endpoint } from "./endpoint.ts"
import { SlowStart } from "./slow-start.ts"

const endpointOf = (weight: number, slowStartMs: number | null = null) =>
  new Endpoint({ ...defaultEndpoint(parseAddress("a:1", null)!), weight, slowStartMs })

describe("slow start", () => {
  test.for([
    { aggression: 1, minWeightPercent: 10, weights: [1, 1, 2.5, 5, 9.9, 10, 10] },
    { aggression: 2, minWeightPercent: 10, weights: [1, 1, 5, 7.07, 9.95, 10, 10] },
    { aggression: 0.5, minWeightPercent: 1, weights: [0.1, 0.1, 0.63, 2.5, 9.8, 10, 10] },
  ])("weights by time, aggression $aggression", ({ aggression, minWeightPercent, weights }) => {
    const endpoint = endpointOf(10)
    const slowStart = new SlowStart({ windowMs: 1000, aggression, minWeightPercent })
    slowStart.begin([endpoint], 0)
    const met = [0, 10, 250, 500, 990, 1000, 2000].map((nowMs) => {
      slowStart.update(nowMs)
      return Number(endpoint.weight.toFixed(2))
    })
    expect(met).toEqual(weights)
    expect(slowStart.isActive).toBe(false)
  })

  test("the share that it should have is told without a pick, until the window is over", () => {
    const endpoint = endpointOf(10)
    const slowStart = new SlowStart({ windowMs: 1000, aggression: 1, minWeightPercent: 10 })
    expect(slowStart.shareOf(endpoint, 0)).toBeNull()
    slowStart.begin([endpoint], 0)
    expect([0, 500, 999, 1000].map((nowMs) => slowStart.shareOf(endpoint, nowMs))).toEqual([
      0.1,
      0.5,
      0.999,
      null,
    ])
  })

  test("the endpoint's own time goes before the cluster's; 0: none", () => {
    const slowStart = new SlowStart({ windowMs: 1000, aggression: 1, minWeightPercent: 10 })
    const [own, none] = [endpointOf(1, 100), endpointOf(1, 0)]
    slowStart.begin([own], 0)
    slowStart.begin([none], 0)
    slowStart.update(50)
    expect([own.weight, none.weight]).toEqual([0.5, 1])
    slowStart.update(100)
    expect([own.weight, slowStart.isActive]).toEqual([1, false])
  })

  test("one that begins anew begins anew; one that has ended has its full weight", () => {
    const slowStart = new SlowStart({ windowMs: 1000, aggression: 1, minWeightPercent: 10 })
    const endpoint = endpointOf(1)
    slowStart.begin([endpoint], 0)
    slowStart.update(900)
    slowStart.begin([endpoint], 900)
    expect(endpoint.weight).toBe(0.1)
    slowStart.end(endpoint)
    expect([endpoint.weight, slowStart.isActive]).toEqual([1, false])
  })
})
