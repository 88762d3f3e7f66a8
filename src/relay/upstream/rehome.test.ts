import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import type { Pacer, TurnReason } from "../pacing/pacer.ts"
import { type PlacedStream, Rehome } from "./rehome.ts"

interface Placed extends PlacedStream {
  readonly name: string
}

/** Streams of cluster `c`: `home` where their key belongs, and when octets last came. */
function bedOf(names: readonly string[], activeMs = -60_000) {
  const clock = new ManualClock()
  const deadlines = new TimerWheel(clock)
  const given: { name: string; reason: TurnReason }[] = []
  const pacer = {
    add: ({ name }: Placed, reason: TurnReason) => void given.push({ name, reason }),
  } as unknown as Pacer
  const atHome = new Set<string>()
  const streams = names.map(
    (name) => ({ name, record: { activeMs } }) as unknown as Placed & { record: { activeMs: number } },
  )
  let looks = 0
  const rehome = new Rehome<Placed>({
    clock,
    deadlines,
    pacer,
    streamsOf: () => {
      looks++
      return [...streams]
    },
    isAtHome: (cluster, { name }) => cluster !== "c" || atHome.has(name),
  })
  return { clock, deadlines, given, atHome, streams, rehome, looks: () => looks }
}
const ms = 1000 + 8

describe("streams whose key has another owner", () => {
  test("have their turn once the endpoints have not changed for a second", () => {
    const { clock, given, rehome } = bedOf(["a"])
    rehome.changed("c", "always")
    clock.advance(900)
    rehome.changed("c", "always")
    clock.advance(999)
    expect(given).toEqual([])
    clock.advance(9)
    expect(given).toMatchObject([{ name: "a", reason: { cause: "rehash", isWithdrawn: false } }])
    expect(given[0]!.reason.what.message).toBe(
      "cluster c: the key of the stream belongs to another endpoint now",
    )
  })

  test("and only those", () => {
    const { atHome, clock, given, rehome } = bedOf(["a", "b"])
    atHome.add("a")
    rehome.changed("c", "always")
    clock.advance(ms)
    expect(given.map(({ name }) => name)).toEqual(["b"])
  })

  test("never, where it is so set", () => {
    const { clock, deadlines, looks, rehome } = bedOf(["a"])
    rehome.changed("c", "never")
    clock.advance(60_000)
    expect([looks(), deadlines.size]).toEqual([0, 0])
  })

  test("`never` stops what was begun", () => {
    const { clock, given, rehome } = bedOf(["a"])
    rehome.changed("c", "always")
    rehome.changed("c", "never")
    clock.advance(60_000)
    expect(given).toEqual([])
  })

  test("busy ones once they have been silent for ten seconds", () => {
    const { clock, given, streams, rehome, looks } = bedOf(["a"], 0)
    rehome.changed("c", "idle")
    clock.advance(ms)
    expect([given.length, looks()]).toEqual([0, 1])
    streams[0]!.record.activeMs = 5000
    clock.advance(10_008)
    expect([given.length, looks()]).toEqual([0, 2])
    clock.advance(10_008)
    expect(given.map(({ name }) => name)).toEqual(["a"])
    clock.advance(60_000)
    expect(looks()).toBe(3)
  })

  test("busy ones at once, where that is how it is set", () => {
    const { clock, given, rehome } = bedOf(["a"], 1e9)
    rehome.changed("c", "always")
    clock.advance(ms)
    expect(given).toHaveLength(1)
  })

  test("are looked at in slices of 200, all of them once", () => {
    const names = Array.from({ length: 450 }, (_, at) => `${at}`)
    const { clock, given, rehome, looks } = bedOf(names)
    rehome.changed("c", "always")
    clock.advance(1004)
    const first = given.length
    expect(first).toBeLessThanOrEqual(200)
    clock.advance(100)
    expect(given.map(({ name }) => name).toSorted()).toEqual(names.toSorted())
    expect(looks()).toBe(1)
  })

  test("stay where the change is taken back before their turn", () => {
    const { clock, deadlines, given, rehome } = bedOf(["a"])
    rehome.changed("c", "always")
    clock.advance(ms)
    rehome.close()
    expect(given[0]!.reason.isWithdrawn).toBe(true)
    expect(deadlines.size).toBe(0)
    rehome.stop("c")
  })

  test("all clusters stop with a close", () => {
    const { clock, deadlines, rehome, looks } = bedOf(["a"])
    rehome.changed("c", "always")
    rehome.changed("d", "always")
    rehome.close()
    clock.advance(60_000)
    expect([looks(), deadlines.size]).toEqual([0, 0])
  })
})
