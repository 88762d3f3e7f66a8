import type { RewriteStep } from "../../config/model.ts"
import { compileRegex } from "../../regex/regex.ts"
import type { RegexMatchAndSubstitute } from "../gen/envoy/type/matcher/v3/regex_pb.ts"
import { literal } from "./names.ts"
import { refuse } from "./refusal.ts"
import type { ReplacedPrefix } from "./route-match.ts"
import { checkedRegex } from "./text-tests.ts"

/**
 * By the length of what the route has matched: thousands of routes have a few such patterns, where each would have one of its
 * own by its text. Errors: throws a `Refusal`.
 */
export function prefixRewrite(replaced: ReplacedPrefix | null, to: string, path: string): RewriteStep[] {
  if (replaced === null) return refuse(path, "what a regex has matched has no prefix: regex_rewrite")
  const pattern = `(?s)^.{${replaced.octets}}(.*)$`
  return [{ kind: "rewrite", pattern, replacement: `${newPath(to, path)}$1`, flag: "break" }]
}

/** Groups have one digit. */
const GROUPS_MAX = 6

/** The first place that the pattern matches. Errors: throws a `Refusal`. */
export function regexRewrite(
  { pattern, substitution }: RegexMatchAndSubstitute,
  path: string,
): RewriteStep[] {
  const regex = checkedRegex(pattern?.regex ?? "", `${path}.pattern.regex`)
  const { groups } = compileRegex(regex) as { groups: number }
  if (groups > GROUPS_MAX) return refuse(`${path}.pattern.regex`, `it has more than ${GROUPS_MAX} groups`)
  const replacement = `$1${withGroups(substitution, path)}\${${groups + 3}}`
  return [{ kind: "rewrite", pattern: `^(.*?)(${regex})(.*)$`, replacement, flag: "break" }]
}

/** RE2's `\1` as a variable; `\0` is all that was matched. */
export function withGroups(substitution: string, path: string, shift = 2): string {
  return substitution.split(/(\\.)/).reduce((template, part) => {
    const [, digit] = /^\\(\d)$/.exec(part) ?? []
    if (digit !== undefined) return `${template}\${${Number(digit) + shift}}`
    if (part === "\\\\") return `${template}\\`
    if (part.startsWith("\\")) return refuse(`${path}.substitution`, `"${part}" refers to no group`)
    return template + newText(part, path)
  }, "")
}

function newPath(to: string, path: string): string {
  if (to !== "" && !to.startsWith("/")) return refuse(path, "a path begins with /")
  return newText(to, path)
}

function newText(text: string, path: string): string {
  if (text.includes("?")) return refuse(path, "a path has no query in it")
  return literal(text)
}
