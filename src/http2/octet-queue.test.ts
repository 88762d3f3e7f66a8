import fc from "fast-check"
import { describe, expect, test } from "vitest"
import { OctetQueue } from "./octet-queue.ts"

test("what goes into a queue comes out, in order, however it is cut", () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant("push" as const), octets: fc.integer({ min: 0, max: 40_000 }) }),
    fc.record({ kind: fc.constant("push" as const), octets: fc.integer({ min: 0, max: 300 }) }),
    fc.record({ kind: fc.constant("drop" as const), octets: fc.integer({ min: 0, max: 20_000 }) }),
    fc.record({ kind: fc.constant("settle" as const), octets: fc.constant(0) }),
    fc.record({ kind: fc.constant("recycle" as const), octets: fc.constant(0) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
      let queue = OctetQueue.obtain()
      let next = 0
      let expected = Buffer.alloc(0)
      for (const { kind, octets } of steps) {
        if (kind === "push") {
          const piece = Buffer.from(Array.from({ length: octets + 3 }, () => next++ & 0xff))
          queue.push(piece, 2, octets + 2)
          expected = Buffer.concat([expected, piece.subarray(2, octets + 2)])
        } else if (kind === "settle") {
          queue.settle()
          if (queue.length > 0)
            expect(queue.capacity).toBeLessThanOrEqual(Math.max(512, 4 * queue.length) + 32_768)
        } else if (kind === "recycle") {
          queue.recycle()
          queue = OctetQueue.obtain()
          expected = Buffer.alloc(0)
        } else if (queue.length > 0) {
          const dropped = Math.min(octets, queue.headLength)
          expect(queue.buffer.subarray(queue.start, queue.start + dropped)).toEqual(
            expected.subarray(0, dropped),
          )
          queue.drop(dropped)
          expected = expected.subarray(dropped)
        }
        expect(queue.length).toBe(expected.length)
        const shown: Buffer[] = []
        queue.each((buffer, start, end) => shown.push(Buffer.from(buffer.subarray(start, end))))
        expect(Buffer.concat(shown).equals(expected)).toBe(true)
      }
      queue.recycle()
    }),
    { numRuns: 60 },
  )
})

describe("where pieces lie", () => {
  const SEGMENT = 16_384
  const octets = (many: number, first = 0): Buffer =>
    Buffer.from(Array.from({ length: many }, (_, i) => (first + i) & 0xff))

  /** The lengths of the buffers that hold the queue, and its octets. */
  function held(queue: OctetQueue): { rooms: number[]; octets: Buffer } {
    const rooms: number[] = []
    const pieces: Buffer[] = []
    queue.each((buffer, start, end) => {
      rooms.push(buffer.length)
      pieces.push(Buffer.from(buffer.subarray(start, end)))
    })
    return { rooms, octets: Buffer.concat(pieces) }
  }

  test.each([
    ["one octet", [1], [512]],
    ["just less than the smallest room", [511], [512]],
    ["in two pieces, to its last octet", [500, 12], [512]],
    ["and one octet more: twice the room", [500, 13], [1024]],
    ["by many octets more: as much room as it takes", [500, 2000], [4096]],
    ["just as many as twice the room holds", [500, 524], [1024]],
    ["and one more", [500, 525], [2048]],
    ["as much as the smallest room at once: a segment", [512], [SEGMENT]],
    ["a segment's worth", [SEGMENT], [SEGMENT]],
    ["one more", [SEGMENT + 1], [SEGMENT, SEGMENT]],
    ["small, then as much as fits a segment", [100, SEGMENT - 100], [SEGMENT]],
    ["small, then one octet more", [100, SEGMENT - 99], [SEGMENT, SEGMENT]],
    ["small, doubled to a segment", [100, 9000], [SEGMENT]],
    ["a segment that is filled up first", [SEGMENT - 1, 1, 1], [SEGMENT, SEGMENT]],
    ["nothing", [0], []],
  ])("%s", (_, sizes, rooms) => {
    const queue = OctetQueue.obtain()
    let at = 0
    for (const size of sizes) {
      queue.push(Buffer.concat([Buffer.from("<<"), octets(size, at), Buffer.from(">>")]), 2, size + 2)
      at += size
    }
    expect(queue.length).toBe(at)
    expect(held(queue)).toEqual({ rooms, octets: octets(at) })
    queue.recycle()
  })

  test("room at the front is used again when it is moved", () => {
    const queue = OctetQueue.obtain()
    queue.push(octets(400), 0, 400)
    queue.drop(300)
    queue.push(octets(400, 400), 0, 400)
    expect(held(queue)).toEqual({ rooms: [512], octets: octets(500, 300) })
    expect([queue.start, queue.headLength, queue.length]).toEqual([0, 500, 500])
    queue.recycle()
  })

  test("a queue that is emptied begins at its front again", () => {
    for (const size of [10, SEGMENT]) {
      const queue = OctetQueue.obtain()
      queue.push(octets(size), 0, size)
      queue.drop(size - 1)
      expect([queue.start, queue.headLength, queue.length]).toEqual([size - 1, 1, 1])
      queue.drop(1)
      expect([queue.start, queue.headLength, queue.length]).toEqual([0, 0, 0])
      queue.push(octets(5, 7), 0, 5)
      expect([queue.start, queue.headLength, held(queue).octets]).toEqual([0, 5, octets(5, 7)])
      queue.recycle()
    }
  })

  test("the head is what lies in the first segment", () => {
    const queue = OctetQueue.obtain()
    queue.push(octets(2 * SEGMENT + 10), 0, 2 * SEGMENT + 10)
    expect([queue.start, queue.headLength]).toEqual([0, SEGMENT])
    queue.drop(100)
    expect([queue.start, queue.headLength, queue.length]).toEqual([100, SEGMENT - 100, 2 * SEGMENT - 90])
    queue.drop(SEGMENT - 100)
    expect([queue.start, queue.headLength]).toEqual([0, SEGMENT])
    queue.drop(SEGMENT)
    expect([queue.start, queue.headLength, queue.length]).toEqual([0, 10, 10])
    expect(held(queue).octets).toEqual(octets(10, 2 * SEGMENT))
    queue.recycle()
  })

  test("rooms and queues are used again, clean", () => {
    const queue = OctetQueue.obtain()
    queue.push(octets(SEGMENT), 0, SEGMENT)
    queue.drop(5)
    const segment = queue.buffer
    queue.recycle()
    expect([queue.length, queue.start]).toEqual([0, 0])
    const next = OctetQueue.obtain()
    expect(next).toBe(queue)
    next.push(octets(600), 0, 600)
    expect([next.buffer === segment, next.start, next.headLength]).toEqual([true, 0, 600])
    next.push(octets(SEGMENT), 0, SEGMENT)
    next.drop(SEGMENT)
    const after = OctetQueue.obtain()
    after.push(octets(600), 0, 600)
    expect(after.buffer).toBe(segment)
    next.recycle()
    after.recycle()
  })
})

test("a little that stays takes little room", () => {
  const octets = Buffer.alloc(100_000, 7)
  for (const [length, capacity] of [
    [1, 512],
    [512, 512],
    [513, 1024],
    [4096, 4096],
    [4097, 16_384],
    [16_385, 32_768],
  ] as const) {
    const queue = OctetQueue.obtain()
    queue.push(octets, 0, length)
    queue.settle()
    expect([length, queue.length, queue.capacity]).toEqual([length, length, capacity])
    expect(queue.buffer.subarray(queue.start, queue.start + queue.headLength)).toEqual(
      octets.subarray(0, Math.min(length, 16_384)),
    )
    queue.recycle()
  }
})

test("a queue that is given up while it is shown stays whole until the end, and is clean then", () => {
  const queue = OctetQueue.obtain()
  const octets = Buffer.alloc(40_000, 7)
  queue.push(octets, 0, octets.length)
  let shown = 0
  queue.each((buffer, start, end) => {
    queue.recycle()
    expect(queue.length).toBe(40_000)
    shown += end - start
    expect(buffer.subarray(start, end).every((octet) => octet === 7)).toBe(true)
  })
  expect([shown, queue.length, queue.capacity]).toEqual([40_000, 0, 0])
  expect(OctetQueue.obtain()).toBe(queue)
  // It may be shown and given up once more.
  queue.push(octets, 0, 10)
  queue.each(() => {})
  expect(queue.length).toBe(10)
  queue.recycle()
  expect(queue.length).toBe(0)
})

test.each([
  [0, 0],
  [1, 512],
  [600, 16_384],
  [16_384, 16_384],
  [16_385, 2 * 16_384],
])("%i octets take %i", (length, capacity) => {
  const queue = OctetQueue.obtain()
  queue.push(Buffer.alloc(length), 0, length)
  expect(queue.capacity).toBe(capacity)
  queue.recycle()
  expect(queue.capacity).toBe(0)
})

test("the segment that a little has left is used again", () => {
  const queue = OctetQueue.obtain()
  queue.push(Buffer.alloc(600), 0, 600)
  const segment = queue.buffer
  queue.settle()
  expect(queue.buffer).not.toBe(segment)
  const other = OctetQueue.obtain()
  other.push(Buffer.alloc(600), 0, 600)
  expect(other.buffer).toBe(segment)
  queue.recycle()
  other.recycle()
})

test("what is dropped of a queue does not count when it settles", () => {
  const queue = OctetQueue.obtain()
  const octets = Buffer.from(Array.from({ length: 10_000 }, (_, at) => at & 0xff))
  queue.push(octets, 0, 10_000)
  queue.drop(9_000)
  queue.settle()
  expect([queue.length, queue.capacity, queue.start, queue.headLength]).toEqual([1000, 1024, 0, 1000])
  expect(queue.buffer.subarray(0, 1000)).toEqual(octets.subarray(9_000))
  queue.push(octets, 0, 24)
  expect(queue.capacity).toBe(1024)
  queue.recycle()
})

test("queues that grow beside each other do not share their rooms", () => {
  for (const piece of [100, 300, 1600, 5000]) {
    const queues = Array.from({ length: 8 }, () => OctetQueue.obtain())
    for (let round = 0; round < 20; round++)
      for (const [at, queue] of queues.entries()) {
        queue.push(Buffer.alloc(piece, 16 * at + (round % 16)), 0, piece)
        queue.settle()
        // Some of it goes, so that what is held moves to the front of its room.
        if (round % 3 === 2) queue.drop(Math.min(queue.headLength, piece))
      }
    for (const [at, queue] of queues.entries()) {
      const found = new Set<number>()
      queue.each((octets, start, end) => {
        for (let i = start; i < end; i++) found.add(octets[i]! >> 4)
      })
      expect([piece, [...found]]).toEqual([piece, [at]])
    }
    for (const queue of queues) queue.recycle()
  }
})
