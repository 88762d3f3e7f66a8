/**
 * Paths of a google.protobuf.FieldMask: `foo_bar.baz` is `fooBar.baz` in JSON.
 * Source: protobuf.dev/programming-guides/json.
 */

const JSON_PATH = /^[A-Za-z0-9.]+$/

/** Null: no path of JSON. */
export function pathFromJson(text: string): string | null {
  return JSON_PATH.test(text) ? text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : null
}

/** Null: another path would come back. */
export function pathToJson(path: string): string | null {
  if (/[A-Z]|_[^a-z]|_$/.test(path)) return null
  return path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
