import { describe, expect, test } from "vitest"
import { parseAddress } from "../../config/address.ts"
import { defaultEndpoint } from "../../config/defaults.ts"
import type { EndpointConfig } from "../../config/model.ts"
import { Endpoint } from "../endpoint.ts"
import { pickLeastStreams } from "./least-streams.ts"
import { pickRoundRobin } from "./round-robin.ts"

/** Endpoints a, b, c … of these weights. */
function endpointsOf(...weights: (number | Partial<EndpointConfig>)[]): Endpoint[] {
  return weights.map((each, index) => {
    const config = typeof each === "number" ? { weight: each } : each
    const address = parseAddress(`${String.fromCharCode(97 + index)}:80`, null)!
    return new Endpoint({ ...defaultEndpoint(address), ...config })
  })
}

const name = (endpoint: Endpoint | undefined): string => endpoint?.address[0] ?? "-"

function picks(endpoints: Endpoint[], many: number, policy = pickRoundRobin): string {
  return Array.from({ length: many }, () => name(policy(endpoints))).join("")
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

  test("nobody: nobody", () => expect(pickRoundRobin([])).toBeUndefined())

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
  test("loses the weight that nginx takes, in whole numbers, and wins it back one pick at a time, no further", () => {
    const [a, b] = endpointsOf({ weight: 3, maxFails: 2 }, { weight: 3 }) as [Endpoint, Endpoint]
    a.failed(0)
    expect(a.effectiveWeight).toBe(2)
    const weights: number[] = []
    for (let i = 0; i < 5; i++) {
      pickRoundRobin([a, b])
      weights.push(a.effectiveWeight)
    }
    expect(weights).toEqual([3, 3, 3, 3, 3])
  })

  test("never goes below nothing", () => {
    const [a] = endpointsOf({ weight: 1, maxFails: 1 }) as [Endpoint]
    for (let i = 0; i < 5; i++) a.failed(0)
    expect(a.effectiveWeight).toBe(0)
    expect(name(pickRoundRobin([a]))).toBe("a")
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
    expect(name(pickLeastStreams(endpoints))).toBe(expected)
  })

  test("those that tie take turns, by weight", () => {
    const endpoints = endpointsOf(1, 1, 1)
    endpoints[1]!.tryOpenStream()
    expect(picks(endpoints, 4, pickLeastStreams)).toBe("acac")
  })

  test("nobody: nobody", () => expect(pickLeastStreams([])).toBeUndefined())
})

describe("max_fails and fail_timeout, as nginx counts them", () => {
  test.each([
    // maxFails, failures at these times, looked at, whether it is out
    [1, [0], 0, true],
    [1, [0], 10_000, true],
    [1, [0], 10_001, false],
    [0, [0, 1, 2], 2, false],
    [3, [0, 1], 1, false],
    [3, [0, 1, 2], 2, true],
    [2, [0, 9_000], 18_999, true],
    [2, [0, 9_000], 19_001, false],
  ])("max_fails=%i, failed at %j: at %i ms out is %s", (maxFails, failures, nowMs, isOut) => {
    const [endpoint] = endpointsOf({ maxFails }) as [Endpoint]
    for (const atMs of failures) endpoint.failed(atMs)
    expect(endpoint.isEjected(nowMs)).toBe(isOut)
  })

  test("after its time one stream asks; until that has gone well it is counted as failing", () => {
    const [endpoint] = endpointsOf({ maxFails: 1 }) as [Endpoint]
    expect(endpoint.failed(0)).toBe(true)
    expect(endpoint.isEjected(10_001)).toBe(false)
    endpoint.picked(10_001)
    // The next one finds it out again: only one asks at a time.
    expect(endpoint.isEjected(10_002)).toBe(true)
    endpoint.succeeded()
    expect(endpoint.isEjected(10_003)).toBe(false)
  })

  test("a success in between does not wipe out failures that are fresh", () => {
    const [endpoint] = endpointsOf({ maxFails: 2 }) as [Endpoint]
    endpoint.failed(100)
    endpoint.succeeded()
    endpoint.failed(200)
    expect(endpoint.isEjected(200)).toBe(true)
  })
})
