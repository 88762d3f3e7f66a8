import type { RouteMatch } from "../model.ts"
import type { Draft } from "./draft.ts"
import {
  escapePattern,
  headerTests,
  type OrObjection,
  patternProblem,
  type ReadMatch,
  unsupported,
} from "./matches.ts"
import type { GrpcMatch } from "./resources.ts"

/** Any service or method. */
const ANY = "[^/]+"

/** Ranks: characters of the service, of the method, how many headers; an expression counts less than any text. */
export function readGrpcMatch({ method, headers }: GrpcMatch, draft: Draft): OrObjection<ReadMatch> {
  const tests = headerTests(headers, draft)
  if ("objection" in tests) return tests
  const path = pathOf(method)
  if ("objection" in path) return path
  const isExact = method?.type === "Exact"
  const counted = (text = ""): number => (text === "" ? 0 : isExact ? 1 + text.length : 1)
  const rank = [counted(method?.service), counted(method?.method), tests.value.length]
  return { value: { match: path.value, when: tests.value, rank } }
}

function pathOf(method: GrpcMatch["method"]): OrObjection<RouteMatch> {
  if (method === undefined || (method.service === "" && method.method === ""))
    return { value: { kind: "prefix", path: "/", final: false } }
  const { type, service, method: name } = method
  if (type === "Exact") {
    if (name === "") return { value: { kind: "prefix", path: `/${service}/`, final: false } }
    if (service !== "") return { value: { kind: "exact", path: `/${service}/${name}` } }
    return { value: { kind: "regex", pattern: `^/${ANY}/${escapePattern(name)}$`, ignoreCase: false } }
  }
  if (type !== "RegularExpression")
    return unsupported(`methods are matched by Exact or RegularExpression, not ${type}`)
  for (const pattern of [service, name]) {
    const problem = pattern === "" ? null : patternProblem(pattern)
    if (problem !== null) return unsupported(problem)
  }
  const part = (pattern: string): string => (pattern === "" ? ANY : `(?:${pattern})`)
  return { value: { kind: "regex", pattern: `^/${part(service)}/${part(name)}$`, ignoreCase: false } }
}
