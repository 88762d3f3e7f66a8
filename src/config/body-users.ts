import type { Steps } from "../base/steps.ts"
import { eachRoute } from "./each-route.ts"
import type { Config, RouteConfig } from "./model.ts"

/** `request_body_file` is another. */
const VARIABLE = /\$\{?request_body\b/i

/**
 * The routes that pass requests to HTTP/1.1 backends, and gather them first, and write `$request_body` somewhere. Where a
 * variable of the configuration does, any of them may.
 */
export function* bodyUsers({
  servers,
  variables,
}: Pick<Config, "servers" | "variables">): Steps<Set<RouteConfig>> {
  const users = new Set<RouteConfig>()
  const isInVariables = VARIABLE.test(JSON.stringify(variables))
  for (const { routes } of servers)
    yield* eachRoute(routes, (route) => {
      const { action } = route
      if (action.kind !== "proxy" || !action.requestBuffering) return
      if (isInVariables || VARIABLE.test(JSON.stringify({ ...route, routes: [] }))) users.add(route)
    })
  return users
}
