import { describe, expect, test } from "vitest"
import { INSTRUCTIONS_MAX } from "./program.ts"
import { compileRegex, PATTERN_OCTETS_MAX, Regex } from "./regex.ts"

const A64K = "a".repeat(64 * 1024)
const slashes = (octets: number): string => "/".repeat(octets)

describe("a search takes steps in proportion to the text", () => {
  /** Patterns that keep a backtracking engine busy, and texts that do. */
  test.for<[pattern: string, text: string]>([
    ["^/files/(.+/)*report\\.pdf$", `/files/${"a/".repeat(100)}`],
    ["^/files/(.+/)*report\\.pdf$", `/files/${"a/".repeat(32_000)}`],
    ["^/files/(.+/)*report\\.pdf$", `/files/${"a/".repeat(32_000)}report.pdf`],
    ["^/(.*)/(.*)/(.*)\\.html$", slashes(4096)],
    ["^/(.*)/(.*)/(.*)\\.html$", slashes(64 * 1024)],
    ["^/(.*)/(.*)/(.*)\\.html$", `${slashes(64 * 1024)}.html`],
    ["(a+)+$", `${A64K}!`],
    ["(a|a)*b", A64K],
    ["(a|aa)+$", `${A64K}!`],
    ["(?:a?){30}a{30}", "a".repeat(30)],
    ["(.*)(.*)(.*)(.*)(.*)(.*)x", A64K],
    ["((a*)*)*b", A64K],
    ["(([a-z])+.)+[A-Z]([a-z])+$", A64K],
    ["^(([a-z])+.)+[A-Z]([a-z])+$", A64K],
    ["a.*b.*c.*d", A64K],
    ["(^|/)(x*)*$", A64K],
  ])("%s", ([pattern, text]) => {
    const stepsMax = 200 * (text.length + 100)
    const regex = new Regex(pattern, { stepsMax })
    expect(regex.isLinear).toBe(true)
    expect(regex.test(text)).not.toBe("limit")
    expect(regex.exec(text)).not.toBe("limit")
  })

  test("ten thousand words are tried a few at a time", () => {
    const words = Array.from({ length: 10_000 }, (_, at) => `w${((at * 7919) % 10_007).toString(36)}`)
    const regex = new Regex(`^/(${words.join("|")})(/.*)?$`, { stepsMax: 2000 })
    for (const word of [words[0]!, words[9999]!]) {
      const match = regex.exec(`/${word}/x`)
      expect(typeof match === "string" ? match : [match.group(1), match.group(2)]).toEqual([word, "/x"])
    }
    expect(regex.test("/none")).toBe("none")
  })

  test("states that do not fit are made again", () => {
    const regex = new Regex("(?:a|b)*a(?:a|b){12}c", { stepsMax: 100_000_000 })
    const text = Array.from({ length: 20_000 }, (_, at) => "ab"[((at * at) >> 3) & 1]).join("")
    expect(regex.test(text)).toBe("none")
    expect(regex.test(`${text}${"a".repeat(13)}c`)).toBe("match")
  })
})

describe("a search that would take too many steps is given up", () => {
  test.for<[pattern: string, text: string]>([
    ["^(a*)*\\1b$", "a".repeat(40)],
    ["^(?=(a+)+$)(a+)+!", "a".repeat(40)],
    ["(?>(a+)+)b|(a+)+(?=c)", "a".repeat(40)],
    [".{0,20000}x", A64K],
  ])("%s", ([pattern, text]) => {
    const regex = new Regex(pattern)
    expect(regex.test(text)).toBe("limit")
    expect(regex.exec(text)).toBe("limit")
    // The next search begins anew.
    expect(new Regex("(a)b").exec("ab")).toMatchObject({})
    expect(regex.test("")).toBe("none")
  })

  test("at the limit that was asked for", () => {
    const pattern = "^(?:(a)|b)*(?=c)"
    expect(new Regex(pattern, { stepsMax: 1000 }).test(`${"ab".repeat(10)}c`)).toBe("match")
    expect(new Regex(pattern, { stepsMax: 50 }).test(`${"ab".repeat(10)}c`)).toBe("limit")
  })
})

describe("a pattern that would take too much room is refused", () => {
  const tooLarge = `it is too large: more than ${INSTRUCTIONS_MAX} steps with its repeats written out`
  const words = Array.from({ length: 20_000 }, (_, at) => at).join("|")
  test.for<[what: string, pattern: string, error: string | null]>([
    ["a thousand thousands", "(a{1000}){1000}", tooLarge],
    ["powers of ten", `${"(".repeat(9)}a${"{10})".repeat(9)}`, tooLarge],
    ["nothing, very often", "(?:(?:(?:(?:){65535}){65535}){65535}){65535}", tooLarge],
    ["a large bound", "a{0,65535}", tooLarge],
    ["a large bound that fits", "[^/]{1,10000}", null],
    ["deep parentheses", "(".repeat(60_000), "more than 250 parentheses within each other"],
    ["deep lookahead", "(?=".repeat(20_000), "more than 250 parentheses within each other"],
    ["as deep as PCRE", `${"(?:".repeat(250)}a${")*".repeat(250)}`, null],
    ["a long pattern", "a".repeat(PATTERN_OCTETS_MAX + 1), `it is longer than ${PATTERN_OCTETS_MAX} octets`],
    ["many words", words.slice(0, PATTERN_OCTETS_MAX), null],
    ["each word one longer", Array.from({ length: 350 }, (_, at) => "a".repeat(at)).join("|"), null],
    ["many classes", Array.from({ length: 8000 }, (_, at) => `[${at % 10}a]`).join("|"), null],
    ["many empty branches", "|".repeat(20_000), null],
    ["too many of them", "|".repeat(60_000), tooLarge],
    ["many groups", "()".repeat(10_000), null],
    ["many names", Array.from({ length: 4000 }, (_, at) => `(?<n${at}>)`).join(""), null],
    ["many references", `(a)${"\\1".repeat(10_000)}`, null],
  ])("%s", ([, pattern, error]) => {
    const regex = compileRegex(pattern)
    expect(regex instanceof Regex ? null : regex.error).toBe(error)
  })
})

describe("what a backtracking engine could take long for", () => {
  test.for<[pattern: string, explosion: string | null]>([
    ["^/files/(.+/)*report\\.pdf$", "exponential"],
    ["^/files/([^/]+/)*report\\.pdf$", null],
    ["(a+)+$", "exponential"],
    ["(a*)*$", "exponential"],
    ["([a-z]+\\d*)+$", "exponential"],
    ["(?:\\w+-?)+$", "exponential"],
    ["(?:\\w+-)+$", null],
    ["(a|a)*b", "exponential"],
    ["(a|b|ab)*c", "exponential"],
    ["(a|aa)*b", "exponential"],
    ["(a|b)*c", null],
    ["(?:foo|far|bar)+", null],
    ["(?>a+)+b", null],
    ["(?:a++b?)+", null],
    ["(a{2})*b", null],
    ["(a{1,2})*b", "exponential"],
    ["^/(.*)/(.*)/(.*)\\.html$", "polynomial"],
    ["^/(.*)/(.*)$", null],
    ["^/([^/]+)/([^/]+)/([^/]+)$", null],
    ["^/(\\w+)(\\d*)([0-9]*)$", "polynomial"],
    ["\\.(jpg|png|css)$", null],
    ["^/v\\d+/\\w+(/.*)?$", null],
    ["^/api/(?!internal)(.+)$", null],
    ["^(?=(a+)+$)", "exponential"],
  ])("%s: %s", ([pattern, explosion]) => {
    expect(new Regex(pattern).explosion).toBe(explosion)
  })
})

test("groups are had by number and by name", () => {
  const regex = new Regex("^/(?<version>v\\d+)(?:/(?<name>\\w+))?(?J)(?:/(?<x>a)|/(?<x>b))?$")
  expect([regex.groups, [...regex.names]]).toEqual([
    4,
    [
      ["version", [1]],
      ["name", [2]],
      ["x", [3, 4]],
    ],
  ])
  const match = regex.exec("/v2//b")
  expect(match).toBe("none")
  const found = regex.exec("/v2/chat/b")
  if (typeof found === "string") throw new Error(found)
  expect([found.group(0), found.named("version"), found.named("name"), found.named("x")]).toEqual([
    "/v2/chat/b",
    "v2",
    "chat",
    "b",
  ])
  expect([found.span(1), found.span(3), found.span(5), found.named("none"), found.group(99)]).toEqual([
    [1, 3],
    null,
    null,
    undefined,
    undefined,
  ])
})
