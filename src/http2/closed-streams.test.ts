import { describe, expect, test } from "vitest"
import { ClosedStreams } from "./closed-streams.ts"

/** Ids of one side, from `first` on. */
const ids = (first: number, many: number): number[] => Array.from({ length: many }, (_, i) => first + 2 * i)

describe("streams that we reset", () => {
  test("none at first", () => {
    expect(new ClosedStreams().wasResetByUs(1)).toBe(false)
  })

  test("each is known by its own id", () => {
    const closed = new ClosedStreams()
    closed.resetByUs(1)
    closed.resetByUs(5)
    expect([1, 3, 5, 7].map((id) => closed.wasResetByUs(id))).toEqual([true, false, true, false])
  })

  test("the last 1,024 of a side are", () => {
    const closed = new ClosedStreams()
    const all = ids(1, 1024)
    for (const id of all) closed.resetByUs(id)
    expect(all.every((id) => closed.wasResetByUs(id))).toBe(true)
    closed.resetByUs(2049)
    expect([1, 3, 2047, 2049].map((id) => closed.wasResetByUs(id))).toEqual([false, true, true, true])
  })

  test("one of another side takes none of their places before its turn", () => {
    const closed = new ClosedStreams()
    closed.resetByUs(1)
    expect([closed.wasResetByUs(2049), closed.wasResetByUs(0)]).toEqual([false, false])
  })
})

describe("streams that ended", () => {
  test("the last 32 are known", () => {
    const closed = new ClosedStreams()
    const all = ids(1, 32)
    for (const id of all) closed.ended(id)
    expect(all.every((id) => closed.hadEnded(id))).toBe(true)
    closed.ended(65)
    expect([1, 3, 63, 65, 67].map((id) => closed.hadEnded(id))).toEqual([false, true, true, true, false])
    for (const id of ids(67, 31)) closed.ended(id)
    expect(all.some((id) => closed.hadEnded(id))).toBe(false)
    expect(ids(65, 32).every((id) => closed.hadEnded(id))).toBe(true)
  })
})
