/**
 * The one filter line of lists of streams: `endpoint:10.0.0.3 idle:>5m path:Chat -cluster:chat`. Words are conditions, all of
 * which must hold; `-` before one says that it must not. A word without a colon is looked for in the path, the client and
 * the endpoint.
 */
import { durationMs, sizeOctets } from "../../config/yaml/scalars.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import { clientOf, streamId } from "./stream-row.ts"

/** What a condition looks at, besides the stream itself. */
export interface FilteredStream {
  readonly owner: StreamOwner
  readonly listener: string
  readonly thread: number
  readonly nowMs: number
}

type TextField = (stream: FilteredStream) => string
type NumberField = (stream: FilteredStream) => number

/** `is`: the whole text, or its beginning up to a `:` (an address without its port); `has`: any part. Case does not count. */
const TEXT_FIELDS: Record<string, ["is" | "has", TextField]> = {
  id: ["is", ({ owner }) => streamId(owner.record)],
  path: ["has", ({ owner }) => owner.record.path],
  authority: ["has", ({ owner }) => owner.record.authority],
  client: ["is", ({ owner }) => clientOf(owner.record)],
  endpoint: ["is", ({ owner }) => owner.endpointAddress],
  cluster: ["is", ({ owner }) => owner.cluster?.name ?? ""],
  route: ["is", ({ owner }) => owner.route.name],
  server: ["is", ({ owner }) => owner.record.serverName],
  listener: ["is", ({ listener }) => listener],
  protocol: ["has", ({ owner }) => owner.record.connection.protocol],
  waits: ["is", ({ owner }) => owner.waitsFor ?? "none"],
}

type Unit = "time" | "size" | "number"

const NUMBER_FIELDS: Record<string, [Unit, NumberField]> = {
  age: ["time", ({ owner, nowMs }) => nowMs - owner.record.startMs],
  idle: ["time", ({ owner, nowMs }) => nowMs - owner.record.activeMs],
  messages: ["number", ({ owner }) => owner.record.requestMessages + owner.record.responseMessages],
  bytes: ["size", ({ owner }) => owner.record.requestOctets + owner.record.responseOctets],
  held: ["size", ({ owner }) => owner.bufferedOctets],
  legs: ["number", ({ owner }) => owner.record.attempts.length],
  resumes: ["number", ({ owner }) => owner.record.resumes],
  moves: ["number", ({ owner }) => owner.record.continuity?.moves ?? 0],
  status: ["number", ({ owner }) => owner.record.status],
  thread: ["number", ({ thread }) => thread],
}

export const filterFields: readonly string[] = [...Object.keys(TEXT_FIELDS), ...Object.keys(NUMBER_FIELDS)]

/** One word of a filter: plain data. */
export interface Condition {
  readonly not: boolean
  /** Null: any of path, client and endpoint. */
  readonly field: string | null
  /** In lower case; of a number's field empty. */
  readonly text: string
  readonly comparison: "<" | "<=" | "=" | ">=" | ">"
  readonly number: number
}

const UNITS: Record<Unit, { pattern: RegExp; read(text: string): number; example: string }> = {
  time: { pattern: /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|s|m|h|d)){1,5}$/, read: durationMs, example: "idle:>5m" },
  size: { pattern: /^\d{1,15}[kmg]?$/i, read: sizeOctets, example: "bytes:>10m" },
  number: { pattern: /^\d{1,15}$/, read: Number, example: "legs:>1" },
}

const FILTER_OCTETS_MAX = 1000

/** Errors: a sentence in place of the conditions. */
export function parseFilter(line: string): Condition[] | string {
  if (line.length > FILTER_OCTETS_MAX) return `a filter has at most ${FILTER_OCTETS_MAX} characters`
  const conditions: Condition[] = []
  for (const word of line.trim().split(/\s+/)) {
    if (word === "") continue
    const condition = parseWord(word)
    if (typeof condition === "string") return condition
    conditions.push(condition)
  }
  return conditions
}

function parseWord(word: string): Condition | string {
  const not = word.startsWith("-") && word.length > 1
  const rest = not ? word.slice(1) : word
  const [, field, value] = /^([a-z]+):(.*)$/s.exec(rest) ?? []
  const base = { not, text: "", comparison: "=" as const, number: 0 }
  if (field === undefined) return { ...base, field: null, text: rest.toLowerCase() }
  if (Object.hasOwn(TEXT_FIELDS, field)) {
    if (value === "") return `"${word}" says no value`
    return { ...base, field, text: value!.toLowerCase() }
  }
  if (!Object.hasOwn(NUMBER_FIELDS, field))
    return `there is no field "${field}" to filter by; there are ${filterFields.join(", ")}`
  const { pattern, read, example } = UNITS[NUMBER_FIELDS[field]![0]]
  const [, sign = "=", amount = ""] = /^(<=|>=|<|>|=)?(.*)$/s.exec(value!)!
  if (!pattern.test(amount)) return `"${word}" cannot be read; write for instance ${example}`
  return { ...base, field, comparison: sign as Condition["comparison"], number: read(amount) }
}

/** Whether all conditions hold. Cost: nothing is allocated but the texts that are compared. */
export function matches(conditions: readonly Condition[], stream: FilteredStream): boolean {
  for (const condition of conditions) if (holds(condition, stream) === condition.not) return false
  return true
}

function holds(condition: Condition, stream: FilteredStream): boolean {
  const { field, text, comparison, number } = condition
  if (field === null) {
    const { path, client, endpoint } = TEXT_FIELDS
    return [path!, client!, endpoint!].some(([, read]) => read(stream).toLowerCase().includes(text))
  }
  const ofText = TEXT_FIELDS[field]
  if (ofText !== undefined) {
    const value = ofText[1](stream).toLowerCase()
    return ofText[0] === "has" ? value.includes(text) : value === text || value.startsWith(`${text}:`)
  }
  const value = NUMBER_FIELDS[field]![1](stream)
  switch (comparison) {
    case "<":
      return value < number
    case "<=":
      return value <= number
    case "=":
      return value === number
    case ">=":
      return value >= number
    case ">":
      return value > number
  }
}
