import type { RewriteTest } from "../../config/model.ts"
import { stateOf } from "../../record/request-state.ts"
import { regexOverrun } from "./internal-redirect.ts"
import { compileTest } from "./rewrite-test.ts"
import type { Phase, Route } from "./route.ts"
import type { RouteParts } from "./route-parts.ts"
import type { RoutesOf } from "./router.ts"

/** What must hold beside the path; a call for which it does not goes on to the next route of its path. */
export function checkConditions(
  when: readonly RewriteTest[],
  host: RoutesOf<Route>,
  parts: Pick<RouteParts, "table" | "regexOf" | "templateOf">,
): Phase {
  const tests = when.map((test) => compileTest(test, parts))
  return (call, context) => {
    const state = stateOf(call.record)
    for (const test of tests) {
      const outcome = test(call, state, context)
      if (outcome === true) continue
      const route = outcome === "limit" ? outcome : host.after(call.route, state.uri)
      if (route === "limit") return regexOverrun()
      return { kind: "goto", route, phases: route.locationPhases }
    }
    return null
  }
}
