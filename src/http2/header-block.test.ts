import { describe, expect, test } from "vitest"
import { defaultLimits } from "../base/limits.ts"
import { BufferBudget } from "./buffer-budget.ts"
import { HeaderBlock } from "./header-block.ts"

const LIMITS = { ...defaultLimits, continuationFramesMax: 3, headerBlockOctets: 10 }
const text = Buffer.from("0123456789abcdef", "latin1")

function begun(octets: number): HeaderBlock {
  const block = new HeaderBlock(
    LIMITS.headerBlockOctets,
    LIMITS.continuationFramesMax,
    new BufferBudget(LIMITS),
  )
  block.begin(5, true, text, 0, octets, 77)
  return block
}

test("nothing is open at first, nor once it is whole", () => {
  const block = new HeaderBlock(
    LIMITS.headerBlockOctets,
    LIMITS.continuationFramesMax,
    new BufferBudget(LIMITS),
  )
  expect(block.isOpen).toBe(false)
  block.begin(5, true, text, 2, 4, 77)
  expect([block.isOpen, block.streamId, block.endStream, block.sinceMs]).toEqual([true, 5, true, 77])
  expect(block.add(text, 4, 7, true)).toBeNull()
  expect(block.finish().toString()).toBe("23456")
  expect(block.isOpen).toBe(false)
  block.begin(7, false, text, 0, 1, 78)
  expect([block.streamId, block.endStream, block.sinceMs, block.finish().toString()]).toEqual([
    7,
    false,
    78,
    "0",
  ])
})

test("what came may be overwritten", () => {
  const octets = Buffer.from("abcd")
  const block = new HeaderBlock(
    LIMITS.headerBlockOctets,
    LIMITS.continuationFramesMax,
    new BufferBudget(LIMITS),
  )
  block.begin(1, false, octets, 0, 2, 0)
  octets.fill("x", 0, 2)
  block.add(octets, 2, 4, true)
  octets.fill("x")
  expect(block.finish().toString()).toBe("abcd")
})

describe("limits", () => {
  test("as many CONTINUATION frames as are allowed, for each block", () => {
    const block = begun(1)
    for (let round = 0; round < 2; round++) {
      for (let at = 1; at <= 3; at++) expect(block.add(text, at, at + 1, false)).toBeNull()
      expect(block.add(text, 4, 5, false)?.limit).toBe("continuation_flood")
      block.begin(7, false, text, 0, 1, 0)
    }
  })

  test.each([
    ["as many octets as are allowed", 6, 4, undefined],
    ["one more", 6, 5, "header_block_too_large"],
  ])("%s", (_, first, more, limit) => {
    expect(begun(first).add(text, 0, more, false)?.limit).toBe(limit)
  })

  test("an empty frame is one only where it is the last", () => {
    expect(begun(3).add(text, 4, 4, true)).toBeNull()
    expect(begun(3).add(text, 4, 4, false)?.limit).toBe("continuation_empty")
    expect(begun(3).add(text, 4, 5, false)).toBeNull()
  })
})
