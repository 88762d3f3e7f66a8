/** `upstream` blocks. */
import { defaultCluster, defaultEndpoint, defaultQueue } from "../../defaults.ts"
import type { ClusterConfig, EndpointConfig, PickQueueConfig } from "../../model.ts"
import { didYouMean } from "../../problem.ts"
import type { Directive, Word } from "../ast.ts"
import { missingSemicolon } from "../check.ts"
import { Scope } from "../scope.ts"
import { readNumber, readSecondsMs, readTimeMs } from "../units.ts"
import type { Adapter } from "./adapter.ts"
import { isHostName, readPeer } from "./address.ts"
import { adaptBalancing } from "./balancing.ts"
import { adaptDiscover, adaptResolver, adaptService } from "./discovery.ts"
import { adaptOutlierDetection } from "./outlier-detection.ts"
import { adaptRebalance } from "./rebalance.ts"

const REHOME = ["never", "idle", "always"] as const

export function adaptUpstream(adapter: Adapter, directive: Directive, http: Scope): void {
  const { report } = adapter
  const name = directive.args[0]!
  const key = name.text.toLowerCase()
  if (adapter.clusters.has(key)) {
    report.error(name.span, `duplicate upstream "${name.text}"`)
    return
  }
  // Where calls go is a template; only what a variable says could lead to this one.
  if (name.text.includes("$")) report.error(name.span, `"$" in the name of an upstream is not supported`)
  const scope = new Scope("upstream", directive.block ?? [], null)
  const cluster = { ...defaultCluster(name.text), protocol: adapter.protocol }
  adapter.clusters.set(key, cluster)
  const servers = scope.own("server")
  const strict = adaptBalancing(adapter, scope, cluster)
  const discovers = scope.own("grpc_discover")
  if (servers.length + discovers.length === 0 && !directive.partial)
    report.error(directive.name.span, `no servers are inside upstream "${name.text}"`)
  for (const server of servers) adaptServer(adapter, server, strict.has(server), cluster)
  for (const discover of discovers) {
    const source = adaptDiscover(adapter, discover, (word, endpoint) =>
      adaptParameter(adapter, discover, word, endpoint),
    )
    if (source !== null) cluster.discovery.push(source)
  }
  const isResolved = servers.some(({ args }) => args.some(({ text }) => /^(resolve$|service=)/.test(text)))
  const resolver = scope.own("resolver")[0] ?? (isResolved ? http.own("resolver")[0] : undefined)
  if (resolver !== undefined) cluster.resolver = adaptResolver(adapter, resolver)
  if (cluster.endpoints.length > 0 && cluster.endpoints.every(({ backup }) => backup)) {
    report.error(directive.name.span, `no servers in upstream "${name.text}": all are backup`)
  }
  const outliers = scope.one("grpc_outlier_detection")
  if (outliers !== null) cluster.outlierDetection = adaptOutlierDetection(adapter, outliers)
  const rebalance = scope.one("grpc_rebalance")
  if (rebalance !== null) cluster.rebalance = adaptRebalance(adapter, rebalance, cluster)
  const queue = scope.one("queue")
  if (queue !== null) cluster.queue = adaptQueue(adapter, queue)
  for (const directive of scope.own("grpc_limits")) adaptLimits(adapter, directive, cluster)
  const panic = scope.one("grpc_panic_threshold")
  if (panic !== null) cluster.panicThresholdPercent = readPercent(adapter, panic.args[0]!)
  const rehome = scope.one("grpc_rehome")?.args[0]
  if (rehome !== undefined) {
    const mode = REHOME.find((each) => each === rehome.text)
    if (mode === undefined) report.error(rehome.span, `invalid value "${rehome.text}"`, REHOME.join(", "))
    else cluster.rehome = mode
  }
  const grace = scope.one("grpc_drain_grace")
  if (grace !== null) cluster.drainGraceMs = readTimeMs(grace.args[0]!.text)
  adaptConnections(adapter, scope, cluster)
}

function adaptConnections({ report }: Adapter, scope: Scope, cluster: ClusterConfig): void {
  const keepalive = scope.one("keepalive")
  if (keepalive !== null) {
    const [count, local] = keepalive.args as [Word, ...Word[]]
    cluster.idleConnections = readNumber(count.text)
    if (!cluster.idleConnections) {
      report.error(
        count.span,
        `invalid value "${count.text}" in "keepalive" directive`,
        "connections, for instance keepalive 32",
      )
    }
    if (local !== undefined && local.text !== "local")
      report.error(local.span, `invalid parameter "${local.text}"`)
  }
  const requests = scope.one("keepalive_requests")
  if (requests !== null) cluster.maxRequestsPerConnection = Math.max(1, readNumber(requests.args[0]!.text)!)
  const age = scope.one("keepalive_time")
  if (age !== null) cluster.maxConnectionAgeMs = readTimeMs(age.args[0]!.text)
  const idle = scope.one("keepalive_timeout")
  if (idle !== null) cluster.idleTimeoutMs = readTimeMs(idle.args[0]!.text)
}

/** NGINX Plus: `queue number [timeout=time]`. */
function adaptQueue({ report }: Adapter, { args }: Directive): PickQueueConfig {
  const [many, ...parameters] = args as [Word, ...Word[]]
  const queue = defaultQueue(readNumber(many.text) ?? 0)
  if (queue.streams === 0)
    report.error(many.span, `invalid value "${many.text}"`, "streams, for instance queue 100 timeout=70")
  for (const { text, span } of parameters) {
    const timeoutMs = text.startsWith("timeout=") ? readTimeMs(text.slice("timeout=".length)) : null
    if (timeoutMs) queue.timeoutMs = timeoutMs
    else report.error(span, `invalid parameter "${text}"`, "for instance timeout=70")
  }
  return queue
}

const LIMITS = {
  streams: "streams",
  waiting_streams: "waitingStreams",
  connections: "connections",
  retries: "retries",
} as const

function adaptLimits({ report }: Adapter, { args }: Directive, { limits }: ClusterConfig): void {
  for (const { text, span } of args) {
    const [, name = "", value = ""] = /^(\w+)=(.*)$/s.exec(text) ?? []
    const most = readNumber(value)
    if (Object.hasOwn(LIMITS, name) && most !== null) limits[LIMITS[name as keyof typeof LIMITS]] = most
    else
      report.error(
        span,
        `invalid parameter "${text}"`,
        `one of ${Object.keys(LIMITS).join("=, ")}=, a number`,
      )
  }
}

function readPercent(adapter: Adapter, word: Word): number {
  const percent = readNumber(word.text)
  if (percent === null || percent > 100)
    adapter.report.error(word.span, `invalid value "${word.text}"`, "a share in percent, from 0 to 100")
  return percent ?? 0
}

/** nginx's port where an upstream's server has none. */
const DEFAULT_PORT = 80

/** `isStrict`: its balancing method takes neither `backup` nor `slow_start`. */
function adaptServer(
  adapter: Adapter,
  directive: Directive,
  isStrict: boolean,
  cluster: ClusterConfig,
): void {
  const [where, ...parameters] = directive.args as [Word, ...Word[]]
  const peer = readPeer(where.text, DEFAULT_PORT)
  if (
    "address" in peer &&
    !peer.hasPort &&
    adapter.protocol === "tcp" &&
    !/ service=/.test(textOf(directive))
  ) {
    adapter.report.error(where.span, `no port in upstream "${where.text}"`)
    return
  }
  if ("error" in peer) {
    adapter.report.error(where.span, `${peer.error} in upstream "${where.text}"`, whatIsWrong(where.text))
    return
  }
  const { host } = peer.address
  if (host !== null && !isHostName(host)) {
    adapter.report.error(where.span, `host not found in upstream "${where.text}"`)
    return
  }
  const service = parameters.find(({ text }) => text.startsWith("service="))
  const endpoint = defaultEndpoint(peer.address)
  if (where.text !== endpoint.address) endpoint.hashKey = where.text
  const right = parameters.every((word) => {
    if (!isStrict || !/^(backup$|slow_start=)/.test(word.text))
      return adaptParameter(adapter, directive, word, endpoint)
    adapter.report.error(word.span, `balancing method does not support parameter "${word.text}"`)
    return false
  })
  if (!right) return
  if (service === undefined) {
    cluster.endpoints.push(endpoint)
    return
  }
  const source = adaptService(adapter, where, service, endpoint)
  if (source !== null) cluster.discovery.push(source)
}

function textOf({ args }: Directive): string {
  return args.map(({ text }) => text).join(" ")
}

function whatIsWrong(text: string): string | null {
  if (/^(grpcs?|https?):\/\//.test(text))
    return "an address has no scheme: write host:port, and the scheme in grpc_pass"
  return null
}

/** Of HTTP alone. */
const HTTP_PARAMETERS = new Set(["route=", "drain"])

const PARAMETERS = [
  ...["weight=", "max_conns=", "max_fails=", "fail_timeout=", "slow_start=", "route="],
  ...["backup", "down", "drain", "resolve", "service="],
]

function adaptParameter(
  adapter: Adapter,
  directive: Directive,
  word: Word,
  endpoint: EndpointConfig,
): boolean {
  const [, name, value] = /^([a-z_]+=?)(.*)$/s.exec(word.text) ?? []
  if (adapter.protocol === "tcp" && HTTP_PARAMETERS.has(name ?? "")) return invalid(adapter, word, null)
  switch (name) {
    case "weight=": {
      const weight = readNumber(value!)
      if (weight) endpoint.weight = weight
      return weight ? true : invalid(adapter, word, "a whole number from 1")
    }
    case "max_conns=": {
      const streams = readNumber(value!)
      endpoint.maxStreams = streams || null
      return streams !== null || invalid(adapter, word, "a whole number; 0: no limit")
    }
    case "max_fails=": {
      const fails = readNumber(value!)
      endpoint.maxFails = fails ?? endpoint.maxFails
      return fails !== null || invalid(adapter, word, "a whole number; 0: never taken out")
    }
    case "fail_timeout=": {
      const timeoutMs = readSecondsMs(value!)
      endpoint.failTimeoutMs = timeoutMs ?? endpoint.failTimeoutMs
      return timeoutMs !== null || invalid(adapter, word, "for instance fail_timeout=10s")
    }
    case "route=":
      endpoint.route = value!
      return /^[!#-+\--:<-[\]-~]+$/.test(value!) || invalid(adapter, word, "what a cookie may hold")
    case "slow_start=": {
      const windowMs = readSecondsMs(value!)
      endpoint.slowStartMs = windowMs
      return windowMs !== null || invalid(adapter, word, "for instance slow_start=30s")
    }
  }
  if (word.text === "backup") endpoint.backup = true
  else if (word.text === "down" || word.text === "drain") endpoint.down = true
  else if (word.text === "resolve" || name === "service=") return true
  else
    return invalid(
      adapter,
      word,
      missingSemicolon(directive, ["upstream"]) ?? didYouMean(word.text, PARAMETERS),
    )
  return true
}

function invalid(adapter: Adapter, word: Word, hint: string | null): false {
  adapter.report.error(word.span, `invalid parameter "${word.text}"`, hint)
  return false
}
