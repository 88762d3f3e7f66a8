import { ServerNames } from "../../base/server-names.ts"
import { type RequestState, stateOf } from "../../record/request-state.ts"
import type { Regex } from "../../regex/regex.ts"
import { keepMatch } from "./kept-match.ts"

/** Keeps what the name that a client said leaves behind. */
export type KeepNameGroups = (
  record: { readonly path: string; state: RequestState | null },
  name: string,
) => void

/**
 * Of a server's names: what the groups of the first regex that matches hold, and nothing where one of the other names is the
 * client's. Null: no regex has a group.
 */
export function nameGroups(
  names: readonly string[],
  regexOf: (pattern: string) => Regex,
): KeepNameGroups | null {
  const isRegex = (name: string): boolean => name.startsWith("~")
  if (!names.some((name) => isRegex(name) && name.includes("("))) return null
  const regexes = names.filter(isRegex).map((name) => regexOf(name.slice(1)))
  if (regexes.every(({ groups }) => groups === 0)) return null
  const plain = names.filter((name) => !isRegex(name))
  const written = new ServerNames([[plain, plain]], () => ({ test: () => "none" }))
  return (record, name) => {
    if (written.find(name) !== undefined) return
    for (const regex of regexes) {
      const match = regex.exec(name)
      if (match === "none") continue
      if (match !== "limit" && regex.groups > 0) keepMatch(stateOf(record), regex, match)
      return
    }
  }
}
