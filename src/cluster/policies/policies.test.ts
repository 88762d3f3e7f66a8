import { describe, expect, test } from "vitest"
import { parseAddress } from "../../config/address.ts"
import { defaultEndpoint } from "../../config/defaults.ts"
import type { EndpointConfig } from "../../config/model.ts"
import { Endpoint } from "../endpoint.ts"
import { LeastStreams } from "./least-streams.ts"
import type { Picker, PickRequest } from "./policy.ts"
import { RoundRobin } from "./round-robin.ts"

/** Endpoints a, b, c … of these weights. */
function endpointsOf(...weights: (number | Partial<EndpointConfig>)[]): Endpoint[] {
  return weights.map((each, index) => {
    const config = typeof each === "number" ? { weight: each } : each
    const address = parseAddress(`${String.fromCharCode(97 + index)}:80`, null)!
    return new Endpoint({ ...defaultEndpoint(address), ...config }, index)
  })
}

const name = (endpoint: Endpoint | undefined): string => endpoint?.address[0] ?? "-"

const ANY: PickRequest = { subject: { render: () => "" }, tried: null, mayWait: true, nowMs: 0 }
const random = (): number => 0.5

function picks(
  endpoints: readonly Endpoint[],
  many: number,
  picker: Picker = new RoundRobin(endpoints),
  request = ANY,
): string {
  return Array.from({ length: many }, () => name(picker.pick(endpoints, request, random))).join("")
}

describe("smooth weighted round robin: the sequences of nginx 1.22", () => {
  test.each([
    [[1], "aaaa"],
    [[1, 1], "abababab"],
    [[1, 1, 1], "abcabcabc"],
    [[5, 1, 1], "aabacaaaabacaa"],
    [[1, 2], "babbab"],
    [[4, 2, 1], "abacabaabacaba"],
    [[3, 2, 1], "abacbaabacba"],
    [[1, 0], "aaaa"],
  ])("weights %j: %s", (weights, expected) => {
    expect(picks(endpointsOf(...weights), expected.length)).toBe(expected)
  })

  test("of none: none", () => expect(picks([], 1)).toBe("-"))

  test("in any number of rounds each gets its weight's share, never far from its turn", () => {
    const weights = [7, 3, 2, 1]
    const sequence = picks(endpointsOf(...weights), 13 * 20)
    for (let round = 0; round < 20; round++) {
      const part = sequence.slice(round * 13, round * 13 + 13)
      expect(weights.map((_, index) => part.split(String.fromCharCode(97 + index)).length - 1)).toEqual(
        weights,
      )
    }
  })
})

describe("an endpoint that failed", () => {
  test.each([
    // weight, maxFails, failures, what the loop of nginx gives
    [12, 1, 1, "bbbbabbabbababab"],
    [12, 5, 1, "babababababababa"],
    [3, 2, 2, "babababababababa"],
  ])(
    "weight=%i max_fails=%i, failed %i times: less weight, won back pick by pick, no further",
    (weight, maxFails, failures, expected) => {
      const endpoints = endpointsOf({ weight, maxFails }, { weight })
      const picker = new RoundRobin(endpoints)
      for (let i = 0; i < failures; i++) picker.onFailed(endpoints[0]!)
      expect(picks(endpoints, 16, picker)).toBe(expected)
    },
  )

  test("never goes below nothing", () => {
    const endpoints = endpointsOf({ weight: 1, maxFails: 1 }, { weight: 1 })
    const picker = new RoundRobin(endpoints)
    for (let i = 0; i < 5; i++) picker.onFailed(endpoints[0]!)
    expect(picks([endpoints[0]!], 1, picker)).toBe("a")
    expect(picks(endpoints, 4, picker)).toMatch(/^(ab|ba){2}$/)
  })

  test("has its full weight again as soon as it is back", () => {
    const endpoints = endpointsOf({ weight: 100, maxFails: 1 }, { weight: 100 })
    const picker = new RoundRobin(endpoints)
    picker.onFailed(endpoints[0]!)
    picker.onBack(endpoints[0]!)
    expect(picks(endpoints, 10, picker)).toBe("ababababab")
  })
})

describe.for([
  ["round robin", RoundRobin],
  ["least streams", LeastStreams],
] as const)("%s passes over", ([, Policy]) => {
  test.for<
    [why: string, change: (endpoint: Endpoint) => void, request: Partial<PickRequest>, picked: string]
  >([
    ["one that is full", (a) => a.tryOpenStream() && a.tryOpenStream(), {}, "bbb"],
    ["one where streams wait", (a) => Object.assign(a, { isSaturated: true }), { mayWait: false }, "bbb"],
    ["not one where streams wait, if need be", (a) => Object.assign(a, { isSaturated: true }), {}, "aba"],
  ])("%s", ([, change, request, picked]) => {
    const endpoints = endpointsOf({ maxStreams: 2 }, { maxStreams: null })
    change(endpoints[0]!)
    expect(picks(endpoints, 3, new Policy(endpoints), { ...ANY, ...request })).toBe(picked)
  })

  test("those that were tried, and says when none is left", () => {
    const endpoints = endpointsOf(1, 1, 1)
    const [a, b, c] = endpoints as [Endpoint, Endpoint, Endpoint]
    const picker = new Policy(endpoints)
    expect(picks(endpoints, 2, picker, { ...ANY, tried: [a, c] })).toBe("bb")
    expect(picks(endpoints, 1, picker, { ...ANY, tried: [a, b, c] })).toBe("-")
  })
})

describe("least streams", () => {
  test.each([
    [[1, 1, 1], [2, 1, 3], "b"],
    [[1, 1, 1], [0, 0, 0], "a"],
    [[10, 1], [9, 1], "a"],
    [[10, 1], [11, 1], "b"],
    [[2, 1], [4, 1], "b"],
  ])("weights %j with %j open: %s", (weights, open, expected) => {
    const endpoints = endpointsOf(...weights)
    endpoints.forEach((endpoint, index) => {
      for (let i = 0; i < open[index]!; i++) endpoint.tryOpenStream()
    })
    expect(picks(endpoints, 1, new LeastStreams(endpoints))).toBe(expected)
  })

  test("those that tie take turns, by weight", () => {
    const endpoints = endpointsOf(1, 1, 1)
    endpoints[1]!.tryOpenStream()
    expect(picks(endpoints, 4, new LeastStreams(endpoints))).toBe("acac")
  })

  test("of none: none", () => expect(picks([], 1, new LeastStreams([]))).toBe("-"))
})
