import type { Regex, RegexMatch } from "../../regex/regex.ts"
import type { RequestState } from "../request-state.ts"

/** `(?<name>…)` is a variable of that name once its regex has matched. */
export function keepNamed(state: RequestState, { names }: Regex, match: RegexMatch): void {
  for (const name of names.keys()) state.values.set(name.toLowerCase(), match.named(name) ?? "")
}
