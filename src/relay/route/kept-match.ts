import { keepNamed } from "../../record/declared/named-groups.ts"
import type { RequestState } from "../../record/request-state.ts"
import type { Regex, RegexMatch } from "../../regex/regex.ts"

/** What a regex that was tried leaves behind: `$1` and its named groups. False: it did not match. */
export function keepMatch(state: RequestState, regex: Regex, match: RegexMatch | "none"): boolean {
  state.captures = match === "none" ? null : match
  if (match === "none") return false
  if (regex.names.size > 0) keepNamed(state, regex, match)
  return true
}
