import type { StreamRecord } from "./record.ts"
import { findVariable, type TemplateEnvironment, type Variable } from "./variables.ts"

/**
 * What becomes of a value on its way into the text, and what stands where there is none:
 * - `header`: as it is, nothing; octets that no field value may hold (RFC 9110 §5.5) are percent-encoded, so that
 *   `$uri` can never split a header.
 * - `default`: `"`, `\`, controls and octets above 126 as `\xXX`; `-`.
 * - `json`: as JSON strings need it; nothing.
 * - `none`: as it is; nothing.
 *
 * The last three are `log_format`'s.
 */
export type Escape = "header" | "default" | "json" | "none"

/** Text with `$variables`, taken apart once. */
export interface Template {
  readonly source: string
  /** The whole text when it names no variable, else null: then there is nothing to render. */
  readonly constant: string | null
  /** The text for one stream, one octet per character (latin1), as header values and log files take it. */
  render(record: StreamRecord, env: TemplateEnvironment): string
}

/** Where a template cannot be understood; `offset` counts UTF-16 code units of the source. */
export interface TemplateProblem {
  message: string
  offset: number
  length: number
}

/**
 * Compiles `$name` and `${name}`. As in nginx there is no escape for a dollar sign.
 * Errors: throws on text that `checkTemplate` finds fault with; configurations are checked before.
 */
export function compileTemplate(source: string, mode: Escape = "header"): Template {
  const parsed = parseTemplate(source)
  if ("message" in parsed) throw new Error(`template "${source}": ${parsed.message}`)
  const { literals, names } = parsed
  if (names.length === 0) {
    const constant = literals[0]!
    return { source, constant, render: () => constant }
  }
  const variables = names.map((name) => findVariable(name)!)
  const only = literals.every((literal) => literal === "") && variables.length === 1 ? variables[0]! : null
  return {
    source,
    constant: null,
    render: only ? renderOne(only, mode) : renderAll(literals, variables, mode),
  }
}

/** What `compileTemplate` would throw, or null when the text is fine. */
export function checkTemplate(source: string): TemplateProblem | null {
  const parsed = parseTemplate(source)
  return "message" in parsed ? parsed : null
}

function renderOne(variable: Variable, mode: Escape): Template["render"] {
  const missing = mode === "default" ? "-" : ""
  const escaped = ESCAPES[mode]
  return (record, env) => {
    const value = variable(record, env)
    return value === undefined ? missing : escaped(value)
  }
}

function renderAll(
  literals: readonly string[],
  variables: readonly Variable[],
  mode: Escape,
): Template["render"] {
  const missing = mode === "default" ? "-" : ""
  const escaped = ESCAPES[mode]
  const last = literals.at(-1)!
  return (record, env) => {
    let text = ""
    for (let i = 0; i < variables.length; i++) {
      const value = variables[i]!(record, env)
      text += literals[i]! + (value === undefined ? missing : escaped(value))
    }
    return text + last
  }
}

/** `literals` has one more entry than `names`: text, name, text, …, text. */
function parseTemplate(source: string): { literals: string[]; names: string[] } | TemplateProblem {
  const literals: string[] = []
  const names: string[] = []
  let from = 0
  for (let at = source.indexOf("$"); at >= 0; at = source.indexOf("$", from)) {
    const [whole, braced, bare] = matchName(source, at)
    const name = braced ?? bare
    if (name === undefined) {
      const unclosed = source[at + 1] === "{" && source.indexOf("}", at) < 0
      const message = unclosed
        ? 'the variable lacks its closing "}"'
        : "there is no variable name after the $"
      return { message, offset: at, length: 1 }
    }
    if (findVariable(name) === undefined) {
      return { message: `unknown variable "$${name}"`, offset: at, length: whole.length }
    }
    literals.push(toOctets(source.slice(from, at)))
    names.push(name)
    from = at + whole.length
  }
  literals.push(toOctets(source.slice(from)))
  return { literals, names }
}

function matchName(
  source: string,
  at: number,
): [whole: string, braced: string | undefined, bare: string | undefined] {
  const pattern = /\$(?:\{([A-Za-z0-9_]+)\}|([A-Za-z0-9_]+))/y
  pattern.lastIndex = at
  const match = pattern.exec(source)
  return match === null ? ["$", undefined, undefined] : [match[0], match[1], match[2]]
}

/** UTF-8, one character per octet. */
function toOctets(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}

const ESCAPES: Record<Escape, (value: string) => string> = {
  header: (value) =>
    /[\x00-\x08\x0a-\x1f\x7f]/.test(value)
      ? value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, percentEncoded)
      : value,
  default: (value) =>
    /["\\\x00-\x1f\x7f-\xff]/.test(value) ? value.replace(/["\\\x00-\x1f\x7f-\xff]/g, hexEscaped) : value,
  json: (value) => (/["\\\x00-\x1f]/.test(value) ? value.replace(/["\\\x00-\x1f]/g, jsonEscaped) : value),
  none: (value) => value,
}

function percentEncoded(octet: string): string {
  return `%${hex(octet)}`
}

function hexEscaped(octet: string): string {
  return `\\x${hex(octet)}`
}

const JSON_SHORT: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\b", "\\b"],
  ["\f", "\\f"],
])

function jsonEscaped(octet: string): string {
  return JSON_SHORT.get(octet) ?? `\\u00${hex(octet)}`
}

function hex(octet: string): string {
  return octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")
}
