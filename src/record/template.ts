import type { OctetBuffer } from "../base/octet-buffer.ts"
import { ESCAPES, type Escape, PLAIN } from "./escape.ts"
import type { StreamRecord } from "./record.ts"
import { builtIn, type VariableSource } from "./variable-table.ts"
import { COMPOSED, type TemplateEnvironment, type Variable } from "./variables.ts"

/** Text with `$variables`, taken apart once. */
export interface Template {
  readonly source: string
  /** The whole text when it names no variable, else null: then there is nothing to render. */
  readonly constant: string | null
  /** The text for one stream, one octet per character (latin1), as header values and log files take it. */
  render(record: StreamRecord, env: TemplateEnvironment): string
  /** The same, into a buffer. */
  write(record: StreamRecord, env: TemplateEnvironment, out: OctetBuffer): void
}

const NO_OCTETS = new Uint8Array(0)
/** Longer values are not kept. */
const KEPT_OCTETS = 256

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
export function compileTemplate(
  source: string,
  mode: Escape = "header",
  table: VariableSource = builtIn,
): Template {
  const parsed = parseTemplate(source, (name) => table.find(name) !== undefined)
  if ("message" in parsed) throw new Error(`template "${source}": ${parsed.message}`)
  const { literals, names } = parsed
  if (names.length === 0) return constantTemplate(source, literals[0]!)
  const variables = names.map((name) => table.find(name)!)
  const only = literals.every((literal) => literal === "") && variables.length === 1 ? variables[0]! : null
  return {
    source,
    constant: null,
    render: only ? renderOne(only, mode) : renderAll(literals, variables, mode),
    write: writeAll(literals, variables, mode),
  }
}

/** As `compileTemplate` without escapes, once for each text: operators write few. */
export function templatesOf(table: VariableSource): (source: string) => Template {
  const known = new Map<string, Template>()
  return (source) => {
    let template = known.get(source)
    if (template === undefined) known.set(source, (template = compileTemplate(source, "none", table)))
    return template
  }
}

/** Text as it stands, dollar signs and all: what a client said may be in it. */
export function literalTemplate(text: string): Template {
  return constantTemplate(text, toOctets(text))
}

function constantTemplate(source: string, constant: string): Template {
  return { source, constant, render: () => constant, write: (_record, _env, out) => out.text(constant) }
}

/**
 * What `compileTemplate` would throw, or null when the text is fine.
 *
 * @param isKnown whether there is a variable of a name; of those that are always there, where it is not said
 */
export function checkTemplate(
  source: string,
  isKnown: (name: string) => boolean = (name) => builtIn.find(name) !== undefined,
): TemplateProblem | null {
  const parsed = parseTemplate(source, isKnown)
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

function writeAll(
  literals: readonly string[],
  variables: readonly Variable[],
  mode: Escape,
): Template["write"] {
  const slots = variables.map((variable, i) => new Slot(latin1(literals[i]!), variable, mode))
  const last = latin1(literals.at(-1)!)
  return (record, env, out) => {
    for (let i = 0; i < slots.length; i++) slots[i]!.write(record, env, out)
    out.copyOf(last)
  }
}

/**
 * A variable and the text before it. Most values are what they were the last time, the path and the second for
 * instance: those are copied as octets, which takes half of the time.
 */
class Slot {
  readonly #before: Uint8Array
  readonly #variable: Variable
  readonly #escaped: (value: string) => string
  readonly #plain: Uint8Array
  readonly #missing: Uint8Array
  #last = ""
  /** Of `#last`, once it was the same twice. */
  #lastOctets: Uint8Array | null = NO_OCTETS

  constructor(before: Uint8Array, variable: Variable, mode: Escape) {
    this.#before = before
    this.#variable = variable
    this.#escaped = ESCAPES[mode]
    this.#plain = PLAIN[mode]
    this.#missing = latin1(mode === "default" ? "-" : "")
  }

  write(record: StreamRecord, env: TemplateEnvironment, out: OctetBuffer): void {
    out.copyOf(this.#before)
    const value = this.#variable(record, env)
    if (value === undefined) out.copyOf(this.#missing)
    else if (value !== this.#last) {
      this.#last = value
      this.#lastOctets = null
      if (!out.plainText(value, this.#plain)) out.text(this.#escaped(value))
    } else if (value.length > KEPT_OCTETS) out.text(this.#escaped(value))
    else out.copyOf((this.#lastOctets ??= latin1(this.#escaped(value))))
  }
}

const latin1 = (text: string): Uint8Array => Uint8Array.from(text, (character) => character.charCodeAt(0))

/** `literals` has one more entry than `names`: text, name, text, …, text. */
function parseTemplate(
  source: string,
  isKnown: (name: string) => boolean,
): { literals: string[]; names: string[] } | TemplateProblem {
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
    if (!isKnown(name)) {
      return { message: `unknown variable "$${name}"`, offset: at, length: whole.length }
    }
    let before = toOctets(source.slice(from, at))
    for (const part of COMPOSED.get(name.toLowerCase()) ?? [name]) {
      literals.push(before)
      names.push(part)
      before = " "
    }
    from = at + whole.length
  }
  literals.push(toOctets(source.slice(from)))
  return { literals, names }
}

function matchName(
  source: string,
  at: number,
): [whole: string, braced: string | undefined, bare: string | undefined] {
  const pattern = /\$(?:\{([A-Za-z0-9_]+)\}|([1-9]|[A-Za-z0-9_]+))/y
  pattern.lastIndex = at
  const match = pattern.exec(source)
  return match === null ? ["$", undefined, undefined] : [match[0], match[1], match[2]]
}

/** UTF-8, one character per octet. */
function toOctets(text: string): string {
  return /^[\x00-\x7f]*$/.test(text) ? text : Buffer.from(text, "utf8").toString("latin1")
}
