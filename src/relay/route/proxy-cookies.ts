/** nginx's `proxy_cookie_domain`, `proxy_cookie_path` and `proxy_cookie_flags`. Source: ngx_http_proxy_module.c. */
import type { CookieFlagsRule, ProxyConfig } from "../../config/proxy-model.ts"
import type { StreamRecord } from "../../record/record.ts"
import { compileTemplate, type Template } from "../../record/template.ts"
import type { VariableSource } from "../../record/variable-table.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import { firstOf, ReplacingRule, TextMatch } from "./text-rule.ts"

/** A cookie, then its attributes. Without a value it has no `=`. */
interface Attribute {
  readonly name: string
  value: string | null
}

interface FlagsRule {
  readonly match: TextMatch
  readonly flags: readonly Template[]
}

const SAME_SITE: Record<string, string> = { strict: "Strict", lax: "Lax", none: "None" }

export class ProxyCookies {
  readonly #domains: readonly ReplacingRule[]
  readonly #paths: readonly ReplacingRule[]
  readonly #flags: readonly FlagsRule[]

  constructor(
    { cookieDomains, cookiePaths, cookieFlags }: ProxyConfig,
    table: VariableSource,
    stepsMax: number,
  ) {
    this.#domains = cookieDomains.map((rule) => new ReplacingRule(rule, table, stepsMax))
    this.#paths = cookiePaths.map((rule) => new ReplacingRule(rule, table, stepsMax))
    this.#flags = cookieFlags.map(({ match, flags }: CookieFlagsRule) => ({
      match: new TextMatch(match, table, stepsMax),
      flags: flags.map((flag) => compileTemplate(flag, "header", table)),
    }))
  }

  get isEmpty(): boolean {
    return this.#domains.length + this.#paths.length + this.#flags.length === 0
  }

  /** A value of `Set-Cookie`; the very same where no rule fits. */
  rewrite(value: string, record: StreamRecord, env: TemplateEnvironment): string {
    const [cookie, ...attributes] = value.split(";").map(readAttribute)
    if (cookie!.value === null) return value
    let isChanged = false
    for (const attribute of attributes) {
      const replaced = attribute.value === null ? null : this.#replace(attribute, record, env)
      if (replaced === null) continue
      attribute.value = replaced
      isChanged = true
    }
    const flags = this.#flagsFor(cookie!.name, record, env)
    if (!isChanged && flags.size === 0) return value
    return [cookie!, ...withFlags(attributes, flags)].map(textOf).join("; ")
  }

  #replace({ name, value }: Attribute, record: StreamRecord, env: TemplateEnvironment): string | null {
    const lower = name.toLowerCase()
    if (lower === "domain") return firstOf(this.#domains, (rule) => rule.replaceWhole(value!, record, env))
    return lower === "path" ? firstOf(this.#paths, (rule) => rule.replacePrefix(value!, record, env)) : null
  }

  /** Of the first rule that names the cookie. */
  #flagsFor(cookie: string, record: StreamRecord, env: TemplateEnvironment): Set<string> {
    const rule = this.#flags.find(({ match }) =>
      match.text === null
        ? match.isMet(cookie, record)
        : match.text.render(record, env).toLowerCase() === cookie.toLowerCase(),
    )
    return new Set((rule?.flags ?? []).map((flag) => flag.render(record, env).toLowerCase()))
  }
}

function readAttribute(text: string): Attribute {
  const equals = text.indexOf("=")
  if (equals < 0) return { name: text.trim(), value: null }
  return { name: text.slice(0, equals).trim(), value: text.slice(equals + 1).trim() }
}

function textOf({ name, value }: Attribute): string {
  return value === null ? name : `${name}=${value}`
}

/** `secure` adds one where there is none, `nosecure` takes it away; so for the others. */
function withFlags(attributes: readonly Attribute[], flags: ReadonlySet<string>): Attribute[] {
  const sameSite = Object.keys(SAME_SITE).find((each) => flags.has(`samesite=${each}`))
  const wanted = new Map<string, Attribute>()
  if (flags.has("secure")) wanted.set("secure", { name: "Secure", value: null })
  if (flags.has("httponly")) wanted.set("httponly", { name: "HttpOnly", value: null })
  if (sameSite !== undefined) wanted.set("samesite", { name: "SameSite", value: SAME_SITE[sameSite]! })
  const kept = attributes.flatMap((attribute): Attribute[] => {
    const lower = attribute.name.toLowerCase()
    if (flags.has(`no${lower}`)) return []
    const { value } = wanted.get(lower) ?? attribute
    wanted.delete(lower)
    return [{ name: attribute.name, value: value ?? attribute.value }]
  })
  return [...kept, ...wanted.values()]
}
