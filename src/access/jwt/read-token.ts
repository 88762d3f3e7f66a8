import type { CallerToken, JsonObject } from "../../record/caller-token.ts"

/** A compact JWS (RFC 7515 §7.1) or JWE (RFC 7516 §7.1), as it says of itself; a text: why it is none. */
export function readToken(text: string): CallerToken | string {
  const parts = text.split(".", 6)
  if (parts.length !== 3 && parts.length !== 5) return "it has neither three parts nor five"
  if (!parts.every((part) => /^[\w-]*$/.test(part))) return "it is not base64url"
  const header = readObject(parts[0]!)
  if (header === null) return "its header is not a JSON object"
  if (parts.length === 5) return { header, claims: null, payload: "" }
  const payload = decode(parts[1]!)
  const claims = parseObject(payload)
  return claims === null ? "its payload is not a JSON object" : { header, claims, payload }
}

/** The claims of what was decrypted: a JSON object, or null. */
export function parseObject(text: string): JsonObject | null {
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === "object" && json !== null && !Array.isArray(json) ? (json as JsonObject) : null
  } catch {
    return null
  }
}

const readObject = (part: string): JsonObject | null => parseObject(decode(part))
const decode = (part: string): string => Buffer.from(part, "base64url").toString("utf8")
