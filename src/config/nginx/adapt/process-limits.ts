/** The bounds of limits.ts that a file sets: `sluice_limit`, and nginx's own words for requests. */
import { defaultLimits, type LimitName, limitNames, limitTable } from "../../../base/limits.ts"
import { resolveLimits } from "../../../base/resolve-limits.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, spanOf } from "../ast.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readOffset, readSize, readTimeMs } from "../units.ts"

type Overrides = { [Name in LimitName]?: number }

/** What nginx has where a file writes one of the two alone. */
const NGINX_HEAD_OCTETS = 1024
const NGINX_BUFFERS_OCTETS = 4 * 8192
/** A header list counts so much for each field beside its octets (RFC 9113 §6.5.2); nginx counts the octets alone. */
const FIELD_OVERHEAD_OCTETS = 32
/** As the default of `headerBlockOctets` is to that of `headerListOctets`. */
const BLOCK_PER_LIST = 4

/**
 * Overrides for `Config.limits`. They hold for the process, so of several servers the one that allows most counts.
 * nginx's words raise a bound and never lower it: to be stricter for all servers than one of them asks for would refuse
 * honest requests, and `headerListOctets` holds for responses too. `sluice_limit` has the last word.
 */
export function adaptProcessLimits(
  report: Report,
  main: Scope,
  http: Scope,
  servers: readonly Scope[],
): Overrides {
  const written = new Map<string, Directive>()
  const own: Overrides = {}
  for (const directive of main.own("sluice_limit")) adaptLimit(report, directive, written, own)
  const limits = { ...requestLimits(report, [http, ...servers], own), ...own }
  for (const { name, message } of resolveLimits(limits).problems) {
    const directive = written.get(name) ?? written.get("connectionWindowOctets")!
    report.error(spanOf(directive), message)
  }
  return limits
}

function adaptLimit(
  report: Report,
  directive: Directive,
  written: Map<string, Directive>,
  own: Overrides,
): void {
  const [name, value] = directive.args as [Directive["name"], Directive["name"]]
  if (!Object.hasOwn(limitTable, name.text))
    return report.error(name.span, `unknown limit "${name.text}"`, didYouMean(name.text, limitNames))
  const earlier = written.get(name.text)
  if (earlier !== undefined) {
    const { file, line } = earlier.name.span
    return report.error(
      spanOf(directive),
      `duplicate limit "${name.text}"`,
      `the first is at ${file}:${line}`,
    )
  }
  const limit = name.text as LimitName
  const { unit } = limitTable[limit]
  const [number, example] = readValue(value.text, unit)
  if (number === null)
    return report.error(value.span, `invalid value "${value.text}" of limit "${limit}"`, example)
  written.set(limit, directive)
  own[limit] = number
}

/** A bare number would be seconds to nginx and milliseconds to who reads the limit's name: a time needs its unit. */
function readValue(text: string, unit: string): [number: number | null, example: string] {
  if (unit === "octets") return [readOffset(text), "octets, for instance 65536, 64k or 8m"]
  if (unit !== "ms") return [readNumber(text), `a whole number of ${unit}`]
  const isBare = /^[0-9]+$/.test(text)
  return [isBare ? null : readTimeMs(text), "a time with its unit, for instance 500ms or 10s"]
}

/** What one level or another lets a request have, where that is more than without it. */
function requestLimits(report: Report, scopes: readonly Scope[], own: Overrides): Overrides {
  const limits: Overrides = {}
  const raise = (name: LimitName, octets: number): void => {
    const { max } = limitTable[name]
    if (octets > defaultLimits[name]) limits[name] = Math.min(octets, max)
  }
  const most = (name: string, read: (directive: Directive) => number): number =>
    scopes.flatMap((scope) => scope.own(name)).reduce((sum, each) => Math.max(sum, read(each)), 0)
  const size = ({ args }: Directive): number => readSize(args[0]!.text) ?? 0

  raise(
    "headerFieldsMax",
    most("max_headers", ({ args }) => readNumber(args[0]!.text)!),
  )
  const buffers = most("large_client_header_buffers", (directive) => buffersOctets(report, directive))
  const list = Math.max(buffers, most("http2_max_header_size", size), most("http2_max_field_size", size))
  if (list > 0) {
    const fields = own.headerFieldsMax ?? limits.headerFieldsMax ?? defaultLimits.headerFieldsMax
    raise("headerListOctets", list + FIELD_OVERHEAD_OCTETS * fields)
  }
  const listOctets = own.headerListOctets ?? limits.headerListOctets
  if (listOctets !== undefined) raise("headerBlockOctets", BLOCK_PER_LIST * listOctets)
  const first = most("client_header_buffer_size", size)
  if (buffers + first > 0)
    raise("http1HeadOctets", (first || NGINX_HEAD_OCTETS) + (buffers || NGINX_BUFFERS_OCTETS))
  const bodies = within(scopes[0]!.directives, "client_body_buffer_size").map(size)
  raise("requestBodyOctets", Math.max(0, ...bodies))
  return limits
}

/** Those of a name in a block, and in all blocks of it. */
function within(directives: readonly Directive[], name: string): Directive[] {
  return directives.flatMap((each) => [
    ...(each.name.text === name ? [each] : []),
    ...within(each.block ?? [], name),
  ])
}

/** Of `NUMBER SIZE`, all together; 0 where that is wrong. */
function buffersOctets(report: Report, { name, args }: Directive): number {
  const [number, size] = [readNumber(args[0]!.text), readSize(args[1]!.text)]
  if (number && size) return number * size
  const wrong = args[number ? 1 : 0]!
  const message = `"${name.text}" directive invalid value "${wrong.text}"`
  report.error(wrong.span, message, "a number and a size, for instance 4 8k")
  return 0
}
