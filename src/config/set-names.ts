import type { Steps } from "../base/steps.ts"
import { eachRoute } from "./each-route.ts"
import type { Config, RewriteStep, RouteSettings } from "./model.ts"

type AddName = (name: string) => void

/** Names of the variables that a request gets on its way: by `set`, and by named groups of regexes. In lower case. */
export function* namesSet({ servers, variables }: Pick<Config, "servers" | "variables">): Steps<Set<string>> {
  const names = new Set<string>()
  const add: AddName = (name) => void names.add(name.toLowerCase())
  groupNames(variables).forEach(add)
  for (const server of servers) {
    addSetByRequest(server.fallback, add)
    for (const name of server.names) groupsIn(name).forEach(add)
    addSetBySteps(server.rewrite, add)
    yield* eachRoute(server.routes, ({ match, settings, rewrite }) => {
      addSetByRequest(settings, add)
      if (match.kind === "regex") for (const name of groupsIn(match.pattern)) add(name)
      addSetBySteps(rewrite, add)
    })
  }
  return names
}

/** Names that the regexes of maps set. */
export function groupNames(variables: Config["variables"]): string[] {
  return variables.flatMap((one) => (one.kind === "map" ? one.entries.flatMap(([key]) => groupsIn(key)) : []))
}

const NO_NAMES: readonly string[] = []

/** The names of a regex's groups. */
export function groupsIn(pattern: string): readonly string[] {
  if (!/\(\?P?[<']/.test(pattern)) return NO_NAMES
  return Array.from(pattern.matchAll(/\(\?P?[<']([A-Za-z_]\w*)[>']/g), ([, name]) => name!)
}

function addSetByRequest({ access: { request } }: RouteSettings, add: AddName): void {
  if (request !== null) for (const [name] of request.set) add(name)
}

function addSetBySteps(steps: readonly RewriteStep[], add: AddName): void {
  for (const step of steps) {
    if (step.kind === "set") add(step.variable)
    else if (step.kind === "rewrite") for (const name of groupsIn(step.pattern)) add(name)
    if (step.kind !== "if") continue
    if ("pattern" in step.test) for (const name of groupsIn(step.test.pattern)) add(name)
    addSetBySteps(step.steps, add)
  }
}
