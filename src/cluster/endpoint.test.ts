import { describe, expect, test } from "vitest"
import { parseAddress } from "../config/address.ts"
import { defaultEndpoint } from "../config/defaults.ts"
import type { EndpointConfig } from "../config/model.ts"
import { Endpoint } from "./endpoint.ts"

const endpointOf = (config: Partial<EndpointConfig> = {}): Endpoint =>
  new Endpoint({ ...defaultEndpoint(parseAddress("a:80", null)!), ...config })

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
    const endpoint = endpointOf({ maxFails })
    for (const atMs of failures) endpoint.failed(atMs, false)
    expect(endpoint.isEjected(nowMs)).toBe(isOut)
  })

  test("after its time one stream tries it; until that is answered it is ejected", () => {
    const endpoint = endpointOf()
    expect(endpoint.failed(0, false)).toBe(true)
    expect(endpoint.isEjected(10_001)).toBe(false)
    expect(endpoint.picked(10_001)).toBe(true)
    // Only one tries at a time.
    expect(endpoint.isEjected(10_002)).toBe(true)
    expect(endpoint.answered()).toBe(true)
    expect(endpoint.isEjected(10_003)).toBe(false)
  })

  test("one that fails on trial was ejected before, and is so no second time", () => {
    const endpoint = endpointOf()
    expect(endpoint.failed(0, false)).toBe(true)
    endpoint.picked(10_001)
    expect(endpoint.failed(10_002, false)).toBe(false)
    expect([endpoint.isEjected(20_002), endpoint.isEjected(20_003)]).toEqual([true, false])
  })

  test("a success in between does not wipe out failures that are fresh", () => {
    const endpoint = endpointOf({ maxFails: 2 })
    endpoint.failed(100, false)
    expect(endpoint.answered()).toBe(false)
    endpoint.failed(200, false)
    expect(endpoint.isEjected(200)).toBe(true)
  })

  test("one that is used although it is ejected, since all are, is back with its first answer", () => {
    const endpoint = endpointOf()
    endpoint.failed(0, true)
    endpoint.picked(1)
    expect([endpoint.answered(), endpoint.isEjected(2)]).toEqual([true, false])
  })
})

describe("a connection that has exchanged SETTINGS and a PING", () => {
  const FAILED_BY = { connection: true, stream: false }

  test.for<[failures: (keyof typeof FAILED_BY)[], isBack: boolean]>([
    [["connection"], true],
    [["stream"], false],
    [["stream", "connection"], true],
    [["connection", "stream"], false],
  ])("after failures of %j: back is %s", ([failures, isBack]) => {
    const endpoint = endpointOf({ maxFails: failures.length })
    for (const by of failures) endpoint.failed(0, FAILED_BY[by])
    expect(endpoint.proven(1)).toBe(isBack)
    expect(endpoint.isEjected(1)).toBe(!isBack)
  })

  test("brings back none that is not out", () => expect(endpointOf().proven(0)).toBe(false))

  test("is not believed twice within fail_timeout, unless a stream was answered in between", () => {
    const endpoint = endpointOf()
    endpoint.failed(0, true)
    expect(endpoint.proven(100)).toBe(true)
    endpoint.failed(200, true)
    expect(endpoint.proven(300)).toBe(false)
    expect(endpoint.proven(10_200)).toBe(false)
    expect(endpoint.proven(10_201)).toBe(true)
    endpoint.answered()
    endpoint.failed(10_300, true)
    expect(endpoint.proven(10_400)).toBe(true)
    // Long after the last one that was believed.
    endpoint.failed(30_000, true)
    expect(endpoint.proven(30_001)).toBe(true)
  })

  test("is waited for by all while one is being made, however long that takes", () => {
    const endpoint = endpointOf()
    endpoint.failed(0, true)
    endpoint.probes = 1
    expect([endpoint.isEjected(60_000), endpoint.ejectedUntilMs]).toEqual([true, Number.POSITIVE_INFINITY])
    endpoint.probes = 0
    expect(endpoint.isEjected(60_000)).toBe(false)
  })
})

test("what is counted of it", () => {
  const endpoint = endpointOf({ maxFails: 0 })
  endpoint.failed(0, true)
  endpoint.failed(0, false)
  endpoint.failed(0, false)
  endpoint.answered()
  const { streamsAnswered, streamsFailed, connectionsFailed } = endpoint
  expect([streamsAnswered, streamsFailed, connectionsFailed]).toEqual([1, 2, 1])
})
