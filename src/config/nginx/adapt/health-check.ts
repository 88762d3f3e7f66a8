/** `health_check` of NGINX Plus, in a location: what it says holds for the upstream that the location passes to. */
import { isDeepStrictEqual } from "node:util"
import { GrpcStatus } from "../../../grpc/status.ts"
import { defaultHealthCheck } from "../../defaults.ts"
import type { HealthCheckConfig, RouteAction } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import { type Directive, spanOf, type Word } from "../ast.ts"
import type { Report } from "../report.ts"
import type { Scope } from "../scope.ts"
import { readNumber, readTimeMs } from "../units.ts"
import type { Adapter } from "./adapter.ts"
import { useMatch } from "./match.ts"

const PARAMETERS = [
  ...["interval=", "jitter=", "fails=", "passes=", "port=", "mandatory", "persistent", "type="],
  ...["grpc_service=", "grpc_status=", "timeout=", "watch"],
]
/** What is asked for by gRPC alone. */
const OF_GRPC: readonly (string | undefined)[] = ["grpc_service=", "grpc_status=", "watch"]
const STATUS_MAX = Math.max(...Object.values(GrpcStatus))

export function adaptHealthChecks(
  adapter: Adapter,
  scope: Scope,
  action: RouteAction | { kind: "cluster"; cluster: string },
): void {
  for (const directive of scope.own("health_check")) {
    const check = readHealthCheck(adapter, directive, scope, action.kind === "proxy")
    if (check === null) continue
    const target = clusterOf(action)
    const cluster = [...adapter.clusters.values()].find(({ name }) => name === target)
    if (cluster === undefined) {
      adapter.report.error(
        spanOf(directive),
        "no upstream for health_check: the location has no grpc_pass or proxy_pass to one",
      )
      continue
    }
    if (cluster.healthCheck !== null && !isDeepStrictEqual(cluster.healthCheck, check))
      adapter.report.error(
        spanOf(directive),
        `upstream "${cluster.name}" has another health_check already`,
        "one check of an upstream holds for all locations that pass to it",
      )
    else cluster.healthCheck = check
  }
}

function clusterOf(action: RouteAction | { kind: "cluster"; cluster: string }): string | null {
  if (action.kind === "cluster") return action.cluster
  return action.kind === "proxy" && "cluster" in action.target ? action.target.cluster : null
}

/** @param isHttp1 endpoints are spoken to by HTTP/1.1 */
function readHealthCheck(
  { report, protocol }: Adapter,
  directive: Directive,
  scope: Scope,
  isHttp1: boolean,
): HealthCheckConfig | null {
  const check = defaultHealthCheck()
  // In stream, a connection is all that is asked for, unless a match says more.
  let isTyped = protocol === "tcp" || isHttp1
  if (protocol === "tcp") check.type = "tcp"
  else if (isHttp1) check.type = "http"
  let isRight = true
  const isType = ({ text }: Word): boolean => text.startsWith("type=")
  // What the others may be depends on it, wherever it stands.
  for (const word of directive.args.filter(isType)) {
    isTyped = true
    if (!readParameter(report, word, check)) isRight = false
    else if ((protocol === "tcp" && check.type !== "tcp") || (isHttp1 && check.type === "grpc")) {
      report.error(word.span, `invalid parameter "${word.text}"`)
      isRight = false
    }
  }
  for (const word of directive.args.filter((each) => !isType(each))) {
    const named = /^match=(.+)$/s.exec(word.text)?.[1]
    // A `match` of http {} says what an HTTP server answers.
    const hasMatch = check.type === "http" || protocol === "tcp"
    if (named !== undefined && hasMatch) {
      if (!useMatch(report, scope, { ...word, text: named }, check)) isRight = false
    } else if (!readParameter(report, word, check)) isRight = false
  }
  if (!isTyped && isRight) {
    const message = "health_check without type=grpc asks by HTTP, which is not supported"
    report.error(spanOf(directive), message, 'write "health_check type=grpc", or Sluice\'s own type=tcp')
    return null
  }
  return isRight ? check : null
}

function readParameter(report: Report, word: Word, check: HealthCheckConfig): boolean {
  const { text } = word
  const [, name, value = ""] = /^([a-z_]+=?)(.*)$/s.exec(text) ?? []
  const invalid = (hint: string | null): false => {
    report.error(word.span, `invalid parameter "${text}"`, hint)
    return false
  }
  const count = (least: number, most: number): number | null => {
    const number = readNumber(value)
    return number !== null && number >= least && number <= most ? number : null
  }
  const time = (key: "intervalMs" | "jitterMs" | "timeoutMs"): boolean => {
    const ms = readTimeMs(value)
    if (ms === null || (ms === 0 && key !== "jitterMs")) return invalid(`for instance ${name}5s`)
    check[key] = ms
    return true
  }
  if (OF_GRPC.includes(name) && check.type !== "grpc") return invalid("it goes with type=grpc")
  switch (name) {
    case "type=":
      if (value !== "grpc" && value !== "tcp") return invalid("type=grpc, or Sluice's own type=tcp")
      check.type = value
      return true
    case "grpc_service=":
      check.service = value
      return true
    case "grpc_status=": {
      const status = count(0, STATUS_MAX)
      check.grpcStatus = status
      return status !== null || invalid(`a number from 0 to ${STATUS_MAX}`)
    }
    case "interval=":
      return time("intervalMs")
    case "jitter=":
      return time("jitterMs")
    case "timeout=":
      return time("timeoutMs")
    case "fails=":
    case "passes=": {
      const times = count(1, Number.MAX_SAFE_INTEGER)
      if (times !== null) check[name === "fails=" ? "fails" : "passes"] = times
      return times !== null || invalid("a whole number from 1")
    }
    case "port=": {
      const port = count(1, 65_535)
      check.port = port
      return port !== null || invalid("a port from 1 to 65535")
    }
    case "keepalive_time=":
      report.note(word.span, "keepalive_time=", "each health check has a connection of its own")
      return true
    case "uri=":
      if (check.type === "http") {
        check.uri = value
        return /^\/[!-~]*$/.test(value) || invalid("it begins with a slash")
      }
      return invalid("it goes with proxy_pass, without type=tcp: it is what is asked for by HTTP")
    case "match=":
      return invalid("it goes with proxy_pass, without type=tcp: it judges what is answered by HTTP")
  }
  if (text === "mandatory") check.mandatory = true
  else if (text === "watch") check.watch = true
  // What has been found out is kept over a reload, always.
  else if (text !== "persistent") return invalid(didYouMean(text, PARAMETERS))
  return true
}
