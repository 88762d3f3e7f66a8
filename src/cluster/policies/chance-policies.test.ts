import { describe, expect, test } from "vitest"
import { type Random, seededRandom } from "../../base/random.ts"
import { parseAddress } from "../../config/address.ts"
import { defaultEndpoint } from "../../config/defaults.ts"
import type { EndpointConfig, PolicyConfig } from "../../config/model.ts"
import { Endpoint } from "../endpoint.ts"
import { makePolicy } from "./make-policy.ts"
import type { Picker, PickRequest } from "./policy.ts"

function endpointsOf(
  many: number,
  config: (slot: number) => Partial<EndpointConfig> = () => ({}),
): Endpoint[] {
  return Array.from({ length: many }, (_, slot) => {
    const address = parseAddress(`e${slot}:80`, null)!
    return new Endpoint({ ...defaultEndpoint(address), ...config(slot) }, slot)
  })
}

const ANY: PickRequest = { subject: { render: () => "" }, tried: null, mayWait: true, nowMs: 0 }

/** Streams that stay, so many to each. */
function streamsAfter(
  picker: Picker,
  endpoints: readonly Endpoint[],
  many: number,
  random: Random,
  available = endpoints,
): number[] {
  for (let i = 0; i < many; i++) picker.pick(available, ANY, random)!.tryOpenStream()
  return endpoints.map(({ streamsOpen }) => streamsOpen)
}

const ALL: PolicyConfig[] = [
  { name: "round_robin" },
  { name: "least_streams" },
  { name: "random" },
  { name: "random_two", by: "streams" },
  { name: "random_two", by: "header_time" },
  { name: "peak_ewma", by: "header_time", inflight: true },
]

describe.for(ALL)("$name $by", (config) => {
  const make = (endpoints: readonly Endpoint[]) => makePolicy(config).makePicker(endpoints)

  test.for([1, 2, 64, 65, 500])("passes over what cannot be had, of %i", (many) => {
    const endpoints = endpointsOf(many)
    const picker = make(endpoints)
    const [last] = endpoints.slice(-1)
    const tried = endpoints.slice(0, -1)
    for (let i = 0; i < 20; i++) expect(picker.pick(endpoints, { ...ANY, tried }, seededRandom(i))).toBe(last)
    expect(picker.pick(endpoints, { ...ANY, tried: endpoints }, seededRandom(1))).toBeUndefined()
    for (const endpoint of tried) endpoint.isSaturated = true
    expect(picker.pick(endpoints, { ...ANY, mayWait: false }, seededRandom(1))).toBe(last)
  })

  test.for([10, 100])("gives each of %i its weight's share", (many) => {
    const endpoints = endpointsOf(many, (slot) => ({ weight: slot < many / 2 ? 1 : 3 }))
    const streams = streamsAfter(make(endpoints), endpoints, many * 200, seededRandom(7))
    const share = streams.slice(many / 2).reduce((sum, each) => sum + each) / (many * 200)
    // The better of two that chance draws by weight, and then loads by weight: near it, and not beyond.
    expect(share).toBeGreaterThan(0.7)
    expect(share).toBeLessThan(0.8)
  })

  test("gives one that starts slowly a part of that", () => {
    const endpoints = endpointsOf(100)
    for (const endpoint of endpoints.slice(50)) endpoint.weight = 0.25
    const streams = streamsAfter(make(endpoints), endpoints, 20_000, seededRandom(3))
    const share = streams.slice(50).reduce((sum, each) => sum + each) / 20_000
    expect(share).toBeGreaterThan(0.15)
    expect(share).toBeLessThan(0.25)
  })
})

describe("of many", () => {
  test.for([
    [{ name: "round_robin" }, 0],
    [{ name: "least_streams" }, 1],
    [{ name: "random_two", by: "streams" }, 3],
  ] as [PolicyConfig, number][])("$0.name is even to %i streams", ([config, over]) => {
    const endpoints = endpointsOf(1000)
    const streams = streamsAfter(makePolicy(config).makePicker(endpoints), endpoints, 20_000, seededRandom(5))
    expect(Math.max(...streams) - 20).toBeLessThanOrEqual(over)
  })

  test("round robin goes on with its turns when the list is another one", () => {
    const endpoints = endpointsOf(100)
    const picker = makePolicy({ name: "round_robin" }).makePicker(endpoints)
    const random = seededRandom(1)
    streamsAfter(picker, endpoints, 250, random)
    const without = endpoints.filter(({ slot }) => slot !== 5)
    streamsAfter(picker, endpoints, 99 * 2, random, without)
    const streams = streamsAfter(picker, endpoints, 52 + 100, random).filter((_, slot) => slot !== 5)
    expect(Math.max(...streams) - Math.min(...streams)).toBeLessThanOrEqual(1)
  })

  test("round robin of weights is smooth: the heavy do not all come first", () => {
    const endpoints = endpointsOf(100, (slot) => ({ weight: slot === 0 ? 100 : 1 }))
    const picker = makePolicy({ name: "round_robin" }).makePicker(endpoints)
    let run = 0
    let longest = 0
    for (let i = 0; i < 398; i++) {
      run = picker.pick(endpoints, ANY, seededRandom(1))!.slot === 0 ? run + 1 : 0
      longest = Math.max(longest, run)
    }
    expect(longest).toBeLessThan(5)
  })
})

describe("response times", () => {
  const timesOf = (inflight: boolean) => makePolicy({ name: "peak_ewma", by: "header_time", inflight }).times!
  const took = (times: ReturnType<typeof timesOf>, endpoint: Endpoint, startMs: number, ms: number): void => {
    const call = {}
    times.began(call, endpoint, startMs)
    times.answered(call, startMs + ms)
    times.ended(call)
  }

  test("follow a slow answer at once, and fast ones with time", () => {
    const [endpoint] = endpointsOf(1) as [Endpoint]
    const times = timesOf(false)
    took(times, endpoint, 0, 10)
    expect(times.meanMs(0, 10)).toBeCloseTo(10)
    took(times, endpoint, 10, 500)
    expect(times.meanMs(0, 510)).toBeCloseTo(500)
    took(times, endpoint, 500, 10)
    expect(times.meanMs(0, 510)).toBeCloseTo(500)
    took(times, endpoint, 10_500, 10)
    expect(times.meanMs(0, 10_510)).toBeCloseTo(500 / Math.E + 10 * (1 - 1 / Math.E))
    expect(times.meanMs(0, 1_000_000)).toBe(1)
  })

  test("of calls without an answer count only where asked for, and no more once they are over", () => {
    const [endpoint] = endpointsOf(1) as [Endpoint]
    for (const inflight of [false, true]) {
      const times = timesOf(inflight)
      const calls = [{}, {}]
      times.began(calls[0]!, endpoint, 0)
      times.began(calls[1]!, endpoint, 1000)
      expect(times.meanMs(0, 2000)).toBe(inflight ? 1500 : 1)
      for (const call of calls) times.ended(call)
      expect(times.meanMs(0, 2000)).toBe(1)
      times.answered(calls[0]!, 3000)
      expect(times.meanMs(0, 3000)).toBe(1)
    }
  })

  test("are those of the first answer, which ends the wait", () => {
    const [endpoint] = endpointsOf(1) as [Endpoint]
    const times = timesOf(true)
    const call = {}
    times.began(call, endpoint, 0)
    times.answered(call, 100)
    times.answered(call, 5_000)
    expect(times.meanMs(0, 5_000)).toBeCloseTo(100 * Math.exp(-0.49))
  })

  test("decide: the slow get fewer streams", () => {
    const endpoints = endpointsOf(4)
    for (const config of ALL.filter(({ name, ...more }) => name === "peak_ewma" || "by" in more)) {
      const { makePicker, times } = makePolicy(config)
      if (times === null) continue
      for (const endpoint of endpoints) took(times, endpoint, 0, endpoint.slot === 2 ? 900 : 100)
      const fresh = endpointsOf(4)
      const streams = streamsAfter(makePicker(fresh), fresh, 280, seededRandom(9))
      expect(streams[2]).toBeLessThan(20)
      expect(streams[0]).toBeGreaterThan(60)
    }
  })
})
