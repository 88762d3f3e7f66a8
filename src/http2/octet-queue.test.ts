import fc from "fast-check"
import { expect, test } from "vitest"
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
