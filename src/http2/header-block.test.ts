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

  test("a block begins with nothing of the one before it", () => {
    const block = begun(10)
    for (let round = 0; round < 3; round++) {
      block.finish()
      block.begin(7, false, text, 0, 6, 0)
      expect(block.add(text, 0, 4, true)).toBeNull()
    }
  })

  test("an empty frame is one only where it is the last", () => {
    expect(begun(3).add(text, 4, 4, true)).toBeNull()
    expect(begun(3).add(text, 4, 4, false)?.limit).toBe("continuation_empty")
    expect(begun(3).add(text, 4, 5, false)).toBeNull()
  })
})

describe("what is held of a long block counts for the process, past 64 KiB", () => {
  const KIB = 1024
  const octets = Buffer.alloc(100 * KIB)
  const budgetOf = (max: number): BufferBudget =>
    new BufferBudget({ ...defaultLimits, bufferedOctetsMax: max, bufferedWithholdPercent: 100 })
  const long = (budget: BufferBudget, first: number): HeaderBlock => {
    const block = new HeaderBlock(1024 * KIB, 100, budget)
    block.begin(1, false, octets, 0, first, 0)
    return block
  }

  test("while it is held", () => {
    const budget = budgetOf(1e9)
    const block = long(budget, 64 * KIB)
    expect(budget.octets).toBe(0)
    block.add(octets, 0, 1, false)
    expect(budget.octets).toBe(1)
    block.add(octets, 0, 1000, true)
    expect(budget.octets).toBe(1001)
    expect(block.finish().length).toBe(64 * KIB + 1001)
    expect(budget.octets).toBe(0)
  })

  test("and no longer, where it is given up", () => {
    const budget = budgetOf(1e9)
    const block = long(budget, 70 * KIB)
    expect(budget.octets).toBe(6 * KIB)
    block.drop()
    expect([budget.octets, block.isOpen]).toEqual([0, false])
    block.drop()
    expect(budget.octets).toBe(0)
  })

  test("more is not taken where memory is short", () => {
    const budget = budgetOf(1000)
    budget.add(1000)
    const block = long(budget, 60 * KIB)
    expect(block.add(octets, 0, 4 * KIB, false)).toBeNull()
    expect(block.add(octets, 0, 1, false)?.limit).toBe("header_block_too_large")
    const plenty = long(budgetOf(1e9), 64 * KIB)
    expect(plenty.add(octets, 0, 1, false)).toBeNull()
  })

  test("each 8 KiB of it allows a frame more", () => {
    const most = (size: number): number => {
      const block = new HeaderBlock(1024 * KIB, 2, budgetOf(1e9))
      block.begin(1, false, octets, 0, 1, 0)
      for (let many = 0; ; many++) if (block.add(octets, 0, size, false) !== null) return many
    }
    expect([most(1), most(4095), most(4096)]).toEqual([2, 3, 4])
    const block = new HeaderBlock(1024 * KIB, 0, budgetOf(1e9))
    block.begin(1, false, octets, 0, 1, 0)
    expect(block.add(octets, 0, 8191, false)).toBeNull()
    const short = new HeaderBlock(1024 * KIB, 0, budgetOf(1e9))
    short.begin(1, false, octets, 0, 1, 0)
    expect(short.add(octets, 0, 8190, false)?.limit).toBe("continuation_flood")
  })
})
