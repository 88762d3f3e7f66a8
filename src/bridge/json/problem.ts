import { type DescMessage, fromJson, type JsonValue, type Registry } from "@bufbuild/protobuf"
import { fieldOf, hasOwnForm, isObject } from "./fields.ts"

/** Deepest nesting that is looked into. */
const DEPTH_MAX = 50

/** Where in a JSON text a message goes wrong. */
export interface FaultPlace {
  /** `a.b[2].c`; empty for the message as a whole. */
  readonly path: string
  /** In characters from the start of the text. */
  readonly offset: number
  readonly reason: string
}

/**
 * Finds the innermost value that keeps `json` from being a message of `type`. `error` is what the whole was refused with.
 * Each message is tried without those within it, so that the work grows with `json` and not with its depth besides.
 */
export function locateFault(
  type: DescMessage,
  json: JsonValue,
  text: string,
  registry: Registry,
  error: Error,
): FaultPlace {
  const { steps, reason } = faultIn(type, json, registry, 0) ?? { steps: [], reason: error.message }
  const path = steps.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")
  // protobuf-es begins with the field, which is said already.
  return {
    path: path.replace(/^\./, ""),
    offset: offsetOf(text, steps),
    reason: reason.replace(/^cannot decode (?:field|message) \S+ from JSON: /, ""),
  }
}

interface Fault {
  readonly steps: (string | number)[]
  readonly reason: string
}

function faultIn(type: DescMessage, json: JsonValue, registry: Registry, depth: number): Fault | null {
  if (!isObject(json) || hasOwnForm(type) || depth === DEPTH_MAX) {
    const reason = refusal(type, json, registry)
    return reason === null ? null : { steps: [], reason }
  }
  const own = Object.entries(json).map(([key, value]) => [key, withoutMessages(type, key, value)] as const)
  if (own.length === 0) return null
  const reason = refusal(type, Object.fromEntries(own), registry)
  if (reason !== null) {
    for (const [key, value] of own) {
      const fault = faultOfField(type, key, value, json[key]!, registry)
      if (fault !== null) return fault
    }
    // No field is wrong by itself: a oneof was set twice.
    return { steps: [], reason }
  }
  for (const [key, value] of Object.entries(json)) {
    const message = messageOf(type, key)
    if (message === null) continue
    const items = Array.isArray(value) ? value : [value]
    for (const [index, item] of items.entries()) {
      const fault = isObject(item) ? faultIn(message, item, registry, depth + 1) : null
      if (fault === null) continue
      return { steps: [key, ...(items === value ? [index] : []), ...fault.steps], reason: fault.reason }
    }
  }
  return null
}

/** What of a field's value is no message with fields, to be tried; `whole` is the value with them. */
function faultOfField(
  type: DescMessage,
  key: string,
  value: JsonValue,
  whole: JsonValue,
  registry: Registry,
): Fault | null {
  const reason = refusal(type, { [key]: value }, registry)
  if (reason === null) return null
  if (!Array.isArray(whole) || fieldOf(type, key)?.fieldKind !== "list") return { steps: [key], reason }
  const isLooked = messageOf(type, key) !== null
  for (const [index, item] of whole.entries()) {
    if (isLooked && isObject(item)) continue
    const ofItem = refusal(type, { [key]: [item] }, registry)
    if (ofItem !== null) return { steps: [key, index], reason: ofItem }
  }
  return { steps: [key], reason }
}

/** The value of a field with nothing in the messages that are looked into by themselves. */
function withoutMessages(type: DescMessage, key: string, value: JsonValue): JsonValue {
  if (messageOf(type, key) === null) return value
  if (Array.isArray(value)) return value.filter((item) => !isObject(item))
  return isObject(value) ? {} : value
}

/** The type of a field of messages, or a list of them, whose own fields can be looked into. */
function messageOf(type: DescMessage, key: string): DescMessage | null {
  const field = fieldOf(type, key)
  const isMessage =
    field?.fieldKind === "message" || (field?.fieldKind === "list" && field.listKind === "message")
  return isMessage && !hasOwnForm(field.message) ? field.message : null
}

function refusal(type: DescMessage, json: JsonValue, registry: Registry): string | null {
  try {
    fromJson(type, json, { registry })
    return null
  } catch (error) {
    return (error as Error).message
  }
}

/** Where the value at `steps` begins in a JSON text that has been parsed before, so is well formed. */
function offsetOf(text: string, steps: readonly (string | number)[]): number {
  let at = skipSpace(text, 0)
  for (const step of steps) {
    at = skipSpace(text, at + 1)
    for (let index = 0; ; index++) {
      if (text[at] === "}" || text[at] === "]" || at >= text.length) return at
      let isWanted = index === step
      if (typeof step === "string") {
        const end = skipValue(text, at)
        isWanted = JSON.parse(text.slice(at, end)) === step
        at = skipSpace(text, skipSpace(text, end) + 1)
      }
      if (isWanted) break
      at = skipSpace(text, skipValue(text, at))
      if (text[at] === ",") at = skipSpace(text, at + 1)
    }
  }
  return at
}

function skipSpace(text: string, from: number): number {
  let at = from
  while (at < text.length && /\s/.test(text[at]!)) at++
  return at
}

/** The end of the value that begins at `from`. */
function skipValue(text: string, from: number): number {
  let depth = 0
  for (let at = from; at < text.length; at++) {
    const character = text[at]!
    if (character === '"') {
      for (at++; text[at] !== '"'; at++) if (text[at] === "\\") at++
    } else if (character === "{" || character === "[") depth++
    else if (character === "}" || character === "]") depth--
    if (depth < 0) return at
    if (depth === 0 && /[\s,:}\]]/.test(text[at + 1] ?? ",")) return at + 1
  }
  return text.length
}
