import { expect, test } from "vitest"
import { readDigits } from "./digits.ts"

test.each([
  ["0", 0],
  ["007", 7],
  ["123456789012345", 123_456_789_012_345],
  ["1234567890123456", -1],
  ["", -1],
  ["-1", -1],
  ["+1", -1],
  ["1 ", -1],
  ["1.5", -1],
  ["1e3", -1],
  ["0x10", -1],
  ["/", -1],
  [":", -1],
])("%j is %i", (text, number) => expect(readDigits(text)).toBe(number))
