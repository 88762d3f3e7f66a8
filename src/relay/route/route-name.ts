import type { RouteMatch } from "../../config/model.ts"

/** A route for people, as nginx writes it; empty: none of the server matched. */
export function routeName(match: RouteMatch | null): string {
  switch (match?.kind) {
    case undefined:
      return ""
    case "exact":
      return `= ${match.path}`
    case "prefix":
      return match.final ? `^~ ${match.path}` : match.path
    case "regex":
      return `${match.ignoreCase ? "~*" : "~"} ${match.pattern}`
    case "named":
      return `@${match.name.replace(/^@/, "")}`
  }
}
