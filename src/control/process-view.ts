import type { AnswerPart, Question } from "../balancer/live/question.ts"
import type { OpenAddress } from "../balancer/status.ts"
import type { SharedMemory } from "../balancer/thread/shared-numbers.ts"
import type { Counters } from "../base/counters.ts"
import type { Limits } from "../base/limits.ts"
import type { ClusterStates } from "../cluster/cluster-states.ts"
import type { EndpointState } from "../cluster/state.ts"
import type { Config, LogLevel } from "../config/model.ts"
import type { ProcessLog } from "../log/logger.ts"
import type { ControlPlaneView, ControlView, ReloadResult } from "./admin/view.ts"
import type { ClusterCare } from "./cluster-care.ts"
import type { DataThreads } from "./data-threads.ts"
import type { SourceStatus } from "./discovery/cluster-discovery.ts"
import type { ListenerSockets } from "./listener-sockets.ts"
import type { Orders } from "./orders.ts"
import type { RouteSlots } from "./route-slots.ts"
import type { SharedCounts } from "./shared-counts.ts"

/** The life of the process, which the admin API may change. */
type Life = Pick<
  ControlView,
  "config" | "configVersion" | "loadedAtMs" | "isDraining" | "reload" | "drain" | "pendingChanges"
>

export interface ProcessParts {
  readonly configFile: string | null
  readonly log: ProcessLog
  readonly limits: Limits
  readonly counters: Counters
  readonly counts: SharedCounts
  readonly sockets: ListenerSockets
  readonly threads: DataThreads
  readonly states: ClusterStates
  readonly orders: Orders
  readonly care: ClusterCare
  readonly controlPlane: ControlPlaneView | null
}

/** The parts of the control side as one, for the admin API. */
export class ProcessView implements ControlView {
  readonly #life: Life
  readonly #parts: ProcessParts
  readonly #watchers = new Set<(cluster: string | null) => void>()

  constructor(life: Life, parts: ProcessParts) {
    this.#life = life
    this.#parts = parts
  }

  // ---- The process ----------------------------------------------------------------------------------------------

  get config(): Config {
    return this.#life.config
  }

  get configVersion(): number {
    return this.#life.configVersion
  }

  get loadedAtMs(): number {
    return this.#life.loadedAtMs
  }

  get configFile(): string | null {
    return this.#parts.configFile
  }

  get isDraining(): boolean {
    return this.#life.isDraining
  }

  get addresses(): readonly OpenAddress[] {
    return this.#parts.sockets.addresses(this.config.listeners)
  }

  get controlPlane(): ControlPlaneView | null {
    return this.#parts.controlPlane
  }

  get limits(): Limits {
    return this.#parts.limits
  }

  get threads(): ControlView["threads"] {
    return this.#parts.threads.states
  }

  reload(): Promise<ReloadResult> {
    return this.#life.reload()
  }

  pendingChanges(): Promise<Pick<ReloadResult, "changes" | "problems">> {
    return this.#life.pendingChanges()
  }

  drain(why: string): boolean {
    return this.#life.drain(why)
  }

  setLogLevel(level: LogLevel): void {
    this.#parts.log.setLevel(level)
    this.#parts.threads.setLogLevel(level)
  }

  // ---- Clusters -------------------------------------------------------------------------------------------------

  get orders(): Orders {
    return this.#parts.orders
  }

  sourcesOf(cluster: string): SourceStatus[] {
    return this.#parts.care.sourcesOf(cluster)
  }

  endpointsOf(cluster: string): readonly EndpointState[] {
    return this.#parts.states.endpointsOf(cluster)
  }

  watch(handler: (cluster: string | null) => void): () => void {
    this.#watchers.add(handler)
    return () => this.#watchers.delete(handler)
  }

  /** Endpoints of a cluster changed; null: another configuration is in force. */
  changed(cluster: string | null): void {
    for (const watcher of this.#watchers) watcher(cluster)
  }

  // ---- Numbers, and live streams --------------------------------------------------------------------------------

  get memory(): SharedMemory {
    return this.#parts.counts.memory
  }

  get counters(): Counters {
    return this.#parts.counters
  }

  get streamsOpen(): number {
    return this.#parts.counts.streamsOpen
  }

  get routes(): RouteSlots | null {
    return this.#parts.counts.routes
  }

  trafficAt(slot: number): Float64Array {
    return this.#parts.counts.trafficAt(slot)
  }

  streamsAt(slot: number): number {
    return this.#parts.counts.at(slot)
  }

  ask(question: Question): Promise<(AnswerPart[] | null)[]> {
    return this.#parts.threads.ask(question)
  }

  askOne(index: number, question: Question): Promise<AnswerPart[] | null> {
    return this.#parts.threads.askOne(index, question)
  }
}
