import { describe, expect, test } from "vitest"
import {
  compileMatch,
  type HealthAnswer,
  matchProblems,
  readExpect,
  unescapedOctets,
} from "./health-match.ts"

const none = { status: [], headers: [], body: [] }
const answer = (changes: Partial<HealthAnswer>): HealthAnswer => {
  return { status: 200, headers: new Map(), body: "", ...changes }
}

describe("a status", () => {
  test.for<[text: string, passes: number[], fails: number[]]>([
    ["200", [200], [201, 404]],
    ["200 204", [200, 204], [201]],
    ["200-399", [200, 301, 399], [199, 400]],
    ["301-303 307", [301, 303, 307], [304]],
    ["! 500", [200, 503], [500]],
    ["! 400-599", [200, 302], [404, 500]],
  ])("%s", ([text, passes, fails]) => {
    const judge = compileMatch({ ...none, status: [text] })
    expect(passes.map((status) => judge(answer({ status })))).toEqual(passes.map(() => null))
    expect(fails.map((status) => judge(answer({ status })))).toEqual(
      fails.map((each) => `HTTP status ${each}`),
    )
  })
})

describe("a header", () => {
  const headers = new Map([
    ["content-type", "text/html; charset=x"],
    ["x-ok", "yes"],
  ])
  test.for<[text: string, passes: boolean]>([
    ["X-Ok", true],
    ["X-No", false],
    ["! X-No", true],
    ["! X-Ok", false],
    ["x-ok = yes", true],
    ["X-Ok = no", false],
    ["X-Ok != no", true],
    ["X-Ok != yes", false],
    ["Content-Type = text/html; charset=x", true],
    ["Content-Type ~ ^text/", true],
    ["Content-Type ~ json", false],
    ["Content-Type !~ json", true],
    ["Content-Type !~ html", false],
    ["X-No = ", true],
    ["X-No != a", true],
  ])("%s", ([text, passes]) => {
    const judge = compileMatch({ ...none, headers: [text] })
    expect(judge(answer({ headers })) === null).toBe(passes)
  })
})

test("a body, and all tests together", () => {
  const judge = compileMatch({ status: ["200"], headers: ["A = b"], body: ["~ we.come", "!~ maintenance"] })
  const headers = new Map([["a", "b"]])
  expect(judge(answer({ headers, body: "so, welcome" }))).toBe(null)
  expect(judge(answer({ headers, body: "hello" }))).toBe("the body is not as it should be")
  expect(judge(answer({ headers, body: "welcome to maintenance" }))).toBe("the body is not as it should be")
  expect(judge(answer({ body: "welcome" }))).toBe("the header A is not as it should be")
  expect(judge(answer({ status: 503, headers, body: "welcome" }))).toBe("HTTP status 503")
})

test.for<[match: Partial<typeof none> | Record<string, string[]>, problem: string]>([
  [{ status: ["2xx"] }, '"2xx" is no list of statuses'],
  [{ status: [""] }, '"" is no list of statuses'],
  [{ status: ["! "] }, '"! " is no list of statuses'],
  [{ headers: ["A: b"] }, '"A: b" is no test of a header'],
  [{ headers: ["! A = b"] }, '"! A = b" is no test of a header'],
  [{ headers: ["A ~ ("] }, "not a regex: "],
  [{ body: ["= x"] }, '"= x" is no test of a body'],
  [{ body: ["~ ("] }, "not a regex: "],
])("%j cannot be read", ([match, problem]) => {
  expect(matchProblems({ ...none, ...match })).toEqual([
    { at: [Object.keys(match)[0], 0], message: expect.stringContaining(problem) as string },
  ])
})

test.for<[text: string, came: string, isThere: boolean]>([
  ["= +PONG", "x+PONG\r\n", true],
  ["= +PONG", "+PON", false],
  ["= \\x00\\xff", "a\0\xff", true],
  ["~ ^\\d+ OK$", "220 OK", true],
  ["~ ^\\d+ OK$", "OK", false],
])("%s waits for it in %j: %s", ([text, came, isThere]) => {
  const read = readExpect(text)
  expect(typeof read === "function" && read(came)).toBe(isThere)
})

test.for<[match: Partial<typeof none> | Record<string, string[]>, why: string]>([
  [{ body: ["~ (a|b|ab)*\\1c"] }, "the body is not as it should be"],
  [{ body: ["!~ (a|b|ab)*\\1c"] }, "the body is not as it should be"],
  [{ headers: ["X !~ (a|b|ab)*\\1c"] }, "the header X is not as it should be"],
])("%j fails where it takes too many steps", ([match, why]) => {
  const text = "ab".repeat(10_000)
  expect(compileMatch({ ...none, ...match })(answer({ headers: new Map([["x", text]]), body: text }))).toBe(
    why,
  )
})

test("what is expected begins with how", () => {
  expect(readExpect("+PONG")).toBe('"+PONG" is no text that is waited for')
  expect(readExpect("~ (")).toContain("not a regex: ")
})

test("octets of a text", () => {
  expect(unescapedOctets("a\\x0d\\x0A\\x\u00e9")).toBe("a\r\n\\x\xc3\xa9")
})
