import { type OctetSet, setOf } from "./octet-set.ts"

/** Unicode's general categories, and what PCRE has beside them. */
const CATEGORIES = /^(?:C[cfnos]?|L[lmotu]?|M[cen]?|N[dlo]?|P[cdefios]?|S[ckmo]?|Z[lps]?)$/
const OWN: Readonly<Record<string, string>> = {
  Any: "\\p{Any}",
  "L&": "\\p{Lu}\\p{Ll}\\p{Lt}",
  Xan: "\\p{L}\\p{N}",
  Xwd: "\\p{L}\\p{N}_",
}

/**
 * The octets of which the characters U+0000 to U+00FF have a property: so PCRE takes `\p{…}` where texts are octets, as they
 * are to nginx. Null: the property is not known here.
 */
export function propertySet(name: string): OctetSet | null {
  const members = OWN[name] ?? (CATEGORIES.test(name) ? `\\p{${name}}` : null)
  if (members === null) return null
  const pattern = new RegExp(`^[${members}]$`, "u")
  return setOf((octet) => pattern.test(String.fromCharCode(octet)))
}
