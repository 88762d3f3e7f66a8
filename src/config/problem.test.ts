import { describe, expect, test } from "vitest"
import { didYouMean, nearest, type Problem, renderProblem, sortProblems } from "./problem.ts"

const problem = (fields: Partial<Problem>): Problem => ({
  severity: "error",
  file: "nginx.conf",
  line: 2,
  column: 3,
  length: 5,
  message: 'unknown directive "lsten"',
  hint: 'did you mean "listen"?',
  ...fields,
})

const render = (fields: Partial<Problem>, text: string) =>
  renderProblem(problem(fields), new Map([["nginx.conf", text]]), { color: false }).split("\n")

describe("a problem is shown", () => {
  test("with its place, its line, a caret and what to do", () => {
    expect(render({}, "server {\n  lsten 80;\n}\n")).toEqual([
      'nginx.conf:2:3: error: unknown directive "lsten"',
      "    2 |   lsten 80;",
      "      |   ^~~~~",
      '      = did you mean "listen"?',
    ])
  })

  test("without a line when it is of the whole file", () => {
    expect(render({ line: 0, column: 0, message: "cannot read it", hint: null }, "")).toEqual([
      "nginx.conf: error: cannot read it",
    ])
  })

  test("without a line when the file is not at hand", () => {
    expect(render({ file: "other.conf", hint: null }, "x")).toHaveLength(1)
  })

  test.each([
    ["tabs", "\t\tlsten", 3, "      | \t\t^~~~~"],
    ["wide characters", "监听 lsten", 4, "      |      ^~~~~"],
    ["an emoji with its selector", "⚠️ lsten", 4, "      |   ^~~~~"],
    ["a length past the end of the line", "lst", 1, "      | ^~~"],
    ["the end of the line", "", 1, "      | ^"],
    ["CRLF", "lsten\r", 1, "      | ^~~~~"],
  ])("with the caret in its place behind %s", (_, text, column, caret) => {
    expect(render({ line: 1, column, hint: null }, `${text}\n`)[2]).toBe(caret)
  })

  test("in an excerpt when the line is long", () => {
    const [, line, caret] = render({ line: 1, column: 5001 }, `${"x".repeat(5000)}lsten${"y".repeat(5000)}`)
    expect(line!.length).toBeLessThan(130)
    expect(line!.slice(caret!.indexOf("^"), caret!.indexOf("^") + 5)).toBe("lsten")
  })

  test("without control characters, so that a file cannot drive the terminal", () => {
    const shown = render({ line: 1, message: "bad \u001b[2J" }, "\u001b[2J\u202e").join("\n")
    expect(shown).not.toContain("\u001b")
    expect(shown).not.toContain("\u202e")
  })

  test("in color when asked to be", () => {
    expect(renderProblem(problem({}), new Map(), { color: true })).toContain("\u001b[31merror:\u001b[0m")
  })
})

test.each([
  ["lsten", "listen"],
  ["listne", "listen"],
  ["serve_name", "server_name"],
  ["grpc_pas", "grpc_pass"],
  ["server_name_in_redirect", "server_name"],
  ["server", "server_name"],
  ["serv", null],
  ["listens_on_all", "listen"],
  ["serverName", "server_name"],
  ["frobnicate", null],
  ["", null],
  ["x".repeat(1000), null],
])("the nearest directive to %s is %s", (word, expected) => {
  expect(nearest(word, ["listen", "server_name", "grpc_pass"])).toBe(expected)
})

test.each([
  ["access", "access_log"],
  ["access_log_inter", "access_log_interval"],
  ["access_log_interval_in_seconds", "access_log_interval"],
  ["access_log_to_there", "access_log"],
])("of several that begin as %s it is %s", (word, expected) => {
  const candidates = ["access_log_interval", "access_log", "access_log_format"]
  expect(nearest(word, candidates)).toBe(expected)
  expect(nearest(word, candidates.toReversed())).toBe(expected)
})

test("nothing near is no question", () => {
  expect(didYouMean("zzz", ["listen"])).toBeNull()
})

test("problems are sorted by file as met, then by place", () => {
  const at = (file: string, line: number, column: number) => problem({ file, line, column })
  const sorted = sortProblems([at("b", 2, 1), at("a", 9, 9), at("b", 1, 5), at("b", 1, 2)])
  expect(sorted.map(({ file, line, column }) => `${file}${line}${column}`)).toEqual([
    "b12",
    "b15",
    "b21",
    "a99",
  ])
})
