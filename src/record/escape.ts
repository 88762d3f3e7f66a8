/**
 * What becomes of a value on its way into the text, and what stands where there is none:
 * - `header`: as it is, nothing; octets that no field value may hold (RFC 9110 §5.5) are percent-encoded, so that
 *   `$uri` can never split a header.
 * - `default`: `"`, `\`, controls and octets above 126 as `\xXX`; `-`.
 * - `json`: as JSON strings need it; nothing.
 * - `none`: as it is; nothing.
 *
 * The last three are `log_format`'s.
 */
export type Escape = "header" | "default" | "json" | "none"

export const ESCAPES: Record<Escape, (value: string) => string> = {
  header: (value) =>
    /[\x00-\x08\x0a-\x1f\x7f]/.test(value)
      ? value.replace(/[\x00-\x08\x0a-\x1f\x7f]/g, percentEncoded)
      : value,
  default: (value) =>
    /["\\\x00-\x1f\x7f-\xff]/.test(value) ? value.replace(/["\\\x00-\x1f\x7f-\xff]/g, hexEscaped) : value,
  json: (value) => (/["\\\x00-\x1f]/.test(value) ? value.replace(/["\\\x00-\x1f]/g, jsonEscaped) : value),
  none: (value) => value,
}

function percentEncoded(octet: string): string {
  return `%${hex(octet)}`
}

function hexEscaped(octet: string): string {
  return `\\x${hex(octet)}`
}

const JSON_SHORT: ReadonlyMap<string, string> = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
  ["\b", "\\b"],
  ["\f", "\\f"],
])

function jsonEscaped(octet: string): string {
  return JSON_SHORT.get(octet) ?? `\\u00${hex(octet)}`
}

function hex(octet: string): string {
  return octet.charCodeAt(0).toString(16).toUpperCase().padStart(2, "0")
}

/** A 1 for each octet that stays as it is. */
export const PLAIN: Record<Escape, Uint8Array> = {
  header: plainOctets(ESCAPES.header),
  default: plainOctets(ESCAPES.default),
  json: plainOctets(ESCAPES.json),
  none: plainOctets(ESCAPES.none),
}

function plainOctets(escaped: (value: string) => string): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, octet) => {
    const character = String.fromCharCode(octet)
    return escaped(character) === character ? 1 : 0
  })
}
