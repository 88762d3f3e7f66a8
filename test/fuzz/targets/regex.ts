import assert from "node:assert/strict"
import { parseRegex } from "../../../src/regex/parse.ts"
import { compileRegex, Regex } from "../../../src/regex/regex.ts"
import type { Target } from "../engine/target.ts"
import { plainMatch, TooLong } from "../oracles/plain-regex.ts"

/** Steps of a search, so that one that takes more than its text warrants is a finding by its blocks too. */
const STEPS_MAX = 20_000

/**
 * A pattern, and after a zero octet a text: a regex that is refused in words, or one that matches as PCRE's manual
 * says. What `test` says and what `exec` says is the same; a linear one is not given up.
 */
export const regex: Target = {
  // Of a pattern each octet may be a repeat of all before it, up to the bound of a program.
  steps: { base: 12_000_000, perOctet: 400_000 },
  words: [
    "(?:",
    "(?=",
    "(?<!",
    "(?>",
    "(?|",
    "(?<n>",
    "\\k<n>",
    "(?(1)",
    "{2,3}",
    "*?",
    "++",
    "[[:alpha:]-]",
    "\\Q",
    "\\E",
    "(?i)",
    "\\b",
  ],
  *seeds() {
    for (const pattern of SEEDS) yield Buffer.from(`${pattern}\0/files/a/b/report.pdf`)
  },
  run(octets) {
    const [pattern = "", text = ""] = octets.toString("latin1").split(/\0(.*)/s)
    const found = compileRegex(pattern, { stepsMax: STEPS_MAX })
    if (!(found instanceof Regex)) return assert(found.error.length > 0)
    const outcome = found.test(text)
    const match = found.exec(text)
    const span = typeof match === "string" ? match : match.span(0)
    if (match !== "limit" && outcome !== "limit")
      assert.equal(typeof match === "string" ? match : "match", outcome, "test and exec")
    for (let group = 0; group <= found.groups && typeof match !== "string"; group++) {
      const [start, end] = match.span(group) ?? [0, 0]
      assert(
        start >= 0 && end <= text.length && (group === 0 || start <= end),
        `group ${group}: ${start} to ${end}`,
      )
    }
    if (span === "limit" || outcome === "limit") return
    try {
      const plain = plainMatch(parseRegex(pattern, false), text, 2000)
      assert.deepEqual(typeof match === "string" ? null : plain?.map((_, at) => match.span(at)), plain)
    } catch (error) {
      if (!(error instanceof TooLong)) throw error
    }
  },
}

const SEEDS = [
  "^/files/(.+/)*report\\.pdf$",
  "^/(.*)/(.*)/(.*)\\.html$",
  "(?i)\\.(jpe?g|png|[[:alpha:]]{2,3}+)\\z",
  "(?<n>a|b)(?=\\k<n>)(?<!x)(?>\\d+)(?(1)y|z)\\1",
  "(?|(a)|(b))\\g{-1}(?x) c # d\n(?s-i:.)[^]\\Q-\\E\\x41]",
  "\\A\\b(?:(a*)*|b++)??\\K\\R\\h\\N\\Z",
]
