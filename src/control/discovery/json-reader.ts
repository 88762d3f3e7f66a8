/** Fields of JSON that a control plane sent, which may be anything: null counts as absent, as Go writes it. */

type JsonObject = Readonly<Record<string, unknown>>

/** Errors: throws where it is no object. */
export function asObject(value: unknown, what: string): JsonObject {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error(`not as documented: ${what} is not an object`)
  return value as JsonObject
}

/** Absent: empty. Errors: throws where it is something else. */
export function objectAt(object: JsonObject, key: string): JsonObject {
  return asObject(object[key] ?? {}, `"${key}"`)
}

/** Absent: empty. Errors: throws where it is something else. */
export function listAt(object: JsonObject, key: string): readonly unknown[] {
  const value = object[key] ?? []
  if (!Array.isArray(value)) throw new Error(`not as documented: "${key}" is not a list`)
  return value
}

/** Absent: null. Errors: throws where it is something else. */
export const textAt = (object: JsonObject, key: string): string | null => valueAt(object, key, "string")

/** Absent: null. Errors: throws where it is something else. */
export const numberAt = (object: JsonObject, key: string): number | null => valueAt(object, key, "number")

/** Absent: null. Errors: throws where it is something else. */
export const flagAt = (object: JsonObject, key: string): boolean | null => valueAt(object, key, "boolean")

interface Kinds {
  string: string
  number: number
  boolean: boolean
}

function valueAt<Kind extends keyof Kinds>(object: JsonObject, key: string, kind: Kind): Kinds[Kind] | null {
  const value = object[key] ?? null
  if (value !== null && typeof value !== kind) throw new Error(`not as documented: "${key}" is not a ${kind}`)
  return value as Kinds[Kind] | null
}
