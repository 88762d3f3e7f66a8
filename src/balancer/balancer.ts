import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { hostname } from "node:os"
import { PasswordFile } from "../access/password-file.ts"
import { CachedClock, type Clock, systemClock, type Timer } from "../base/clock.ts"
import { type Counters, counterIds } from "../base/counters.ts"
import type { Limits } from "../base/limits.ts"
import { type Random, systemRandom } from "../base/random.ts"
import { resolveLimits } from "../base/resolve-limits.ts"
import { TimerWheel } from "../base/timer-wheel.ts"
import { VERSION } from "../base/version.ts"
import { Bridges } from "../bridge/bridges.ts"
import { checkDescriptorSets } from "../bridge/json/check-descriptor-sets.ts"
import { Cluster } from "../cluster/cluster.ts"
import { ClusterStates } from "../cluster/cluster-states.ts"
import { OwnStreamCounts, type StreamCounts } from "../cluster/counts.ts"
import { OutlierDetection } from "../cluster/outlier-detection.ts"
import { Slots } from "../cluster/slots.ts"
import { type ClusterState, configuredEndpoints, type EndpointState, layOver } from "../cluster/state.ts"
import type {
  AccessLogConfig,
  ClusterConfig,
  Config,
  ListenerConfig,
  ProxyAction,
  RouteSettings,
  UpstreamTlsConfig,
  ZoneConfig,
} from "../config/model.ts"
import { namesSet } from "../config/set-names.ts"
import { BufferBudget } from "../http2/buffer-budget.ts"
import { releaseIdleSlabs } from "../http2/segments.ts"
import { type AccessLog, AccessLogs } from "../log/access-log.ts"
import { type Log, silentLog } from "../log/logger.ts"
import { Descriptors } from "../net/descriptors.ts"
import { Flusher } from "../net/flusher.ts"
import { Link, type LinkOwner } from "../net/link.ts"
import type { Listening } from "../net/listen.ts"
import { type Network, systemNetwork } from "../net/network.ts"
import type { TlsListener } from "../net/tls-listener.ts"
import { type TlsPlan, TlsStore } from "../net/tls-store.ts"
import { serveFiles } from "../origin/files/files.ts"
import { Http1Origins } from "../origin/http1/origins.ts"
import { makeVariableTable } from "../record/declared/declared.ts"
import type { ConnectionRecord, StreamRecord } from "../record/record.ts"
import { type Template, templatesOf } from "../record/template.ts"
import type { VariableTable } from "../record/variable-table.ts"
import type { TemplateEnvironment } from "../record/variables.ts"
import type { CallContext } from "../relay/call/call-context.ts"
import { ReplayRing } from "../relay/call/replay-ring.ts"
import { beginSubrequest } from "../relay/call/subrequest.ts"
import type { ClientConnection } from "../relay/downstream/client-connection.ts"
import { Clients } from "../relay/downstream/clients.ts"
import type { OpenListener } from "../relay/downstream/listener-view.ts"
import { Admission } from "../relay/overload/admission.ts"
import { CutCalls } from "../relay/overload/cut-calls.ts"
import { ResetLargestStreams } from "../relay/overload/reset-largest.ts"
import { Pacer } from "../relay/pacing/pacer.ts"
import { TakeoverPace } from "../relay/pacing/takeover-pace.ts"
import { compileRoute } from "../relay/route/compile.ts"
import type { Zone } from "../relay/route/limit-phases.ts"
import type { Route } from "../relay/route/route.ts"
import { type RouteCompiler, Router, type RouterOptions } from "../relay/route/router.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import type { UpstreamContext } from "../relay/upstream/upstream-context.ts"
import { Upstreams } from "../relay/upstream/upstreams.ts"
import { LiveOrders } from "./live-orders.ts"
import { logChange } from "./log-change.ts"
import { type Numbers, OwnNumbers } from "./numbers.ts"
import {
  type BalancerSnapshot,
  type ClusterSnapshot,
  describe,
  describeCluster,
  type OpenAddress,
} from "./status.ts"
import { VariableClusters } from "./variable-clusters.ts"

const TICK_MS = 1000

export interface BalancerOptions {
  /** Where Sluice speaks about itself. Default: nowhere. */
  log?: Log
  clock?: Clock
  random?: Random
  /** Where it listens and connects. Default: this machine's sockets. */
  network?: Network
}

/** What a balancer tells its listeners. Each comes after the fact and must not throw. */
export interface BalancerEvents {
  /** Exactly once per stream. The record is complete and no longer changes. */
  stream: [record: StreamRecord]
  /** A client connected, or is gone. */
  connect: [connection: ConnectionRecord]
  disconnect: [connection: ConnectionRecord]
}

/** A listener that is open, or opens. */
interface Accepting extends OpenListener {
  config: ListenerConfig
  router: Router<Route>
  tls: TlsListener | null
  listening: Listening | null
}

/** What a control side gives to a data plane that it has. */
export interface Plane {
  numbers: Numbers
  /** Of all clusters of the configuration. */
  state: ClusterState
}

type Clusters = ReadonlyMap<string, Cluster<LegConnection>>

/** A configuration that is compiled and whose new listeners are open. One of the two is to be called, once. */
export interface PreparedReload {
  /** Puts it in force. Errors: throws when the balancer is closing, and the old one stays. */
  commit(): void
  /** Forgets it. */
  abandon(): void
}

interface Live {
  readonly config: Config
  readonly clusters: Clusters
  readonly routers: ReadonlyMap<string, Router<Route>>
  readonly tls: TlsPlan
}

/**
 * A running load balancer: the listeners, the connections on both sides and the configuration that is live.
 *
 * `start` opens it, `close` ends it without cutting a stream before its grace is over. `reload` swaps the
 * configuration as a whole; streams under way keep the one they began with.
 */
export class Balancer extends EventEmitter<BalancerEvents> {
  readonly counters: Counters
  readonly limits: Limits
  /** What is said of endpoints while it runs. Null in a data thread: there the control side has it, and tells `apply`. */
  readonly states: ClusterStates | null
  /** Drains, and the ends of single streams. */
  readonly orders: LiveOrders
  readonly #numbers: Numbers
  readonly #clock: CachedClock
  readonly #log: Log
  readonly #env: TemplateEnvironment
  readonly #network: Network
  readonly #flusher: Flusher
  readonly #accessLogs: AccessLogs
  readonly #accessLogsOpen = new Map<string, AccessLog>()
  readonly #tls: TlsStore
  readonly #context: CallContext & UpstreamContext
  readonly #clients: Clients
  readonly #upstreams: Upstreams
  readonly #origins: Http1Origins
  readonly #variableClusters: VariableClusters
  readonly #links = new Set<Link>()
  readonly #linkOwner: LinkOwner = {
    onBug: (error) => this.#uncaught(error),
    onClosed: (link) => {
      this.#links.delete(link)
      this.#gone()
    },
  }
  /** Called whenever a connection or a socket is gone. */
  readonly #onGone = new Set<() => void>()
  readonly #listeners = new Map<string, Accepting>()
  /** Where the control side is not another. */
  #outliers: OutlierDetection | null = null
  #live: Live
  #ticker: Timer | null = null
  #isClosing = false
  /** The last reload: each builds on what the one before it has left. */
  #reloading: Promise<void> = Promise.resolve()

  /** `config` has been checked. Errors: throws when an access log or a certificate cannot be opened or a limit is out of range. */
  constructor(config: Config, options: BalancerOptions = {}, plane: Plane | null = null) {
    super()
    const numbers = plane?.numbers ?? new OwnNumbers()
    this.counters = numbers.counters
    this.#numbers = numbers
    const { limits, problems } = resolveLimits(config.limits)
    if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("; "))
    this.limits = limits
    this.#clock = new CachedClock(options.clock ?? systemClock)
    this.#log = options.log ?? silentLog
    const random = options.random ?? systemRandom
    const network = options.network ?? systemNetwork
    this.#network = network
    const admission = new Admission({ clock: this.#clock, log: this.#log, counters: this.counters, limits })
    this.#flusher = new Flusher((callback) => network.afterReads(callback), admission)
    this.#env = {
      clock: this.#clock,
      random,
      pid: process.pid,
      hostname: hostname(),
      version: VERSION,
      streamEvent: "end",
    }
    this.#accessLogs = new AccessLogs({ clock: this.#clock, log: this.#log, env: this.#env })
    this.#tls = new TlsStore({
      handshakeTimeoutMs: limits.handshakeTimeoutMs,
      clock: this.#clock,
      log: this.#log,
      onSecured: (name, socket, info) =>
        this.#clients.onTlsHandshakeDone(this.#listeners.get(name), socket, info),
      onPlain: (name, socket, octets) =>
        this.#clients.acceptWithoutTls(this.#listeners.get(name), socket, octets),
      onFailed: (counter) => this.counters.add(counterIds[counter]),
      onBug: (error) => this.#uncaught(error),
    })
    const deadlines = new TimerWheel(this.#clock)
    this.#context = {
      clock: this.#clock,
      ticks: this.#clock,
      limits,
      counters: this.counters,
      deadlines,
      takeoverPace: new TakeoverPace({ clock: this.#clock, limits }),
      pacer: new Pacer({ clock: this.#clock, limits, counters: this.counters, deadlines }, random),
      log: this.#log,
      env: this.#env,
      replayRing: new ReplayRing(),
      budget: new BufferBudget(limits),
      descriptors: new Descriptors({ clock: this.#clock, counters: this.counters, limits, log: this.#log }),
      admission,
      cutCalls: new CutCalls({ limits, counters: this.counters, log: this.#log }),
      subrequests: { begin: (call, uri, done) => beginSubrequest(this.#context, call, uri, done) },
      onStreamEnd: (record) => {
        numbers.traffic.add(record)
        this.emit("stream", record)
      },
    }
    const link = (socket: Socket): Link => this.#link(socket)
    const bridges = new Bridges(this.#context)
    this.#clients = new Clients({
      context: this.#context,
      openStream: bridges.openStream,
      http1: (connection) => bridges.http1(connection),
      link,
      nextConnectionId: () => numbers.nextConnectionId(),
      onConnect: (record) => {
        this.#tickLater()
        this.emit("connect", record)
      },
      onDisconnect: (record) => {
        this.#gone()
        this.emit("disconnect", record)
      },
      onHandshakeEnd: () => this.#gone(),
    })
    this.#upstreams = new Upstreams({
      context: this.#context,
      network,
      link,
      onConnect: () => this.#tickLater(),
      onClosed: () => this.#gone(),
    })
    this.orders = new LiveOrders({
      clock: this.#clock,
      deadlines,
      pacer: this.#context.pacer,
      clients: this.#clients,
      upstreams: this.#upstreams,
      findListener: (name) => this.#listeners.get(name),
    })
    this.#variableClusters = new VariableClusters({
      max: limits.variableClustersMax,
      make: (cluster) => this.#makeCluster(cluster, statesOf(cluster), null, new OwnStreamCounts()),
      onLimit: () => this.counters.add(counterIds.variable_clusters_exceeded),
    })
    this.#origins = new Http1Origins({
      context: this.#context,
      network,
      onConnect: () => this.#tickLater(),
      onClosed: () => this.#gone(),
    })
    new ResetLargestStreams(this.#context, () => this.#clients.connections)
    this.states = plane === null ? this.#ownStates() : null
    const prepared = this.states?.prepare(config.clusters)
    this.#live = this.#compile(config, null, plane?.state ?? prepared!.state)
    this.#live.tls.commit()
    prepared?.commit()
    if (this.states !== null) {
      const outcomesAt = (slot: number) => numbers.streams.outcomesAt(slot)
      const { states } = this
      this.#outliers = new OutlierDetection({ clock: this.#clock, log: this.#log, states, outcomesAt })
      this.#outliers.watch(config.clusters)
    }
    for (const { name, endpoints } of plane?.state.clusters ?? this.states!.current.clusters)
      this.orders.told(name, endpoints, this.#live.clusters.get(name)!.leavingSettings)
  }

  /** Opens every listener. Errors: one sentence that names the address; none stays open then. */
  async start(): Promise<void> {
    try {
      for (const listener of this.#live.config.listeners) await this.#open(listener, this.#live)
    } catch (error) {
      await this.close({ graceMs: 0 })
      throw error
    }
  }

  get addresses(): OpenAddress[] {
    return [...this.#listeners.values()].map(({ config, listening }) => ({
      name: config.name,
      host: config.host,
      port: listening!.port,
      unixPath: config.unixPath,
    }))
  }

  /** What is going on now, as plain data. */
  snapshot(): BalancerSnapshot {
    return describe({
      nowMs: this.#clock.now(),
      addresses: this.addresses,
      clusters: this.#live.clusters.values(),
      downstream: this.#clients.connections,
      handshakes: this.#clients.handshakes.size,
      streamsEnded: this.#numbers.traffic.streams,
      bufferedOctets: this.#context.budget.octets,
      deadlines: this.#context.deadlines.size,
      counters: this.counters,
    })
  }

  /** How busy it is; `turnMaxMs` since it was asked last. */
  load(): { connections: number; streams: number; heldBytes: number; turnMaxMs: number } {
    const { admission, budget } = this.#context
    return {
      connections: this.#clients.connections.size,
      streams: admission.streamsOpen,
      heldBytes: budget.octets,
      turnMaxMs: admission.takeLongestTurnMs(),
    }
  }

  /** The connections of clients, for who looks at the streams themselves. */
  get clientConnections(): Iterable<ClientConnection> {
    return this.#clients.connections
  }

  /** What is known of each cluster, one after the other. */
  *clusterSnapshots(): Generator<ClusterSnapshot> {
    for (const cluster of this.#live.clusters.values()) yield describeCluster(cluster, this.#clock.now())
  }

  /**
   * Puts `config` in place of the present one. Listeners that are new are opened, those that are gone closed; live
   * streams are not touched. Errors: as `start`, or that it is closing; the old configuration then stays.
   */
  async reload(config: Config): Promise<void> {
    const turn = this.#reloading.then(() => this.#reload(config))
    this.#reloading = turn.catch(() => {})
    return turn
  }

  async #reload(config: Config): Promise<void> {
    const prepared = await this.prepare(config)
    prepared.commit()
    this.#log.info("configuration reloaded")
  }

  /**
   * The first half of a reload, for those who must know that it will do before it is done. One at a time, and not while
   * `reload` is under way. `given`: the states of its clusters, where the control side has them. Errors: as `reload`.
   */
  async prepare(config: Config, given: ClusterState | null = null): Promise<PreparedReload> {
    this.#mustNotBeClosing()
    const own = given === null ? this.states!.prepare(config.clusters) : null
    const state = given ?? own!.state
    let next: Live
    try {
      next = this.#compile(config, this.#live, state)
    } catch (error) {
      own?.abandon()
      throw error
    }
    const opened: string[] = []
    const abandon = (): void => {
      own?.abandon()
      for (const name of opened) this.#removeListener(name)
      for (const cluster of without(next.clusters, this.#live.clusters)) cluster.close()
      next.tls.abandon()
    }
    try {
      for (const listener of config.listeners) {
        const open = this.#listeners.get(listener.name)
        if (open !== undefined && !isSameAddress(open.config, listener))
          throw new Error(
            `listener ${listener.name} cannot move to another address; give the new one another name`,
          )
        if (open !== undefined) continue
        await this.#open(listener, next)
        opened.push(listener.name)
      }
    } catch (error) {
      abandon()
      throw error
    }
    const commit = (): void => {
      if (this.#isClosing) abandon()
      this.#mustNotBeClosing()
      this.#commit(next)
      for (const { name, endpoints } of state.clusters) this.apply(name, endpoints)
      own?.commit()
      this.#outliers?.watch(config.clusters)
    }
    return { commit, abandon }
  }

  #commit(next: Live): void {
    const before = this.#live
    const { config } = next
    const names = new Set(config.listeners.map(({ name }) => name))
    this.#live = next
    this.orders.retain(new Set(next.clusters.keys()))
    for (const [name, cluster] of next.clusters)
      if (before.clusters.get(name) !== cluster) this.orders.rehome(cluster)
    for (const name of [...this.#listeners.keys()]) if (!names.has(name)) this.#removeListener(name)
    for (const cluster of without(before.clusters, next.clusters)) cluster.close()
    for (const upstream of next.tls.commit())
      for (const connector of [
        ...this.#upstreams.retireConnectors(upstream),
        ...this.#origins.retireConnectors(upstream),
      ])
        for (const cluster of next.clusters.values()) cluster.retireConnector(connector)
    for (const listener of config.listeners) {
      const open = this.#listeners.get(listener.name)!
      open.config = listener
      open.router = next.routers.get(listener.name)!
      open.tls = next.tls.find(listener.name)
    }
  }

  /** Takes over what the control side says of a cluster's endpoints; live streams are not touched. */
  apply(cluster: string, endpoints: readonly EndpointState[]): void {
    const live = this.#live.clusters.get(cluster)
    if (live === undefined) return
    const before = live.snapshot
    live.apply(endpoints)
    if (live.snapshot !== before) this.orders.rehome(live)
    this.orders.told(cluster, endpoints, live.leavingSettings)
  }

  #ownStates(): ClusterStates {
    const { streams } = this.#numbers
    return new ClusterStates({
      hasChecks: false,
      slots: new Slots({
        streamsOpen: (slot) => streams.countOf(slot).open,
        acknowledged: () => Number.POSITIVE_INFINITY,
        onNew() {},
      }),
      publish: ({ clusters }) => {
        for (const { name, endpoints } of clusters) this.apply(name, endpoints)
      },
      onChange: (change) => logChange(this.#log, change),
    })
  }

  /** A reload must not open again what `close` has closed. */
  #mustNotBeClosing(): void {
    if (this.#isClosing) throw new Error("the balancer is shutting down")
  }

  /** Opens the access logs anew: after a rotation. */
  async reopenLogs(): Promise<void> {
    await this.#accessLogs.reopen()
  }

  /** Writes what waits for the access logs, for a process that ends without `close`, or in the middle of it. */
  flushLogsSync(): void {
    this.#accessLogs.flushSync()
  }

  /**
   * Takes no new connections or streams, lets those under way finish for `graceMs`, then ends them with UNAVAILABLE.
   * Resolves once everything is closed.
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    const graceMs = options.graceMs ?? this.#live.config.shutdown.graceMs
    const { connections, handshakes } = this.#clients
    this.#isClosing = true
    this.#outliers?.close()
    this.#clients.close()
    for (const name of [...this.#listeners.keys()]) this.#closeListener(name)
    for (const connection of connections) connection.drain()
    if (graceMs > 0) await this.#whenGone([connections, handshakes], graceMs)
    for (const connection of [...connections]) connection.abort("the balancer is shutting down")
    for (const cluster of this.#live.clusters.values()) cluster.close()
    this.#variableClusters.close()
    this.orders.close()
    for (const connection of [...this.#upstreams.connections])
      connection.abort("the balancer is shutting down")
    for (const connection of [...this.#origins.connections]) connection.abort()
    await this.#whenGone([this.#links, this.#origins.connections], this.limits.drainTimeoutMs)
    for (const link of this.#links) link.destroy()
    this.#tls.close()
    this.#ticker?.cancel()
    await this.#accessLogs.close()
  }

  // ---- Configuration ------------------------------------------------------------------------------------------

  /** Compiled and, with the clusters that did not change taken over, ready to go live. */
  #compile(config: Config, before: Live | null, state: ClusterState): Live {
    checkDescriptorSets(config)
    const clusters = new Map<string, Cluster<LegConnection>>()
    const texts = new Map(before?.config.clusters.map((cluster) => [cluster.name, JSON.stringify(cluster)]))
    const endpoints = new Map(state.clusters.map((cluster) => [cluster.name, cluster.endpoints]))
    for (const cluster of config.clusters) {
      const isSame = texts.get(cluster.name) === JSON.stringify(cluster)
      const last = before?.clusters.get(cluster.name) ?? null
      const next = isSame ? last! : this.#makeCluster(cluster, endpoints.get(cluster.name)!, last)
      clusters.set(cluster.name, next)
    }
    const tls = this.#tls.plan()
    try {
      for (const listener of config.listeners)
        if (listener.tls !== null) tls.listener(listener.name, listener.tls)
      return { config, clusters, routers: this.#makeRouters(config, clusters, tls), tls }
    } catch (error) {
      tls.abandon()
      throw error
    }
  }

  #makeRouters(config: Config, clusters: Clusters, tls: TlsPlan): Map<string, Router<Route>> {
    const known = clusterFinder(clusters)
    const find = (cluster: string, mayResolve: boolean) =>
      known(cluster) ?? this.#variableClusters.find(cluster, mayResolve)
    const stepsMax = this.limits.regexSteps
    const table = makeVariableTable(config.variables, namesSet(config), { stepsMax })
    const templateOf = templatesOf(table)
    const zones = new Map(config.zones.map((zone) => [zone.name, this.#makeZone(zone, templateOf)]))
    const zoneOf = (name: string): Zone => zones.get(name)!
    const usersOf = (path: string) => new PasswordFile(path)
    const routers = new Map<string, Router<Route>>()
    const options: RouterOptions = {
      stepsMax,
      onOverrun: ({ what, octets }) => {
        this.counters.add(counterIds.regex_steps_exceeded)
        this.#log.warn("limit reached: regex_steps_exceeded", { of: what, octets, regexSteps: stepsMax })
      },
    }
    for (const { name } of config.listeners) {
      const servers = config.servers.filter((server) => server.listeners.includes(name))
      if (servers.length === 0) throw new Error(`listener ${name} has no server`)
      const openLog = (log: AccessLogConfig) => this.#openAccessLog(log, table)
      const connectAs = (
        tlsConfig: UpstreamTlsConfig | null,
        { bindAddress, socketKeepalive }: RouteSettings,
      ) => {
        const over = tlsConfig === null ? null : tls.upstream(tlsConfig)
        return this.#upstreams.connector({ tls: over, bindAddress, socketKeepalive })
      }
      const connectHttp1 = (
        { tls: tlsConfig, ...proxy }: ProxyAction,
        { bindAddress, socketKeepalive }: RouteSettings,
      ) => {
        const over = tlsConfig === null ? null : tls.upstream(tlsConfig)
        const { requestBuffering, passTrailers, passBody } = proxy
        const exchange = { requestBuffering, passTrailers, dropsBody: !passBody }
        return this.#origins.connector({ tls: over, bindAddress, socketKeepalive, ...exchange })
      }
      const parts = {
        table,
        stepsMax,
        templateOf,
        zoneOf,
        usersOf,
        findCluster: find,
        openLog,
        connectAs,
        connectHttp1,
        serveFiles,
      }
      const compile: RouteCompiler<Route> = (server, route, host) => compileRoute(server, route, host, parts)
      routers.set(name, new Router(name, servers, compile, options))
    }
    return routers
  }

  #makeZone(config: ZoneConfig, templateOf: (source: string) => Template): Zone {
    const { name, key, rate } = config
    return {
      name,
      key: templateOf(key),
      rate: Math.floor((rate ?? 0) * 1000),
      table: this.#numbers.zone(config),
    }
  }

  /** Once opened it stays: streams that began before a reload still write to it when they end. */
  #openAccessLog(config: AccessLogConfig, table: VariableTable): AccessLog {
    const key = `${JSON.stringify(config)} ${table.id}`
    const log = this.#accessLogsOpen.get(key) ?? this.#accessLogs.open(config, table)
    this.#accessLogsOpen.set(key, log)
    return log
  }

  #makeCluster(
    config: ClusterConfig,
    endpoints: readonly EndpointState[],
    before: Cluster<LegConnection> | null,
    counts: StreamCounts = this.#numbers.streams,
  ): Cluster<LegConnection> {
    return new Cluster<LegConnection>(config, endpoints, {
      clock: this.#clock,
      random: this.#env.random,
      limits: this.limits,
      log: this.#log,
      onLimit: (counter) => this.counters.add(counterIds[counter as keyof typeof counterIds]),
      connect: this.#upstreams.plain,
      counts,
      before: before === null ? null : new Set([...before.endpoints].map(({ address }) => address)),
    })
  }

  // ---- Connections --------------------------------------------------------------------------------------------

  /** A bug met by one connection's octets: that connection ends, the others do not notice. */
  #uncaught(error: unknown): void {
    this.counters.add(counterIds.uncaught)
    this.#log.error("unexpected error, one connection ended", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }

  #link(socket: Socket): Link {
    const link = new Link(socket, this.#flusher, this.#clock, this.#linkOwner)
    this.#links.add(link)
    return link
  }

  async #open(config: ListenerConfig, { routers, tls }: Live): Promise<void> {
    const { name } = config
    const listener: Accepting = { config, router: routers.get(name)!, tls: tls.find(name), listening: null }
    listener.listening = await this.#network.listen(
      config,
      (accept) => this.#clients.accept(listener, accept),
      (socket) => this.#handshake(listener, socket),
    )
    this.#listeners.set(name, listener)
  }

  #closeListener(name: string): void {
    this.#listeners.get(name)?.listening?.close()
    this.#listeners.delete(name)
  }

  /** Closes it and lets its clients go. Until they have gone they reach what it led to, never what another leads to. */
  #removeListener(name: string): void {
    const listener = this.#listeners.get(name)
    this.#closeListener(name)
    if (listener !== undefined) this.#clients.drain(listener)
  }

  /** Over TLS a client is served after its handshake. False: this listener has no TLS. */
  #handshake(listener: Accepting, socket: Socket): boolean {
    const { tls } = listener
    if (tls === null) return false
    if (this.#clients.admitHandshake(listener, socket)) tls.handshake(socket, listener.config.proxyProtocol)
    return true
  }

  // ---- Time ---------------------------------------------------------------------------------------------------

  /** One timer for all connections, and none while there are none. */
  #tickLater(): void {
    this.#ticker ??= this.#clock.after(TICK_MS, () => {
      this.#ticker = null
      const nowMs = this.#clock.now()
      this.#context.admission.tick(nowMs)
      this.#clients.tick(nowMs)
      for (const connection of this.#upstreams.connections) connection.tick(nowMs)
      for (const connection of this.#origins.connections) connection.tick(nowMs)
      const sets = [this.#clients.connections, this.#upstreams.connections, this.#origins.connections]
      const isQuiet = sets.every(({ size }) => size === 0)
      releaseIdleSlabs(isQuiet)
      if (!isQuiet) this.#tickLater()
    })
  }

  /** Resolves when all `sets` are empty, or after `ms`. */
  #whenGone(sets: readonly { readonly size: number }[], ms: number): Promise<void> {
    const areGone = (): boolean => sets.every(({ size }) => size === 0)
    if (areGone()) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => done())
      const look = (): void => {
        if (areGone()) done()
      }
      const done = (): void => {
        timer.cancel()
        this.#onGone.delete(look)
        resolve()
      }
      this.#onGone.add(look)
    })
  }

  #gone(): void {
    if (this.#onGone.size === 0) return
    for (const look of [...this.#onGone]) look()
  }
}

/** The endpoints of a cluster that no control side knows of. */
function statesOf(cluster: ClusterConfig): EndpointState[] {
  return configuredEndpoints(cluster).map((known, slot) => layOver(known, slot, [], undefined))
}

/** By name as written, else without regard to case: what variables come to is in any spelling, and nginx takes it. */
function clusterFinder(clusters: Clusters): (name: string) => Cluster<LegConnection> | undefined {
  const byLowerName = new Map([...clusters].map(([name, cluster]) => [name.toLowerCase(), cluster]))
  return (name) => clusters.get(name) ?? byLowerName.get(name.toLowerCase())
}

/** The clusters of one configuration that are not the same in another. */
function without(these: Clusters, those: Clusters): Cluster<LegConnection>[] {
  return [...these].filter(([name, cluster]) => those.get(name) !== cluster).map(([, cluster]) => cluster)
}

function isSameAddress(one: ListenerConfig, other: ListenerConfig): boolean {
  return one.host === other.host && one.port === other.port && one.unixPath === other.unixPath
}
