import { describe, expect, test } from "vitest"
import type { Http2Stream } from "./stream.ts"
import { StreamTable } from "./stream-table.ts"

const stream = (id: number): Http2Stream<string> => ({ id }) as Http2Stream<string>

test("streams are found by their id for as long as they are open", () => {
  const table = new StreamTable<string>("server")
  const [one, three] = [stream(1), stream(3)]
  table.add(one)
  table.add(three)
  expect([table.size, table.get(1), table.get(3), table.get(5)]).toEqual([2, one, three, undefined])
  expect(new Set(table.values())).toEqual(new Set([one, three]))
  table.delete(1)
  expect([table.size, table.get(1), table.values()]).toEqual([1, undefined, [three]])
})

test("a client's ids are odd, and used up once", () => {
  const table = new StreamTable<string>("client")
  expect(table.idsLeft).toBe(2 ** 30)
  expect([table.takeId(), table.takeId(), table.takeId()]).toEqual([1, 3, 5])
  expect(table.idsLeft).toBe(2 ** 30 - 3)
})

describe("idle streams (RFC 9113 §5.1)", () => {
  test.each([
    [1, false],
    [3, false],
    [5, false],
    [7, true],
    // We never push.
    [2, true],
    [4, true],
  ])("of a server whose client has opened 5: %i is %s", (id, isIdle) => {
    const table = new StreamTable<string>("server")
    table.lastPeerId = 5
    expect(table.isIdle(id)).toBe(isIdle)
  })

  test.each([
    [1, false],
    [3, false],
    [5, true],
    [7, true],
    // A server may not push, so none of its own was ever opened.
    [2, true],
  ])("of a client that has opened 3: %i is %s", (id, isIdle) => {
    const table = new StreamTable<string>("client")
    table.takeId()
    table.takeId()
    expect(table.isIdle(id)).toBe(isIdle)
  })
})
