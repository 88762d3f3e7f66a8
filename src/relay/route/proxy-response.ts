import { octetText } from "../../base/octet-text.ts"
import type { ProxyAction, RouteSettings } from "../../config/model.ts"
import type { TextRule } from "../../config/proxy-model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import { stateOf } from "../../record/request-state.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { writableValue } from "../../record/written-field.ts"
import { Regex } from "../../regex/regex.ts"
import { absoluteRedirect } from "./absolute-redirect.ts"
import { ResponseRewrite } from "./head-rewrite.ts"
import { keepMatch } from "./kept-match.ts"

/** What nginx keeps of a backend's answer to itself, unless `proxy_pass_header` names it; a `Date` is passed on here. */
const HIDDEN = ["server", "x-pad"]

/** A rule, compiled. */
class Rule {
  readonly #text: Template | null
  readonly #regex: Regex | null
  readonly #replacement: Template

  constructor({ match, replacement }: TextRule, table: VariableSource, stepsMax: number) {
    this.#text = "text" in match ? compileTemplate(match.text, "header", table) : null
    this.#regex =
      "pattern" in match
        ? new Regex(octetText(match.pattern), { isCaseless: match.ignoreCase, stepsMax })
        : null
    this.#replacement = compileTemplate(replacement, "header", table)
  }

  /** `value` with its beginning replaced, or the part that a regex matched; null: it does not fit. */
  replacePrefix(value: string, record: StreamRecord, env: TemplateEnvironment): string | null {
    if (this.#text !== null) {
      const text = this.#text.render(record, env)
      return value.startsWith(text) ? this.#replacement.render(record, env) + value.slice(text.length) : null
    }
    return this.#replaceMatch(value, record, env)
  }

  /** The replacement where `value` is the text, but for case and a dot before it. */
  replaceWhole(value: string, record: StreamRecord, env: TemplateEnvironment): string | null {
    if (this.#text === null) return this.#replaceMatch(value, record, env)
    const bare = (name: string): string => name.replace(/^\./, "").toLowerCase()
    const isSame = bare(value) === bare(this.#text.render(record, env))
    return isSame ? this.#replacement.render(record, env) : null
  }

  /** As nginx has it, a regex's replacement takes the place of the whole value. */
  #replaceMatch(value: string, record: StreamRecord, env: TemplateEnvironment): string | null {
    const match = this.#regex!.exec(value)
    if (match === "none" || match === "limit") return null
    keepMatch(stateOf(record), this.#regex!, match)
    return this.#replacement.render(record, env)
  }
}

type Replace = (value: string) => string | null

function firstOf(rules: readonly Rule[], replace: (rule: Rule) => string | null): string | null {
  for (const rule of rules) {
    const replaced = replace(rule)
    if (replaced !== null) return replaced
  }
  return null
}

/** Turns an HTTP/1.1 backend's head into what the client is sent: `proxy_redirect`, `proxy_cookie_*`, and what is hidden. */
export class ProxyResponseRewrite extends ResponseRewrite {
  readonly #redirects: readonly Rule[]
  readonly #domains: readonly Rule[]
  readonly #paths: readonly Rule[]
  readonly #changes: boolean
  readonly #settings: RouteSettings

  constructor(settings: RouteSettings, action: ProxyAction, table: VariableSource, stepsMax: number) {
    const hidden = action.passTrailers ? HIDDEN : [...HIDDEN, "trailer"]
    super({ ...settings, hideHeaders: [...settings.hideHeaders, ...hidden] }, table)
    this.#settings = settings
    const compile = (rules: readonly TextRule[]): Rule[] =>
      rules.map((rule) => new Rule(rule, table, stepsMax))
    this.#redirects = compile(action.redirects)
    this.#domains = compile(action.cookieDomains)
    this.#paths = compile(action.cookiePaths)
    this.#changes = this.#redirects.length + this.#domains.length + this.#paths.length > 0
  }

  override apply(
    list: HeaderList,
    status: number,
    record: StreamRecord,
    env: TemplateEnvironment,
  ): HeaderList {
    return super.apply(this.#changes ? this.#changed(list, record, env) : list, status, record, env)
  }

  #changed(list: HeaderList, record: StreamRecord, env: TemplateEnvironment): HeaderList {
    const replace: Replace = (value) =>
      firstOf(this.#redirects, (rule) => rule.replacePrefix(value, record, env))
    let isChanged = false
    const fields = [...list.fields]
    for (let i = 0; i < fields.length; i += 2) {
      const value = fields[i + 1]!
      const changed = this.#change(fields[i]!, value, replace, record, env)
      if (changed === null || changed === value) continue
      fields[i + 1] = writableValue(changed)
      isChanged = true
    }
    return isChanged ? new HeaderList(fields) : list
  }

  #change(
    name: string,
    value: string,
    replace: Replace,
    record: StreamRecord,
    env: TemplateEnvironment,
  ): string | null {
    if (name === "location") {
      const location = replace(value)
      // As nginx has it, a path that the backend says, and no rule changes, stays one.
      return location === null ? null : absoluteRedirect(location, this.#settings, record)
    }
    if (name === "refresh") {
      const at = value.toLowerCase().indexOf("url=")
      const url = at < 0 ? null : replace(value.slice(at + 4))
      return url === null ? null : value.slice(0, at + 4) + url
    }
    return name === "set-cookie" ? this.#cookie(value, record, env) : null
  }

  #cookie(value: string, record: StreamRecord, env: TemplateEnvironment): string {
    return value.replace(
      /(;\s*)(domain|path)(=)([^;]*)/gi,
      (whole, before: string, name: string, equals, text) => {
        const replaced =
          name.toLowerCase() === "domain"
            ? firstOf(this.#domains, (rule) => rule.replaceWhole(text, record, env))
            : firstOf(this.#paths, (rule) => rule.replacePrefix(text, record, env))
        return replaced === null ? whole : `${before}${name}${equals}${replaced}`
      },
    )
  }
}
