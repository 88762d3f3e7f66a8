import { expect, test } from "vitest"
import { regexesOf } from "./regexes.ts"

test("a pattern is compiled once, and apart where the case does not count", () => {
  const regexOf = regexesOf(1000)
  const regex = regexOf("^/ä", false)
  expect(regexOf("^/ä", false)).toBe(regex)
  expect(regexOf("^/ä", true)).not.toBe(regex)
  expect(regex.test(Buffer.from("/ä").toString("latin1"))).toBe("match")
})
