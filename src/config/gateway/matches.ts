import { compileRegex } from "../../regex/regex.ts"
import type { RewriteTest, RouteMatch } from "../model.ts"
import { type Objection, objection } from "./conditions.ts"
import type { Draft } from "./draft.ts"
import type { ValueMatch } from "./resources.ts"

/** When a request is a rule's, and how specific that is. */
export interface ReadMatch {
  readonly match: RouteMatch
  readonly when: readonly RewriteTest[]
  /** More counts before less, the first number that differs decides. */
  readonly rank: readonly number[]
}

/** Value, or why there is none. */
export type OrObjection<T> = { readonly value: T } | { readonly objection: Objection }

export function unsupported(message: string): { readonly objection: Objection } {
  return { objection: objection("UnsupportedValue", message) }
}

/** Why a pattern is no regex. */
export function patternProblem(pattern: string): string | null {
  const compiled = compileRegex(pattern)
  return "error" in compiled ? `"${pattern}" is no regular expression: ${compiled.error}` : null
}

/** The text alone, in a pattern. */
export function escapePattern(text: string): string {
  return text.replace(/[\\^$.|?*+()[\]{}]/g, "\\$&")
}

/** The whole of a text, in a pattern. */
export const whole = (pattern: string): string => `^(?:${pattern})$`

/** nginx names a field in a variable with `_` for `-`: other characters it has no way to write. */
export function fieldVariable(name: string): string | null {
  return /^[A-Za-z0-9-]+$/.test(name) ? `$http_${name.toLowerCase().replaceAll("-", "_")}` : null
}

/** Of several for one name the first counts. */
export function headerTests(headers: readonly ValueMatch[], draft: Draft): OrObjection<RewriteTest[]> {
  const byName = new Map<string, ValueMatch>()
  for (const header of headers) {
    const name = header.name.toLowerCase()
    if (!byName.has(name)) byName.set(name, header)
  }
  const tests: RewriteTest[] = []
  for (const { type, name, value } of byName.values()) {
    const variable = fieldVariable(name)
    if (variable === null) return unsupported(`a header named "${name}" cannot be matched`)
    if (type === "Exact") tests.push({ operator: "=", value: variable, text: draft.literal(value) })
    else if (type === "RegularExpression") {
      const problem = patternProblem(value)
      if (problem !== null) return unsupported(problem)
      tests.push({ operator: "~", value: variable, pattern: whole(value) })
    } else return unsupported(`headers are matched by Exact or RegularExpression, not ${type}`)
  }
  return { value: tests }
}

/** Those of `one` before those of `other`: negative. */
export function compareRanks(one: readonly number[], other: readonly number[]): number {
  for (const [at, number] of one.entries()) {
    const difference = (other[at] ?? 0) - number
    if (difference !== 0) return difference
  }
  return 0
}
