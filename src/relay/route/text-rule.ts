import { octetText } from "../../base/octet-text.ts"
import type { TextRule } from "../../config/proxy-model.ts"
import type { StreamRecord } from "../../record/record.ts"
import { stateOf } from "../../record/request-state.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { Regex } from "../../regex/regex.ts"
import { keepMatch } from "./kept-match.ts"

/** What a text is held against: another, or a regex. */
export class TextMatch {
  readonly text: Template | null
  readonly #regex: Regex | null

  constructor(match: TextRule["match"], table: VariableSource, stepsMax: number) {
    this.text = "text" in match ? compileTemplate(match.text, "header", table) : null
    this.#regex =
      "pattern" in match
        ? new Regex(octetText(match.pattern), { isCaseless: match.ignoreCase, stepsMax })
        : null
  }

  /** Whether the regex is met; its groups are those of the request from then on. */
  isMet(value: string, record: StreamRecord): boolean {
    const match = this.#regex!.exec(value)
    // A regex that took too many steps has not matched.
    if (match === "none" || match === "limit") return false
    keepMatch(stateOf(record), this.#regex!, match)
    return true
  }
}

/** A rule that writes another text in the place of one, or of its beginning. */
export class ReplacingRule {
  readonly #match: TextMatch
  readonly #replacement: Template

  constructor({ match, replacement }: TextRule, table: VariableSource, stepsMax: number) {
    this.#match = new TextMatch(match, table, stepsMax)
    this.#replacement = compileTemplate(replacement, "header", table)
  }

  /** `value` with its beginning replaced, or the part that a regex matched; null: it does not fit. */
  replacePrefix(value: string, record: StreamRecord, env: TemplateEnvironment): string | null {
    if (this.#match.text === null) return this.#replaceMatch(value, record, env)
    const text = this.#match.text.render(record, env)
    return value.startsWith(text) ? this.#replacement.render(record, env) + value.slice(text.length) : null
  }

  /** The replacement where `value` is the text, but for case and a dot before it, which stays. */
  replaceWhole(value: string, record: StreamRecord, env: TemplateEnvironment): string | null {
    if (this.#match.text === null) return this.#replaceMatch(value, record, env)
    const bare = (name: string): string => name.replace(/^\./, "").toLowerCase()
    if (bare(value) !== bare(this.#match.text.render(record, env))) return null
    return (value.startsWith(".") ? "." : "") + this.#replacement.render(record, env)
  }

  /** As nginx has it, a regex's replacement takes the place of the whole value. */
  #replaceMatch(value: string, record: StreamRecord, env: TemplateEnvironment): string | null {
    return this.#match.isMet(value, record) ? this.#replacement.render(record, env) : null
  }
}

/** What the first rule that fits makes of it; null: none fits. */
export function firstOf(
  rules: readonly ReplacingRule[],
  replace: (rule: ReplacingRule) => string | null,
): string | null {
  for (const rule of rules) {
    const replaced = replace(rule)
    if (replaced !== null) return replaced
  }
  return null
}
