/**
 * Paths of a google.protobuf.FieldMask: `foo_bar.baz` is `fooBar.baz` in JSON.
 * Source: protobuf.dev/programming-guides/json.
 */

/** Names are what protobuf lets them be; `*` and the like are passed on. */
const JSON_PATH = /^[^\s\x00-\x1f,_]+$/
const PATH = /^[^\s\x00-\x1f,A-Z]+$/

/** Null: no path of JSON. */
export function pathFromJson(text: string): string | null {
  return JSON_PATH.test(text) ? text.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`) : null
}

/** Null: another path would come back. */
export function pathToJson(path: string): string | null {
  if (!PATH.test(path) || /_(?![a-z])/.test(path)) return null
  return path.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())
}
