import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { hostname } from "node:os"
import { CachedClock, type Clock, systemClock } from "../base/clock.ts"
import { type Counters, counterIds } from "../base/counters.ts"
import type { Limits } from "../base/limits.ts"
import { type Random, systemRandom } from "../base/random.ts"
import { resolveLimits } from "../base/resolve-limits.ts"
import { Roster } from "../base/roster.ts"
import { VERSION } from "../base/version.ts"
import { Bridges } from "../bridge/bridges.ts"
import type { ClusterStates } from "../cluster/cluster-states.ts"
import type { ClusterState, EndpointState } from "../cluster/state.ts"
import type { Config } from "../config/model.ts"
import { AccessLogs } from "../log/access-log.ts"
import type { Log } from "../log/logger.ts"
import { silentLog } from "../log/silent-log.ts"
import { Flusher } from "../net/flusher.ts"
import { Link, type LinkOwner } from "../net/link.ts"
import { type Network, systemNetwork } from "../net/network.ts"
import { TlsStore } from "../net/tls-store.ts"
import { Http1Origins } from "../origin/http1/origins.ts"
import type { ConnectionRecord, StreamRecord } from "../record/record.ts"
import type { Span } from "../record/span.ts"
import type { TemplateEnvironment } from "../record/variables.ts"
import type { ClientConnection } from "../relay/downstream/client-connection.ts"
import { Clients } from "../relay/downstream/clients.ts"
import { Admission } from "../relay/overload/admission.ts"
import { ResetLargestStreams } from "../relay/overload/reset-largest.ts"
import type { ConnectorTableOptions } from "../relay/upstream/connector-table.ts"
import { Upstreams } from "../relay/upstream/upstreams.ts"
import { TcpClients } from "../tcp/tcp-clients.ts"
import { type Care, type CareMaker, countCare } from "./care.ts"
import { ConfigCompiler } from "./config-compiler.ts"
import { Configurations, type PreparedReload } from "./configurations.ts"
import { makeContext, type SharedContext } from "./context.ts"
import { Departures } from "./departures.ts"
import { Listeners } from "./listeners.ts"
import { LiveOrders } from "./live-orders.ts"
import { type Numbers, OwnNumbers } from "./numbers.ts"
import { ownStates } from "./own-states.ts"
import {
  type BalancerSnapshot,
  type ClusterSnapshot,
  describe,
  describeCluster,
  type OpenAddress,
} from "./status.ts"
import { Ticker } from "./ticker.ts"

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
  /** Of a stream that is over, where its route is traced: its own, and one for each leg. */
  spans: [spans: readonly Span[]]
  /** A client connected, or is gone. */
  connect: [connection: ConnectionRecord]
  disconnect: [connection: ConnectionRecord]
}

/** What a control side gives to a data plane that it has. */
export interface Plane {
  numbers: Numbers
  /** Of all clusters of the configuration. */
  state: ClusterState
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
  readonly #flusher: Flusher
  readonly #accessLogs: AccessLogs
  readonly #tls: TlsStore
  readonly #context: SharedContext
  readonly #clients: Clients
  readonly #tcp: TcpClients
  readonly #upstreams: Upstreams
  readonly #origins: Http1Origins
  readonly #compiler: ConfigCompiler
  readonly #departures: Departures
  readonly #ticker: Ticker
  readonly #links = new Roster<Link>()
  readonly #linkOwner: LinkOwner = {
    onBug: (error) => this.#uncaught(error),
    onClosed: (link) => {
      this.#links.delete(link)
      this.#departures.gone()
    },
  }
  readonly #listeners: Listeners
  /** Null in a data thread. */
  readonly #care: Care | null
  readonly #configurations: Configurations
  /** The last reload: each builds on what the one before it has left. */
  #reloading: Promise<void> = Promise.resolve()

  /**
   * `config` has been checked. `plane`: in a data thread; without it `careMaker` makes those who watch the endpoints. Errors: throws
   * when an access log or a certificate cannot be opened or a limit is out of range.
   */
  constructor(
    config: Config,
    options: BalancerOptions = {},
    plane: Plane | null = null,
    careMaker: CareMaker = countCare,
  ) {
    super()
    const numbers = plane?.numbers ?? new OwnNumbers()
    this.counters = numbers.counters
    this.#numbers = numbers
    const { limits, problems } = resolveLimits(config.limits)
    if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("; "))
    this.limits = limits
    this.#clock = new CachedClock(options.clock ?? systemClock)
    this.#departures = new Departures(this.#clock)
    this.#log = options.log ?? silentLog
    const random = options.random ?? systemRandom
    const network = options.network ?? systemNetwork
    const watched = { clock: this.#clock, log: this.#log, counters: this.counters, limits }
    const admission = new Admission(watched, numbers.routes?.turn)
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
      onSecured: (name, socket, info) => {
        if (!this.#tcp.secured(socket, info))
          this.#clients.onTlsHandshakeDone(this.#listeners.findHttp(name), socket, info)
      },
      onPlain: (name, socket, octets, proxied) => {
        if (!this.#tcp.plain(socket))
          this.#clients.acceptWithoutTls(this.#listeners.findHttp(name), socket, octets, proxied)
      },
      onFailed: (counter) => this.counters.add(counterIds[counter]),
      stapling: {
        timeoutMs: limits.ocspTimeoutMs,
        octetsMax: limits.ocspOctetsMax,
        statusesMax: limits.ocspStatusesMax,
        todayMs: () => this.#clock.wallMs(),
        messages: () => import("../access/ocsp/ocsp-message.ts"),
        onLimit: (counter) => this.counters.add(counterIds[counter]),
      },
      onBug: (error) => this.#uncaught(error),
    })
    this.#context = makeContext({
      clock: this.#clock,
      random,
      limits,
      counters: this.counters,
      log: this.#log,
      env: this.#env,
      admission,
      reflectedFields: { find: (call, from, into) => bridges.findCursorFields(call, from, into) },
      onStreamEnd: (record) => {
        numbers.traffic.add(record)
        this.emit("stream", record)
      },
      onSpans: (spans) => this.emit("spans", spans),
    })
    const link = (socket: Socket): Link => this.#link(socket)
    const bridges = new Bridges(this.#context)
    this.#clients = new Clients({
      context: this.#context,
      openStream: bridges.openStream,
      http1: (connection) => bridges.http1(connection),
      link,
      nextConnectionId: () => numbers.nextConnectionId(),
      onConnect: (record) => {
        this.#ticker.start()
        this.emit("connect", record)
      },
      onDisconnect: (record) => {
        this.#departures.gone()
        this.emit("disconnect", record)
      },
      onHandshakeEnd: () => this.#departures.gone(),
    })
    this.#tcp = new TcpClients({
      context: this.#context,
      clients: this.#clients,
      nextConnectionId: () => numbers.nextConnectionId(),
      findListener: (address) => this.#listeners.findAt(address),
    })
    this.#listeners = new Listeners(network, this.#clients, this.#tcp)
    const names: ConnectorTableOptions = {
      max: limits.variableClustersMax,
      onDropped: (connector) => {
        this.counters.add(counterIds.variable_clusters_exceeded)
        this.#configurations.retireConnector(connector)
      },
    }
    this.#upstreams = new Upstreams({
      context: this.#context,
      network,
      link,
      names,
      onConnect: () => this.#ticker.start(),
      onClosed: () => this.#departures.gone(),
    })
    this.orders = new LiveOrders({
      clock: this.#clock,
      deadlines: this.#context.deadlines,
      pacer: this.#context.pacer,
      clients: this.#clients,
      upstreams: this.#upstreams,
      random,
      findListener: (name) => this.#listeners.find(name),
      findCluster: (name) => this.#configurations.live.clusters.get(name),
    })
    this.#origins = new Http1Origins({
      context: this.#context,
      network,
      link,
      names,
      onConnect: () => this.#ticker.start(),
      onClosed: () => this.#departures.gone(),
    })
    const sets = [this.#clients.connections, this.#upstreams.connections, this.#origins.connections]
    this.#ticker = new Ticker(this.#clock, sets, (nowMs) => this.#tick(nowMs))
    this.#compiler = new ConfigCompiler({
      clock: this.#clock,
      env: this.#env,
      limits,
      counters: this.counters,
      log: this.#log,
      numbers,
      accessLogs: this.#accessLogs,
      tls: this.#tls,
      upstreams: this.#upstreams,
      origins: this.#origins,
    })
    new ResetLargestStreams(this.#context, () => this.#clients.connections)
    this.states =
      plane === null
        ? ownStates(numbers, {
            hasChecks: careMaker.hasChecks,
            log: this.#log,
            apply: (name, endpoints) => {
              this.apply(name, endpoints).catch((error: unknown) => this.#uncaught(error))
            },
            changed: (name) => this.#care!.changed(name),
          })
        : null
    this.#configurations = new Configurations(config, plane?.state ?? null, {
      clock: options.clock ?? systemClock,
      compiler: this.#compiler,
      listeners: this.#listeners,
      orders: this.orders,
      upstreams: this.#upstreams,
      origins: this.#origins,
      states: this.states,
      onBug: (error) => this.#uncaught(error),
    })
    this.#care =
      this.states === null
        ? null
        : careMaker.make({
            states: this.states,
            clock: this.#clock,
            random,
            log: this.#log,
            outcomesAt: (slot) => numbers.streams.outcomesAt(slot),
            streamsAt: (slot) => numbers.streams.countOf(slot).open,
            trafficAt: (slot) => numbers.streams.trafficOf(slot),
            move: async (order) => this.orders.obey({ kind: "move", ...order }),
            config: () => this.#configurations.live.config,
            onDiscoveryRefused: () => this.counters.add(counterIds.discovery_refused),
          })
  }

  /**
   * Opens every listener, once sources of endpoints have answered, or after five seconds. Errors: one sentence that names the
   * address; none stays open then.
   */
  async start(): Promise<void> {
    try {
      await this.#configurations.find(this.#care)
      const { live } = this.#configurations
      for (const listener of live.config.listeners) {
        await this.#listeners.open(listener, live)
        this.#listeners.share()
      }
    } catch (error) {
      await this.close({ graceMs: 0 })
      throw error
    }
  }

  get addresses(): OpenAddress[] {
    return this.#listeners.addresses
  }

  /** What is going on now, as plain data. */
  snapshot(): BalancerSnapshot {
    return describe({
      nowMs: this.#clock.now(),
      addresses: this.addresses,
      clusters: this.#configurations.live.clusters.values(),
      downstream: this.#clients.connections,
      upstream: this.#upstreams.connections,
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
    for (const cluster of this.#configurations.live.clusters.values())
      yield describeCluster(cluster, this.#clock.now())
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
    await this.#configurations.reload(config, this.#care!)
    this.#log.info("configuration reloaded")
  }

  /**
   * The first half of a reload, for those who must know that it will do before it is done. One at a time, and not while
   * `reload` is under way. `given`: the states of its clusters, where the control side has them. Errors: as `reload`.
   */
  prepare(config: Config, given: ClusterState | null = null): Promise<PreparedReload> {
    return this.#configurations.prepare(config, given)
  }

  /** Takes over what the control side says of a cluster's endpoints; live streams are not touched. Resolves when it is done. */
  apply(cluster: string, endpoints: readonly EndpointState[]): Promise<void> {
    return this.#configurations.apply(cluster, endpoints)
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
   * Takes no new connections or streams and lets those under way finish for `graceMs`; what is left in its last third is ended
   * with UNAVAILABLE, one after the other, and at its end the rest.
   * Resolves once everything is closed.
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    const graceMs = options.graceMs ?? this.#configurations.live.config.shutdown.graceMs
    const { connections, handshakes } = this.#clients
    this.#configurations.refuseOthers()
    this.#care?.drain()
    this.#clients.close()
    for (const name of this.#listeners.names) this.#listeners.close(name)
    for (const connection of connections) connection.drain()
    if (graceMs > 0) {
      this.orders.endAllWithin(graceMs)
      await this.#departures.whenGone([connections, handshakes], graceMs)
    }
    this.#care?.stop()
    for (const connection of [...connections]) connection.abort("the balancer is shutting down")
    for (const cluster of this.#configurations.live.clusters.values()) cluster.close()
    this.#compiler.close()
    this.orders.close()
    for (const connection of [...this.#upstreams.connections])
      connection.abort("the balancer is shutting down")
    for (const connection of [...this.#origins.connections]) connection.abort()
    await this.#departures.whenGone([this.#links, this.#origins.connections], this.limits.drainTimeoutMs)
    for (const link of this.#links) link.destroy()
    this.#tls.close()
    this.#ticker.close()
    await this.#accessLogs.close()
  }

  /** Once a second. */
  #tick(nowMs: number): void {
    this.#context.admission.tick(nowMs)
    this.#clients.tick(nowMs)
    for (const connection of this.#upstreams.connections) connection.tick(nowMs)
    for (const connection of this.#origins.connections) connection.tick(nowMs)
  }

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
}
