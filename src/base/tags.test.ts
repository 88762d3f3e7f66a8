import { expect, test } from "vitest"
import { Tags } from "./tags.ts"

test("a value is noted, replaced and taken away, and counted once", () => {
  const tags = new Tags<object, string>()
  const key = {}
  expect([tags.get(key), tags.has(key), tags.size, tags.delete(key)]).toEqual([undefined, false, 0, false])
  tags.set(key, "")
  expect([tags.get(key), tags.has(key), tags.size]).toEqual(["", true, 1])
  tags.set(key, "b")
  expect([tags.get(key), tags.size]).toEqual(["b", 1])
  expect([tags.delete(key), tags.get(key), tags.has(key), tags.size]).toEqual([true, undefined, false, 0])
})

test("an object has a value in each", () => {
  const one = new Tags<object, string>()
  const other = new Tags<object, string>()
  const key = {}
  one.set(key, "one")
  other.set(key, "other")
  expect(one.delete(key)).toBe(true)
  expect([one.get(key), other.get(key)]).toEqual([undefined, "other"])
})
