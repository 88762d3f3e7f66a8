import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { Counters } from "../../base/counters.ts"
import { defaultLimits } from "../../base/limits.ts"
import { seededRandom } from "../../base/random.ts"
import { TimerWheel } from "../../base/timer-wheel.ts"
import { failure } from "../../record/failure.ts"
import { jittered, type PacedStream, Pacer, type TurnReason } from "./pacer.ts"

/** What the wheel adds at most: it is never early. */
const LATE_MS = 12

interface Turn {
  readonly name: string
  readonly client: string
  readonly endpoint: string
  readonly atMs: number
}

function bed(limits: Partial<Record<keyof typeof defaultLimits, number>> = {}) {
  const clock = new ManualClock()
  const deadlines = new TimerWheel(clock)
  const context = { clock, deadlines, counters: new Counters(), limits: { ...defaultLimits, ...limits } }
  const pacer = new Pacer(context, seededRandom(1))
  const turns: Turn[] = []
  const things = new Map<string, object>()
  const thing = (name: string): object => {
    const one = things.get(name) ?? { name }
    things.set(name, one)
    return one
  }
  const stream = (client: string, endpoint: string): PacedStream => ({
    paceClient: thing(client),
    paceEndpoint: thing(endpoint),
    onTurn: ({ what }) => turns.push({ name: what.message, client, endpoint, atMs: clock.now() }),
  })
  return { clock, deadlines, pacer, turns, stream, counters: context.counters }
}

const because = (message: string): TurnReason => ({
  cause: "drain",
  what: failure("drained", message),
  isWithdrawn: false,
})

/** The shortest time between two turns of one client or endpoint. */
function closest(turns: readonly Turn[], of: "client" | "endpoint"): number {
  const gaps = [...Map.groupBy(turns, (turn) => turn[of]).values()].flatMap((group) =>
    group.slice(1).map(({ atMs }, at) => atMs - group[at]!.atMs),
  )
  return Math.min(...gaps)
}

describe("the pace", () => {
  test.each<[clients: number, streams: number, endpoints: number, expectedMs: number, decidedBy: string]>([
    [1, 1, 1, 0, "nothing"],
    [1, 10, 1, 900, "the client"],
    [1, 10, 10, 900, "the client"],
    [500, 1, 1, 4990, "the endpoint"],
    [500, 1, 5, 990, "the endpoints"],
    [100, 10, 1, 9990, "the endpoint"],
    [10, 50, 2, 4900, "the clients"],
  ])(
    "%i clients with %i streams over %i endpoints take %i ms, by %s",
    (clients, streams, endpoints, expectedMs) => {
      const { clock, pacer, turns, stream, deadlines } = bed()
      for (let i = 0; i < clients * streams; i++)
        pacer.add(
          stream(`c${i % clients}`, `e${Math.floor(i / clients + (i % clients)) % endpoints}`),
          because("go"),
        )
      clock.advance(60_000)
      expect(turns).toHaveLength(clients * streams)
      const lastMs = turns.at(-1)!.atMs
      expect(lastMs).toBeGreaterThanOrEqual(expectedMs)
      // A client's lane waits for the wheel anew before each of its turns, an endpoint's makes up for that.
      expect(lastMs).toBeLessThanOrEqual(expectedMs + LATE_MS * (1 + streams))
      if (streams > 1) expect(closest(turns, "client")).toBeGreaterThanOrEqual(100)
      expect([pacer.size, deadlines.size]).toEqual([0, 0])
    },
  )

  test("no second has more turns of an endpoint than it allows, and one tick's worth", () => {
    const { clock, pacer, turns, stream } = bed({ pacedStreamsPerSecond: 50 })
    for (let i = 0; i < 2_000; i++) pacer.add(stream(`c${i % 700}`, "e"), because("go"), 0, 10_000)
    clock.advance(120_000)
    expect(turns).toHaveLength(2_000)
    for (const [at, { atMs }] of turns.entries()) {
      const within = turns.slice(at).findIndex((later) => later.atMs >= atMs + 1000)
      if (within >= 0) expect(within).toBeLessThanOrEqual(51)
    }
  })

  test("an endpoint whose clients are slow to come does not hold up another", () => {
    const { clock, pacer, turns, stream } = bed()
    for (let i = 0; i < 1_000; i++) pacer.add(stream("one", "e"), because("go"))
    for (let i = 0; i < 100; i++) pacer.add(stream(`c${i}`, "e"), because("go"))
    clock.advance(1_300)
    expect(new Set(turns.map(({ client }) => client)).size).toBe(101)
  })
})

describe("when", () => {
  test("a turn comes within its time, and times are spread", () => {
    const { clock, pacer, turns, stream } = bed()
    for (let i = 0; i < 200; i++) pacer.add(stream(`c${i}`, `e${i}`), because("go"), 8_000, 4_000)
    clock.advance(7_999)
    expect(turns).toEqual([])
    clock.advance(4_001 + LATE_MS)
    expect(turns).toHaveLength(200)
    const halfMs = turns[100]!.atMs
    expect(halfMs).toBeGreaterThan(9_000)
    expect(halfMs).toBeLessThan(11_000)
  })

  test.each([
    [0, 800],
    [0.5, 1000],
    [1, 1200],
  ])("jitter is a fifth either way: chance %d of 1000 ms is %d ms", (chance, ms) => {
    expect(jittered(1000, chance)).toBeCloseTo(ms)
  })
})

describe("streams that do not have their turn", () => {
  test("one that has a turn keeps it", () => {
    const { clock, pacer, turns, stream, counters } = bed()
    const one = stream("c", "e")
    pacer.add(one, because("first"), 1_000)
    pacer.add(one, because("second"), 0)
    clock.advance(500)
    expect(turns).toEqual([])
    clock.advance(600)
    expect(turns.map(({ name }) => name)).toEqual(["first"])
    expect(counters.get("streams_paced")).toBe(1)
  })

  test("one whose order was withdrawn goes on, and may be given another turn", () => {
    const { clock, pacer, turns, stream, deadlines } = bed()
    const order = because("drained")
    const streams = Array.from({ length: 500 }, () => stream("c", "e"))
    for (const one of streams) pacer.add(one, order)
    clock.advance(1_000)
    const before = turns.length
    expect(before).toBeGreaterThan(5)
    order.isWithdrawn = true
    pacer.add(streams[400]!, because("again"))
    clock.advance(1_000)
    expect(turns.slice(before).map(({ name }) => name)).toEqual(["again"])
    expect([pacer.size, deadlines.size]).toEqual([0, 0])
  })

  test.each([
    ["waits for its time", 0, 1_000, [1, 2, 3]],
    ["is the client's next", 1, 0, [0, 2, 3]],
    ["waits behind others of its client", 2, 0, [0, 1, 3]],
  ])("one that ends while it %s is forgotten, and holds up no other", (_, which, afterMs, expected) => {
    const { clock, pacer, turns, stream, deadlines } = bed()
    const streams = [0, 1, 2, 3].map(() => stream("c", "e"))
    for (const [at, one] of streams.entries()) pacer.add(one, because(String(at)), at === which ? afterMs : 0)
    clock.advance(50)
    pacer.forget(streams[which]!)
    clock.advance(2_000)
    expect(turns.map(({ name }) => Number(name)).toSorted((a, b) => a - b)).toEqual(expected)
    expect([pacer.size, deadlines.size]).toEqual([0, 0])
  })

  test("one that ends in the endpoint's queue lets its client's next come at once", () => {
    const { clock, pacer, turns, stream } = bed({ pacedStreamsPerSecond: 1 })
    const [first, second, third] = [stream("a", "e"), stream("b", "e"), stream("b", "f")]
    for (const [at, [name, one]] of Object.entries({ first, second, third }).entries())
      pacer.add(one, because(name), 20 * at)
    clock.advance(500)
    expect(turns.map(({ name }) => name)).toEqual(["first"])
    pacer.forget(second)
    clock.advance(1)
    expect(turns.map(({ name }) => name)).toEqual(["first", "third"])
  })
})

describe("a plan to move", () => {
  const plan = (message: string, told: string[]): TurnReason => ({
    ...because(message),
    move: { to: null, over: () => void told.push(message) },
  })

  test("gives way to what is to end, and is told that it is over", () => {
    const { clock, pacer, turns, stream } = bed()
    const told: string[] = []
    const one = stream("c", "e")
    expect(pacer.add(one, plan("move", told), 1000)).toBe(true)
    expect(pacer.add(one, plan("other", told), 0)).toBe(false)
    expect(told).toEqual([])
    expect(pacer.add(one, because("end"))).toBe(true)
    expect([told, pacer.size]).toEqual([["move"], 1])
    clock.advance(2000)
    expect(turns.map(({ name }) => name)).toEqual(["end"])
    expect(told).toEqual(["move"])
  })

  test("does not take the place of what is to end", () => {
    const { clock, pacer, turns, stream } = bed()
    const told: string[] = []
    const one = stream("c", "e")
    pacer.add(one, because("end"), 1000)
    expect(pacer.add(one, plan("move", told))).toBe(false)
    clock.advance(2000)
    expect(turns.map(({ name }) => name)).toEqual(["end"])
  })

  test("is over for a stream that ends, and for one whose order is withdrawn", () => {
    const { clock, pacer, stream } = bed()
    const told: string[] = []
    const [ends, stays] = [stream("c", "e"), stream("d", "e")]
    const withdrawn = plan("withdrawn", told)
    pacer.add(ends, plan("ended", told), 1000)
    pacer.add(stays, withdrawn, 1000)
    pacer.forget(ends)
    expect(told).toEqual(["ended"])
    withdrawn.isWithdrawn = true
    clock.advance(2000)
    expect([told, pacer.size]).toEqual([["ended", "withdrawn"], 0])
  })
})

describe("a turn that was given", () => {
  test("is over: the stream may have another, and what is forgotten is none", () => {
    const { clock, pacer, turns, stream, deadlines } = bed()
    const one = stream("c", "e")
    pacer.forget(one)
    pacer.add(one, because("first"))
    clock.advance(50)
    expect([turns.length, pacer.size]).toEqual([1, 0])
    pacer.forget(one)
    pacer.forget(stream("x", "y"))
    expect(pacer.add(one, because("second"))).toBe(true)
    clock.advance(50)
    // The gap of its client.
    expect(turns).toHaveLength(1)
    clock.advance(200)
    expect(turns.map(({ name }) => name)).toEqual(["first", "second"])
    clock.advance(1000)
    expect([pacer.size, deadlines.size]).toEqual([0, 0])
  })

  test("may bring about another", () => {
    const { clock, pacer, turns, stream } = bed()
    const follower = stream("d", "e")
    const one = stream("c", "e")
    const first: PacedStream = {
      ...one,
      onTurn: (reason) => {
        one.onTurn(reason)
        pacer.add(follower, because("follows"))
      },
    }
    pacer.add(first, because("first"))
    clock.advance(100)
    expect(turns.map(({ name }) => name)).toEqual(["first", "follows"])
  })

  test("at once where no time is said, and nothing of the clients before is left", () => {
    const { clock, pacer, turns, stream } = bed()
    pacer.add(stream("c", "e"), because("go"))
    clock.advance(LATE_MS)
    expect(turns).toHaveLength(1)
  })
})

describe("an endpoint's pace", () => {
  test("is to the turn: so many in a second", () => {
    const { clock, pacer, turns, stream } = bed({ pacedStreamsPerSecond: 100 })
    for (let at = 0; at < 500; at++) pacer.add(stream(`c${at}`, "e"), because("go"))
    clock.advance(1000)
    expect(turns.length).toBeGreaterThanOrEqual(98)
    expect(turns.length).toBeLessThanOrEqual(102)
  })

  test("is not made up for by a time in which it had nothing to do", () => {
    const { clock, pacer, turns, stream } = bed({ pacedStreamsPerSecond: 10 })
    for (let at = 0; at < 3; at++) pacer.add(stream(`a${at}`, "e"), because("go"))
    clock.advance(10_000)
    expect(turns).toHaveLength(3)
    for (let at = 0; at < 10; at++) pacer.add(stream(`b${at}`, "e"), because("go"))
    clock.advance(150)
    expect(turns.length).toBeLessThanOrEqual(5)
  })

  test("is not used up by streams whose order was withdrawn", () => {
    const { clock, pacer, turns, stream } = bed({ pacedStreamsPerSecond: 10 })
    const order = because("withdrawn")
    pacer.add(stream("first", "e"), because("first"))
    for (let at = 0; at < 20; at++) pacer.add(stream(`a${at}`, "e"), order)
    pacer.add(stream("last", "e"), because("last"))
    clock.advance(20)
    order.isWithdrawn = true
    clock.advance(130)
    expect(new Set(turns.map(({ name }) => name))).toEqual(new Set(["first", "last"]))
  })
})

test("once all streams are over nothing is left to be due", () => {
  const { clock, pacer, turns, stream, deadlines } = bed({ pacedStreamsPerSecond: 1 })
  for (let at = 0; at < 5; at++) pacer.add(stream(`c${at % 2}`, "e"), because("go"), at === 4 ? 5000 : 0)
  clock.advance(100)
  const before = turns.length
  expect(before).toBeGreaterThan(0)
  expect(deadlines.size).toBeGreaterThan(0)
  pacer.close()
  expect([pacer.size, deadlines.size]).toEqual([0, 0])
  clock.advance(20_000)
  expect(turns).toHaveLength(before)
  pacer.add(stream("c0", "e"), because("again"))
  clock.advance(20)
  expect(turns).toHaveLength(before + 1)
})
