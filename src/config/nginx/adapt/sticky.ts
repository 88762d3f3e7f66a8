import { defaultSticky } from "../../defaults.ts"
import type { StickyConfig } from "../../model.ts"
import type { Directive, Word } from "../ast.ts"
import { readSecondsMs } from "../units.ts"
import { hasVariables } from "../variables.ts"
import type { Adapter } from "./adapter.ts"

/** `sticky cookie`, as nginx reads it. Null: wrong, or another method, which is an error too. */
export function adaptSticky(adapter: Adapter, { args }: Directive): StickyConfig | null {
  const [method, name, ...parameters] = args as [Word, Word, ...Word[]]
  const { report } = adapter
  if (method.text === "route" || method.text === "learn") {
    const hint = "sticky cookie needs nothing of the backend"
    report.error(method.span, `"sticky ${method.text}" is not supported`, hint)
    return null
  }
  if (method.text !== "cookie") return fault(adapter, method, `unknown parameter "${method.text}"`)
  if (!/^\w+$/.test(name.text)) return fault(adapter, name, `invalid cookie name "${name.text}"`)
  const sticky = defaultSticky(name.text)
  const seen = new Set<string>()
  for (const word of parameters) {
    const [, key = "", value = null] = /^(\w+)(?:=(.*))?$/s.exec(word.text) ?? []
    if (seen.has(key)) return fault(adapter, word, `parameter "${key}" is duplicate`)
    seen.add(key)
    const problem = adaptParameter(adapter, sticky, word, key, value)
    if (problem !== null) return fault(adapter, word, problem)
  }
  return sticky
}

/** What is wrong with it, or null. */
function adaptParameter(
  adapter: Adapter,
  sticky: StickyConfig,
  word: Word,
  key: string,
  value: string | null,
): string | null {
  const isTemplate = (text: string): boolean => adapter.variables.check({ ...word, text }, adapter.report)
  if (key === "httponly" && value === null) sticky.httpOnly = true
  else if (key === "secure" && value === null) sticky.secure = true
  else if (key === "domain" && value !== null) {
    if (value === "" || !isTemplate(value)) return 'no value for "domain"'
    sticky.domain = value
  } else if (key === "path" && value !== null) {
    if (!/^[ -:<-~]+$/.test(value)) return 'no value for "path"'
    sticky.path = value
  } else if (key === "expires" && value !== null) {
    const ms = value === "max" ? "max" : readSecondsMs(value)
    if (ms === null) return 'invalid "expires" parameter value'
    sticky.expiresMs = ms
  } else if (key === "samesite" && value !== null) {
    const isRight = hasVariables(value) ? isTemplate(value) : /^(strict|lax|none)$/i.test(value)
    if (!isRight) return 'invalid "samesite" parameter value'
    sticky.sameSite = value
  } else return `unknown parameter "${word.text}"`
  return null
}

function fault(adapter: Adapter, { span }: Word, message: string): null {
  adapter.report.error(span, message)
  return null
}
