import {
  type DescField,
  type DescMessage,
  type JsonValue,
  type Registry,
  ScalarType,
} from "@bufbuild/protobuf"
import { fieldOf, hasOwnForm, isObject } from "./fields.ts"

/** A number that JavaScript may not hold exactly: 2^53 has 16 digits. In quotes, as proto3's JSON has it, none is. */
const LONG_NUMBER = /(?:^|[\s:,[-])\d{16}/
/** Of the longest integer of 64 bits. */
const DIGITS_MAX = 20

const WIDE: ReadonlySet<ScalarType> = new Set([
  ...[ScalarType.INT64, ScalarType.UINT64, ScalarType.SINT64],
  ...[ScalarType.FIXED64, ScalarType.SFIXED64],
])
const WIDE_WRAPPERS = new Set(["google.protobuf.Int64Value", "google.protobuf.UInt64Value"])

/** Whether `parseExactly` may find what `JSON.parse` would round. */
export function mayBeRounded(text: string): boolean {
  return LONG_NUMBER.test(text)
}

/** As `JSON.parse`, with integers past 2^53 as bigints. `roundOthers` must see to those before they are a message's. */
export function parseExactly(text: string): JsonValue {
  return JSON.parse(text, exactly) as JsonValue
}

function exactly(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value
  const source = context?.source ?? ""
  return source.length <= DIGITS_MAX && /^-?\d+$/.test(source) ? BigInt(source) : value
}

/** `json` with its bigints left where a field has 64 bits; elsewhere they are numbers, as they would have been. */
export function roundOthers(type: DescMessage, json: JsonValue, registry: Registry): JsonValue {
  if (WIDE_WRAPPERS.has(type.typeName)) return json
  if (!isObject(json)) return rounded(json)
  if (type.typeName === "google.protobuf.Any") {
    const url = json["@type"]
    const inner = typeof url === "string" ? registry.getMessage(url.replace(/^.*\//, "")) : undefined
    // What is not known is refused as it is.
    if (inner === undefined) return json
    if (!hasOwnForm(inner)) return roundOthers(inner, json, registry)
    return mapped(json, (value, key) => (key === "value" ? roundOthers(inner, value, registry) : value))
  }
  if (hasOwnForm(type)) return rounded(json)
  return mapped(json, (value, key) => {
    const field = fieldOf(type, key)
    return field === undefined ? value : ofField(field, value, registry)
  })
}

function ofField(field: DescField, value: JsonValue, registry: Registry): JsonValue {
  if (field.scalar !== undefined && WIDE.has(field.scalar)) return value
  const { message } = field
  if (message === undefined) return rounded(value)
  const item = (one: JsonValue): JsonValue => roundOthers(message, one, registry)
  if (field.fieldKind === "list" && Array.isArray(value)) return value.map(item)
  return field.fieldKind === "map" && isObject(value) ? mapped(value, item) : item(value)
}

function rounded(json: JsonValue | bigint): JsonValue {
  if (typeof json === "bigint") return Number(json)
  if (Array.isArray(json)) return json.map(rounded)
  return isObject(json) ? mapped(json, rounded) : json
}

function mapped(
  json: Record<string, JsonValue>,
  to: (value: JsonValue, key: string) => JsonValue,
): JsonValue {
  return Object.fromEntries(Object.entries(json).map(([key, value]) => [key, to(value, key)]))
}
