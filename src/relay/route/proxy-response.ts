import type { ProxyAction, RouteSettings } from "../../config/model.ts"
import { HeaderList } from "../../http2/header-list.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { writableValue } from "../../record/written-field.ts"
import { absoluteRedirect } from "./absolute-redirect.ts"
import { ResponseRewrite } from "./head-rewrite.ts"
import { ProxyCookies } from "./proxy-cookies.ts"
import { firstOf, ReplacingRule } from "./text-rule.ts"

/** What nginx keeps of a backend's answer to itself, unless `proxy_pass_header` names it; a `Date` is passed on here. */
const HIDDEN = ["server", "x-pad"]

type Replace = (value: string) => string | null

/** Turns an HTTP/1.1 backend's head into what the client is sent: `proxy_redirect`, `proxy_cookie_*`, and what is hidden. */
export class ProxyResponseRewrite extends ResponseRewrite {
  readonly #redirects: readonly ReplacingRule[]
  readonly #cookies: ProxyCookies
  readonly #changes: boolean
  readonly #settings: RouteSettings

  constructor(settings: RouteSettings, action: ProxyAction, table: VariableSource, stepsMax: number) {
    const hidden = action.passTrailers ? HIDDEN : [...HIDDEN, "trailer"]
    super({ ...settings, hideHeaders: [...settings.hideHeaders, ...hidden] }, table)
    this.#settings = settings
    this.#redirects = action.redirects.map((rule) => new ReplacingRule(rule, table, stepsMax))
    this.#cookies = new ProxyCookies(action, table, stepsMax)
    this.#changes = this.#redirects.length > 0 || !this.#cookies.isEmpty
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
    return name === "set-cookie" ? this.#cookies.rewrite(value, record, env) : null
  }
}
