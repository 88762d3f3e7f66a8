import { expect, test } from "vitest"
import { translateRegex } from "./regex.ts"

test.each([
  ["^/a/(b|c)$", "^/a/(b|c)$"],
  ["(?P<x>a)(?P=x)", null],
  ["(?P<x>a)", "(?<x>a)"],
  ["(?i)^/a", "(?i:^/a)"],
  [String.raw`\A/a\z`, "^/a$"],
  [String.raw`\\A`, String.raw`\\A`],
  [String.raw`/v\d+/\w`, String.raw`/v\d+/\w`],
  ["[[:alpha:]_]+", "[a-zA-Z_]+"],
  ["a++", null],
  [String.raw`a\++`, String.raw`a\++`],
  ["(?>a)", null],
  [String.raw`\Qa\E`, null],
  ["(?R)", null],
  ["(", null],
  ["a{2,1}", null],
  ["^/é", "^/é"],
  ["(?<é>a)", null],
])("%s is %s in JavaScript", (pattern, expected) => {
  const translated = translateRegex(pattern)
  expect("pattern" in translated ? translated.pattern : null).toBe(expected)
})
