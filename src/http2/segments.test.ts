import { expect, test } from "vitest"
import { obtainSegment, recycleSegment, releaseIdleSlabs, SEGMENT_OCTETS } from "./segments.ts"

/** 8 MiB of segments of their own, then those of two slabs and a few more. */
const MANY = 512 + 2 * 33 * 64 + 10

const blocks = (segments: readonly Buffer[]): Map<ArrayBufferLike, number> => {
  const found = new Map<ArrayBufferLike, number>()
  for (const { buffer } of segments)
    if (buffer.byteLength > SEGMENT_OCTETS) found.set(buffer, (found.get(buffer) ?? 0) + 1)
  return found
}

test("segments do not overlap, and are given out again", () => {
  const first = Array.from({ length: MANY }, () => obtainSegment())
  expect([...blocks(first).values()]).toEqual([2112, 2112, 10])
  for (const [at, segment] of first.entries()) segment.fill(at & 0xff)
  expect(first.every((segment, at) => segment.length === SEGMENT_OCTETS && segment[9] === (at & 0xff))).toBe(
    true,
  )
  for (const segment of first) recycleSegment(segment)
  const second = Array.from({ length: MANY }, () => obtainSegment())
  expect(new Set(second)).toEqual(new Set(first))
  for (const segment of second) recycleSegment(segment)
})

test("a slab that is not in use for a second goes at once, and one that is stays", () => {
  const all = Array.from({ length: MANY }, () => obtainSegment())
  const last = all.pop()!
  for (const segment of all) recycleSegment(segment)
  releaseIdleSlabs(false)
  const again = Array.from({ length: 513 }, () => obtainSegment())
  releaseIdleSlabs(false)
  for (const segment of again) recycleSegment(segment)
  // The second was idle at both looks; the first was used between them, the third all the time.
  const rest = Array.from({ length: MANY }, () => obtainSegment())
  const kept = blocks(all.concat(last))
  expect([...blocks(rest).keys()].map((block) => kept.has(block))).toEqual([true, true, false])
  for (const segment of [...rest, last]) recycleSegment(segment)
  releaseIdleSlabs(true)
  expect(last.length).toBe(0)
  expect(blocks(Array.from({ length: 513 }, () => obtainSegment())).size).toBe(1)
})
