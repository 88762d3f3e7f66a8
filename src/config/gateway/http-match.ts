import type { RewriteTest, RouteMatch } from "../model.ts"
import type { Draft } from "./draft.ts"
import {
  escapePattern,
  headerTests,
  type OrObjection,
  patternProblem,
  type ReadMatch,
  unsupported,
  whole,
} from "./matches.ts"
import type { HttpMatch, ValueMatch } from "./resources.ts"

/** Ranks: an exact path, an expression, characters of a prefix, a method, how many headers, how many parameters. */
export function readHttpMatch(match: HttpMatch, draft: Draft): OrObjection<ReadMatch[]> {
  const { path, method, headers, queryParams } = match
  const tests = headerTests(headers, draft)
  if ("objection" in tests) return tests
  const parameters = parameterTests(queryParams)
  if ("objection" in parameters) return parameters
  const paths = pathsOf(path)
  if ("objection" in paths) return paths
  const ofMethod: RewriteTest[] =
    method === undefined ? [] : [{ operator: "=", value: "$request_method", text: method }]
  const when = [...ofMethod, ...tests.value, ...parameters.value]
  const isExact = path.type === "Exact"
  const isPrefix = path.type === "PathPrefix"
  const rank = [
    isExact ? 1 : 0,
    isExact || isPrefix ? 0 : 1,
    isPrefix ? withoutSlash(path.value).length : path.value.length,
    ofMethod.length,
    tests.value.length,
    parameters.value.length,
  ]
  return { value: paths.value.map((one) => ({ match: one, when, rank })) }
}

/** `/a/` is `/a`, and `/` is empty. */
export const withoutSlash = (path: string): string => path.replace(/\/$/, "")

/** A prefix is of whole segments: `/a` is `/a` and what begins with `/a/`. */
function pathsOf({ type, value }: HttpMatch["path"]): OrObjection<RouteMatch[]> {
  switch (type) {
    case "Exact":
      return { value: [{ kind: "exact", path: value }] }
    case "PathPrefix": {
      const path = withoutSlash(value)
      const below: RouteMatch = { kind: "prefix", path: `${path}/`, final: false }
      return { value: path === "" ? [below] : [{ kind: "exact", path }, below] }
    }
    case "RegularExpression": {
      const problem = patternProblem(value)
      return problem === null
        ? { value: [{ kind: "regex", pattern: whole(value), ignoreCase: false }] }
        : unsupported(problem)
    }
    default:
      return unsupported(`paths are matched by Exact, PathPrefix or RegularExpression, not ${type}`)
  }
}

/** Of several for one name the first counts. */
function parameterTests(parameters: readonly ValueMatch[]): OrObjection<RewriteTest[]> {
  const byName = new Map<string, ValueMatch>()
  for (const parameter of parameters) if (!byName.has(parameter.name)) byName.set(parameter.name, parameter)
  const tests: RewriteTest[] = []
  for (const { type, name, value } of byName.values()) {
    let pattern = encoded(value)
    if (type === "RegularExpression") {
      const problem = patternProblem(value)
      if (problem !== null) return unsupported(problem)
      // Of the value as it is sent.
      pattern = `(?:${value})`
    } else if (type !== "Exact")
      return unsupported(`query parameters are matched by Exact or RegularExpression, not ${type}`)
    tests.push({ operator: "~", value: "$args", pattern: `(?:^|&)${encoded(name)}=${pattern}(?:&|$)` })
  }
  return { value: tests }
}

/** The text in a query, however much of it is percent-encoded. */
function encoded(text: string): string {
  return Array.from(Buffer.from(text), (octet) => {
    const hex = octet.toString(16).padStart(2, "0")
    const escapes = [...new Set([hex, hex.toUpperCase()])].map((one) => `%${one}`)
    const plain =
      octet === 0x20 ? ["\\+"] : /[&+%#]/.test(String.fromCharCode(octet)) ? [] : [plainOctet(octet)]
    return `(?:${[...plain, ...escapes].join("|")})`
  }).join("")
}

function plainOctet(octet: number): string {
  return octet > 0x20 && octet < 0x7f
    ? escapePattern(String.fromCharCode(octet))
    : `\\x${octet.toString(16).padStart(2, "0")}`
}
