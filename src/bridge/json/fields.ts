import type { DescField, DescMessage, JsonObject, JsonValue } from "@bufbuild/protobuf"

const fieldsByKey = new WeakMap<DescMessage, Map<string, DescField>>()

/** The field that a key of a message's JSON means, by either of its names. */
export function fieldOf(type: DescMessage, key: string): DescField | undefined {
  let fields = fieldsByKey.get(type)
  if (fields === undefined) {
    fields = new Map()
    for (const field of type.fields) fields.set(field.name, field).set(field.jsonName, field)
    fieldsByKey.set(type, fields)
  }
  return fields.get(key)
}

/** Types with a JSON form of their own have no fields there. */
export function hasOwnForm({ typeName }: DescMessage): boolean {
  return typeName.startsWith("google.protobuf.")
}

export function isObject(json: JsonValue): json is JsonObject {
  return typeof json === "object" && json !== null && !Array.isArray(json)
}
