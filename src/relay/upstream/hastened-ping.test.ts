import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { defaultLimits } from "../../base/limits.ts"
import { defaultCluster } from "../../config/defaults.ts"
import { HastenedPing } from "./hastened-ping.ts"

const MINUTE_MS = 60_000

describe("when an endpoint that says nothing to new streams is asked after", () => {
  /** Looks once a second from `fromMs` to `toMs`; the times at which it is due. */
  function dueTimes(ping: HastenedPing, idsLeft: number, fromMs: number, toMs: number): number[] {
    const due: number[] = []
    for (let nowMs = fromMs; nowMs <= toMs; nowMs += 1000) if (ping.isDue(nowMs, idsLeft)) due.push(nowMs)
    return due
  }

  test("three seconds after a stream was opened with nothing coming since", () => {
    const ping = new HastenedPing(defaultLimits, 0)
    ping.received(100)
    expect(dueTimes(ping, 100, 1000, 60_000)).toEqual([])
    expect(dueTimes(ping, 99, 61_000, 66_000)).toEqual([64_000, 65_000, 66_000])
  })

  test("not when anything at all came after it was opened", () => {
    const ping = new HastenedPing(defaultLimits, 0)
    ping.received(100)
    expect(dueTimes(ping, 99, 1000, 3000)).toEqual([])
    ping.received(99)
    expect(dueTimes(ping, 99, 4000, 60_000)).toEqual([])
    expect(dueTimes(ping, 98, 61_000, 63_000)).toEqual([])
  })
})

describe("how many PINGs are permitted", () => {
  type Step = [atMs: number, what: "ping" | "idle ping" | "ack" | "data"]

  test.for<[what: string, steps: Step[], atMs: number, isPermitted: boolean]>([
    ["the first, at once", [], 0, true],
    [
      "none within 10 s of the last",
      [
        [0, "ping"],
        [1, "ack"],
      ],
      9_999,
      false,
    ],
    [
      "a second after 10 s",
      [
        [0, "ping"],
        [1, "ack"],
      ],
      10_000,
      true,
    ],
    [
      "no third",
      [
        [0, "ping"],
        [1, "ack"],
        [10_000, "ping"],
        [10_001, "ack"],
      ],
      60_000,
      false,
    ],
    [
      "a third once HEADERS or DATA have come",
      [
        [0, "ping"],
        [1, "ack"],
        [10_000, "ping"],
        [10_001, "ack"],
        [10_002, "data"],
      ],
      20_000,
      true,
    ],
    [
      "not when these crossed the second on their way",
      [
        [0, "ping"],
        [1, "ack"],
        [10_000, "ping"],
        [10_001, "data"],
        [10_002, "ack"],
      ],
      20_000,
      false,
    ],
    [
      "keepalive's PINGs, five minutes apart, count for nothing",
      [
        [0, "ping"],
        [5 * MINUTE_MS, "ping"],
        [10 * MINUTE_MS, "ping"],
      ],
      11 * MINUTE_MS,
      true,
    ],
    [
      "unless no stream is open",
      [
        [0, "ping"],
        [5 * MINUTE_MS, "idle ping"],
      ],
      11 * MINUTE_MS,
      false,
    ],
  ])("%s", ([, steps, atMs, isPermitted]) => {
    const ping = new HastenedPing(defaultLimits, 0)
    for (const [nowMs, what] of steps) {
      if (what === "ack") ping.acknowledged()
      else if (what === "data") ping.answered()
      else ping.sent(nowMs, what === "ping")
    }
    expect(ping.isPermitted(atMs)).toBe(isPermitted)
  })
})

/** What a server does about PINGs at its defaults: how many strikes one adds, and what HEADERS or DATA sent undo. */
interface Enforcement {
  strikes: number
  ping(nowMs: number, hasStreams: boolean): void
  sent(): void
}

const minGap = (hasStreams: boolean): number => (hasStreams ? 5 : 120) * MINUTE_MS

/** grpc-go and C-core: a gap is measured from the last PING; one after HEADERS or DATA is free. */
function measuringGaps(): Enforcement {
  let lastMs = Number.NEGATIVE_INFINITY
  return {
    strikes: 0,
    ping(nowMs, hasStreams) {
      if (nowMs < lastMs + minGap(hasStreams)) this.strikes++
      lastMs = nowMs
    },
    sent() {
      lastMs = Number.NEGATIVE_INFINITY
      this.strikes = 0
    },
  }
}

/** grpc-java: a gap is measured from the last PING that was valid, or the start. */
function measuringValid(): Enforcement {
  let validMs = 0
  return {
    strikes: 0,
    ping(nowMs, hasStreams) {
      if (nowMs < validMs + minGap(hasStreams)) this.strikes++
      else validMs = nowMs
    },
    sent() {
      validMs = 0
      this.strikes = 0
    },
  }
}

test.for([
  ["grpc-go and C-core", measuringGaps],
  ["grpc-java", measuringValid],
] as const)("no schedule makes a server count a third strike: %s", ([, makeServer]) => {
  const step = fc.record({
    afterMs: fc.oneof(fc.integer({ min: 0, max: 30_000 }), fc.integer({ min: 0, max: 10 * MINUTE_MS })),
    what: fc.constantFrom("ping", "ping that DATA crosses", "keepalive", "data"),
    hasStreams: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const server = makeServer()
      const ping = new HastenedPing(defaultLimits, 0)
      let nowMs = 0
      let sentMs = 0
      const data = (): void => {
        server.sent()
        ping.answered()
      }
      for (const { afterMs, what, hasStreams } of steps) {
        nowMs += afterMs
        const isKeepaliveDue = hasStreams && nowMs - sentMs >= defaultCluster("").keepalive.intervalMs
        if (what === "data") data()
        else if (what === "keepalive" ? isKeepaliveDue : ping.isPermitted(nowMs)) {
          ping.sent(nowMs, hasStreams)
          if (what === "ping that DATA crosses") data()
          server.ping(nowMs, hasStreams)
          ping.acknowledged()
          sentMs = nowMs
        }
        expect(server.strikes).toBeLessThanOrEqual(2)
      }
    }),
    { numRuns: 2000 },
  )
})
