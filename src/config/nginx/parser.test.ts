import { expect, test } from "vitest"
import type { Directive } from "./ast.ts"
import { parse } from "./parser.ts"
import { Report } from "./report.ts"

const outline = (directives: Directive[]): string =>
  directives
    .map(({ name, args, block }) => {
      const words = [name, ...args].map(({ text }) => text).join(" ")
      return block === null ? `${words};` : `${words} {${outline(block)}}`
    })
    .join(" ")

test.each<[text: string, outline: string, problems: string[]]>([
  ["a b; c { d e; f { } } g;", "a b; c {d e; f {}} g;", []],
  ["a; ; b;", "a; b;", ['1:4 unexpected ";"']],
  ["a; } b;", "a; b;", ['1:4 unexpected "}"']],
  ["a; { b; } c;", "a; c;", ['1:4 unexpected "{"']],
  ["a { b c } d;", "a {b c;} d;", ['1:7 directive "b" is not terminated by ";"']],
  ["a { b;\n", "a {b;}", ['2:1 unexpected end of file, expecting "}"']],
  ["a b", "a b;", ['1:3 directive "a" is not terminated by ";"']],
  ['a "b"c d; e;', "e;", ['1:6 unexpected "c" after a closing quote']],
  ['a "b"c { d; } e;', "e;", ['1:6 unexpected "c" after a closing quote']],
  ["a 'b; c;", "", ["1:3 missing terminating ' character"]],
])("%j", (text, expected, expectedProblems) => {
  const report = new Report()
  expect(outline(parse(text, "f", report))).toBe(expected)
  expect(report.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(
    expectedProblems,
  )
})

test("blocks within blocks without end are refused, not followed", () => {
  const report = new Report()
  parse("a {".repeat(100_000), "f", report)
  expect(report.problems.map(({ message }) => message)).toEqual(["more than 64 blocks within each other"])
})

test.each<[what: string, lua: string]>([
  ["nothing", ""],
  ["tables within tables", "local t = { a = { 1, 2 }, b = {} } return t"],
  ["braces in texts", `ngx.say("}", '}', "\\"}", '\\'}')`],
  ["braces in comments", "-- } it's } \n --[[ } ' ]] --[==[ } ]] } ]==] --[= }\n"],
  ["braces in long brackets", "local s = [[ } ' ]] .. [=[ ]] } ]=] .. a[1] .. a[b[1]]"],
  [
    "what nginx would read otherwise",
    'if a ~= 1 then ngx.header["X"] = "a;b" end; for k in pairs({}) do end # } }'.replace(" # } }", ""),
  ],
  ["a quote that is not closed on its line", "-- don't\n local a = 'x\n y { } z"],
  ["an escaped line end", '"a\\\n }"'],
  ["words longer than nginx's", `local s = "${"x".repeat(10_000)}"`],
  ["minus signs", "local a = 1 - 2 -3 --- }\n"],
])("Lua is passed over as a whole: %s", (_what, lua) => {
  const report = new Report()
  const text = `a {\n set_by_lua_block $x {${lua}}\n b;\n}\nc d`
  expect(outline(parse(text, "f", report))).toBe("a {set_by_lua_block $x {} b;} c d;")
  // The line of what comes behind is right.
  const line = text.split("\n").length
  expect(report.problems.map(({ line: at, message }) => `${at} ${message}`)).toEqual([
    `${line} directive "c" is not terminated by ";"`,
  ])
})

test.each([
  "content_by_lua_block { if a { ",
  "content_by_lua_block { [[ } ",
  "content_by_lua_block { --[[ } ",
])("Lua without an end is one problem: %s", (text) => {
  const report = new Report()
  parse(`a; ${text}`, "f", report)
  expect(report.problems.map(({ column, message }) => `${column} ${message}`)).toEqual([
    '4 the Lua of "content_by_lua_block" does not end: a "}" is missing',
  ])
})

const LINES = `map $a $b {
  default x; # which
  "two words" 'y z';
  ~^/(\\w+)$ $1; hostnames;
  three\\;  a\\"b;
  one
    two;
  a b c; d}e {f;}
  é ü;
  ${"k".repeat(2000)} v;
  ${" ".repeat(40_000)}far away;
}
after it;
`

test("lines of a map are those that a block of directives would have, words and places", () => {
  const whole = (name: string): unknown[] => {
    const report = new Report()
    const directives = parse(LINES.replace("map", name), "f", report)
    const plain = (all: readonly Directive[]): unknown[] =>
      all.map((each) => ({ name: each.name, args: each.args, block: each.block && plain(each.block) }))
    return [plain(directives.map((each) => ({ ...each, name: { ...each.name, text: "" } }))), report.problems]
  }
  // A name as long.
  expect(whole("map")).toEqual(whole("tap"))
})
