import type { CallerToken, JsonObject } from "../../record/caller-token.ts"

/** Objects and arrays within each other; nginx's JSON library has 2048. What shows a claim goes down one call for each. */
const LEVELS_MAX = 64

/** A compact JWS (RFC 7515 §7.1) or JWE (RFC 7516 §7.1), as it says of itself; a text: why it is none. */
export function readToken(text: string): CallerToken | string {
  const parts = text.split(".", 6)
  if (parts.length !== 3 && parts.length !== 5) return "it has neither three parts nor five"
  if (!parts.every((part) => /^[\w-]*$/.test(part))) return "it is not base64url"
  const header = parseObject(decode(parts[0]!))
  if (typeof header === "string") return `its header ${header}`
  if (parts.length === 5) return { header, claims: null, payload: "" }
  const payload = decode(parts[1]!)
  const claims = parseObject(payload)
  return typeof claims === "string" ? `its payload ${claims}` : { header, claims, payload }
}

const NO_OBJECT = "is not a JSON object"

/** A JSON object, such as the claims of what was decrypted; a text: why it is none. */
export function parseObject(text: string): JsonObject | string {
  if (levelsOf(text) > LEVELS_MAX) return `has more than ${LEVELS_MAX} levels of JSON`
  try {
    const json: unknown = JSON.parse(text)
    return typeof json === "object" && json !== null && !Array.isArray(json)
      ? (json as JsonObject)
      : NO_OBJECT
  } catch {
    return NO_OBJECT
  }
}

/** How deep JSON is, before anything is made of it. Brackets within its strings are none. */
function levelsOf(text: string): number {
  if (text.length <= LEVELS_MAX) return 0
  let level = 0
  let most = 0
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"?|[[{}\]]/gs))
    if (token === "[" || token === "{") most = Math.max(most, ++level)
    else if (token === "]" || token === "}") level--
  return most
}

const decode = (part: string): string => Buffer.from(part, "base64url").toString("utf8")
