import type { RewriteTest } from "../../config/model.ts"
import { compileRegex } from "../../regex/regex.ts"
import type { StringMatcher } from "../gen/envoy/type/matcher/v3/string_pb.ts"
import { literal } from "./names.ts"
import { refuse } from "./refusal.ts"

/** What a text must be. */
export type TextMatch =
  | {
      readonly kind: "exact" | "prefix" | "suffix" | "contains"
      readonly text: string
      readonly ignoreCase: boolean
    }
  | { readonly kind: "regex"; readonly pattern: string; readonly ignoreCase: boolean }
  | { readonly kind: "present" }

/** Errors: throws a `Refusal`. */
export function textMatchOf(matcher: StringMatcher | undefined, path: string): TextMatch {
  const { matchPattern: pattern, ignoreCase = false } = matcher ?? {}
  switch (pattern?.case) {
    case "exact":
    case "prefix":
    case "suffix":
    case "contains":
      return { kind: pattern.case, text: pattern.value, ignoreCase }
    case "safeRegex":
      // As in Envoy, case counts for regexes whatever is said.
      return {
        kind: "regex",
        pattern: checkedRegex(pattern.value.regex, `${path}.safe_regex.regex`),
        ignoreCase: false,
      }
    default:
      return refuse(path, "nothing says what is matched")
  }
}

/** A pattern that Sluice's regexes read. Errors: throws a `Refusal`. */
export function checkedRegex(pattern: string, path: string): string {
  const compiled = compileRegex(pattern, { isCaseless: false })
  if ("error" in compiled) return refuse(path, `the regex "${pattern}": ${compiled.error}`)
  return pattern
}

export const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|/-]/g, "\\$&")

/** Of the whole text, as RE2's FullMatch. */
export const wholeRegex = (pattern: string): string => `^(?:${pattern})\\z`

/** `value`: a template. */
export function testsOf(match: TextMatch, value: string, isInverted: boolean): RewriteTest {
  if (match.kind === "exact" && !match.ignoreCase)
    return { operator: isInverted ? "!=" : "=", value, text: literal(match.text) }
  if (match.kind === "present") return { operator: isInverted ? "=" : "!=", value, text: "" }
  const operator = `${isInverted ? "!" : ""}~${match.ignoreCase ? "*" : ""}` as "~" | "!~" | "~*" | "!~*"
  return { operator, value, pattern: patternOf(match) }
}

function patternOf(match: Exclude<TextMatch, { kind: "present" }>): string {
  switch (match.kind) {
    case "exact":
      return wholeRegex(escapeRegex(match.text))
    case "prefix":
      return `^${escapeRegex(match.text)}`
    case "suffix":
      return `${escapeRegex(match.text)}\\z`
    case "contains":
      return escapeRegex(match.text)
    case "regex":
      return wholeRegex(match.pattern)
  }
}
