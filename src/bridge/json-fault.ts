import {
  type DescMessage,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Registry,
} from "@bufbuild/protobuf"

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
 * Finds the innermost value that keeps `json` from being a message of `type`, by trying each field for itself.
 * `error` is what the whole was refused with.
 */
export function locateFault(
  type: DescMessage,
  json: JsonValue,
  text: string,
  registry: Registry,
  error: Error,
): FaultPlace {
  const steps: (string | number)[] = []
  let reason = error.message
  let at: { type: DescMessage; json: JsonValue } | null = { type, json }
  while (at !== null && steps.length < DEPTH_MAX) {
    const inner = faultyField(at.type, at.json, registry)
    if (inner === null) break
    steps.push(...inner.steps)
    reason = inner.reason
    at = inner.message
  }
  const path = steps.map((step) => (typeof step === "number" ? `[${step}]` : `.${step}`)).join("")
  // protobuf-es begins with the field, which is said already.
  return {
    path: path.replace(/^\./, ""),
    offset: offsetOf(text, steps),
    reason: reason.replace(/^cannot decode (?:field|message) \S+ from JSON: /, ""),
  }
}

interface FaultyField {
  readonly steps: (string | number)[]
  readonly reason: string
  /** The message in it, to be looked into. */
  readonly message: { type: DescMessage; json: JsonValue } | null
}

function faultyField(type: DescMessage, json: JsonValue, registry: Registry): FaultyField | null {
  // Types with a JSON form of their own have no fields there.
  if (!isObject(json) || type.typeName.startsWith("google.protobuf.")) return null
  for (const [key, value] of Object.entries(json)) {
    const reason = refusal(type, { [key]: value }, registry)
    if (reason === null) continue
    const field = type.fields.find(({ jsonName, name }) => jsonName === key || name === key)
    if (field?.fieldKind === "message")
      return { steps: [key], reason, message: { type: field.message, json: value } }
    if (field?.fieldKind !== "list" || !Array.isArray(value)) return { steps: [key], reason, message: null }
    const index = value.findIndex((one) => refusal(type, { [key]: [one] }, registry) !== null)
    if (index < 0) return { steps: [key], reason, message: null }
    const message = field.listKind === "message" ? { type: field.message, json: value[index]! } : null
    return {
      steps: [key, index],
      reason: refusal(type, { [key]: [value[index]!] }, registry) ?? reason,
      message,
    }
  }
  return null
}

function refusal(type: DescMessage, json: JsonObject, registry: Registry): string | null {
  try {
    fromJson(type, json, { registry })
    return null
  } catch (error) {
    return (error as Error).message
  }
}

function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json)
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
