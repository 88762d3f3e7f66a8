import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { seededRandom } from "../../base/random.ts"
import { balanceOf, FULL_PACE, nextPace, type PlannedEndpoint, planMoves } from "./plan-moves.ts"
import { shareOut } from "./share-out.ts"

/** `open`, with `weight`; others as they are given. */
function endpoints(...rows: (Partial<PlannedEndpoint> & { open: number })[]): PlannedEndpoint[] {
  return rows.map((row, slot) => ({ slot, weight: 1, leaving: 0, arriving: 0, maxStreams: null, ...row }))
}

/** `0>2: 5`: five streams from slot 0 to slot 2. */
function planned(
  rows: PlannedEndpoint[],
  most = 100_000,
  tolerance = 10,
  mature = rows.map(({ slot }) => slot),
) {
  const moves = planMoves(rows, new Set(mature), tolerance, most, () => 0.5)
  return moves.map(({ from, to, streams }) => `${from}>${to}: ${streams}`)
}

const full = { open: 3_333 }

describe("which streams are to move", () => {
  test.each<[what: string, rows: PlannedEndpoint[], expected: string[]]>([
    ["in balance", endpoints({ open: 100 }, { open: 100 }), []],
    ["within the tolerance", endpoints({ open: 110 }, { open: 90 }), []],
    ["one beyond it", endpoints({ open: 111 }, { open: 89 }), ["0>1: 1"]],
    ["no streams", endpoints({ open: 0 }, { open: 0 }), []],
    ["one endpoint", endpoints({ open: 100 }), []],
    ["none at all", [], []],
    ["by weight: a third and two thirds are right", endpoints({ open: 100 }, { open: 200, weight: 2 }), []],
    ["by weight: halves are not", endpoints({ open: 150 }, { open: 150, weight: 2 }), ["0>1: 40"]],
    ["a fourth joins three", endpoints(full, full, full, { open: 0 }), ["0>3: 583", "1>3: 583", "2>3: 583"]],
    [
      "what leaves already is not told again",
      endpoints({ open: 300, leaving: 50 }, { open: 100, arriving: 50 }),
      ["0>1: 30"],
    ],
    ["what arrives counts as there", endpoints({ open: 300 }, { open: 100, arriving: 95 }), ["0>1: 5"]],
    ["an endpoint that takes no more", endpoints({ open: 300 }, { open: 100, maxStreams: 110 }), ["0>1: 10"]],
    ["one that is full", endpoints({ open: 300 }, { open: 100, maxStreams: 90 }), []],
    ["one that is to have none", endpoints({ open: 30, weight: 0 }, { open: 70 }), ["0>1: 30"]],
    ["one that starts slowly", endpoints({ open: 300 }, { open: 0, weight: 0.1 }), []],
    ["nothing moves for a fraction of a stream", endpoints({ open: 1 }, { open: 0 }, { open: 0 }), []],
    ["two at one of two", endpoints({ open: 2 }, { open: 0 }), []],
    ["three at one of three", endpoints({ open: 3 }, { open: 0 }, { open: 0 }), ["0>2: 1"]],
  ])("%s", (_, rows, expected) => {
    expect(planned(rows)).toEqual(expected)
  })

  test("no more than the pace, shared by surplus and by room", () => {
    const rows = endpoints({ open: 400 }, { open: 300 }, { open: 50 }, { open: 50 })
    expect(planned(rows, 10)).toEqual(["0>2: 5", "0>3: 2", "1>3: 3"])
    expect(planned(rows, 0)).toEqual([])
  })

  test("no endpoint whose surplus has not lasted", () => {
    const rows = endpoints({ open: 400 }, { open: 300 }, { open: 50 }, { open: 50 })
    expect(planned(rows, 100_000, 10, [1])).toEqual(["1>2: 40", "1>3: 40"])
  })

  test("whatever there is: none is left below its bound, none gets more than it lacks, and again nothing moves", () => {
    const row = fc.record({
      open: fc.nat(500),
      weight: fc.constantFrom(0, 0.3, 1, 1, 1, 2, 7),
      maxStreams: fc.option(fc.nat(200)),
    })
    fc.assert(
      fc.property(
        fc.array(row, { minLength: 1, maxLength: 8 }),
        fc.nat(100),
        fc.nat(400),
        fc.nat(),
        (some, tolerance, most, seed) => {
          const random = seededRandom(seed)
          const rows = endpoints(...some)
          const all = new Set(rows.map(({ slot }) => slot))
          const moves = planMoves(rows, all, tolerance, most, random)
          expect(moves.reduce((sum, { streams }) => sum + streams, 0)).toBeLessThanOrEqual(most)
          const before = balanceOf(rows, tolerance)
          for (const { from, to, streams } of moves) {
            expect(before.surplus).toContain(from)
            expect(before.surplus).not.toContain(to)
            expect(streams).toBeGreaterThan(0)
          }
          const after = apply(rows, moves)
          for (const slot of balanceOf(after, tolerance).surplus) expect(before.surplus).toContain(slot)
          for (const one of after) if (one.maxStreams !== null) expectWithin(one, rows[one.slot]!)
          let rest = after
          for (let i = 0; i < 3000; i++) {
            const next = planMoves(rest, all, tolerance, 50, random)
            if (next.length === 0) return
            rest = apply(rest, next)
          }
          throw new Error("it never ends")
        },
      ),
    )
  })
})

function expectWithin({ open, maxStreams }: PlannedEndpoint, before: PlannedEndpoint): void {
  expect(open).toBeLessThanOrEqual(Math.max(maxStreams!, before.open))
}

function apply(rows: readonly PlannedEndpoint[], moves: ReturnType<typeof planMoves>): PlannedEndpoint[] {
  const open = rows.map((row) => row.open)
  for (const { from, to, streams } of moves) {
    open[from]! -= streams
    open[to!]! += streams
  }
  return rows.map((row, slot) => ({ ...row, open: open[slot]! }))
}

describe("where a cluster stands", () => {
  test.each<[what: string, rows: PlannedEndpoint[], imbalance: number, surplus: number[]]>([
    ["nothing is open", endpoints({ open: 0 }, { open: 0 }), 1, []],
    ["even", endpoints({ open: 5 }, { open: 5 }), 1, []],
    [
      "a fourth joins three",
      endpoints({ open: 300 }, { open: 300 }, { open: 300 }, { open: 0 }),
      4 / 3,
      [0, 1, 2],
    ],
    ["streams where none belong", endpoints({ open: 1, weight: 0 }, { open: 5 }), Infinity, [0]],
    ["by weight", endpoints({ open: 10 }, { open: 10, weight: 3 }), 2, [0]],
  ])("%s", (_, rows, imbalance, surplus) => {
    const balance = balanceOf(rows, 10)
    expect(balance.imbalance).toBeCloseTo(imbalance)
    expect(balance.surplus).toEqual(surplus)
  })
})

describe("the pace", () => {
  test.each<[streams: number, perSecond: number, most: number]>([
    [10_000, 50, 50],
    [5_000, 50, 50],
    [1_000, 50, 10],
    [10_000, 200, 100],
    [0, 50, 0],
  ])("of %i streams, at most %i: %i a second", (streams, perSecond, most) => {
    expect(nextPace(FULL_PACE, { moved: 0, failed: 0 }, streams, perSecond).most).toBe(most)
  })

  test("of few streams one moves now and then", () => {
    let pace = FULL_PACE
    const each = Array.from({ length: 10 }, () => {
      const next = nextPace(pace, { moved: 0, failed: 0 }, 20, 50)
      pace = next.pace
      return next.most
    })
    expect(each).toEqual([0, 0, 0, 0, 1, 0, 0, 0, 0, 1])
  })

  test("it is halved while moves fail, down to a bound, and comes back", () => {
    let pace = FULL_PACE
    const factorAfter = (moved: number, failed: number): number => {
      pace = nextPace(pace, { moved, failed }, 10_000, 50).pace
      return pace.factor
    }
    expect([factorAfter(50, 5), factorAfter(45, 5), factorAfter(40, 10), factorAfter(0, 10)]).toEqual([
      1, 1, 0.5, 0.25,
    ])
    for (let i = 0; i < 10; i++) factorAfter(0, 1)
    expect(pace.factor).toBe(1 / 64)
    expect([factorAfter(0, 0), factorAfter(1, 0), factorAfter(3, 0)]).toEqual([1 / 64, 1 / 32, 1 / 16])
  })
})

describe("sharing out", () => {
  test.each<[many: number, sizes: number[], expected: number[]]>([
    [0, [5, 5], [0, 0]],
    [3, [], []],
    [3, [0, 0], [0, 0]],
    [10, [5, 5], [5, 5]],
    [1, [1, 1, 1], [0, 1, 0]],
    [4, [0, 100, 300, 0], [0, 1, 3, 0]],
  ])("%i over %j", (many, sizes, expected) => {
    expect(shareOut(many, sizes, 0.5)).toEqual(expected)
  })

  test("all of it, by floor or ceiling, never more than a size", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(100), { minLength: 1 }),
        fc.nat(),
        fc.nat(999),
        (sizes, some, thousandths) => {
          const sum = sizes.reduce((total, size) => total + size, 0)
          const many = sum === 0 ? 0 : some % (sum + 1)
          const shares = shareOut(many, sizes, thousandths / 1000)
          expect(shares.reduce((total, share) => total + share, 0)).toBe(many)
          for (const [at, share] of shares.entries()) {
            expect(Math.abs(share - (sizes[at]! * many) / Math.max(1, sum))).toBeLessThan(1 + 1e-9)
            expect(share).toBeLessThanOrEqual(sizes[at]!)
          }
        },
      ),
    )
  })
})
