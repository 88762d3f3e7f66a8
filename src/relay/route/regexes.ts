import { octetText } from "../../base/octet-text.ts"
import { Regex } from "../../regex/regex.ts"

/** A regex of the configuration's. `pattern`: as it is written. Errors: throws RegexSyntaxError. */
export type RegexOf = (pattern: string, isCaseless: boolean) => Regex

/** As `new Regex`, once for each pattern: thousands of routes may ask for the same. */
export function regexesOf(stepsMax: number): RegexOf {
  const known = new Map<string, Regex>()
  return (pattern, isCaseless) => {
    const key = `${isCaseless ? "~*" : "~"}${pattern}`
    let regex = known.get(key)
    if (regex === undefined) known.set(key, (regex = new Regex(octetText(pattern), { isCaseless, stepsMax })))
    return regex
  }
}
