/** nginx: ngx_http_internal_redirect, ngx_http_named_location. */
import { type Failure, failure } from "../../record/failure.ts"
import { type RequestState, stateOf } from "../../record/request-state.ts"
import { normalizeUri } from "../../record/uri.ts"
import type { Phase, Route, Verdict } from "./route.ts"
import type { RoutesOf } from "./router.ts"

interface Redirected {
  readonly path: string
  state: RequestState | null
}

/** To a path, from the server's own steps on, or to `@name`. `args` undefined: those in `target`. */
export function redirectInside(
  record: Redirected,
  target: string,
  args: string | undefined,
  host: RoutesOf<Route>,
): Verdict {
  const state = stateOf(record)
  state.isInternal = true
  if (!state.changeUri()) return cycle(state)
  if (target.startsWith("@")) {
    // As nginx has it: a location is not named for a request that has no path.
    if (!state.isRewritten && normalizeUri(record.path, host.keepsSlashes) === null)
      return failure("internal", `the path has no meaning, and ${target} has no other`, true)
    const route = host.named(target)
    if (route === undefined) return failure("internal", `there is no location ${target}`, true)
    return { kind: "goto", route, phases: route.locationPhases }
  }
  const mark = args === undefined ? target.indexOf("?") : -1
  state.uri = mark < 0 ? target : target.slice(0, mark)
  state.args = args ?? (mark < 0 ? "" : target.slice(mark + 1))
  state.isRewritten = true
  state.hasLeftPrefix = false
  const { fallback } = host
  if (fallback.serverSteps.length === 0) return lookUp(state, host)
  return { kind: "goto", route: fallback, phases: [...fallback.serverSteps, findLocation] }
}

const findLocation: Phase = ({ record, route }) => lookUp(stateOf(record), route.host)

/** The location of the state's path. */
export function lookUp(state: RequestState, host: RoutesOf<Route>): Verdict {
  const route = host.find(state.uri)
  if (route === "limit") return regexOverrun()
  return { kind: "goto", route, phases: route.locationPhases }
}

export function regexOverrun(): Failure {
  return failure("internal", "a regex of the configuration took more than regexSteps for this request", true)
}

export function cycle({ uri }: RequestState): Failure {
  return failure("internal", `the request was sent to another location too often, last to ${uri}`, true)
}
