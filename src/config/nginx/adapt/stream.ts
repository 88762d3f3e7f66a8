/** `stream {}`: its servers, upstreams and variables, apart from those of `http {}`. */
import { isIP } from "node:net"
import { defaultTcpSettings } from "../../defaults.ts"
import type { Config, ListenerConfig } from "../../model.ts"
import { listenerAt, readPassAddress } from "../../pass-address.ts"
import type { TcpAction, TcpServerConfig, TcpSettings } from "../../tcp-model.ts"
import { tcpClusterName } from "../../tcp-names.ts"
import type { Directive, Word } from "../ast.ts"
import { Scope } from "../scope.ts"
import { readNumber, readOffset, readSize } from "../units.ts"
import { hasVariables } from "../variables.ts"
import { adaptRealIp, adaptRules } from "./access.ts"
import type { Adapter } from "./adapter.ts"
import { readPeer } from "./address.ts"
import type { ListeningDraft } from "./drafts.ts"
import { findCluster, tlsProtocols, upstreamTls } from "./grpc-pass.ts"
import { adaptHealthChecks } from "./health-check.ts"
import { adaptStreamLimits, adaptZones } from "./limits.ts"
import { readListenDirective } from "./listen.ts"
import { Listeners } from "./listeners.ts"
import { adaptAccessLogs, adaptLogFormat } from "./log.ts"
import { checkMatches } from "./match.ts"
import { variableName } from "./rewrite.ts"
import { adaptServerName, checkKeys } from "./server.ts"
import { adaptBind, isOn, writtenTimeout } from "./settings.ts"
import { adaptUpstream } from "./upstream.ts"
import { adaptVariables } from "./variables.ts"

/** Adds to `config`, where all of `http {}` is already. */
export function adaptStream(adapter: Adapter, directive: Directive, main: Scope, config: Config): void {
  const stream = new Scope("stream", directive.block ?? [], main)
  for (const format of stream.own("log_format")) adaptLogFormat(adapter, format)
  for (const upstream of stream.own("upstream")) adaptUpstream(adapter, upstream, stream)
  checkMatches(adapter.report, stream, "tcp")
  const variables = adaptVariables(adapter, stream)
  adapter.zones.push(...adaptZones(adapter, stream))
  // What no server is there for is looked at all the same.
  adaptTcpSettings(adapter, stream)
  const listeners = new Listeners(adapter)
  const servers = stream.own("server").map((server) => adaptTcpServer(adapter, server, stream, listeners))
  config.listeners.push(...listeners.build(config.listeners))
  checkPasses(adapter, stream.own("server"), config.listeners)
  config.tcp = { servers, variables, zones: adapter.zones }
  addClusters(adapter, config)
}

/** Clusters are told by name, those of both kinds together. */
function addClusters({ clusters }: Adapter, { clusters: all, tcp }: Config): void {
  const taken = new Set(all.map(({ name }) => name.toLowerCase()))
  for (const cluster of clusters.values()) {
    const { name } = cluster
    if (taken.has(name.toLowerCase())) {
      cluster.name = tcpClusterName(name)
      for (const { action } of tcp.servers)
        if (action.kind === "cluster" && action.cluster === name) action.cluster = cluster.name
    }
    all.push(cluster)
  }
}

function adaptTcpServer(
  adapter: Adapter,
  directive: Directive,
  stream: Scope,
  listeners: Listeners,
): TcpServerConfig {
  const scope = new Scope("stream server", directive.block ?? [], stream)
  const names = scope
    .own("server_name")
    .flatMap(({ args }) => args.flatMap((word) => adaptServerName(adapter, word)))
  const settings = adaptTcpSettings(adapter, scope)
  const server: TcpServerConfig = {
    names: [...new Set(names)],
    listeners: [],
    defaultFor: [],
    action: adaptAction(adapter, scope, directive),
    settings,
  }
  const draft: ListeningDraft = { config: server, scope, span: directive.name.span }
  checkKeys(adapter, draft)
  const listens = scope.own("listen")
  if (listens.length === 0 && !directive.partial)
    adapter.report.error(directive.name.span, 'no "listen" is defined for this server')
  for (const each of listens) {
    const listen = readListenDirective(adapter.report, each, "tcp")
    for (const address of listen?.addresses ?? []) listeners.add(address, listen!.options, draft)
  }
  if (server.action.kind !== "variable") adaptHealthChecks(adapter, scope, healthTarget(server.action))
  return server
}

function healthTarget(action: TcpAction): Parameters<typeof adaptHealthChecks>[2] {
  return action.kind === "cluster" ? { kind: "cluster", cluster: action.cluster } : { kind: "none" }
}

function adaptAction(adapter: Adapter, scope: Scope, directive: Directive): TcpAction {
  const { report, variables } = adapter
  // As in nginx, the last of them that is written counts.
  const last = scope.directives.findLast(({ name }) => ACTIONS.includes(name.text))
  switch (last?.name.text) {
    case "proxy_pass":
      return adaptProxyPass(adapter, last, scope) ?? { kind: "none" }
    case "pass":
      return adaptPass(adapter, last)
    case "return": {
      const text = last.args[0]!
      return variables.check(text, report) ? { kind: "return", template: text.text } : { kind: "none" }
    }
  }
  const message = "none of proxy_pass, pass and return: its connections end at once, 500"
  if (!directive.partial) report.note(directive.name.span, "server", message)
  return { kind: "none" }
}

const ACTIONS: readonly string[] = ["proxy_pass", "pass", "return"]

/** To a listener of this process. */
function adaptPass({ report, variables }: Adapter, { name, args }: Directive): TcpAction {
  const word = args[0]!
  if (hasVariables(word.text)) {
    return variables.check(word, report) ? { kind: "pass", template: word.text } : { kind: "none" }
  }
  const peer = readPeer(word.text, 0)
  const isName = !("error" in peer) && peer.address.host !== null && isIP(peer.address.host) === 0
  if ("error" in peer) report.error(word.span, `${peer.error} in "${word.text}" of the "pass" directive`)
  else if (isName) report.error(name.span, '"pass" directive has no addresses', "an IP address and a port")
  else if (!peer.hasPort) report.error(name.span, '"pass" directive has no port')
  else return { kind: "pass", template: peer.address.text }
  return { kind: "none" }
}

/** A client that is passed to where nothing listens is let go: in nginx too. */
function checkPasses(
  { report }: Adapter,
  servers: readonly Directive[],
  listeners: readonly ListenerConfig[],
) {
  for (const { args } of servers
    .flatMap(({ block }) => block ?? [])
    .filter(({ name }) => name.text === "pass")) {
    const { text, span } = args[0]!
    const address = hasVariables(text) ? null : readPassAddress(text)
    if (address !== null && listenerAt(address, listeners) === null)
      report.warning(span, `no listener has the address ${text}: connections end at once`)
  }
}

function adaptProxyPass(adapter: Adapter, directive: Directive, scope: Scope): TcpAction | null {
  const { report, variables } = adapter
  const word = directive.args[0]!
  const secure = isOn(scope, "proxy_ssl")
  const tls = (host: string | null) => upstreamTls(adapter, directive, scope, secure, host, "proxy")
  if (hasVariables(word.text)) {
    if (!variables.check(word, report)) return null
    const resolve = scope.one("resolver") !== null
    return { kind: "variable", template: word.text, resolve, tls: tls(null) }
  }
  const peer = readPeer(word.text, 0)
  if ("error" in peer) {
    const hint = /^\w+:\/\//.test(word.text) ? "an address has no scheme here" : null
    report.error(word.span, `${peer.error} in upstream "${word.text}"`, hint)
    return null
  }
  const cluster = findCluster(adapter, word, word.text, peer)
  return cluster === null ? null : { kind: "cluster", cluster, tls: tls(peer.address.host) }
}

/** Bounds of what is held for each client. */
const PREREAD_OCTETS_MAX = 1024 * 1024

function adaptTcpSettings(adapter: Adapter, scope: Scope): TcpSettings {
  const { report } = adapter
  const settings = defaultTcpSettings()
  const time = (name: string, otherwise: number) => writtenTimeout(report, scope, name) ?? otherwise
  settings.set = scope.own("set").flatMap(({ args }): [string, string][] => {
    const [variable, value] = args as [Word, Word]
    const name = variableName(adapter, variable)
    return name === null || !adapter.variables.check(value, report) ? [] : [[name, value.text]]
  })
  settings.readHello = isOn(scope, "ssl_preread")
  settings.prereadTimeoutMs = time("preread_timeout", settings.prereadTimeoutMs)
  settings.prereadOctets = adaptPrereadSize(adapter, scope) ?? settings.prereadOctets
  settings.proxyProtocolTimeoutMs = time("proxy_protocol_timeout", settings.proxyProtocolTimeoutMs)
  settings.handshakeTimeoutMs = time("ssl_handshake_timeout", settings.handshakeTimeoutMs)
  settings.connectTimeoutMs = time("proxy_connect_timeout", settings.connectTimeoutMs)
  settings.idleTimeoutMs = time("proxy_timeout", settings.idleTimeoutMs)
  settings.retry.isOn = isOn(scope, "proxy_next_upstream", true)
  const tries = scope.one("proxy_next_upstream_tries")?.args[0]
  if (tries !== undefined) settings.retry.tries = readNumber(tries.text) || null
  if (scope.one("proxy_next_upstream_timeout")?.args[0]?.text !== "0")
    settings.retry.timeoutMs = writtenTimeout(report, scope, "proxy_next_upstream_timeout")
  settings.sendProxyProtocol = adaptProxyProtocol(adapter, scope)
  settings.halfClose = isOn(scope, "proxy_half_close", settings.halfClose)
  settings.uploadOctetsPerSecond = adaptRate(adapter, scope, "proxy_upload_rate")
  settings.downloadOctetsPerSecond = adaptRate(adapter, scope, "proxy_download_rate")
  settings.bindAddress = adaptBind(adapter, scope.one("proxy_bind"), "proxy")
  settings.socketKeepalive = isOn(scope, "proxy_socket_keepalive")
  settings.noDelay = isOn(scope, "tcp_nodelay", settings.noDelay)
  tlsProtocols(adapter, scope.one("proxy_ssl_protocols"))
  settings.rules = adaptRules(adapter, scope)
  settings.limits = adaptStreamLimits(adapter, scope)
  settings.realIpFrom = adaptRealIp(adapter, scope)?.from ?? []
  settings.accessLogs = adaptAccessLogs(adapter, scope)
  return settings
}

function adaptPrereadSize({ report }: Adapter, scope: Scope): number | null {
  const word = scope.one("preread_buffer_size")?.args[0]
  if (word === undefined) return null
  const octets = readSize(word.text)!
  if (octets >= 1 && octets <= PREREAD_OCTETS_MAX) return octets
  report.error(word.span, `"preread_buffer_size" directive invalid value "${word.text}"`, "from 1 to 1m")
  return null
}

const HEADERS = { off: "none", on: "v1", v2: "v2" } as const

function adaptProxyProtocol({ report }: Adapter, scope: Scope): TcpSettings["sendProxyProtocol"] {
  const directive = scope.one("proxy_protocol")
  const word = directive?.args[0]
  if (word === undefined) return "none"
  if (Object.hasOwn(HEADERS, word.text)) return HEADERS[word.text as keyof typeof HEADERS]
  report.error(word.span, `invalid value "${word.text}"`, "it is on, off or v2")
  return "none"
}

function adaptRate({ report, variables }: Adapter, scope: Scope, name: string): number | string | null {
  const word = scope.one(name)?.args[0]
  if (word === undefined) return null
  if (hasVariables(word.text)) return variables.check(word, report) ? word.text : null
  const rate = readOffset(word.text)
  if (rate === null)
    report.error(word.span, `"${name}" directive invalid value "${word.text}"`, "for instance 64k")
  return rate || null
}
