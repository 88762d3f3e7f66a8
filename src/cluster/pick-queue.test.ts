import { describe, expect, test } from "vitest"
import { ManualClock } from "../../test/support/manual-clock.ts"
import { OwnStreamCount } from "./counts.ts"
import { PickQueue, type QueuedStream } from "./pick-queue.ts"

/** A queue before a cluster with `room` places. */
class Bed {
  readonly clock = new ManualClock()
  readonly count: OwnStreamCount
  readonly said: string[] = []
  readonly begun: string[] = []
  readonly queue: PickQueue
  room = 0
  looks = 0

  constructor(streams: number, count = new OwnStreamCount()) {
    this.count = count
    const onLimit = (counter: string): void => void this.said.push(counter)
    this.queue = new PickQueue({ streams, timeoutMs: 60_000 }, { clock: this.clock, count, onLimit })
  }

  enter(...names: string[]): QueuedStream[] {
    return names.map((name) => {
      const stream: QueuedStream = { tryAgain: () => this.#tryAgain(name, stream) }
      const refusal = this.queue.enter(stream)
      if (refusal !== null) this.said.push(refusal)
      return stream
    })
  }

  #tryAgain(name: string, stream: QueuedStream): boolean {
    this.looks++
    if (this.room === 0) return false
    this.room--
    this.queue.leave(stream)
    this.begun.push(name)
    return true
  }

  /** So many streams have ended on this thread. */
  ends(many: number): string {
    this.room += many
    this.queue.serveSoon()
    this.clock.advance(0)
    return this.begun.splice(0).join("")
  }
}

const FULL = (most: number) => [
  "queue_full",
  `every endpoint is full, and ${most} streams are waiting already (queue)`,
]

describe("the queue of a cluster", () => {
  test("first come first served, as many as there is room for", () => {
    const bed = new Bed(10)
    bed.enter("a", "b", "c", "d")
    expect(bed.ends(1)).toBe("a")
    expect(bed.ends(2)).toBe("bc")
    bed.enter("e")
    expect(bed.ends(5)).toBe("de")
    expect(bed.count.open).toBe(0)
  })

  test("one that leaves is passed over, and its place is another's", () => {
    const bed = new Bed(2)
    const [a] = bed.enter("a", "b", "c")
    expect(bed.said).toEqual(FULL(2))
    bed.queue.leave(a!)
    bed.queue.leave(a!)
    bed.enter("d")
    expect(bed.said).toHaveLength(2)
    expect(bed.ends(9)).toBe("bd")
  })

  test("the bound holds over all threads", () => {
    const one = new Bed(2)
    const other = new Bed(2, one.count)
    one.enter("a")
    other.enter("b", "c")
    expect(other.said).toEqual(FULL(2))
    expect(one.ends(1)).toBe("a")
    other.enter("d")
    expect(other.said).toHaveLength(2)
  })

  test("streams that end elsewhere are noticed by and by; the head alone asks", () => {
    const bed = new Bed(10)
    bed.enter("a", "b")
    bed.room = 1
    bed.clock.advance(99)
    expect(bed.looks).toBe(0)
    bed.clock.advance(1)
    expect(bed.begun).toEqual(["a"])
    bed.looks = 0
    bed.clock.advance(300)
    expect(bed.looks).toBe(3)
  })

  test("many streams that end at once are one look", () => {
    const bed = new Bed(10)
    bed.enter("a")
    for (let at = 0; at < 5; at++) bed.queue.serveSoon()
    bed.clock.advance(0)
    expect(bed.looks).toBe(1)
    expect(bed.clock.timersOpen).toBe(1)
  })

  test("where none waits, no timer runs", () => {
    const bed = new Bed(10)
    bed.queue.serveSoon()
    expect(bed.clock.timersOpen).toBe(0)
    const [a] = bed.enter("a")
    bed.queue.leave(a!)
    expect(bed.clock.timersOpen).toBe(0)
    bed.enter("b")
    expect(bed.ends(1)).toBe("b")
    expect(bed.clock.timersOpen).toBe(0)
  })

  test("without a configuration since a reload: those that wait do so, others are refused", () => {
    const bed = new Bed(10)
    bed.enter("a")
    bed.queue.config = null
    bed.enter("b")
    expect(bed.said).toEqual(FULL(0))
    expect(bed.ends(2)).toBe("a")
  })
})
