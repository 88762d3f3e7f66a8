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
  ["a { b c } d;", "a {} d;", ['1:7 directive "b" is not terminated by ";"']],
  ["a { b;\n", "a {b;}", ['2:1 unexpected end of file, expecting "}"']],
  ["a b", "", ['1:3 directive "a" is not terminated by ";"']],
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
