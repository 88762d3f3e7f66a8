/**
 * Holds every directive against the table: known, in its place, with the right number of arguments, ended rightly, not
 * repeated, its plain values readable. What passes and is honoured goes on to the adapter; all else is reported here.
 */
import { didYouMean } from "../problem.ts"
import { type Directive, lastWordOf, spanOf, type Word } from "./ast.ts"
import { moduleSpecOf } from "./directives/modules.ts"
import type { Context, DirectiveSpec, ValueKind } from "./directives/spec.ts"
import { namesIn, specsOf } from "./directives/table.ts"
import { isLua } from "./lua.ts"
import { otherFormatHint } from "./other-format.ts"
import { Report } from "./report.ts"
import { templateHint } from "./unfilled.ts"
import { readNumber, readOffset, readSecondsMs, readSize, readTimeMs } from "./units.ts"

/** Which context the block of a directive is; none of the others is looked into. */
const BLOCK_CONTEXTS: Record<string, Context | null> = {
  http: "http",
  events: "events",
  server: "server",
  location: "location",
  upstream: "upstream",
  limit_except: "limit_except",
  stream: "stream",
  // Their blocks hold no directives.
  map: null,
  types: null,
  geo: null,
  split_clients: null,
  otel_exporter: null,
  match: null,
}

/**
 * @param contexts what the block is; a file without `http {}` is main and http in one
 * @returns the honoured directives that are right in themselves, blocks filtered likewise
 */
export function checkBlock(
  directives: Directive[],
  contexts: readonly Context[],
  report: Report,
): Directive[] {
  const seen = new Map<DirectiveSpec, Directive>()
  return directives.flatMap((directive) => {
    // One error for each: what else is wrong may be a consequence.
    const told = directive.unterminated ? new Report() : report
    const spec = findSpec(directive, contexts, told)
    if (spec === null || !checkShape(directive, spec, contexts, told)) return []
    if (!spec.repeatable || ["http", "events", "stream"].includes(spec.name)) {
      const earlier = seen.get(spec)
      if (earlier !== undefined) {
        const { line, file } = earlier.name.span
        report.error(
          spanOf(directive),
          `"${spec.name}" directive is duplicate`,
          `the first is at ${file}:${line}`,
        )
        return []
      }
      seen.set(spec, directive)
    }
    if (!checkValue(directive, spec.value, told) || !checkVerdict(directive, spec, told)) return []
    if (directive.block === null) return [directive]
    const inner = innerContext(spec.name, contexts)
    if (inner === null) return [directive]
    const errors = report.errors
    const block = checkBlock(directive.block, [inner], report)
    const partial = report.errors > errors || directive.block.some(({ unterminated }) => unterminated)
    return [{ ...directive, block, ...(partial && { partial: true as const }) }]
  })
}

/** Null: its block holds no directives. */
export function innerContext(name: string, contexts: readonly Context[]): Context | null {
  if (name === "if") return contexts.includes("server") ? "server if" : "if"
  if (contexts.includes("stream") && (name === "server" || name === "upstream")) return `stream ${name}`
  return Object.hasOwn(BLOCK_CONTEXTS, name) ? BLOCK_CONTEXTS[name]! : null
}

function findSpec(directive: Directive, contexts: readonly Context[], report: Report): DirectiveSpec | null {
  const { text, span } = directive.name
  const specs = specsOf(text)
  const spec = specs.find((each) => each.contexts.some((context) => contexts.includes(context)))
  if (spec !== undefined) return spec
  if (isLua(text)) {
    // OpenResty gets new ones with its versions.
    report.error(span, `"${text}" is not supported: ${LUA}`, LUA_HINT)
  } else if (specs.length === 0) {
    const ofModule = moduleSpecOf(text)
    if (ofModule !== null) return ofModule
    report.error(
      span,
      `unknown directive "${text}"`,
      otherFormatHint(text) ??
        templateHint(text) ??
        (report.isFull ? null : didYouMean(text, namesIn(contexts))),
    )
  } else {
    const all = [...new Set(specs.flatMap((each) => each.contexts))]
    // Of the protocol that the block is of, where it is known there.
    const isStream = (context: Context): boolean => context.startsWith("stream")
    const own = all.filter((each) => isStream(each) === contexts.some(isStream))
    const places = own.length > 0 ? own : all
    const hint = places.length === 0 ? specs[0]!.reason : `it belongs in ${places.join(", ")}`
    report.error(span, `"${text}" directive is not allowed here`, hint)
  }
  return null
}

function checkShape(
  directive: Directive,
  spec: DirectiveSpec,
  contexts: readonly Context[],
  report: Report,
): boolean {
  const { name, args, block } = directive
  if (spec.block === false && block !== null) {
    report.error(lastWordOf(directive).span, `directive "${name.text}" is not terminated by ";"`)
    return false
  }
  if (spec.block === true && block === null) {
    report.error(lastWordOf(directive).span, `directive "${name.text}" has no opening "{"`)
    return false
  }
  if (args.length < spec.least || args.length > spec.most) {
    const message = `invalid number of arguments in "${name.text}" directive`
    report.error(spanOf(directive), message, missingSemicolon(directive, contexts) ?? wanted(spec))
    return false
  }
  return true
}

function wanted({ least, most }: DirectiveSpec): string {
  if (most === 0) return "it takes none"
  return `it takes ${most === Infinity ? `${least} or more` : least === most ? least : `${least} to ${most}`}`
}

/** A directive's name at the start of a later line, among the arguments: the `;` before it was forgotten. */
export function missingSemicolon({ name, args }: Directive, contexts: readonly Context[]): string | null {
  let previous = name
  for (const word of args) {
    const known = specsOf(word.text).some((spec) => spec.contexts.some((each) => contexts.includes(each)))
    if (known && word.span.line > previous.span.line) {
      return `is a ";" missing after "${previous.text}" on line ${previous.span.line}?`
    }
    previous = word
  }
  return null
}

const READERS: Record<Exclude<ValueKind, "flag" | "timeouts">, (text: string) => number | null> = {
  number: readNumber,
  size: readSize,
  offset: readOffset,
  time: readTimeMs,
  sec: readSecondsMs,
}

function checkValue({ name, args }: Directive, kind: ValueKind | null, report: Report): boolean {
  if (kind === null) return true
  if (kind === "timeouts") {
    return args.every((word, index) => checkUnit(name.text, word, index === 0 ? "time" : "sec", report))
  }
  if (kind !== "flag") return checkUnit(name.text, args[0]!, kind, report)
  const { text, span } = args[0]!
  if (/^(on|off)$/i.test(text)) return true
  report.error(span, `invalid value "${text}" in "${name.text}" directive, it must be "on" or "off"`)
  return false
}

function checkUnit(name: string, { text, span }: Word, kind: keyof typeof READERS, report: Report): boolean {
  if (READERS[kind](text) !== null) return true
  report.error(
    span,
    `"${name}" directive invalid ${kind === "number" ? "number" : "value"} "${text}"`,
    EXAMPLES[kind],
  )
  return false
}

const EXAMPLES: Record<Exclude<ValueKind, "flag" | "timeouts">, string> = {
  number: "a whole number, for instance 128",
  size: "octets, for instance 8k or 1m",
  offset: "octets, for instance 8k, 1m or 2g",
  time: "for instance 500ms, 30s, 5m or 1h 30m; a bare number is seconds",
  sec: "for instance 30s, 5m or 1d; a bare number is seconds",
}

/** What keeps a file with Lua from running, and what can be done. */
const LUA = "no Lua is run here, and it may decide who gets in or where a call goes"
const LUA_HINT = "do it in the backend, or keep OpenResty in front of Sluice for these locations"

function checkVerdict(
  directive: Directive,
  { name, verdict, reason }: DirectiveSpec,
  report: Report,
): boolean {
  if (verdict === "honoured") return true
  const off = directive.args.length === 1 && directive.args[0]!.text === "off"
  if (verdict === "no effect" || off) {
    report.note(spanOf(directive), name, off && verdict !== "no effect" ? "off here, always" : reason)
    return false
  }
  if (verdict === "left out") {
    report.warning(spanOf(directive), `"${name}" is left out: ${reason}`)
    return false
  }
  const message = `"${name}" is not supported${verdict === "not yet" ? " yet" : ""}: ${reason}`
  report.error(directive.block === null ? spanOf(directive) : directive.name.span, message)
  return false
}
