import type { Regex } from "../../regex/regex.ts"
import { stateOf } from "../request-state.ts"
import type { Template } from "../template.ts"
import type { Variable } from "../variables.ts"
import { HostTexts } from "./host-texts.ts"
import { keepNamed } from "./named-groups.ts"

/** `$name` of nginx's `map`. */
export function mapVariable(
  config: {
    source: string
    entries: readonly [key: string, value: string][]
    default: string
    hostnames: boolean
  },
  template: (source: string) => Template,
  compileRegex: (pattern: string, isCaseless: boolean) => Regex,
): Variable {
  const source = template(config.source)
  const fallback = template(config.default)
  const { hostnames } = config
  const texts = new HostTexts<Template>(hostnames)
  const regexes: { regex: Regex; value: Template }[] = []
  // Of a million entries most have few values.
  const templates = new Map<string, Template>()
  const shared = (text: string): Template => {
    const known = templates.get(text) ?? template(text)
    templates.set(text, known)
    return known
  }
  for (const [key, text] of config.entries) {
    const value = shared(text)
    const [, star, pattern] = /^~(\*?)(.*)$/s.exec(key) ?? []
    if (pattern !== undefined) regexes.push({ regex: compileRegex(octets(pattern), star === "*"), value })
    else texts.add(octets(key.startsWith("\\") ? key.slice(1) : key).toLowerCase(), value)
  }
  return (record, env) => {
    const key = source.render(record, env)
    const found = texts.find((hostnames && key.endsWith(".") ? key.slice(0, -1) : key).toLowerCase())
    if (found !== undefined) return found.render(record, env)
    // As nginx has it, no regex is tried on an empty text.
    for (const { regex, value } of key === "" ? NONE : regexes) {
      const match = regex.exec(key)
      // A regex that took too many steps has not matched.
      if (match === "none" || match === "limit") continue
      const state = stateOf(record)
      if (regex.groups > 0) state.captures = match
      keepNamed(state, regex, match)
      return value.render(record, env)
    }
    return fallback.render(record, env)
  }
}

const NONE: readonly never[] = []

function octets(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}
