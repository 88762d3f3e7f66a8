import { EventEmitter } from "node:events"
import type { Socket } from "node:net"
import { hostname } from "node:os"
import type { TLSSocket } from "node:tls"
import { Cluster, type Connect } from "./balancer/cluster.ts"
import { Bridges } from "./bridge/bridges.ts"
import { type Clock, systemClock, type Timer } from "./clock.ts"
import type {
  AccessLogConfig,
  ClusterConfig,
  Config,
  ListenerConfig,
  UpstreamTlsConfig,
} from "./config/model.ts"
import { Counters, counterIds } from "./counters.ts"
import { Deadlines } from "./deadlines.ts"
import { BufferBudget } from "./http2/buffer-budget.ts"
import { type Limits, resolveLimits } from "./limits.ts"
import { type AccessLog, AccessLogs } from "./log/access-log.ts"
import { type Log, silentLog } from "./log/logger.ts"
import { Flusher } from "./net/flusher.ts"
import { Link, type LinkUser } from "./net/link.ts"
import type { Listening, OnOctets } from "./net/listen.ts"
import { type Network, systemNetwork } from "./net/network.ts"
import type { Protocol } from "./net/protocol.ts"
import type { TlsListener } from "./net/tls-listener.ts"
import type { TlsInfo } from "./net/tls-peer.ts"
import { readShared } from "./net/tls-read.ts"
import { type TlsPlan, TlsStore } from "./net/tls-store.ts"
import type { TlsUpstream } from "./net/tls-upstream.ts"
import { type Random, systemRandom } from "./random.ts"
import { Admission } from "./relay/admission.ts"
import type { ClientConnection, StreamOwner } from "./relay/client-connection.ts"
import type { RelayContext } from "./relay/context.ts"
import { DownstreamConnection } from "./relay/downstream.ts"
import { FirstOctets } from "./relay/first-octets.ts"
import type { ConnectionRecord, StreamRecord } from "./relay/record.ts"
import { ReplayRing } from "./relay/replay-ring.ts"
import { compileRoute, type Route } from "./relay/route.ts"
import { type RouteCompiler, Router } from "./relay/router.ts"
import { Shedding } from "./relay/shedding.ts"
import { UpstreamConnection } from "./relay/upstream.ts"
import type { TemplateEnvironment } from "./relay/variables.ts"
import { type BalancerSnapshot, describe } from "./snapshot.ts"
import { VERSION } from "./version.ts"

const TICK_MS = 1000

export interface BalancerOptions {
  /** Where Sluice speaks about itself. Default: nowhere. */
  log?: Log
  clock?: Clock
  random?: Random
  /** Where it listens and connects. Default: this machine's sockets. */
  network?: Network
}

/** What a balancer tells whoever listens. Each comes after the fact and must not throw. */
export interface BalancerEvents {
  /** Exactly once per stream. The record is complete and no longer changes. */
  stream: [record: StreamRecord]
  /** A client connected, or is gone. */
  connect: [connection: ConnectionRecord]
  disconnect: [connection: ConnectionRecord]
}

/** An address that is open. */
export interface OpenAddress {
  readonly name: string
  readonly host: string | null
  /** The port in use, also when 0 was asked for; null for a Unix socket. */
  readonly port: number | null
  readonly unixPath: string | null
}

/** A listener that is open. A reload changes what holds for the connections that follow. */
interface OpenListener {
  config: ListenerConfig
  tls: TlsListener | null
  readonly listening: Listening
}

interface Live {
  readonly config: Config
  readonly clusters: ReadonlyMap<string, Cluster<UpstreamConnection>>
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
  readonly counters = new Counters()
  readonly limits: Limits
  readonly #clock: Clock
  readonly #log: Log
  readonly #env: TemplateEnvironment
  readonly #network: Network
  readonly #flusher: Flusher
  readonly #accessLogs: AccessLogs
  readonly #accessLogsOpen = new Map<string, AccessLog>()
  readonly #tls: TlsStore
  /** How connections are made over TLS, by its settings. */
  readonly #connects = new Map<TlsUpstream, Connect<UpstreamConnection>>()
  readonly #context: RelayContext
  readonly #bridges: Bridges
  readonly #downstream = new Set<ClientConnection>()
  readonly #upstream = new Set<UpstreamConnection>()
  readonly #links = new Set<Link>()
  /** Called whenever a connection or a socket is gone. */
  readonly #onGone = new Set<() => void>()
  /** Clients' sockets that are open, in all and by address. */
  #clients = 0
  readonly #byAddress = new Map<string, number>()
  readonly #listeners = new Map<string, OpenListener>()
  #live: Live
  #ticker: Timer | null = null
  #connections = 0
  #streams = 0
  #isClosing = false

  /** `config` has been checked. Errors: throws when an access log or a certificate cannot be opened or a limit is out of range. */
  constructor(config: Config, options: BalancerOptions = {}) {
    super()
    const { limits, problems } = resolveLimits(config.limits)
    if (problems.length > 0) throw new Error(problems.map(({ message }) => message).join("; "))
    this.limits = limits
    this.#clock = options.clock ?? systemClock
    this.#log = options.log ?? silentLog
    const random = options.random ?? systemRandom
    const network = options.network ?? systemNetwork
    this.#network = network
    const admission = new Admission({ clock: this.#clock, log: this.#log, counters: this.counters, limits })
    this.#flusher = new Flusher((callback) => network.afterReads(callback), admission)
    this.#env = { clock: this.#clock, random, pid: process.pid, hostname: hostname(), version: VERSION }
    this.#accessLogs = new AccessLogs({ clock: this.#clock, log: this.#log, env: this.#env })
    this.#tls = new TlsStore({
      handshakeTimeoutMs: limits.handshakeTimeoutMs,
      clock: this.#clock,
      log: this.#log,
      onSecured: (name, socket, info) => this.#secured(name, socket, info),
      onFailed: (counter) => this.counters.add(counterIds[counter]),
    })
    this.#context = {
      clock: this.#clock,
      limits,
      counters: this.counters,
      deadlines: new Deadlines(this.#clock),
      log: this.#log,
      env: this.#env,
      replayRing: new ReplayRing(),
      budget: new BufferBudget(limits),
      admission,
      findCluster: (name) => this.#live.clusters.get(name),
      onStreamEnd: (record) => {
        this.#streams++
        this.emit("stream", record)
      },
    }
    this.#bridges = new Bridges(this.#context)
    new Shedding(this.#context, () => this.#streamsOpen())
    this.#live = this.#compile(config, null)
    this.#live.tls.commit()
  }

  /** Opens every listener. Errors: one sentence that names the address; none stays open then. */
  async start(): Promise<void> {
    try {
      for (const listener of this.#live.config.listeners) await this.#open(listener, this.#live.tls)
    } catch (error) {
      await this.close({ graceMs: 0 })
      throw error
    }
  }

  get addresses(): OpenAddress[] {
    return [...this.#listeners.values()].map(({ config, listening }) => ({
      name: config.name,
      host: config.host,
      port: listening.port,
      unixPath: config.unixPath,
    }))
  }

  /** What is going on now, as plain data. */
  snapshot(): BalancerSnapshot {
    return describe({
      nowMs: this.#clock.now(),
      addresses: this.addresses,
      clusters: this.#live.clusters.values(),
      downstream: this.#downstream,
      streamsEnded: this.#streams,
      bufferedOctets: this.#context.budget.octets,
      deadlines: this.#context.deadlines.size,
      counters: this.counters,
    })
  }

  /**
   * Puts `config` in place of the present one. Listeners that are new are opened, those that are gone closed; live
   * streams are not touched. Errors: as `start`, or that it is closing; the old configuration then stays.
   */
  async reload(config: Config): Promise<void> {
    this.#mustNotBeClosing()
    const next = this.#compile(config, this.#live)
    const opened: string[] = []
    const names = new Set(config.listeners.map(({ name }) => name))
    try {
      for (const listener of config.listeners) {
        if (this.#listeners.has(listener.name)) continue
        // Its router must be there before its first stream is.
        this.#live = {
          ...this.#live,
          routers: new Map([...this.#live.routers, [listener.name, next.routers.get(listener.name)!]]),
        }
        await this.#open(listener, next.tls)
        opened.push(listener.name)
      }
      this.#mustNotBeClosing()
    } catch (error) {
      for (const name of opened) this.#closeListener(name)
      next.tls.abandon()
      throw error
    }
    const before = this.#live
    this.#live = next
    for (const name of [...this.#listeners.keys()]) if (!names.has(name)) this.#closeListener(name)
    for (const [name, cluster] of before.clusters)
      if (next.clusters.get(name) !== cluster) cluster.close()
    for (const upstream of next.tls.commit()) this.#forgetTls(upstream)
    for (const listener of config.listeners) {
      const open = this.#listeners.get(listener.name)!
      open.config = listener
      open.tls = next.tls.find(listener.name)
    }
    this.#log.info("configuration reloaded")
  }

  /** A reload must not open again what `close` has closed. */
  #mustNotBeClosing(): void {
    if (this.#isClosing) throw new Error("the balancer is shutting down")
  }

  /** Opens the access logs anew: after a rotation. */
  async reopenLogs(): Promise<void> {
    await this.#accessLogs.reopen()
  }

  /**
   * Takes no new connections or streams, lets those under way finish for `graceMs`, then ends them with UNAVAILABLE.
   * Resolves once everything is closed.
   */
  async close(options: { graceMs?: number } = {}): Promise<void> {
    const graceMs = options.graceMs ?? this.#live.config.shutdown.graceMs
    this.#isClosing = true
    for (const name of [...this.#listeners.keys()]) this.#closeListener(name)
    for (const connection of this.#downstream) connection.drain()
    if (graceMs > 0) await this.#whenGone(this.#downstream, graceMs)
    for (const connection of [...this.#downstream]) connection.abort("the balancer is shutting down")
    for (const cluster of this.#live.clusters.values()) cluster.close()
    for (const connection of [...this.#upstream]) connection.abort("the balancer is shutting down")
    await this.#whenGone(this.#links, this.limits.drainTimeoutMs)
    for (const link of this.#links) link.destroy()
    this.#tls.close()
    this.#ticker?.cancel()
    await this.#accessLogs.close()
  }

  // ---- Configuration ------------------------------------------------------------------------------------------

  /** Compiled and, with the clusters that did not change taken over, ready to go live. */
  #compile(config: Config, before: Live | null): Live {
    const clusters = new Map<string, Cluster<UpstreamConnection>>()
    const kept = new Map(before?.config.clusters.map((cluster) => [cluster.name, JSON.stringify(cluster)]))
    for (const cluster of config.clusters) {
      const isSame = kept.get(cluster.name) === JSON.stringify(cluster)
      clusters.set(cluster.name, isSame ? before!.clusters.get(cluster.name)! : this.#makeCluster(cluster))
    }
    const tls = this.#tls.plan()
    try {
      for (const listener of config.listeners)
        if (listener.tls !== null) tls.listener(listener.name, listener.tls)
      return { config, clusters, routers: this.#makeRouters(config, tls), tls }
    } catch (error) {
      tls.abandon()
      throw error
    }
  }

  #makeRouters(config: Config, tls: TlsPlan): Map<string, Router<Route>> {
    const routers = new Map<string, Router<Route>>()
    for (const { name } of config.listeners) {
      const servers = config.servers.filter((server) => server.listeners.includes(name))
      if (servers.length === 0) throw new Error(`listener ${name} has no server`)
      const openLog = (log: AccessLogConfig) => this.#openAccessLog(log)
      const connectOver = (settings: UpstreamTlsConfig) => this.#connectOver(tls.upstream(settings))
      const compile: RouteCompiler<Route> = (server, route) =>
        compileRoute(server, route, openLog, connectOver)
      routers.set(name, new Router(name, servers, compile))
    }
    return routers
  }

  /** Once opened it stays: streams that began before a reload still write to it when they end. */
  #openAccessLog(config: AccessLogConfig): AccessLog {
    const key = JSON.stringify(config)
    const log = this.#accessLogsOpen.get(key) ?? this.#accessLogs.open(config)
    this.#accessLogsOpen.set(key, log)
    return log
  }

  #makeCluster(config: ClusterConfig): Cluster<UpstreamConnection> {
    return new Cluster<UpstreamConnection>(config, {
      clock: this.#clock,
      limits: this.limits,
      onLimit: (counter) => this.counters.add(counterIds[counter as keyof typeof counterIds]),
      connect: this.#connectBy((...way) => this.#network.connect(...way)),
    })
  }

  /** How a cluster makes connections whose sockets `dial` starts. */
  #connectBy(dial: Network["connect"]): Connect<UpstreamConnection> {
    return (endpoint, pool, cluster) => {
      const connection = new UpstreamConnection({
        context: this.#context,
        endpoint,
        pool,
        cluster,
        dial: (onOctets) => dial(endpoint.config, null, onOctets),
        link: (socket) => this.#link(socket),
        onClosed: (closed) => void this.#upstream.delete(closed),
      })
      this.#upstream.add(connection)
      this.#tickLater()
      return connection
    }
  }

  #connectOver(tls: TlsUpstream): Connect<UpstreamConnection> {
    const connect = this.#connects.get(tls) ?? this.#connectBy((...way) => tls.connect(...way))
    this.#connects.set(tls, connect)
    return connect
  }

  /** No route has these settings any more. */
  #forgetTls(tls: TlsUpstream): void {
    const connect = this.#connects.get(tls)
    this.#connects.delete(tls)
    if (connect === undefined) return
    for (const cluster of this.#live.clusters.values()) cluster.forget(connect)
  }

  // ---- Connections --------------------------------------------------------------------------------------------

  /** A bug of ours met by one connection's octets: that connection ends, the others do not notice. */
  #uncaught(error: unknown): void {
    this.counters.add(counterIds.uncaught)
    this.#log.error("unexpected error, one connection ended", {
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    })
  }

  #link(socket: Socket): Link {
    const link = new Link(socket, this.#flusher, this.#clock, (error) => this.#uncaught(error))
    this.#links.add(link)
    socket.once("close", () => {
      this.#links.delete(link)
      this.#gone()
    })
    return link
  }

  async #open(config: ListenerConfig, tls: TlsPlan): Promise<void> {
    const { name } = config
    const listening = await this.#network.listen(
      config,
      (accept) => this.#accept(this.#listeners.get(name)?.config ?? config, accept),
      (socket) => this.#handshake(name, socket),
    )
    this.#listeners.set(name, { config, tls: tls.find(name), listening })
  }

  #closeListener(name: string): void {
    void this.#listeners.get(name)?.listening.close()
    this.#listeners.delete(name)
  }

  #accept(config: ListenerConfig, accept: (onOctets: OnOctets) => Socket): void {
    // Reads begin on a later turn, when the link is there.
    let link: Link | null = null
    const socket = accept((octets, length) => link?.received(octets, 0, length))
    if (this.#admit(socket)) link = this.#serve(config, socket, null, null)
  }

  /** Over TLS a client is served after its handshake. False: this listener has no TLS. */
  #handshake(name: string, socket: Socket): boolean {
    const tls = this.#listeners.get(name)?.tls ?? null
    if (tls === null) return false
    if (this.#admit(socket)) tls.handshake(socket)
    return true
  }

  #secured(name: string, socket: TLSSocket, info: TlsInfo): void {
    const listener = this.#listeners.get(name)
    if (listener === undefined) return void socket.destroy()
    const { alpnProtocol } = socket
    const protocol = alpnProtocol === "h2" ? "http2" : alpnProtocol === "http/1.1" ? "http1" : null
    const link = this.#serve(listener.config, socket, protocol, info)
    readShared(socket, (octets, length) => link.received(octets, 0, length))
  }

  /** Counts a client's socket until it closes. False: it is one too many, and destroyed. */
  #admit(socket: Socket): boolean {
    const address = socket.remoteAddress ?? ""
    const ofAddress = (this.#byAddress.get(address) ?? 0) + 1
    const refusal = this.#isClosing
      ? "closing"
      : this.#clients >= this.limits.connectionsMax
        ? "connections_exceeded"
        : address !== "" && ofAddress > this.limits.connectionsPerAddressMax
          ? "connections_per_address_exceeded"
          : null
    if (refusal !== null) {
      if (refusal !== "closing") this.counters.add(counterIds[refusal])
      socket.on("error", () => {})
      socket.destroy()
      return false
    }
    this.#clients++
    this.#byAddress.set(address, ofAddress)
    socket.once("close", () => {
      this.#clients--
      this.#forgetAddress(address)
    })
    return true
  }

  /** `protocol` is null until the client's first octets say it. */
  #serve(config: ListenerConfig, socket: Socket, protocol: Protocol | null, tls: TlsInfo | null): Link {
    const link = this.#link(socket)
    const record = connectionRecord(++this.#connections, socket, tls)
    this.#downstream.add(this.#greet(config, record, link, protocol))
    this.#tickLater()
    this.emit("connect", record)
    return link
  }

  /** Makes the connection that speaks a client's protocol, or one that waits for the octets that say which. */
  #greet(
    config: ListenerConfig,
    record: ConnectionRecord,
    link: Link,
    known: Protocol | null,
  ): ClientConnection {
    const { name } = config
    const nowMs = this.#clock.now()
    const shared = {
      context: this.#context,
      router: () => this.#live.routers.get(name) ?? this.#lastRouter(name),
      listener: config,
      record,
      link,
      onClosed: (closed: ClientConnection) => {
        this.#downstream.delete(closed)
        this.#gone()
        this.emit("disconnect", record)
      },
    }
    const speak = (protocol: Protocol, sinceMs: number): ClientConnection & LinkUser => {
      const { openStream } = this.#bridges
      const options = { ...shared, sinceMs, openStream }
      return protocol === "http2" ? new DownstreamConnection(options) : this.#bridges.http1(options)
    }
    if (known !== null) return speak(known, nowMs)
    const first: FirstOctets = new FirstOctets({
      ...shared,
      nowMs,
      expectsProxyHeader: config.proxyProtocol,
      lineOctetsMax: this.limits.http1HeadOctets,
      timeoutMs: this.limits.prefaceTimeoutMs,
      choose: (protocol, sinceMs) => {
        const next = speak(protocol, sinceMs)
        this.#downstream.delete(first)
        this.#downstream.add(next)
        return next
      },
    })
    return first
  }

  /** Connections of a listener that a reload took away go on with what is now first. */
  #lastRouter(_name: string): Router<Route> {
    return this.#live.routers.values().next().value!
  }

  #forgetAddress(address: string): void {
    const left = (this.#byAddress.get(address) ?? 1) - 1
    if (left > 0) this.#byAddress.set(address, left)
    else this.#byAddress.delete(address)
  }

  *#streamsOpen(): Iterable<StreamOwner> {
    for (const { streams } of this.#downstream) yield* streams
  }

  // ---- Time ---------------------------------------------------------------------------------------------------

  /** One timer for all connections, and none while there are none. */
  #tickLater(): void {
    this.#ticker ??= this.#clock.after(TICK_MS, () => {
      this.#ticker = null
      const nowMs = this.#clock.now()
      this.#context.admission.tick(nowMs)
      for (const connection of this.#downstream) connection.tick(nowMs)
      for (const connection of this.#upstream) connection.tick(nowMs)
      if (this.#downstream.size + this.#upstream.size > 0) this.#tickLater()
    })
  }

  /** Resolves when `set` is empty, or after `ms`. */
  #whenGone(set: ReadonlySet<unknown>, ms: number): Promise<void> {
    if (set.size === 0) return Promise.resolve()
    return new Promise((resolve) => {
      const timer = this.#clock.after(ms, () => done())
      const look = (): void => {
        if (set.size === 0) done()
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
    for (const look of [...this.#onGone]) look()
  }
}

function connectionRecord(id: number, socket: Socket, tls: TlsInfo | null): ConnectionRecord {
  return {
    id,
    remoteAddress: socket.remoteAddress ?? "unix:",
    remotePort: socket.remotePort ?? 0,
    localAddress: socket.localAddress ?? "",
    localPort: socket.localPort ?? 0,
    protocol: "HTTP/2.0",
    tls,
    proxied: null,
    requests: 0,
  }
}
