import { expect, test } from "vitest"
import { readTap } from "./tap.ts"

test("what counts is neither skipped nor known to fail", () => {
  const text = `1..5
ok 1 - plain
not ok 2 - broken
#   Failed test 'broken'
not ok 3 - known # TODO not yet
ok 4 # skip no module
ok 5
`
  expect(readTap(text, true)).toEqual({ cases: 3, passed: 2, failed: ["broken"], skipped: null })
})

test("a plan that comes last counts as well", () => {
  expect(readTap("ok 1 - a\nok 2 - b\n1..2\n", true)).toMatchObject({ cases: 2, passed: 2 })
})

test("a file that is skipped whole says why", () => {
  expect(readTap("1..0 # SKIP no stream available\n", true)).toEqual({
    cases: 0,
    passed: 0,
    failed: [],
    skipped: "no stream available",
  })
})

test("what a program that broke off has not reached has failed", () => {
  expect(readTap("1..3\nok 1 - a\n", false)).toEqual({
    cases: 3,
    passed: 1,
    failed: ["2: not reached", "3: not reached"],
    skipped: null,
  })
})
