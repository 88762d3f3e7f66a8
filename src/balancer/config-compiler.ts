import { checkRequest, readCheck } from "../access/envoy/check-message.ts"
import { rateRequest, readRate } from "../access/envoy/rate-message.ts"
import { Verifiers } from "../access/jwt/verifiers.ts"
import { PasswordFiles } from "../access/password-file.ts"
import { SlowHashes } from "../access/slow-hashes.ts"
import type { Clock } from "../base/clock.ts"
import { type Counters, counterIds } from "../base/counters.ts"
import type { Limits } from "../base/limits.ts"
import type { Steps } from "../base/steps.ts"
import { checkDescriptorSets } from "../bridge/json/check-descriptor-sets.ts"
import { checkCursors, cursorFieldsBy } from "../bridge/json/cursor-fields.ts"
import { Cluster, type ClusterContext, type StagedState } from "../cluster/cluster.ts"
import type { Connector } from "../cluster/connectors.ts"
import { OwnStreamCounts, type StreamCounts } from "../cluster/counts.ts"
import { type ClusterState, configuredEndpoints, type EndpointState, layOver } from "../cluster/state.ts"
import { bodyUsers } from "../config/body-users.ts"
import type {
  AccessLogConfig,
  ClusterConfig,
  Config,
  ListenerConfig,
  ProxyAction,
  RouteSettings,
  ZoneConfig,
} from "../config/model.ts"
import { groupNames, groupsIn, namesSet } from "../config/set-names.ts"
import type { UpstreamTlsConfig } from "../config/shared-model.ts"
import type { TcpConfig } from "../config/tcp-model.ts"
import { tcpClusterName, tcpZone } from "../config/tcp-names.ts"
import type { AccessLog, AccessLogs } from "../log/access-log.ts"
import type { Log } from "../log/logger.ts"
import { type CertificatePaths, NO_CERTIFICATE_PATHS } from "../net/said-certificates.ts"
import type { TlsPlan, TlsStore } from "../net/tls-store.ts"
import { serveFiles } from "../origin/files/files.ts"
import type { Http1Origins } from "../origin/http1/origins.ts"
import { makeVariableTable } from "../record/declared/declared.ts"
import { type Template, templatesOf } from "../record/template.ts"
import type { VariableTable } from "../record/variable-table.ts"
import type { TemplateEnvironment } from "../record/variables.ts"
import { compileRoute } from "../relay/route/compile.ts"
import type { SaidByCall } from "../relay/route/endpoint-connector.ts"
import { HeadRewrites } from "../relay/route/head-rewrites.ts"
import { regexesOf } from "../relay/route/regexes.ts"
import type { Route } from "../relay/route/route.ts"
import type { RouteParts } from "../relay/route/route-parts.ts"
import { type RouteCompiler, Router, type RouterOptions } from "../relay/route/router.ts"
import type { Zone } from "../relay/route/zone.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import type { Upstreams } from "../relay/upstream/upstreams.ts"
import { compileTcpServers, type TcpCompilerParts } from "../tcp/compile.ts"
import type { TcpServers } from "../tcp/tcp-server.ts"
import { certificatePaths, hasSaidCertificates } from "./certificate-paths.ts"
import type { Numbers } from "./numbers.ts"
import { VariableClusters } from "./variable-clusters.ts"

type Clusters = ReadonlyMap<string, Cluster<LegConnection>>

/** A configuration, compiled: what is in force, or about to be. */
export interface LiveConfig {
  readonly config: Config
  readonly clusters: Clusters
  /** What becomes of clusters that it takes over, once it is in force. */
  readonly staged: ReadonlyMap<Cluster<LegConnection>, StagedState>
  readonly routers: ReadonlyMap<string, Router<Route>>
  /** By listener. */
  readonly tcp: ReadonlyMap<string, TcpServers>
  readonly tls: TlsPlan
}

/** What compiled configurations share: connections, logs and certificates outlive each of them. */
export interface CompilerParts {
  readonly clock: Clock
  readonly env: TemplateEnvironment
  readonly limits: Limits
  readonly counters: Counters
  readonly log: Log
  readonly numbers: Numbers
  readonly accessLogs: AccessLogs
  readonly tls: TlsStore
  readonly upstreams: Upstreams
  readonly origins: Http1Origins
}

type TableParts = Pick<RouteParts, "table" | "templateOf" | "headRewrites" | "zoneOf" | "openLog">

/** Makes what is in force of a configuration: its clusters, the routers of its listeners, its certificates. */
export class ConfigCompiler {
  readonly #parts: CompilerParts
  readonly #accessLogsOpen = new Map<string, AccessLog>()
  readonly #variableClusters: VariableClusters
  readonly #tcpVariableClusters: VariableClusters
  readonly #verifiers: Verifiers
  readonly #slowHashes: SlowHashes

  constructor(parts: CompilerParts) {
    this.#parts = parts
    this.#verifiers = new Verifiers(parts)
    this.#slowHashes = new SlowHashes({
      most: parts.limits.passwordChecksMax,
      log: parts.log,
      clock: parts.clock,
      onLimit: () => parts.counters.add(counterIds.password_checks_exceeded),
    })
    this.#variableClusters = new VariableClusters({
      max: parts.limits.variableClustersMax,
      make: (cluster) =>
        new Cluster<LegConnection>(cluster, statesOf(cluster), this.#contextFor(null, new OwnStreamCounts())),
      onLimit: () => parts.counters.add(counterIds.variable_clusters_exceeded),
      protocol: "http",
    })
    this.#tcpVariableClusters = new VariableClusters({
      max: parts.limits.variableClustersMax,
      make: (cluster) =>
        new Cluster<LegConnection>(cluster, statesOf(cluster), this.#contextFor(null, new OwnStreamCounts())),
      onLimit: () => parts.counters.add(counterIds.variable_clusters_exceeded),
      protocol: "tcp",
    })
  }

  /** No call connects by it any more. */
  retireConnector(connector: Connector<LegConnection>): void {
    this.#variableClusters.retireConnector(connector)
  }

  /** The balancer is over. */
  close(): void {
    this.#variableClusters.close()
    this.#tcpVariableClusters.close()
    this.#verifiers.close()
    this.#slowHashes.close()
  }

  /** Compiled and, with the clusters that did not change taken over, ready to go live. One at a time. */
  *compile(config: Config, before: LiveConfig | null, state: ClusterState): Steps<LiveConfig> {
    yield* checkDescriptorSets(config)
    yield* checkCursors(config)
    const clusters = new Map<string, Cluster<LegConnection>>()
    const staged = new Map<Cluster<LegConnection>, StagedState>()
    const configs = new Map(before?.config.clusters.map((cluster) => [cluster.name, cluster]))
    const endpoints = new Map(state.clusters.map((cluster) => [cluster.name, cluster.endpoints]))
    for (const cluster of config.clusters) {
      const isSame = JSON.stringify(configs.get(cluster.name)) === JSON.stringify(cluster)
      const last = before?.clusters.get(cluster.name) ?? null
      const here = endpoints.get(cluster.name)!
      if (isSame) staged.set(last!, yield* last!.stage(here))
      clusters.set(cluster.name, isSame ? last! : yield* Cluster.make(cluster, here, this.#contextFor(last)))
      yield
    }
    const tls = this.#parts.tls.plan()
    try {
      const pathsOf = yield* this.#certificatePaths(config)
      for (const listener of config.listeners)
        if (listener.tls !== null) {
          tls.listener(listener.name, listener.tls, pathsOf(listener))
          yield
        }
      const routers = yield* this.#makeRouters(config, clusters, tls)
      const tcp = this.#makeTcpServers(config, clusters, tls)
      return { config, clusters, staged, routers, tcp, tls }
    } catch (error) {
      tls.abandon()
      throw error
    }
  }

  /** Of listeners whose certificates are found by variables, those of HTTP or of TCP. */
  *#certificatePaths(config: Config): Steps<(listener: ListenerConfig) => CertificatePaths> {
    if (!config.listeners.some(hasSaidCertificates)) return () => NO_CERTIFICATE_PATHS
    const { env, limits } = this.#parts
    const options = { stepsMax: limits.regexSteps }
    const http = templatesOf(makeVariableTable(config.variables, yield* namesSet(config), options))
    const tcp = templatesOf(makeVariableTable(config.tcp.variables, tcpNamesSet(config.tcp), options))
    return (listener) => certificatePaths(listener, listener.protocol === "tcp" ? tcp : http, env)
  }

  *#makeRouters(config: Config, clusters: Clusters, tls: TlsPlan): Steps<Map<string, Router<Route>>> {
    const known = clusterFinder(clusters)
    const find: RouteParts["findCluster"] = (cluster, mayResolve, needsPort) =>
      known(cluster) ?? this.#variableClusters.find(cluster, mayResolve, needsPort)
    const stepsMax = this.#parts.limits.regexSteps
    const regexOf = regexesOf(stepsMax)
    const set = yield* namesSet(config)
    const usersOfBody = yield* bodyUsers(config)
    const ofTable = (underscores: boolean): TableParts => {
      const table = makeVariableTable(config.variables, set, { stepsMax, underscores })
      const templateOf = templatesOf(table)
      const zones = new Map(config.zones.map((zone) => [zone.name, this.#makeZone(zone, templateOf)]))
      return {
        table,
        templateOf,
        headRewrites: new HeadRewrites(table),
        zoneOf: (name) => zones.get(name)!,
        openLog: (log) => this.#openAccessLog(log, table),
      }
    }
    const ofPlain = ofTable(false)
    const hasUnderscores = config.servers.some(({ underscoresInHeaders }) => underscoresInHeaders)
    const ofUnderscores = hasUnderscores ? ofTable(true) : ofPlain
    const userFiles = new PasswordFiles({
      slowHashes: this.#slowHashes,
      log: this.#parts.log,
      clock: this.#parts.clock,
      filesMax: this.#parts.limits.passwordFilesMax,
      onLimit: () => this.#parts.counters.add(counterIds.password_files_forgotten),
    })
    const { routes } = this.#parts.numbers
    const meterOf: RouteParts["meterOf"] = (server, route) =>
      routes === null ? null : routes.meterOf(server, route)
    const routers = new Map<string, Router<Route>>()
    const options: RouterOptions = {
      stepsMax,
      regexOf,
      onOverrun: ({ what, octets }) => {
        this.#parts.counters.add(counterIds.regex_steps_exceeded)
        this.#parts.log.warn("limit reached: regex_steps_exceeded", {
          of: what,
          octets,
          regexSteps: stepsMax,
        })
      },
    }
    for (const { name } of config.listeners.filter(({ protocol }) => protocol === "http")) {
      const servers = config.servers.filter((server) => server.listeners.includes(name))
      if (servers.length === 0) throw new Error(`listener ${name} has no server`)
      const connectAs = (
        tlsConfig: UpstreamTlsConfig | null,
        { bindAddress, socketKeepalive }: RouteSettings,
      ) => {
        const over = tlsConfig === null ? null : tls.upstream(tlsConfig)
        const common = { tls: over, bindAddress, socketKeepalive }
        return (said?: SaidByCall) => this.#parts.upstreams.connector({ ...common, ...said })
      }
      const connectHttp1 = (
        { tls: tlsConfig, ...proxy }: ProxyAction,
        { bindAddress, socketKeepalive }: RouteSettings,
      ) => {
        const over = tlsConfig === null ? null : tls.upstream(tlsConfig)
        const { requestBuffering, passTrailers, passBody, body } = proxy
        const exchange = { requestBuffering, passTrailers, dropsBody: !passBody || body !== null }
        const common = { tls: over, bindAddress, socketKeepalive, ...exchange }
        return (said?: SaidByCall) => this.#parts.origins.connector({ ...common, ...said })
      }
      const parts = {
        stepsMax,
        regexOf,
        userFiles,
        serviceMessages: { checkRequest, readCheck, rateRequest, readRate },
        verifierOf: this.#verifiers.of.bind(this.#verifiers),
        findCluster: find,
        connectAs,
        connectHttp1,
        serveFiles,
        meterOf,
        keepsBody: usersOfBody.has.bind(usersOfBody),
        cursorFieldsOf: cursorFieldsBy,
      }
      const plain = { ...parts, ...ofPlain }
      const underscored = { ...parts, ...ofUnderscores }
      const compile: RouteCompiler<Route> = (server, route, host) =>
        compileRoute(server, route, host, server.underscoresInHeaders ? underscored : plain)
      routers.set(name, yield* Router.make(name, servers, compile, options))
    }
    return routers
  }

  #makeTcpServers(config: Config, clusters: Clusters, tls: TlsPlan): Map<string, TcpServers> {
    const { servers, variables, zones } = config.tcp
    const stepsMax = this.#parts.limits.regexSteps
    const table = makeVariableTable(variables, tcpNamesSet(config.tcp), { stepsMax })
    const templateOf = templatesOf(table)
    const known = tcpClusterFinder(clusters)
    const zoneTable = new Map(zones.map((zone) => [zone.name, this.#makeZone(tcpZone(zone), templateOf)]))
    const parts: TcpCompilerParts = {
      stepsMax,
      templateOf,
      zoneOf: (name) => zoneTable.get(name)!,
      findCluster: (name, mayResolve) =>
        known(name) ?? this.#tcpVariableClusters.find(name, mayResolve, true),
      openLog: (log) => this.#openAccessLog(log, table),
      tls: (settings) => tls.upstream(settings),
    }
    const listeners = config.listeners.filter(({ protocol }) => protocol === "tcp")
    return new Map(listeners.map(({ name }) => [name, compileTcpServers(name, servers, parts)]))
  }

  #makeZone(config: ZoneConfig, templateOf: (source: string) => Template): Zone {
    const { name, key, rate } = config
    return {
      name,
      key: templateOf(key),
      rate: Math.floor((rate ?? 0) * 1000),
      table: this.#parts.numbers.zone(config),
    }
  }

  /** Once opened it stays: streams that began before a reload still write to it when they end. */
  #openAccessLog(config: AccessLogConfig, table: VariableTable): AccessLog {
    const key = `${JSON.stringify(config)} ${table.id}`
    const log = this.#accessLogsOpen.get(key) ?? this.#parts.accessLogs.open(config, table)
    this.#accessLogsOpen.set(key, log)
    return log
  }

  #contextFor(
    before: Cluster<LegConnection> | null,
    counts: StreamCounts = this.#parts.numbers.streams,
  ): ClusterContext<LegConnection> {
    return {
      clock: this.#parts.clock,
      random: this.#parts.env.random,
      limits: this.#parts.limits,
      log: this.#parts.log,
      onLimit: (counter) => this.#parts.counters.add(counterIds[counter as keyof typeof counterIds]),
      connect: this.#parts.upstreams.plain,
      counts,
      before: before === null ? null : new Set([...before.endpoints].map(({ address }) => address)),
    }
  }
}

/** Variables that steps and regexes of TCP set. */
function tcpNamesSet({ servers, variables }: TcpConfig): Set<string> {
  const set = servers.flatMap(({ settings }) => settings.set.map(([name]) => name.toLowerCase()))
  const ofNames = servers.flatMap(({ names }) => names.flatMap(groupsIn)).map((name) => name.toLowerCase())
  return new Set([...set, ...ofNames, ...groupNames(variables)])
}

/** The endpoints of a cluster that no control side knows of. */
function statesOf(cluster: ClusterConfig): EndpointState[] {
  return configuredEndpoints(cluster).map((known, slot) => layOver(known, slot, [], undefined))
}

/** By name as written, else without regard to case: what variables come to is in any spelling, and nginx takes it. */
function clusterFinder(clusters: Clusters): (name: string) => Cluster<LegConnection> | undefined {
  const http = new Map([...clusters].filter(([, { protocol }]) => protocol === "http"))
  const byLowerName = new Map([...http].map(([name, cluster]) => [name.toLowerCase(), cluster]))
  return (name) => http.get(name) ?? byLowerName.get(name.toLowerCase())
}

/** The same for TCP servers. */
function tcpClusterFinder(clusters: Clusters): (name: string) => Cluster<LegConnection> | undefined {
  const tcp = [...clusters].filter(([, { protocol }]) => protocol === "tcp")
  const byLowerName = new Map(tcp.map(([name, cluster]) => [name.toLowerCase(), cluster]))
  return (name) => {
    const lower = name.toLowerCase()
    return byLowerName.get(tcpClusterName(lower)) ?? byLowerName.get(lower)
  }
}
