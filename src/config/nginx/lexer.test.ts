import { describe, expect, test } from "vitest"
import { Lexer } from "./lexer.ts"
import { Report } from "./report.ts"

function tokens(text: string) {
  const report = new Report()
  const lexer = new Lexer(text, "f", report)
  const found: string[] = []
  for (let token = lexer.next(); token !== null; token = lexer.next()) {
    found.push(token.kind === "word" ? `<${token.word.text}>` : token.kind)
  }
  return { found: found.join(" "), problems: report.problems }
}

describe("words", () => {
  test.each([
    ["a b;", "<a> <b> ;"],
    ["a{b;}", "<a> { <b> ; }"],
    ["a # b ; {\nc;", "<a> <c> ;"],
    ["a#b;", "<a#b> ;"],
    ["a}b;", "<a}b> ;"],
    ["a \"b c\" 'd e';", "<a> <b c> <d e> ;"],
    ["'' \"\";", "<> <> ;"],
    ["'a;{}#\n$b';", "<a;{}#\n$b> ;"],
    ["\"it's\" '\"';", "<it's> <\"> ;"],
    ['a"b c"d;', '<a"b> <c"d> ;'],
    [String.raw`"\"" '\'' \\ \" \t\r\n \q \$a;`, '<"> <\'> <\\> <"> <\t\r\n> <\\q> <\\$a> ;'],
    [String.raw`a\ b a\;b a\{b \#c;`, String.raw`<a\ b> <a\;b> <a\{b> <\#c> ;`],
    // biome-ignore lint/suspicious/noTemplateCurlyInString: nginx spells variables so
    ["${a} b${c}d $ {", "<${a}> <b${c}d> <$> {"],
    ["'${a' \"${\";", "<${a> <${> ;"],
    ['"a");', "<a> <)> ;"],
    ["a\r\nb\r\n;", "<a> <b> ;"],
    ['服务 名="值";', '<服务> <名="值"> ;'],
    ["\u0000a\u0000;", "<\u0000a\u0000> ;"],
  ])("%j is %j", (text, expected) => {
    expect(tokens(text)).toEqual({ found: expected, problems: [] })
  })
})

describe("what is wrong is reported where it starts, and read over", () => {
  test.each([
    ['a;\n b "c;\n d', "<a> ; <b> broken", 'missing terminating " character', "2:4"],
    ["a 'b", "<a> broken", "missing terminating ' character", "1:3"],
    ['a "b"c d;', "<a> broken <d> ;", 'unexpected "c" after a closing quote', "1:6"],
    ['a "b"}', "<a> broken", 'unexpected "}" after a closing quote', "1:6"],
    ["a \ufffd;", "<a> broken ;", "not valid UTF-8", "1:3"],
    [`a ${"x".repeat(4096)};`, "<a> broken ;", "too long parameter, more than 4095 octets", "1:3"],
    [`a "${"值".repeat(1365)}";`, "<a> broken ;", "too long parameter, more than 4094 octets", "1:3"],
  ])("%j", (text, found, message, place) => {
    const result = tokens(text)
    expect(result.found).toBe(found)
    expect(result.problems.map((problem) => [problem.message, `${problem.line}:${problem.column}`])).toEqual([
      [message, place],
    ])
  })

  test("a byte order mark is skipped with a warning", () => {
    const { found, problems } = tokens("\ufeffa;")
    expect(found).toBe("<a> ;")
    expect(problems.map(({ severity }) => severity)).toEqual(["warning"])
  })
})

test("a word knows its line, column and length as written", () => {
  const lexer = new Lexer('a\n\t "b\\"c"  d', "f", new Report())
  const spans = [lexer.next(), lexer.next(), lexer.next()].map(
    (token) => token?.kind === "word" && token.word.span,
  )
  expect(spans).toEqual([
    { file: "f", line: 1, column: 1, length: 1 },
    { file: "f", line: 2, column: 3, length: 6 },
    { file: "f", line: 2, column: 11, length: 1 },
  ])
})
