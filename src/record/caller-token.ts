import { octetText } from "../base/octet-text.ts"

export type JsonObject = Readonly<Record<string, unknown>>

/** What a token says that a caller showed. Source: RFC 7519. */
export interface CallerToken {
  readonly header: JsonObject
  /** Null: they are encrypted. */
  readonly claims: JsonObject | null
  /** nginx: `$jwt_payload`. Of an encrypted token what is in it, of a nested one the signed token. */
  readonly payload: string
}

/** What names lead to from the top of `json`, as octets; undefined: nothing is there. */
export function claimText(json: JsonObject | null | undefined, path: readonly string[]): string | undefined {
  let value: unknown = json ?? undefined
  for (const name of path) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, name)) return undefined
    value = (value as JsonObject)[name]
  }
  return value === undefined || value === null ? undefined : octetText(textOf(value))
}

/** Of an array, as in nginx, its elements with commas between. */
function textOf(value: unknown): string {
  if (typeof value === "string") return value
  if (Array.isArray(value)) return value.map(textOf).join(",")
  return JSON.stringify(value)
}
