/** Patterns and texts at random: this engine finds what V8 finds, and what PCRE's manual says. */
import fc from "fast-check"
import { expect, test } from "vitest"
import { plainMatch, TooLong } from "../../test/fuzz/oracles/plain-regex.ts"
import { commonPatterns, patterns } from "../../test/support/arbitrary-regex.ts"
import { parseRegex } from "./parse.ts"
import { compileRegex, Regex } from "./regex.ts"

const texts = fc.string({ unit: fc.constantFrom("a", "b", "c", "A", "/", " ", "\n"), maxLength: 14 })
test("V8 finds the same match, and the same groups", () => {
  fc.assert(
    fc.property(commonPatterns, texts, (pattern, text) => {
      const regex = new Regex(pattern)
      // PCRE's `$` is before a newline that ends the text too.
      const theirs = new RegExp(pattern.replaceAll("$", "(?=\\n?(?![^]))")).exec(text)
      const found = regex.exec(text)
      const groups = Array.from({ length: regex.groups + 1 }, (_, at) => at)
      expect(
        typeof found === "string" ? null : [found.span(0)![0], ...groups.map((at) => found.group(at))],
      ).toEqual(theirs && [theirs.index, ...theirs])
      expect(regex.test(text)).toBe(theirs === null ? "none" : "match")
    }),
    { numRuns: 3000 },
  )
})

test("a matcher written after PCRE's manual finds the same match, and the same groups", () => {
  let compared = 0
  fc.assert(
    fc.property(patterns, texts, (pattern, text) => {
      const regex = compileRegex(pattern)
      if (!(regex instanceof Regex)) return
      let expected: ReturnType<typeof plainMatch>
      try {
        expected = plainMatch(parseRegex(pattern, false), text)
      } catch (error) {
        if (error instanceof TooLong) return
        throw error
      }
      compared++
      const found = regex.exec(text)
      expect(typeof found === "string" ? null : expected!.map((_, at) => found.span(at))).toEqual(expected)
      expect(regex.test(text)).toBe(expected === null ? "none" : "match")
    }),
    { numRuns: 5000 },
  )
  expect(compared).toBeGreaterThan(1000)
})
