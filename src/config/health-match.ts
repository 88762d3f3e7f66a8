/**
 * What the answer to a health check must be, in the words of NGINX Plus's `match`: `status 200-399;`, `header Content-Type =
 * text/html;`, `body ~ ok;` of HTTP, `send` and `expect` of TCP. The model holds them as they are written; here they are read.
 */
import { octetText } from "../base/octet-text.ts"
import { compileRegex, Regex } from "../regex/regex.ts"
import type { HealthMatch } from "./model.ts"

/** What an HTTP server answered. */
export interface HealthAnswer {
  readonly status: number
  /** By names in lower case, an octet for each character. */
  readonly headers: ReadonlyMap<string, string>
  /** Its beginning, an octet for each character. */
  readonly body: string
}

/** Why an answer is not what it should be; null: it is. */
export type HealthTest = (answer: HealthAnswer) => string | null

/** How a test cannot be read, and where: `status`, `headers.0`. */
export interface MatchProblem {
  readonly at: readonly (string | number)[]
  readonly message: string
}

/** As in NGINX Plus, where no `match` is named. */
export const ANY_SUCCESS: HealthMatch = { status: ["200-399"], headers: [], body: [] }

/** What is wrong with a match; it has no problem, and can be compiled. */
export function matchProblems({ status, headers, body }: HealthMatch): MatchProblem[] {
  const problem = (at: (string | number)[], read: object | string): MatchProblem[] =>
    typeof read === "string" ? [{ at, message: read }] : []
  return [
    ...status.flatMap((text, index) => problem(["status", index], readStatus(text))),
    ...headers.flatMap((text, index) => problem(["headers", index], readHeader(text))),
    ...body.flatMap((text, index) => problem(["body", index], readBody(text))),
  ]
}

/** All of them must pass. Errors: throws a sentence; `matchProblems` has found it before. */
export function compileMatch({ status, headers, body }: HealthMatch): HealthTest {
  const tests = [...status.map(readStatus), ...headers.map(readHeader), ...body.map(readBody)].map((read) => {
    if (typeof read === "string") throw new Error(read)
    return read
  })
  return (answer) => {
    for (const test of tests) {
      const why = test(answer)
      if (why !== null) return why
    }
    return null
  }
}

const STATUS = /^(?:!\s*)?[1-9]\d\d(?:-[1-9]\d\d)?(?:\s+[1-9]\d\d(?:-[1-9]\d\d)?)*$/

/** `200 204`, `200-399`, `! 500-599`. */
function readStatus(text: string): HealthTest | string {
  if (!STATUS.test(text)) return `"${text}" is no list of statuses`
  const isNot = text.startsWith("!")
  const ranges = (text.match(/\d+(?:-\d+)?/g) ?? []).map((range) => range.split("-").map(Number))
  return ({ status }) => {
    const isIn = ranges.some(([from, to = from]) => status >= from! && status <= to!)
    return isIn === isNot ? `HTTP status ${status}` : null
  }
}

/** `Name`, `! Name`, `Name = text`, `Name != text`, `Name ~ regex`, `Name !~ regex`. */
function readHeader(text: string): HealthTest | string {
  const [, absent, name, operator, value] =
    /^(!\s*)?([!#$%&'*+.^_`|~0-9A-Za-z-]*[0-9A-Za-z_-])(?:\s+(=|!=|~|!~)\s+(.*))?$/s.exec(text) ?? []
  if (name === undefined || (absent !== undefined && operator !== undefined))
    return `"${text}" is no test of a header`
  const key = name.toLowerCase()
  if (operator === undefined)
    return ({ headers }) => {
      if (headers.has(key) === (absent === undefined)) return null
      return absent === undefined ? `no header ${name}` : `a header ${name}`
    }
  const test = readText(operator, value!)
  if (typeof test === "string") return test
  return ({ headers }) => (test(headers.get(key) ?? "") ? null : `the header ${name} is not as it should be`)
}

/** `~ regex`, `!~ regex`. */
function readBody(text: string): HealthTest | string {
  const [, operator, value] = /^(~|!~)\s+(.*)$/s.exec(text) ?? []
  if (operator === undefined) return `"${text}" is no test of a body`
  const test = readText(operator, value!)
  if (typeof test === "string") return test
  return ({ body }) => (test(body) ? null : "the body is not as it should be")
}

/** Whether what has come of a TCP server is what was waited for: `= text`, `~ regex`. A sentence: it cannot be read. */
export function readExpect(text: string): ((came: string) => boolean) | string {
  const [, operator, value] = /^(=|~)\s+(.*)$/s.exec(text) ?? []
  if (operator === undefined) return `"${text}" is no text that is waited for`
  if (operator === "~") return readText("~", value!)
  const wanted = unescapedOctets(value!)
  return (came) => came.includes(wanted)
}

/** Octets of a text, in which `\x0a` stands for one. */
export function unescapedOctets(text: string): string {
  return octetText(text).replace(/\\x([0-9a-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
}

function readText(operator: string, value: string): ((text: string) => boolean) | string {
  const isNot = operator.startsWith("!")
  if (operator.endsWith("=")) {
    const wanted = octetText(value)
    return (text) => (text === wanted) !== isNot
  }
  const regex = compileRegex(octetText(value))
  if (!(regex instanceof Regex)) return `not a regex: ${regex.error}`
  return (text) => {
    const outcome = regex.test(text)
    // Whether it matches is not known then.
    return outcome !== "limit" && (outcome === "match") !== isNot
  }
}
