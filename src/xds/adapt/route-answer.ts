import { defaultContentType } from "../../config/defaults.ts"
import type { RouteAction } from "../../config/model.ts"
import {
  RedirectAction_RedirectResponseCode as Code,
  type DirectResponseAction,
  type RedirectAction,
} from "../gen/envoy/config/route/v3/route_components_pb.ts"
import { literal, type Variables } from "./names.ts"
import { refuse } from "./refusal.ts"
import type { ReplacedPrefix } from "./route-match.ts"

type Answer = Extract<RouteAction, { kind: "return" }>

function answer(status: number, template: string): Answer {
  return {
    kind: "return",
    status,
    template,
    contentType: defaultContentType,
    grpcStatus: null,
    grpcMessage: null,
  }
}

/** Errors: throws a `Refusal`. */
export function directResponse({ status, body }: DirectResponseAction, path: string): Answer {
  if (status < 200 || status > 599) return refuse(`${path}.status`, `${status} is not from 200 to 599`)
  const { specifier } = body ?? {}
  if (specifier?.case === "filename" || specifier?.case === "environmentVariable")
    return refuse(`${path}.body`, "a body is said inline")
  const text =
    specifier?.case === "inlineBytes"
      ? Buffer.from(specifier.value).toString("utf8")
      : (specifier?.value ?? "")
  return answer(status, literal(text))
}

const STATUSES: Readonly<Record<number, number>> = {
  [Code.MOVED_PERMANENTLY]: 301,
  [Code.FOUND]: 302,
  [Code.SEE_OTHER]: 303,
  [Code.TEMPORARY_REDIRECT]: 307,
  [Code.PERMANENT_REDIRECT]: 308,
}

/** `replaced`: by `prefix_rewrite`. Errors: throws a `Refusal`. */
export function redirect(
  action: RedirectAction,
  replaced: ReplacedPrefix | null,
  path: string,
  variables: Variables,
): Answer {
  const { schemeRewriteSpecifier: scheme, hostRedirect, portRedirect, responseCode } = action
  const toScheme = scheme.case === "httpsRedirect" ? (scheme.value ? "https" : "") : (scheme.value ?? "")
  const host = hostRedirect !== "" ? literal(hostRedirect) : hostOf(toScheme, portRedirect, variables)
  const port = portRedirect > 0 ? `:${portRedirect}` : ""
  const where = toScheme === "" ? "$scheme" : toScheme
  return answer(
    STATUSES[responseCode]!,
    `${where}://${host}${port}${pathOf(action, replaced, path, variables)}`,
  )
}

/** The client's own, without the port that belongs to the other scheme. */
function hostOf(scheme: string, port: number, variables: Variables): string {
  if (port > 0) return "$host"
  const left = scheme === "https" ? 80 : scheme === "http" ? 443 : null
  if (left === null) return "$http_host"
  return variables.map("$http_host", [[`~^(.+):${left}$`, "$1"]], "$http_host")
}

function pathOf(
  { pathRewriteSpecifier: one, stripQuery }: RedirectAction,
  replaced: ReplacedPrefix | null,
  path: string,
  variables: Variables,
): string {
  const withoutQuery = () => variables.map("$request_uri", [["~^([^?]*)", "$1"]], "$request_uri")
  switch (one.case) {
    case undefined:
      return stripQuery ? withoutQuery() : "$request_uri"
    case "pathRedirect":
      return literal(one.value) + (stripQuery || one.value.includes("?") ? "" : "$is_args$args")
    case "prefixRewrite": {
      if (replaced === null) return refuse(`${path}.prefix_rewrite`, "what a regex has matched has no prefix")
      const rest = stripQuery ? "([^?]*)" : "(.*)"
      return variables.map(
        "$request_uri",
        [[`~^${replaced.pattern}${rest}`, `${literal(one.value)}$1`]],
        "$request_uri",
      )
    }
    default:
      return refuse(`${path}.regex_rewrite`, "not supported")
  }
}
