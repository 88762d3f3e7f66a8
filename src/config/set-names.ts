import type { Config, RewriteStep, RouteConfig, RouteSettings } from "./model.ts"

/** Names of the variables that a request gets on its way: by `set`, and by named groups of regexes. In lower case. */
export function namesSet({ servers, variables }: Pick<Config, "servers" | "variables">): Set<string> {
  const names = new Set<string>()
  const add = (found: Iterable<string>): void => {
    for (const name of found) names.add(name.toLowerCase())
  }
  add(groupNames(variables))
  const addRequest = ({ access }: RouteSettings): void => add(access.request?.set.map(([name]) => name) ?? [])
  for (const server of servers) {
    addRequest(server.fallback)
    for (const name of server.names) add(groupsIn(name))
    add(setBySteps(server.rewrite))
    add(setByRoutes(server.routes))
  }
  return names
}

/** Names that the regexes of maps set. */
export function groupNames(variables: Config["variables"]): string[] {
  return variables.flatMap((one) => (one.kind === "map" ? one.entries.flatMap(([key]) => groupsIn(key)) : []))
}

/** The names of a regex's groups. */
export function groupsIn(pattern: string): string[] {
  if (!pattern.includes("(?")) return []
  return Array.from(pattern.matchAll(/\(\?P?[<']([A-Za-z_]\w*)[>']/g), ([, name]) => name!)
}

function setByRoutes(routes: readonly RouteConfig[]): string[] {
  return routes.flatMap(({ match, settings, rewrite, routes: inner }) => [
    ...(settings.access.request?.set.map(([name]) => name) ?? []),
    ...(match.kind === "regex" ? groupsIn(match.pattern) : []),
    ...setBySteps(rewrite),
    ...setByRoutes(inner),
  ])
}

function setBySteps(steps: readonly RewriteStep[]): string[] {
  return steps.flatMap((step) => {
    if (step.kind === "set") return [step.variable]
    if (step.kind === "rewrite") return groupsIn(step.pattern)
    if (step.kind !== "if") return []
    return [...("pattern" in step.test ? groupsIn(step.test.pattern) : []), ...setBySteps(step.steps)]
  })
}
