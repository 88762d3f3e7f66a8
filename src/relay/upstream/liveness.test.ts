import { describe, expect, test } from "vitest"
import { Counters } from "../../base/counters.ts"
import { resolveLimits } from "../../base/resolve-limits.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import { Liveness } from "./liveness.ts"

const SETTINGS = { intervalMs: 30_000, timeoutMs: 20_000 }

/** A connection whose peer says what a test has it say. */
function bedOf({ calmed = false, limits = {} }: { calmed?: boolean; limits?: Record<string, number> } = {}) {
  const counters = new Counters()
  const endpoint = { keepalive: calmed ? SETTINGS : null, silentConnections: 0 }
  const http2 = {
    isClosed: false,
    isSettingsAcked: true,
    streamIdsLeft: 100,
    pings: 0,
    ping: () => void http2.pings++,
  }
  const host = { endpoint: endpoint as unknown as Endpoint, streamsOpen: 1, http2, isReadingPaused: false }
  const liveness = new Liveness(host, SETTINGS, { limits: resolveLimits(limits).limits, counters }, 0)
  return { counters, endpoint, http2, host, liveness }
}

describe("a PING by the interval", () => {
  test("is sent after so much silence, while streams are open", () => {
    const { host, http2, liveness } = bedOf()
    expect(liveness.check(29_999)).toBe(null)
    expect(http2.pings).toBe(0)
    host.streamsOpen = 0
    expect(liveness.check(30_000)).toBe(null)
    expect(http2.pings).toBe(0)
    host.streamsOpen = 1
    expect(liveness.check(30_000)).toBe(null)
    expect(http2.pings).toBe(1)
  })

  test("that has no answer in time ends the connection", () => {
    const { counters, liveness } = bedOf()
    liveness.check(30_000)
    expect(liveness.check(49_999)).toBe(null)
    expect(liveness.check(50_000)).toBe("no answer to PING within 20000 ms")
    expect(counters.get("ping_timeout")).toBe(1)
  })

  test("that is answered does not, nor anything else that comes", () => {
    const { counters, liveness } = bedOf()
    liveness.check(30_000)
    liveness.received(40_000)
    liveness.acknowledged()
    expect(liveness.check(50_000)).toBe(null)
    expect(counters.get("ping_timeout")).toBe(0)
  })

  test("of a peer that is not read ends nothing", () => {
    const { host, liveness } = bedOf()
    liveness.check(30_000)
    host.isReadingPaused = true
    expect(liveness.check(60_000)).toBe(null)
  })
})

describe("a connection whose PING is late", () => {
  test("counts at its endpoint from two seconds on, until anything comes", () => {
    const { endpoint, liveness } = bedOf()
    liveness.check(30_000)
    liveness.check(31_999)
    expect(endpoint.silentConnections).toBe(0)
    liveness.check(32_000)
    liveness.check(33_000)
    expect(endpoint.silentConnections).toBe(1)
    liveness.received(33_500)
    liveness.received(33_600)
    expect(endpoint.silentConnections).toBe(0)
  })

  test("counts no longer once it is over", () => {
    const { endpoint, liveness } = bedOf()
    liveness.check(30_000)
    liveness.check(32_000)
    liveness.end()
    expect(endpoint.silentConnections).toBe(0)
    const other = bedOf()
    other.liveness.end()
    expect(other.endpoint.silentConnections).toBe(0)
  })
})

describe("a PING ahead of the interval", () => {
  test("has less time, and is counted", () => {
    const { counters, http2, liveness } = bedOf({ limits: { hastenedPingTimeoutMs: 5000 } })
    liveness.hasten(1000)
    expect([http2.pings, counters.get("ping_hastened")]).toEqual([1, 1])
    expect(liveness.check(5999)).toBe(null)
    expect(liveness.check(6000)).toBe("no answer to PING within 5000 ms")
  })

  test("is sent where a new stream has had no answer", () => {
    const { http2, liveness } = bedOf()
    liveness.received(100)
    http2.streamIdsLeft--
    for (let nowMs = 1000; nowMs <= 3000; nowMs += 1000) liveness.check(nowMs)
    expect(http2.pings).toBe(0)
    for (let nowMs = 4000; nowMs <= 6000; nowMs += 1000) liveness.check(nowMs)
    expect(http2.pings).toBe(1)
  })

  test("no second one while the first has no answer", () => {
    const { http2, liveness } = bedOf()
    liveness.hasten(1000)
    liveness.hasten(20_000)
    expect(http2.pings).toBe(1)
  })

  test.each<[string, (bed: ReturnType<typeof bedOf>) => void]>([
    ["SETTINGS that are not acknowledged", ({ http2 }) => (http2.isSettingsAcked = false)],
    ["a peer that is not read", ({ host }) => (host.isReadingPaused = true)],
    ["a connection that is over", ({ http2 }) => (http2.isClosed = true)],
    [
      "one sent a moment ago",
      ({ liveness }) => {
        liveness.hasten(500)
        liveness.received(600)
        liveness.acknowledged()
      },
    ],
  ])("not with %s", (_, set) => {
    const bed = bedOf()
    set(bed)
    const { pings } = bed.http2
    bed.liveness.hasten(1000)
    expect(bed.http2.pings).toBe(pings)
  })

  test("nor to an endpoint that has found PINGs too many", () => {
    const { http2, liveness } = bedOf({ calmed: true })
    liveness.hasten(1000)
    expect(liveness.prove(1000)).toBe(false)
    expect(http2.pings).toBe(0)
  })
})

describe("a PING that is to show that the endpoint works", () => {
  test("has all the time of a keepalive's", () => {
    const { http2, liveness } = bedOf()
    expect(liveness.prove(1000)).toBe(true)
    expect(http2.pings).toBe(1)
    expect(liveness.check(20_999)).toBe(null)
    expect(liveness.check(21_000)).toBe("no answer to PING within 20000 ms")
  })

  test("is not sent where one is not permitted yet", () => {
    const { liveness } = bedOf()
    liveness.prove(1000)
    liveness.received(1100)
    liveness.acknowledged()
    expect(liveness.prove(2000)).toBe(false)
  })
})

test("a peer that finds PINGs too many is asked half as often, and so are later connections to it", () => {
  const { counters, endpoint, http2, liveness } = bedOf({ limits: { pingIntervalMaxMs: 50_000 } })
  liveness.backOff()
  expect(endpoint.keepalive).toEqual({ intervalMs: 50_000, timeoutMs: 20_000 })
  expect(counters.get("keepalive_calmed")).toBe(1)
  liveness.check(49_999)
  expect(http2.pings).toBe(0)
  liveness.check(50_000)
  expect(http2.pings).toBe(1)
})
