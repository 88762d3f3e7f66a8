import { expect, test } from "vitest"
import { readNumber, readOffset, readSecondsMs, readSize, readTimeMs } from "./units.ts"

const SECOND = 1000
const HOUR = 3_600_000
const DAY = 24 * HOUR

test.each([
  ["0", 0],
  ["30", 30 * SECOND],
  ["30s", 30 * SECOND],
  ["500ms", 500],
  ["1m", 60 * SECOND],
  ["1h30m", 1.5 * HOUR],
  ["1h 30m", 1.5 * HOUR],
  ["1h30", HOUR + 30 * SECOND],
  ["1d", DAY],
  ["2w", 14 * DAY],
  ["1s500ms", 1500],
  ["30 ", 30 * SECOND],
  ["10 10", 20 * SECOND],
  ["", null],
  ["s", null],
  ["-1", null],
  ["1.5s", null],
  ["30m1h", null],
  ["1s1s", null],
  ["100ms1s", null],
  ["1y", null],
  ["1M", null],
  ["30S", null],
  ["99999999999999999999", null],
])("the time %j is %s ms", (text, expected) => expect(readTimeMs(text)).toBe(expected))

test.each([
  ["10", 10 * SECOND],
  ["1y", 365 * DAY],
  ["1M", 30 * DAY],
  ["1y1M1w1d1h1m1s", (365 + 30 + 7 + 1) * DAY + HOUR + 61 * SECOND],
  ["1M1y", null],
  ["500ms", null],
])("in whole seconds, %j is %s ms", (text, expected) => expect(readSecondsMs(text)).toBe(expected))

test.each([
  ["0", 0],
  ["8k", 8192],
  ["8K", 8192],
  ["1m", 1_048_576],
  ["1g", null],
  ["k", null],
  ["", null],
  ["1.5m", null],
  ["-1", null],
  ["1kk", null],
])("the size %j is %s octets", (text, expected) => expect(readSize(text)).toBe(expected))

test("an offset may have gigabytes", () => {
  expect(readOffset("2g")).toBe(2 * 1024 ** 3)
  expect(readOffset("99999999999g")).toBeNull()
})

test.each([
  ["007", 7],
  ["9223372036854775807", 2 ** 63],
  ["9223372036854775808", null],
  ["1".repeat(100_000), null],
  ["1e3", null],
  ["0x10", null],
  [" 1", null],
  ["", null],
])("the number %.24j is %s", (text, expected) => expect(readNumber(text)).toBe(expected))
