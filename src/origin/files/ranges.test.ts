import { expect, test } from "vitest"
import { runProgram } from "../../regex/matcher.ts"
import { parseRegex } from "../../regex/parse.ts"
import { compileProgram } from "../../regex/program.ts"
import { RANGE, readRanges } from "./ranges.ts"

test.each<[string | undefined, string, number?]>([
  [undefined, "whole"],
  ["lines=1-2", "whole"],
  ["bytes=", "whole"],
  ["bytes=0-3", "0-4"],
  ["BYTES=2-", "2-10"],
  ["bytes=-3", "7-10"],
  ["bytes=-30", "0-10"],
  ["bytes=-0", "none"],
  ["bytes=9-100", "9-10"],
  ["bytes=10-", "none"],
  ["bytes=3-2", "none"],
  ["bytes=0-0, 2 - 3 ,-1", "0-1 2-4 9-10"],
  ["bytes=0-0,20-30", "0-1"],
  ["bytes=0-0,x", "none"],
  ["bytes=0-0,", "none"],
  ["bytes=x", "none"],
  ["bytes=1-2;3", "none"],
  ["bytes=9999999999999999-", "none"],
  ["bytes=0-5,4-9", "whole"],
  ["bytes=0-4,4-8", "0-5 4-9"],
  ["bytes=0-1,2-3", "whole", 1],
  ["bytes=0-1,2-3", "0-2 2-4", 2],
  ["bytes=0-1", "0-2", 1],
  ["bytes=0-1", "whole", 0],
])("of ten octets %s is %s, with max_ranges %s", (written, expected, most = 200) => {
  const read = readRanges(written, 10, most)
  const told = typeof read === "string" ? read : read.map(({ start, end }) => `${start}-${end}`).join(" ")
  expect(told).toBe(expected)
})

const SPACES = " ".repeat(1000)

test.each<[string, unknown]>([
  [`1-${SPACES}x`, "none"],
  [`1${SPACES}x`, "none"],
  [`${SPACES}x`, "none"],
  [`-1${SPACES}x`, "none"],
  [`-${SPACES}1`, "none"],
  [`1-2${SPACES}x`, "none"],
  [`1-2${SPACES}3`, "none"],
  [`${SPACES}1${SPACES}-${SPACES}2${SPACES}`, [{ start: 1, end: 3 }]],
  [`${SPACES}1${SPACES}-${SPACES}`, [{ start: 1, end: 10 }]],
  [`${SPACES}-1${SPACES}`, [{ start: 9, end: 10 }]],
])("many spaces, row %#", (written, expected) => {
  expect(readRanges(`bytes=${written}`, 10, 200)).toEqual(expected)
})

test.each(["1-", "1", "", "-1", "1-2", "1 -"])("%s and many spaces take some steps an octet", (begun) => {
  const backtracking = { ...compileProgram(parseRegex(RANGE.source, false)), isRegular: false }
  const text = `${begun}${SPACES}x`
  expect(runProgram(backtracking, text, 20 * text.length)).toBe("none")
})
