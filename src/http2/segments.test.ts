import { expect, test } from "vitest"
import {
  obtainRoom,
  obtainSegment,
  recycleRoom,
  recycleSegment,
  releaseIdleSlabs,
  SEGMENT_OCTETS,
} from "./segments.ts"

/** 8 MiB of segments of their own, then those of two slabs and a few more. */
const MANY = 512 + 2 * 33 * 64 + 10

const blocks = (segments: readonly Buffer[]): Map<ArrayBufferLike, number> => {
  const found = new Map<ArrayBufferLike, number>()
  for (const { buffer } of segments)
    if (buffer.byteLength > SEGMENT_OCTETS) found.set(buffer, (found.get(buffer) ?? 0) + 1)
  return found
}

test.each([512, 1024, 2048, 4096, 8192, SEGMENT_OCTETS])(
  "rooms of %i octets are given out again",
  (octets) => {
    const first = [obtainRoom(octets), obtainRoom(octets)]
    expect(first.map(({ length }) => length)).toEqual([octets, octets])
    expect(first[0]).not.toBe(first[1])
    for (const room of first) recycleRoom(room)
    // Those of other sizes are not in their place.
    expect(obtainRoom(octets === 512 ? 1024 : 512).length).not.toBe(octets)
    const second = [obtainRoom(octets), obtainRoom(octets)]
    expect(new Set(second)).toEqual(new Set(first))
    for (const room of second) recycleRoom(room)
  },
)

test("no more than 64 small rooms of a size are kept", () => {
  const first = Array.from({ length: 70 }, () => obtainRoom(2048))
  for (const room of first) recycleRoom(room)
  const second = Array.from({ length: 70 }, () => obtainRoom(2048))
  expect(second.filter((room) => first.includes(room))).toHaveLength(64)
})

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
