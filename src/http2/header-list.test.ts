import { expect, test } from "vitest"
import { HeaderList } from "./header-list.ts"

test("counts 32 octets for each field, and those of its name and value (RFC 9113 §6.5.2)", () => {
  expect(new HeaderList([]).octets).toBe(0)
  expect(new HeaderList(["", ""]).octets).toBe(32)
  expect(new HeaderList(["abc", "de"]).octets).toBe(32 + 5)
  expect(new HeaderList(["abc", "de", "f", "", "g", "hi"]).octets).toBe(3 * 32 + 9)
})

test("gives the first value of a name, never what is a value", () => {
  const list = new HeaderList(["a", "b", "b", "c", "a", "d", "e", ""])
  expect(["a", "b", "c", "d", "e", "f"].map((name) => list.get(name))).toEqual([
    "b",
    "c",
    undefined,
    undefined,
    "",
    undefined,
  ])
})

test("each has an id of its own, each larger than the one before", () => {
  const ids = [new HeaderList([]).id, new HeaderList([]).id, new HeaderList([]).id]
  expect(ids[1]! - ids[0]!).toBe(1)
  expect(ids[2]! - ids[1]!).toBe(1)
  expect(ids[0]).toBeGreaterThan(0)
})

test("begins unread", () => {
  const list = new HeaderList(["a", "b"], new Set([0]))
  expect([list.head, list.neverIndexed]).toEqual([null, new Set([0])])
  expect(new HeaderList(["a", "b"]).neverIndexed).toBeNull()
})
