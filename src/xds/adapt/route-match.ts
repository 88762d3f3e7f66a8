import type { RewriteTest, RouteMatch } from "../../config/model.ts"
import type {
  HeaderMatcher,
  QueryParameterMatcher,
  RouteMatch as XdsMatch,
} from "../gen/envoy/config/route/v3/route_components_pb.ts"
import { headerVariable, type Variables } from "./names.ts"
import { refuse } from "./refusal.ts"
import { checkedRegex, escapeRegex, type TextMatch, testsOf, textMatchOf, wholeRegex } from "./text-tests.ts"

/** Where a route holds. Several paths: the route stands there once for each. */
export interface MatchPlan {
  readonly paths: readonly RouteMatch[]
  readonly when: readonly RewriteTest[]
  /** What `prefix_rewrite` replaces at the beginning of the path; null: nothing that can be replaced. */
  readonly replaced: ReplacedPrefix | null
}

/** A beginning of the path that a route has matched. */
export interface ReplacedPrefix {
  /** A regex. */
  readonly pattern: string
  readonly octets: number
}

/** Null: it never holds. Errors: throws a `Refusal`. */
export function planMatch(match: XdsMatch | undefined, path: string, variables: Variables): MatchPlan | null {
  if (match === undefined) return refuse(path, "there is none")
  const fraction = fractionTests(match, variables)
  if (fraction === null) return null
  const when = [
    ...(match.grpc === undefined ? [] : [GRPC]),
    ...match.headers.flatMap((header, at) => headerTests(header, `${path}.headers[${at}]`)),
    ...match.queryParameters.flatMap((parameter, at) =>
      queryTests(parameter, `${path}.query_parameters[${at}]`),
    ),
    ...fraction,
  ]
  return { ...planPath(match, path), when }
}

const GRPC: RewriteTest = { operator: "~", value: "$content_type", pattern: "^application/grpc(?:[;+]|$)" }

function planPath(
  { pathSpecifier: one, caseSensitive }: XdsMatch,
  path: string,
): Pick<MatchPlan, "paths" | "replaced"> {
  const ignoreCase = caseSensitive === false
  const regex = (pattern: string): RouteMatch => ({ kind: "regex", pattern, ignoreCase })
  switch (one.case) {
    case "prefix": {
      const { value } = one
      const text = escapeRegex(value)
      const match: RouteMatch = ignoreCase ? regex(`^${text}`) : { kind: "prefix", path: value, final: false }
      return { paths: [match], replaced: prefixOf(value, ignoreCase) }
    }
    case "path": {
      const { value } = one
      const text = escapeRegex(value)
      const match: RouteMatch = ignoreCase ? regex(wholeRegex(text)) : { kind: "exact", path: value }
      return { paths: [match], replaced: prefixOf(value, ignoreCase) }
    }
    case "pathSeparatedPrefix": {
      const { value } = one
      const text = escapeRegex(value)
      const paths: RouteMatch[] = ignoreCase
        ? [regex(`^${text}(?:/|$)`)]
        : [
            { kind: "exact", path: value },
            { kind: "prefix", path: `${value}/`, final: false },
          ]
      return { paths, replaced: prefixOf(value, ignoreCase) }
    }
    case "safeRegex": {
      const pattern = checkedRegex(one.value.regex, `${path}.safe_regex.regex`)
      return { paths: [{ kind: "regex", pattern: wholeRegex(pattern), ignoreCase: false }], replaced: null }
    }
    default:
      return refuse(path, "nothing says which path")
  }
}

function prefixOf(text: string, ignoreCase: boolean): ReplacedPrefix {
  const pattern = escapeRegex(text)
  return { pattern: ignoreCase ? `(?i:${pattern})` : pattern, octets: Buffer.byteLength(text) }
}

const PSEUDO: Readonly<Record<string, string>> = {
  ":method": "$request_method",
  ":path": "$request_uri",
  ":authority": "$http_host",
  host: "$http_host",
  ":scheme": "$scheme",
}

function headerTests(matcher: HeaderMatcher, path: string): RewriteTest[] {
  const { name, headerMatchSpecifier: one, invertMatch, treatMissingHeaderAsEmpty } = matcher
  const value = PSEUDO[name.toLowerCase()] ?? headerVariable(name)
  if (value === null) return refuse(`${path}.name`, `"${name}" is no header that can be matched`)
  if (one.case === undefined || one.case === "presentMatch") {
    const isWanted = (one.value ?? true) !== invertMatch
    return [testsOf({ kind: "present" }, value, !isWanted)]
  }
  const test = testsOf(headerMatchOf(one, path), value, invertMatch)
  // What is not there matches nothing, nor does it fail to.
  if (treatMissingHeaderAsEmpty) return [test]
  return [testsOf({ kind: "present" }, value, false), test]
}

type Specifier = Exclude<
  HeaderMatcher["headerMatchSpecifier"],
  { case: undefined } | { case: "presentMatch" }
>

function headerMatchOf(one: Specifier, path: string): TextMatch {
  const plain = { ignoreCase: false }
  switch (one.case) {
    case "stringMatch":
      return textMatchOf(one.value, `${path}.string_match`)
    case "exactMatch":
      return { ...plain, kind: "exact", text: one.value }
    case "prefixMatch":
      return { ...plain, kind: "prefix", text: one.value }
    case "suffixMatch":
      return { ...plain, kind: "suffix", text: one.value }
    case "containsMatch":
      return { ...plain, kind: "contains", text: one.value }
    case "safeRegexMatch":
      return {
        ...plain,
        kind: "regex",
        pattern: checkedRegex(one.value.regex, `${path}.safe_regex_match.regex`),
      }
    default:
      return refuse(`${path}.range_match`, "not supported")
  }
}

function queryTests(
  { name, queryParameterMatchSpecifier: one }: QueryParameterMatcher,
  path: string,
): RewriteTest[] {
  if (!/^\w+$/.test(name)) return refuse(`${path}.name`, `"${name}" is no parameter that can be matched`)
  const value = `$arg_${name}`
  // It may be there without a value.
  const isThere = (isWanted: boolean): RewriteTest => ({
    operator: isWanted ? "~" : "!~",
    value: "$args",
    pattern: `(^|&)${name}(=|&|$)`,
  })
  if (one.case === undefined || one.case === "presentMatch") return [isThere(one.value !== false)]
  const match = textMatchOf(one.value, `${path}.string_match`)
  return [isThere(true), testsOf(match, value, false)]
}

/** By `FractionalPercent.DenominatorType`. */
const DENOMINATORS = [100, 10_000, 1_000_000]

/** Null: none at all. */
function fractionTests({ runtimeFraction }: XdsMatch, variables: Variables): RewriteTest[] | null {
  const fraction = runtimeFraction?.defaultValue
  if (fraction === undefined) return []
  const percent = (fraction.numerator / (DENOMINATORS[fraction.denominator] ?? 100)) * 100
  if (percent >= 100) return []
  const hundredths = Math.round(percent * 100)
  if (hundredths === 0) return null
  const drawn = variables.split("fraction", [
    [hundredths / 100, "1"],
    [null, ""],
  ])
  return [{ operator: "=", value: drawn, text: "1" }]
}
