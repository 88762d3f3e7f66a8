import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { Keepalive } from "../base/keepalive.ts"
import { defaultRouteSettings } from "../config/defaults.ts"
import { StreamTimeouts } from "../relay/call/stream-timeouts.ts"

describe("keepalive", () => {
  const settings = { intervalMs: 30_000, timeoutMs: 5_000 }
  const wishes = (
    keepalive: Keepalive,
    ...looks: [atMs: number, hasStreams: boolean, isReadingPaused?: boolean][]
  ) =>
    looks.map(([atMs, hasStreams, isReadingPaused = false]) =>
      keepalive.check(atMs, hasStreams, isReadingPaused),
    )

  test("asks after the interval, once, and gives up after the timeout", () => {
    const keepalive = new Keepalive(settings, 0)
    expect(
      wishes(keepalive, [29_999, true], [30_000, true], [30_001, true], [34_999, true], [35_000, true]),
    ).toEqual(["none", "ping", "none", "none", "dead"])
  })

  test("whatever comes is a sign of life", () => {
    const keepalive = new Keepalive(settings, 0)
    keepalive.check(30_000, true, false)
    keepalive.received(34_000)
    expect(wishes(keepalive, [35_000, true], [63_999, true], [64_000, true])).toEqual([
      "none",
      "none",
      "ping",
    ])
  })

  test("asks nobody who has no stream, but does not forget that it asked", () => {
    const keepalive = new Keepalive(settings, 0)
    expect(wishes(keepalive, [60_000, false], [60_001, true], [65_001, false])).toEqual([
      "none",
      "ping",
      "dead",
    ])
  })

  test("nobody is judged by what was not read, and all have their time again afterwards", () => {
    const keepalive = new Keepalive(settings, 0)
    const looks = wishes(
      keepalive,
      [30_000, true],
      [34_000, true, true],
      [35_000, true, true],
      [95_000, true, true],
      [96_000, true],
      [124_999, true],
      [125_000, true],
      [130_000, true],
    )
    expect(looks).toEqual(["ping", "none", "none", "none", "none", "none", "ping", "dead"])
  })

  test("backOff: half as often, and more so each time", () => {
    const keepalive = new Keepalive(settings, 0)
    expect(keepalive.backOff(3_600_000)).toEqual({ intervalMs: 60_000, timeoutMs: 5_000 })
    expect(wishes(keepalive, [59_999, true], [60_000, true])).toEqual(["none", "ping"])
    expect(keepalive.backOff(3_600_000).intervalMs).toBe(120_000)
  })

  test.for([
    ["as far as the bound", 30_000, 100_000, [60_000, 100_000, 100_000]],
    ["not at all where it is past it already", 300_000, 100_000, [300_000, 300_000]],
  ] as const)("backOff again and again: %s", ([, intervalMs, mostMs, expected]) => {
    const keepalive = new Keepalive({ ...settings, intervalMs }, 0)
    expect(expected.map(() => keepalive.backOff(mostMs).intervalMs)).toEqual(expected)
  })
})

describe("silence", () => {
  interface Sides {
    queued: number
    upstreamEnded: boolean
    downstreamEnded: boolean
  }

  function watch(settings: { readTimeoutMs?: number; sendTimeoutMs?: number; bodyTimeoutMs?: number }) {
    const clock = new ManualClock()
    const silence = new StreamTimeouts({ ...defaultRouteSettings(), ...settings }, 0)
    const sides: Sides = { queued: 0, upstreamEnded: false, downstreamEnded: false }
    const look = () => {
      const upstream = { queuedOctets: sides.queued, remoteEnded: sides.upstreamEnded }
      return silence.check(clock.now(), upstream, { queuedOctets: 0, remoteEnded: sides.downstreamEnded })
    }
    /** Looks whenever it says to, as an call does, for so long; the first timeout and when it came. */
    const during = (ms: number): string => {
      const untilMs = clock.now() + ms
      for (;;) {
        const dueMs = Math.max(clock.now() + 1, silence.dueMs)
        if (dueMs > untilMs) break
        clock.advance(dueMs - clock.now())
        const found = look()
        if (found !== null) return `${found} at ${clock.now()}`
      }
      clock.advance(untilMs - clock.now())
      return "nothing"
    }
    return { clock, silence, sides, during }
  }

  test("none written: nothing is ever due", () => {
    const { silence, during } = watch({})
    expect(silence.dueMs).toBe(Number.POSITIVE_INFINITY)
    expect(during(1e9)).toBe("nothing")
  })

  test("read: only once there is an upstream, from its last word on, and not after its last", () => {
    const { clock, silence, sides, during } = watch({ readTimeoutMs: 1000 })
    expect(during(5000)).toBe("nothing")
    silence.attached(clock.now())
    expect(during(900)).toBe("nothing")
    silence.fromUpstream(clock)
    expect(during(900)).toBe("nothing")
    sides.upstreamEnded = true
    expect(during(5000)).toBe("nothing")
    sides.upstreamEnded = false
    silence.fromUpstream(clock)
    expect(during(5000)).toBe(`read_timeout at ${clock.now()}`)
  })

  test("body: until the client has half-closed", () => {
    const { clock, silence, sides, during } = watch({ bodyTimeoutMs: 1000 })
    expect(during(900)).toBe("nothing")
    silence.fromDownstream(clock)
    expect(during(2000)).toBe("body_timeout at 1900")
    const other = watch({ bodyTimeoutMs: 1000 })
    other.sides.downstreamEnded = true
    expect(other.during(10_000)).toBe("nothing")
    expect(sides.downstreamEnded).toBe(false)
  })

  test("send: when octets wait and none is taken", () => {
    const { sides, during } = watch({ sendTimeoutMs: 1000 })
    expect(during(3000)).toBe("nothing")
    sides.queued = 10
    expect(during(5000)).toMatch(/^send_timeout at (4[0-5]\d\d)$/)
  })

  test("send: an upstream that is slow but takes something is let be, though its queue is never empty", () => {
    const { silence, sides, during } = watch({ sendTimeoutMs: 1000 })
    sides.queued = 10
    for (let i = 0; i < 20; i++) {
      expect(during(800)).toBe("nothing")
      silence.upstreamTook()
    }
  })
})
