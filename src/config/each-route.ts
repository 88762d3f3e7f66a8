import type { Steps } from "../base/steps.ts"
import type { RouteConfig } from "./model.ts"

/** Looks at `routes` and all within them, a route a step: there may be thousands. */
export function* eachRoute(routes: readonly RouteConfig[], look: (route: RouteConfig) => void): Steps {
  for (const route of routes) {
    look(route)
    yield
    if (route.routes.length > 0) yield* eachRoute(route.routes, look)
  }
}
