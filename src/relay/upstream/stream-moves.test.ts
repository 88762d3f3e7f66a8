import { describe, expect, test } from "vitest"
import { ManualClock } from "../../../test/support/manual-clock.ts"
import { streamRecord } from "../../../test/support/stream-record.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import { Endpoint } from "../../cluster/endpoint.ts"
import type { Move, MoveOrder } from "../../cluster/rebalance/move-order.ts"
import { Column } from "../../cluster/traffic.ts"
import { defaultEndpoint } from "../../config/defaults.ts"
import type { MovableStream, Pacer, TurnReason } from "../pacing/pacer.ts"
import type { LegConnection } from "./leg-connection.ts"
import { StreamMoves } from "./stream-moves.ts"

/** A stream with the number it was opened by; `isStuck`: it cannot move. */
interface FakeStream extends MovableStream {
  readonly number: number
}

interface BedOptions {
  /** What `random` gives, from the front. Then: 0. */
  random?: number[]
  isFull?: boolean
}

/** Endpoints a and b of a cluster, and the turns that streams of a were given. */
class Bed {
  readonly clock = new ManualClock()
  readonly endpoints = ["a", "b"].map(
    (name, slot) => new Endpoint(defaultEndpoint({ text: name, host: name, port: 1, unixPath: null }), slot),
  )
  /** At endpoint a. */
  streams: FakeStream[] = []
  readonly turns: { number: number; reason: TurnReason; within: [number, number] }[] = []
  /** Streams that have a turn already. */
  readonly taken = new Set<number>()
  lists = 0
  readonly dwells: number[] = []
  readonly moves: StreamMoves

  constructor({ random = [], isFull = false }: BedOptions = {}) {
    const cluster = {
      endpointAt: (slot: number) => this.endpoints[slot],
      hasRoomAt: () => !isFull,
    } as unknown as Cluster<LegConnection>
    const add = (stream: FakeStream, reason: TurnReason, afterMs: number, withinMs: number): boolean => {
      if (this.taken.has(stream.number)) return false
      this.turns.push({ number: stream.number, reason, within: [afterMs, withinMs] })
      return true
    }
    this.moves = new StreamMoves({
      clock: this.clock,
      random: () => random.shift() ?? 0,
      pacer: { add } as unknown as Pacer,
      findCluster: (name) => (name === "c" ? cluster : undefined),
      streamsAt: (_cluster, address) => {
        this.lists++
        return address === this.endpoints[0]!.address ? [...this.streams] : []
      },
    })
  }

  /** So many streams, of one client each; from `ageMs` ago. */
  open(many: number, { isStuck = false, ageMs = 0 } = {}): void {
    for (let left = many; left > 0; left--) {
      const number = this.streams.length
      const record = streamRecord({
        connection: { id: number },
        requestNumber: 0,
        startMs: this.clock.now() - ageMs,
      })
      const canMove = (dwellMs: number): boolean => {
        this.dwells.push(dwellMs)
        return !isStuck
      }
      this.streams.push({ number, record, canMove, paceClient: {}, paceEndpoint: {}, onTurn() {} })
    }
  }

  obey(moves: Move[], changes: Partial<MoveOrder> = {}): number {
    return this.moves.obey({
      cluster: "c",
      cause: "rebalance",
      moves,
      dwellMs: 77,
      maxStreamAgeMs: null,
      ...changes,
    })
  }

  /** What is counted at an endpoint: moves away planned and over, and moves to it. */
  counted(at: 0 | 1): number[] {
    const { traffic } = this.endpoints[at]!
    return [Column.leaving, Column.left, Column.arriving, Column.arrived].map((column) => traffic[column]!)
  }
}

const move = (streams: number, to: number | null = 1): Move[] => [{ from: 0, to, streams }]

describe("streams that are to move", () => {
  test("are as many as were ordered, each with a turn within a second", () => {
    const bed = new Bed()
    bed.open(5)
    expect(bed.obey(move(3))).toBe(3)
    expect(bed.turns.map(({ within }) => within)).toEqual([
      [0, 1000],
      [0, 1000],
      [0, 1000],
    ])
    expect(new Set(bed.dwells)).toEqual(new Set([77]))
    expect(bed.counted(0)).toEqual([3, 0, 0, 0])
    expect(bed.counted(1)).toEqual([0, 0, 3, 0])
  })

  test("are told why, and where to; what becomes of each is counted at both ends", () => {
    const bed = new Bed()
    bed.open(1)
    bed.obey(move(1))
    const { reason } = bed.turns[0]!
    expect(reason).toMatchObject({ cause: "rebalance", isWithdrawn: false })
    expect(reason.what).toMatchObject({
      kind: "drained",
      message: `cluster c, endpoint ${bed.endpoints[0]!.address}: its streams move to others`,
    })
    expect(reason.move!.to).toBe(bed.endpoints[1])
    reason.move!.over()
    expect(bed.counted(0)).toEqual([1, 1, 0, 0])
    expect(bed.counted(1)).toEqual([0, 0, 1, 1])
  })

  test("to wherever their policy has them are counted where they leave", () => {
    const bed = new Bed()
    bed.open(2)
    expect(bed.obey(move(1, null))).toBe(1)
    const { move: planned } = bed.turns[0]!.reason
    expect(planned!.to).toBe(null)
    planned!.over()
    expect(bed.counted(0)).toEqual([1, 1, 0, 0])
    expect(bed.counted(1)).toEqual([0, 0, 0, 0])
  })

  test("are drawn at random, and none twice", () => {
    const bed = new Bed({ random: [0.5, 0, 0.99, 0] })
    bed.open(4)
    bed.obey(move(4))
    // The last of the list takes the place of one that was drawn.
    expect(bed.turns.map(({ number }) => number)).toEqual([2, 0, 1, 3])
  })

  test("are those that can; one that has a turn already does not count", () => {
    const bed = new Bed()
    bed.open(2, { isStuck: true })
    bed.open(3)
    bed.taken.add(3)
    expect(bed.obey(move(5))).toBe(2)
    expect(bed.turns.map(({ number }) => number).sort((a, b) => a - b)).toEqual([2, 4])
    expect(bed.counted(0)).toEqual([2, 0, 0, 0])
  })

  test("of several moves are all given theirs", () => {
    const bed = new Bed()
    bed.open(5)
    expect(bed.obey([...move(2), ...move(1, null)])).toBe(3)
  })

  test.each<[string, Move[], Partial<MoveOrder>, BedOptions]>([
    ["the cluster is gone", move(1), { cluster: "other" }, {}],
    ["the endpoint is", [{ from: 7, to: 1, streams: 1 }], {}, {}],
    ["the other one is", move(1, 7), {}, {}],
    ["the other one has no room", move(1), {}, { isFull: true }],
    ["none is ordered", move(0), {}, {}],
  ])("are none where %s", (_, moves, changes, options) => {
    const bed = new Bed(options)
    bed.open(3)
    expect(bed.obey(moves, changes)).toBe(0)
    expect(bed.turns).toEqual([])
  })

  test("need no room anywhere where their policy has them go", () => {
    const bed = new Bed({ isFull: true })
    bed.open(1)
    expect(bed.obey(move(1, null))).toBe(1)
  })
})

describe("how far is looked for streams that can", () => {
  test.each([
    ["a thousand at least", 1, 1000],
    ["twenty for each that is to move", 100, 2000],
  ])("%s", (_, streams, looks) => {
    const bed = new Bed()
    bed.open(3000, { isStuck: true })
    expect(bed.obey(move(streams))).toBe(0)
    expect(bed.dwells).toHaveLength(looks)
  })

  test("the list is made once in ten seconds, and drawn from until it is used up", () => {
    const bed = new Bed()
    bed.open(5)
    bed.obey(move(2))
    bed.clock.advance(10_000)
    bed.obey(move(2))
    expect(bed.lists).toBe(1)
    expect(new Set(bed.turns.map(({ number }) => number)).size).toBe(4)
    expect(bed.obey(move(2))).toBe(1)
    bed.clock.advance(1)
    expect(bed.obey(move(2))).toBe(2)
    expect(bed.lists).toBe(2)
  })

  test("lists that are old are not kept, though nothing moves there any more", () => {
    const bed = new Bed()
    bed.open(1)
    bed.obey(move(1))
    bed.clock.advance(10_001)
    bed.obey([])
    bed.obey(move(1))
    expect(bed.lists).toBe(2)
  })
})

describe("where too few can move, old streams end in their place", () => {
  // Stream 0's own jitter: a fifth less.
  test("once they are old enough, give or take a fifth", () => {
    const bed = new Bed()
    bed.open(1, { isStuck: true, ageMs: 799 })
    expect(bed.obey(move(1), { maxStreamAgeMs: 1000 })).toBe(0)
    const later = new Bed()
    later.open(1, { isStuck: true, ageMs: 800 })
    expect(later.obey(move(1), { maxStreamAgeMs: 1000 })).toBe(1)
  })

  test("the jitter is a stream's own", () => {
    const bed = new Bed()
    bed.open(1000, { isStuck: true, ageMs: 1000 })
    const ended = bed.obey(move(1000), { maxStreamAgeMs: 1000 })
    expect(ended).toBeGreaterThan(480)
    expect(ended).toBeLessThan(520)
  })

  test("they are told so, with a turn within a second, and are no move", () => {
    const bed = new Bed()
    bed.open(2, { isStuck: true, ageMs: 5000 })
    expect(bed.obey(move(1), { maxStreamAgeMs: 1000 })).toBe(1)
    expect(bed.turns).toHaveLength(1)
    const { reason, within } = bed.turns[0]!
    expect(within).toEqual([0, 1000])
    expect(reason.move).toBe(undefined)
    expect(reason).toMatchObject({ cause: "rebalance", isWithdrawn: false })
    expect(reason.what.message).toBe(
      `cluster c, endpoint ${bed.endpoints[0]!.address}: it has too many, and this one is old`,
    )
    expect(bed.counted(0)).toEqual([0, 0, 0, 0])
  })

  test("those that can move go before, were they as old", () => {
    const bed = new Bed()
    bed.open(3, { isStuck: true, ageMs: 5000 })
    bed.open(2, { ageMs: 5000 })
    expect(bed.obey(move(2), { maxStreamAgeMs: 1000 })).toBe(2)
    expect(bed.turns.map(({ number }) => number).sort((a, b) => a - b)).toEqual([3, 4])
  })

  test("one that has a turn already does not count", () => {
    const bed = new Bed()
    bed.open(2, { isStuck: true, ageMs: 5000 })
    bed.taken.add(0)
    expect(bed.obey(move(2), { maxStreamAgeMs: 1000 })).toBe(1)
  })

  test("by the stream's number on its connection too", () => {
    const aged = (id: number, requestNumber: number, ageMs: number): number => {
      const bed = new Bed()
      bed.open(1, { isStuck: true })
      const record = streamRecord({ connection: { id }, requestNumber, startMs: bed.clock.now() - ageMs })
      Object.assign(bed.streams[0]!, { record })
      return bed.obey(move(1), { maxStreamAgeMs: 1000 })
    }
    // 0.618…: 0.8 + 0.4 × 0.618 = 1.0472 of the age; twice that, less 1, is 0.236: 0.8944.
    expect([aged(1, 0, 1047), aged(1, 0, 1048)]).toEqual([0, 1])
    expect([aged(0, 1, 1047), aged(0, 1, 1048)]).toEqual([0, 1])
    expect([aged(1, 1, 894), aged(1, 1, 895)]).toEqual([0, 1])
  })
})
