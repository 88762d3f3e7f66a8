import { ServerNames } from "../base/server-names.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { AccessLogConfig, UpstreamTlsConfig } from "../config/model.ts"
import type { TcpServerConfig } from "../config/tcp-model.ts"
import type { AccessLog } from "../log/access-log.ts"
import type { TlsUpstream } from "../net/tls-upstream.ts"
import type { Template } from "../record/template.ts"
import { Regex } from "../regex/regex.ts"
import { checkRules, findRealClient } from "../relay/route/access.ts"
import { limitStreams } from "../relay/route/limit-phases.ts"
import { nameGroups } from "../relay/route/name-groups.ts"
import type { Zone } from "../relay/route/zone.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import { settingsFor } from "./session-settings.ts"
import type { TcpPhase, TcpServer, TcpServers, TcpTarget } from "./tcp-server.ts"

/** What servers are compiled with. */
export interface TcpCompilerParts {
  templateOf(source: string): Template
  zoneOf(name: string): Zone
  /** `mayResolve`: what variables came to may be a host's name. */
  findCluster(name: string, mayResolve: boolean): Cluster<LegConnection> | undefined
  openLog(config: AccessLogConfig): AccessLog
  /** Errors: throws a sentence that names the file. */
  tls(config: UpstreamTlsConfig): TlsUpstream
  /** Most steps of one regex. */
  readonly stepsMax: number
}

/** The servers of the listener `name`. Errors: throws a sentence where there is none, or a file is not what it should be. */
export function compileTcpServers(
  name: string,
  configs: readonly TcpServerConfig[],
  parts: TcpCompilerParts,
): TcpServers {
  const own = configs
    .filter(({ listeners }) => listeners.includes(name))
    .map((config) => ({ config, server: compileServer(config, parts) }))
  const fallback = own.find(({ config }) => config.defaultFor.includes(name)) ?? own[0]
  if (fallback === undefined) throw new Error(`listener ${name} has no server`)
  const { stepsMax } = parts
  const names = new ServerNames<TcpServer>(
    own.map(({ config, server }) => [config.names, server] as const),
    (pattern) => new Regex(pattern, { isCaseless: true, stepsMax }),
  )
  return {
    fallback: fallback.server,
    mayPass: own.some(({ server }) => server.target.kind === "pass"),
    find(host) {
      const found = names.find(host)
      return found === "limit" ? undefined : found
    },
  }
}

function compileServer(config: TcpServerConfig, parts: TcpCompilerParts): TcpServer {
  const { names, settings } = config
  const { templateOf, openLog, stepsMax } = parts
  return {
    name: names[0] ?? "",
    settings,
    target: compileTarget(config, parts),
    phases: compilePhases(settings, parts),
    set: settings.set.map(([variable, source]) => [variable.toLowerCase(), templateOf(source)] as const),
    keepNameGroups: nameGroups(names, (pattern) => new Regex(pattern, { isCaseless: true, stepsMax })),
    accessLogs: settings.accessLogs.map(openLog),
    templateOf,
  }
}

/** In nginx's order. */
function compilePhases(
  { realIpFrom, limits, rules }: TcpServerConfig["settings"],
  { zoneOf }: TcpCompilerParts,
): TcpPhase[] {
  const phases: TcpPhase[] = []
  if (realIpFrom.length > 0)
    phases.push(findRealClient({ from: realIpFrom, header: "proxy_protocol", recursive: false }))
  if (limits.limits.length > 0) phases.push(limitStreams(limits, zoneOf))
  if (rules.length > 0) {
    const check = checkRules(rules)
    phases.push((session) => {
      const decision = check(session)
      return decision === "allowed" ? null : decision
    })
  }
  return phases
}

function compileTarget({ action, settings }: TcpServerConfig, parts: TcpCompilerParts): TcpTarget {
  const { templateOf, findCluster, tls } = parts
  switch (action.kind) {
    case "none":
      return action
    case "pass":
      return { kind: "pass", address: templateOf(action.template) }
    case "return":
      return { kind: "return", text: templateOf(action.template) }
    case "cluster":
    case "variable": {
      const mayResolve = action.kind === "variable" && action.resolve
      return {
        kind: "cluster",
        name: templateOf(action.kind === "cluster" ? action.cluster : action.template),
        find: (name) => findCluster(name, mayResolve),
        tls: action.tls === null ? null : tls(action.tls),
        settingsFor: settingsFor(settings, action.tls, templateOf),
      }
    }
  }
}
