import { logChange } from "../balancer/log-change.ts"
import type { OpenAddress } from "../balancer/status.ts"
import type { ThreadLog, VersionedConfig } from "../balancer/thread/contract.ts"
import { rowOf, trafficOf } from "../balancer/thread/shared-numbers.ts"
import type { Clock } from "../base/clock.ts"
import { type CounterName, Counters, counterIds, counterNames } from "../base/counters.ts"
import { systemRandom } from "../base/random.ts"
import { resolveLimits } from "../base/resolve-limits.ts"
import { VERSION } from "../base/version.ts"
import { ClusterStates } from "../cluster/cluster-states.ts"
import { Slots } from "../cluster/slots.ts"
import type { ClusterState } from "../cluster/state.ts"
import type { LoadedConfig } from "../config/load.ts"
import type { AdminConfig, Config } from "../config/model.ts"
import type { TracingConfig } from "../config/trace-model.ts"
import type { LogEvent } from "../log/log-event.ts"
import type { ProcessLog } from "../log/logger.ts"
import type { OpenAdmin } from "./admin/admin.ts"
import type { ControlView, ReloadResult } from "./admin/view.ts"
import { AdminDoor } from "./admin-door.ts"
import { ClusterCare } from "./cluster-care.ts"
import { DataThreads, type ThreadWorker } from "./data-threads.ts"
import type { SourceSpecs } from "./discovery/cluster-discovery.ts"
import type { Inheritance } from "./inherited-sockets.ts"
import { ListenerSockets } from "./listener-sockets.ts"
import { Orders } from "./orders.ts"
import { ProcessView } from "./process-view.ts"
import { Reloads } from "./reloads.ts"
import { RouteSlots } from "./route-slots.ts"
import { SharedCounts } from "./shared-counts.ts"
import type { Command, OnCommand } from "./signals.ts"
import { openSender } from "./tracing/otlp.ts"
import { SpanQueue } from "./tracing/span-queue.ts"
import { Successor, tellPredecessor } from "./upgrade.ts"
import type { XdsClient } from "./xds/xds-client.ts"

/** Told to end at once, threads have this long for what their logs hold. */
const LAST_LINES_MS = 1000
export interface ControlOptions {
  config: Config
  threads: number
  /** Reads the configuration again; `isReload`: tells people what is wrong with it. Null: there is no file to read. */
  load: ((isReload: boolean) => Promise<LoadedConfig>) | null
  log: ProcessLog
  threadLog: ThreadLog
  clock: Clock
  signals: { onCommand(handler: OnCommand): void }
  inheritance: Inheritance
  /** Null: none was given. */
  configFile: string | null
  /** What tells of listeners, routes and endpoints beside the file; none: nothing does. */
  controlPlane?: XdsClient | null
  /** Of what happens in data threads. */
  onEvent(event: LogEvent): void
  /** Opens the admin API. Errors: throws in a sentence. */
  openAdmin(config: AdminConfig, view: ControlView): Promise<OpenAdmin | null>
  /** Where endpoints come from. Default: as the configuration says. */
  sourceSpecs?: SourceSpecs
  makeWorker(name: string): ThreadWorker
  /** It takes no new connections from here on. */
  onDrain?(): void
  /** All threads listen. */
  onListening(addresses: OpenAddress[], admin: string | null): void
  /** Ends the process, with all its threads. */
  exit(code: number): void
}

/**
 * The control side of a process: it has the configuration, the listening sockets and the data threads, and does what signals
 * ask for. No stream passes through it.
 */
export class Control {
  /** What is said of endpoints: by discovery, health and people. */
  readonly states: ClusterStates
  readonly orders: Orders
  /** Its own row, beside those of the threads. */
  readonly #counters: Counters
  readonly #options: ControlOptions
  readonly #counts: SharedCounts
  readonly #sockets: ListenerSockets
  readonly #threads: DataThreads
  readonly #care: ClusterCare
  readonly #reloads: Reloads
  readonly #view: ProcessView
  readonly #admin: AdminDoor
  /** The configuration in force. */
  #config: Config
  #version = 0
  /** The states that come in force with it, while threads are about to take them over. */
  #committing: ClusterState | null = null
  /** The last reload or upgrade: each begins when the one before it is over. */
  #changing: Promise<void> = Promise.resolve()
  #successor: Successor | null = null
  #spans: SpanQueue | null = null
  #loadedAtMs: number
  #isStopping = false
  #isStoppingAtOnce = false
  #onDone: (code: number) => void = () => {}

  constructor(options: ControlOptions) {
    const { config, threads, clock, log, threadLog, makeWorker, inheritance } = options
    this.#options = options
    this.#loadedAtMs = clock.wallMs()
    this.#reloads = new Reloads({
      first: config,
      load: options.load,
      log,
      current: () => this.#config,
      putInForce: (next) => this.#putInForce(next),
      endpointsOf: (cluster) => this.states.endpointsOf(cluster),
      streamsAt: (slot) => this.#counts.at(slot),
    })
    this.#config = config
    const { limits } = resolveLimits(config.limits)
    const isCounted = config.metrics === "full" && config.admin !== "off"
    const countRoute = () => this.#counters.add(counterIds.counted_routes_exceeded)
    const routes = isCounted ? new RouteSlots(threads, limits.countedRoutesMax, countRoute) : null
    this.#counts = new SharedCounts(threads, routes)
    const row = rowOf(this.#counts.memory.counters, threads, counterNames.length)
    this.#counters = new Counters(row)
    this.#counts.prepare(config)
    this.states = new ClusterStates({
      hasChecks: true,
      slots: new Slots({
        streamsOpen: (slot) => this.#counts.at(slot),
        acknowledged: () => this.acknowledged,
        onNew: (slot) => this.#counts.add(slot),
        onFree: (slot) => this.#counts.clearTraffic(slot),
      }),
      publish: (state) => this.#threads.publish(state),
      onChange: (change) => {
        logChange(log, change)
        this.#view.changed(change.cluster)
        if (change.joined.length + change.left.length > 0) this.#care.changed(change.cluster)
      },
    })
    this.#sockets = new ListenerSockets(threads, inheritance.sockets)
    this.#threads = new DataThreads({
      count: threads,
      clock,
      log,
      threadLog,
      makeWorker,
      onEvent: (event) => {
        // What its sources have said of it may be old.
        if (event.kind === "ejection") this.#care.refresh(String(event.fields.cluster))
        options.onEvent(event)
      },
      onSpans: (spans) => this.#spans?.add(spans),
      current: () => this.#current(),
      endpointsOf: (cluster) => this.states.endpointsOf(cluster),
      sockets: (indexes) => this.#sockets.copiesFor(indexes, namesOf(this.#config)),
      standingOrders: () => this.orders.standing(),
      onLost: (index) => this.#counts.subtract(index),
    })
    this.orders = new Orders({
      states: this.states,
      config: () => this.#config,
      log,
      tell: (order) => this.#threads.order(order),
      tellOne: (index, order) => this.#threads.orderOne(index, order),
      streamsAt: (slot) => this.#counts.byThread(slot),
      random: systemRandom,
    })
    this.states.prepare(config.clusters).commit()
    this.#care = new ClusterCare({
      states: this.states,
      clock,
      random: systemRandom,
      log,
      outcomesAt: (slot) => this.#counts.outcomesAt(slot),
      streamsAt: (slot) => this.#counts.at(slot),
      trafficAt: (slot) => this.#counts.trafficAt(slot),
      move: (order) => this.orders.move(order),
      config: () => this.#config,
      ...(options.sourceSpecs && { sourceSpecs: options.sourceSpecs }),
      assignments: options.controlPlane ?? null,
      onDiscoveryRefused: () => this.#counters.add(counterIds.discovery_refused),
    })
    this.#view = new ProcessView(this, {
      configFile: options.configFile,
      log,
      limits,
      counters: this.#counters,
      counts: this.#counts,
      sockets: this.#sockets,
      threads: this.#threads,
      states: this.states,
      orders: this.orders,
      care: this.#care,
      controlPlane: options.controlPlane ?? null,
    })
    this.#admin = new AdminDoor(clock, log, () => options.openAdmin(config.admin, this.#view))
  }

  /** The newest version of `states` that all threads have applied. */
  get acknowledged(): number {
    return this.#threads.acknowledged
  }

  /** What a new thread is given. */
  #current(): Omit<VersionedConfig, "sockets"> {
    const state = this.#committing ?? this.states.current
    return { version: this.#version, config: this.#config, state, memory: this.#counts.memory }
  }

  /** Runs until stopped. Resolves with the exit code. Errors: throws, in a sentence, why it cannot start. */
  async run(): Promise<number> {
    const { config, onListening, signals, inheritance, log } = this.#options
    this.#threads.load()
    try {
      await this.#sockets.open(config.listeners)
      if (config.tracing !== null) this.#spans = await this.#openSpans(config.tracing)
      if (!inheritance.isUpgrade) await this.#admin.open()
      await this.#discover(config)
      await this.#threads.start()
    } catch (error) {
      this.#threads.end()
      this.#sockets.giveUp()
      this.#admin.close()
      throw error
    }
    this.#sockets.closeUnused(log)
    this.#care.use(config)
    onListening(this.#sockets.addresses(config.listeners), this.#admin.address)
    if (inheritance.isUpgrade) {
      tellPredecessor()
      void this.#admin.takeOver(() => !this.#isStopping)
    }
    signals.onCommand((command, why) => this.#command(command, why))
    return new Promise((resolve) => {
      this.#onDone = resolve
    })
  }

  /** Before the first thread starts: what sources say in time is there from the first call on. */
  async #discover(config: Config): Promise<void> {
    const found = await this.#care.prepare(config)
    this.states.prepare(config.clusters, found.endpointsOf).commit()
    found.commit()
    // The admin API and the xDS server are open already, and were asked before there was anything.
    this.#view.changed(null)
  }

  #command(command: Command, why: string): void {
    if (command === "stop") this.#stop(why)
    else if (command === "reload") void this.reload()
    else if (command === "upgrade") this.#change(() => this.#upgrade(why))
    else this.#reopen()
  }

  #change(change: () => Promise<unknown>): void {
    this.#changing = this.#changing.then(change).then(undefined, (error: unknown) => {
      const reason = error instanceof Error ? (error.stack ?? error.message) : String(error)
      this.#options.log.error("unexpected error", { error: reason })
    })
  }

  #reopen(): void {
    this.#threads.reopen()
    void this.#options.log.reopen()
  }

  // ---- Reload -------------------------------------------------------------------------------------------------

  /** Reads the file again and puts it in force, after what is under way. */
  reload(): Promise<ReloadResult> {
    return new Promise((resolve, reject) => {
      this.#change(() =>
        this.#reload().then(resolve, (error: unknown) => {
          reject(error as Error)
          throw error
        }),
      )
    })
  }

  /** Puts another configuration in force, after what is under way: a control plane has said so. */
  apply(config: Config): Promise<void> {
    return new Promise((resolve) => {
      this.#change(async () => {
        try {
          await this.#reloads.apply(config)
        } finally {
          resolve()
        }
      })
    })
  }

  /** A limit of the control side was reached. */
  count(limit: CounterName): void {
    this.#counters.add(counterIds[limit])
  }

  /** What a reload would change now. */
  pendingChanges(): Promise<Pick<ReloadResult, "changes" | "problems">> {
    return this.#reloads.pendingChanges()
  }

  async #reload(): Promise<ReloadResult> {
    const result = await this.#reloads.reload()
    // As in nginx, for those who rotate logs by `systemctl reload`; also when the old configuration stays.
    this.#reopen()
    return result
  }

  /** Prepare in all threads, then commit in all of them or abandon. Returns why the old configuration stays, or null. */
  async #putInForce(config: Config): Promise<string | null> {
    if (this.#isStopping) return "the balancer is shutting down"
    const before = this.#config
    const version = this.#version + 1
    const found = await this.#care.prepare(config)
    const prepared = this.states.prepare(config.clusters, found.endpointsOf)
    this.#counts.prepare(config)
    const { state } = prepared
    let reason: string | null
    try {
      const opened = await this.#sockets.open(config.listeners)
      const indexes = Array.from({ length: this.#options.threads }, (_, index) => index)
      reason = await this.#threads.prepare(
        { version, config, state, memory: this.#counts.memory },
        await this.#sockets.copiesFor(indexes, opened),
      )
    } catch (error) {
      reason = (error as Error).message
    }
    if (reason !== null || this.#isStopping) {
      this.#threads.abandon(version)
      this.#sockets.retain(before.listeners)
      this.#counts.retain(before)
      prepared.abandon()
      found.abandon()
      return reason ?? "the balancer is shutting down"
    }
    this.#loadedAtMs = this.#options.clock.wallMs()
    this.#config = config
    this.#version = version
    this.#committing = state
    await this.#threads.commit(version)
    this.#counts.retain(config)
    this.#committing = null
    prepared.commit()
    found.commit()
    this.#care.use(config)
    this.#sockets.retain(config.listeners)
    this.#view.changed(null)
    return null
  }

  // ---- Upgrade ------------------------------------------------------------------------------------------------

  /** Starts the program anew with our sockets. Once it listens we drain; if it does not, nothing has changed. */
  async #upgrade(why: string): Promise<void> {
    const { log, clock } = this.#options
    if (this.#isStopping) return log.warn("no upgrade: the balancer is shutting down")
    log.info("starting the new version", { signal: why })
    try {
      this.#successor = new Successor(this.#sockets.all(), clock)
      await this.#successor.listening
      if (this.#isStopping) return
      log.info("the new version listens; this one ends", { pid: this.#successor.pid })
      this.#successor = null
      this.#drain(why, true)
    } catch (error) {
      this.#successor = null
      if (this.#isStopping) return
      log.error("the new version does not start; this one goes on", { reason: (error as Error).message })
    }
  }

  // ---- Stop ---------------------------------------------------------------------------------------------------

  drain(why: string): boolean {
    if (this.#isStopping) return false
    this.#successor?.abandon()
    this.#drain(why, false)
    return true
  }

  /** The first drains, a second one ends at once, a third without the last lines of the logs. */
  #stop(why: string): void {
    const { log, exit } = this.#options
    if (this.drain(why)) return
    if (this.#isStoppingAtOnce) {
      this.#admin.close()
      return exit(0)
    }
    this.#isStoppingAtOnce = true
    log.warn("stopping at once", { signal: why })
    const end = (): void => {
      this.#admin.close()
      log.flushSync()
      exit(0)
    }
    this.#options.clock.after(LAST_LINES_MS, end)
    void this.#threads.flush().then(end)
  }

  #drain(why: string, isUpgrade: boolean): void {
    this.#isStopping = true
    this.#options.onDrain?.()
    this.#care.drain()
    const { log } = this.#options
    const { graceMs } = this.#config.shutdown
    log.info("draining", { signal: why, streams: this.#counts.streamsOpen, graceMs })
    const stopping = this.#threads.stop()
    if (isUpgrade) {
      this.#admin.giveWay()
      this.#sockets.leave()
    } else this.#sockets.close()
    void stopping.then(async (problem) => {
      this.#care.stop()
      await this.#spans?.close()
      if (problem === null) log.info("stopped", trafficOf(this.#counts.memory))
      else log.error("could not stop cleanly", { reason: problem })
      this.#admin.close()
      this.#onDone(problem === null ? 0 : 1)
    })
  }

  async #openSpans(config: TracingConfig): Promise<SpanQueue> {
    const { clock, log } = this.#options
    const sender = await openSender(config, VERSION)
    return new SpanQueue({
      config,
      sender,
      clock,
      log,
      onDropped: () => this.#counters.add(counterIds.spans_dropped),
    })
  }

  // ---- What the admin API sees of it ----------------------------------------------------------------------------

  get config(): Config {
    return this.#config
  }

  get configVersion(): number {
    return this.#version
  }

  get loadedAtMs(): number {
    return this.#loadedAtMs
  }

  get isDraining(): boolean {
    return this.#isStopping
  }
}

function namesOf({ listeners }: Config): string[] {
  return listeners.map(({ name }) => name)
}
