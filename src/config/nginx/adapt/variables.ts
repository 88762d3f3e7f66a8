/** `map`, `geo` and `split_clients`. */
import type { DeclaredVariable } from "../../../record/declared/declared.ts"
import { parseNetwork, parseRange } from "../../../record/networks.ts"
import { serverNameProblem } from "../../server-name.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import { checkRegex } from "../regex.ts"
import type { Scope } from "../scope.ts"
import type { Adapter } from "./adapter.ts"
import { adaptTokenVariable } from "./jwt.ts"
import { variableName } from "./rewrite.ts"

/** In file order; of several with one name nginx keeps the last. */
export function adaptVariables(adapter: Adapter, http: Scope): DeclaredVariable[] {
  const found = http.directives.flatMap((directive) => {
    const adapt = ADAPTERS[directive.name.text]
    const variable = adapt === undefined ? null : adapt(adapter, directive)
    return variable === null ? [] : [variable]
  })
  return [...new Map(found.map((one) => [one.name.toLowerCase(), one])).values()]
}

const ADAPTERS: Record<string, (adapter: Adapter, directive: Directive) => DeclaredVariable | null> = {
  map: adaptMap,
  geo: adaptGeo,
  split_clients: adaptSplit,
  auth_jwt_claim_set: adaptTokenVariable,
  auth_jwt_header_set: adaptTokenVariable,
}

/** The lines of a block that is no block of directives; a block within it is told of. There may be millions. */
function* linesOf({ report }: Adapter, { name, block }: Directive): Generator<Directive> {
  for (const line of block ?? []) {
    if (line.block === null) yield line
    else report.error(spanOf(line), `no block may stand within "${name.text}"`)
  }
}

function adaptMap(adapter: Adapter, directive: Directive): DeclaredVariable | null {
  const { report, variables } = adapter
  const [source, target] = directive.args as [Word, Word]
  const name = variableName(adapter, target)
  if (name === null || !variables.check(source, report)) return null
  const map = {
    kind: "map" as const,
    name,
    source: source.text,
    entries: [] as [string, string][],
    default: "",
    hostnames: false,
    volatile: false,
  }
  const seen = new Set<string>()
  let hasDefault = false
  for (const { name: key, args } of linesOf(adapter, directive)) {
    const [value, more] = args
    if (value === undefined && (key.text === "hostnames" || key.text === "volatile")) map[key.text] = true
    else if (value === undefined || more !== undefined)
      report.error(key.span, "invalid number of the map parameters")
    else if (!variables.check(value, report)) continue
    else if (key.text === "default") {
      if (hasDefault) report.error(key.span, "duplicate default map parameter")
      hasDefault = true
      map.default = value.text
    } else if (checkKey(adapter, key, map.hostnames, seen, directive))
      map.entries.push([key.text, value.text])
  }
  return map
}

/** @param map the one that it is a key of */
function checkKey(
  { report }: Adapter,
  key: Word,
  hostnames: boolean,
  seen: Set<string>,
  map: Directive,
): boolean {
  if (key.text.startsWith("~")) return checkRegex(report, key, key.text.replace(/^~\*?/, ""), "map")
  const lower = key.text.toLowerCase()
  if (seen.has(lower) && lower !== "default") {
    const first = map.block!.find(({ name }) => name.text.toLowerCase() === lower)!
    report.error(
      key.span,
      `conflicting parameter "${key.text}"`,
      `the first is on line ${first.name.span.line}`,
    )
    return false
  }
  seen.add(lower)
  if (!hostnames || !lower.includes("*")) return true
  const problem = serverNameProblem(key.text)
  if (problem?.severity === "error") report.error(key.span, `invalid hostname or wildcard "${key.text}"`)
  return problem?.severity !== "error"
}

function adaptGeo(adapter: Adapter, directive: Directive): DeclaredVariable | null {
  const { report, variables } = adapter
  const target = directive.args.at(-1)!
  const source = directive.args.length === 2 ? directive.args[0]! : null
  const name = variableName(adapter, target)
  if (name === null || (source !== null && !variables.check(source, report))) return null
  const geo = {
    kind: "geo" as const,
    name,
    source: source?.text ?? "$remote_addr",
    entries: [] as [string, string][],
    default: "",
    proxies: [] as string[],
    proxyRecursive: false,
  }
  let isRanges = false
  const isFirst = () => geo.entries.length === 0 && geo.default === ""
  for (const { name: key, args } of linesOf(adapter, directive)) {
    const [value, more] = args
    if (value === undefined) {
      if (key.text === "proxy_recursive") geo.proxyRecursive = true
      else if (key.text !== "ranges") report.error(key.span, "invalid number of the geo parameters")
      else if (isFirst()) isRanges = true
      else report.error(key.span, 'the "ranges" directive must be the first directive inside "geo" block')
    } else if (more !== undefined) report.error(key.span, "invalid number of the geo parameters")
    else if (key.text === "default") geo.default = value.text
    else if (key.text === "proxy") {
      if (isNetwork(value, false, report)) geo.proxies.push(networkOf(value.text))
    } else if (key.text === "delete") {
      geo.entries = geo.entries.filter(([network]) => network !== networkOf(value.text))
    } else if (isNetwork(key, isRanges, report)) geo.entries.push([networkOf(key.text), value.text])
  }
  return geo
}

function networkOf(text: string): string {
  return text.toLowerCase()
}

function isNetwork({ text, span }: Word, isRange: boolean, report: Adapter["report"]): boolean {
  const isRight = (isRange ? parseRange(text) : parseNetwork(text)) !== null
  if (!isRight) report.error(span, `invalid ${isRange ? "range" : "network"} "${text}"`)
  return isRight
}

function adaptSplit(adapter: Adapter, directive: Directive): DeclaredVariable | null {
  const { report, variables } = adapter
  const [source, target] = directive.args as [Word, Word]
  const name = variableName(adapter, target)
  if (name === null || !variables.check(source, report)) return null
  const parts: [number | null, string][] = []
  let sum = 0
  for (const { name: percent, args } of linesOf(adapter, directive)) {
    const [value, more] = args
    const [, written] = /^(\d+(?:\.\d{1,2})?)%$/.exec(percent.text) ?? []
    const hundredths = Math.round(Number(written ?? 0) * 100)
    if (value === undefined || more !== undefined)
      report.error(percent.span, "a part has a percentage and a value")
    else if (percent.text === "*") {
      parts.push([null, value.text])
      sum = 10_000
    } else if (hundredths === 0) report.error(percent.span, `invalid percent value "${percent.text}"`)
    else {
      sum += hundredths
      parts.push([hundredths / 100, value.text])
      if (sum > 10_000) report.error(percent.span, "percent total is greater than 100%")
    }
  }
  return { kind: "split", name, source: source.text, parts }
}
