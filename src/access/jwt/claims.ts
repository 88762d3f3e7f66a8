import type { JwtConfig } from "../../config/jwt-model.ts"
import type { JsonObject } from "../../record/caller-token.ts"

/** What claims of a token are looked at. */
export type ClaimRules = Pick<JwtConfig, "leewayMs" | "issuers" | "audiences">

/** Why a token does not let in whom it names, or null. Source: RFC 7519 §4.1. */
export function claimsProblem(claims: JsonObject, rules: ClaimRules, wallMs: number): string | null {
  const { exp, nbf, iss, aud } = claims
  const { leewayMs, issuers, audiences } = rules
  if (exp !== undefined && !isTime(exp)) return "its exp is not a time"
  if (nbf !== undefined && !isTime(nbf)) return "its nbf is not a time"
  if (exp !== undefined && wallMs >= exp * 1000 + leewayMs) return "it has expired"
  if (nbf !== undefined && wallMs < nbf * 1000 - leewayMs) return "it is not valid yet"
  if (issuers.length > 0 && !issuers.some((one) => one === iss)) return "its issuer (iss) is not one of ours"
  const named: unknown[] = Array.isArray(aud) ? aud : [aud]
  if (audiences.length > 0 && !audiences.some((one) => named.includes(one)))
    return "it is not meant for us (aud)"
  return null
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(value)
}

/** Seconds since 1970 from which on a token is no longer good; 0: it always is. */
export function expiryOf({ exp }: JsonObject, { leewayMs }: ClaimRules): number {
  return isTime(exp) ? exp + leewayMs / 1000 : 0
}
