/** `match` of NGINX Plus: what the answer to a health check must be. Its block holds tests, and no directives. */
import { matchProblems, readExpect } from "../../health-match.ts"
import type { HealthCheckConfig, HealthMatch } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"

/** What a `match` says: of HTTP, or of `stream`. */
type Tests = Pick<HealthCheckConfig, "match" | "send" | "expect">

/** All of a level, whether a health check names them or not. */
export function checkMatches(report: Report, scope: Scope, protocol: "http" | "tcp"): void {
  for (const directive of scope.own("match")) readMatch(report, directive, protocol)
}

/** Puts the `match` that a health check names into it. False: there is none, or it is wrong, and that was said. */
export function useMatch(report: Report, scope: Scope, name: Word, check: HealthCheckConfig): boolean {
  const all = scope.all("match")
  const directive = all.find(({ args }) => args[0]!.text === name.text)
  if (directive === undefined) {
    const names = all.map(({ args }) => args[0]!.text)
    report.error(name.span, `there is no match "${name.text}"`, didYouMean(name.text, names))
    return false
  }
  const tests = readMatch(report, directive, check.type === "tcp" ? "tcp" : "http")
  if (tests === null) return false
  Object.assign(check, tests)
  return true
}

function readMatch(report: Report, { block }: Directive, protocol: "http" | "tcp"): Tests | null {
  const errors = report.errors
  const tests: Tests = {
    match: protocol === "http" ? { status: [], headers: [], body: [] } : null,
    send: null,
    expect: null,
  }
  for (const line of block ?? []) {
    const problem = tests.match === null ? readTcp(line, tests) : readHttp(line, tests.match)
    if (problem !== null) report.error(spanOf(line), problem)
  }
  return report.errors > errors ? null : tests
}

const LISTS = { status: "status", header: "headers", body: "body" } as const

/** What is wrong with it, or null. */
function readHttp({ name, args }: Directive, match: HealthMatch): string | null {
  const { text } = name
  if (text === "require") return '"require" is not supported: no variables are filled in by a health check'
  if (!Object.hasOwn(LISTS, text)) return `unknown test "${text}"`
  const key = LISTS[text as keyof typeof LISTS]
  const test = args.map((word) => word.text).join(" ")
  const [problem] = matchProblems({ status: [], headers: [], body: [], [key]: [test] })
  match[key].push(test)
  return problem?.message ?? null
}

function readTcp({ name, args }: Directive, tests: Tests): string | null {
  const { text } = name
  if (text !== "send" && text !== "expect") return `unknown test "${text}"`
  if (tests[text] !== null) return `"${text}" is duplicate`
  const [first, second, third] = args
  const isRegex = text === "expect" && first?.text === "~"
  if (first === undefined || (second !== undefined) !== isRegex || third !== undefined)
    return `invalid number of arguments in "${text}"`
  tests[text] = text === "send" ? first.text : isRegex ? `~ ${second!.text}` : `= ${first.text}`
  const read = text === "expect" ? readExpect(tests[text]) : null
  return typeof read === "string" ? read : null
}
