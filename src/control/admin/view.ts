import type { AnswerPart, Question } from "../../balancer/live/question.ts"
import type { OpenAddress } from "../../balancer/status.ts"
import type { SharedMemory } from "../../balancer/thread/shared-numbers.ts"
import type { Counters } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { EndpointState } from "../../cluster/state.ts"
import type { Config, LogLevel } from "../../config/model.ts"
import type { SourceStatus } from "../discovery/cluster-discovery.ts"
import type { Orders } from "../orders.ts"
import type { RouteSlots } from "../route-slots.ts"
import type { XdsClient } from "../xds/xds-client.ts"

export type ControlPlaneView = Pick<XdsClient, "status" | "live" | "accepted" | "resources">

export interface ReloadResult {
  readonly isDone: boolean
  readonly message: string
  /** `+ cluster chat`, `- endpoint 10.0.0.3:50051 of chat`, `~ listener web`. */
  readonly changes: readonly string[]
  /** What is wrong with the file, with line and column. */
  readonly problems: readonly string[]
}

/** What the admin API sees of the control side, and may ask of it. */
export interface ControlView {
  /** The configuration in force. */
  readonly config: Config
  readonly configVersion: number
  /** Since 1970. */
  readonly loadedAtMs: number
  /** Null: none was given. */
  readonly configFile: string | null
  readonly isDraining: boolean
  readonly addresses: readonly OpenAddress[]
  readonly memory: SharedMemory
  readonly threads: readonly { readonly index: number; readonly isReady: boolean; readonly version: number }[]
  /** Live streams, over all threads. */
  readonly streamsOpen: number
  readonly orders: Orders
  readonly limits: Limits
  /** The control side's own row. */
  readonly counters: Counters
  reload(): Promise<ReloadResult>
  /** Drains the process, which ends then. False: it does so already. */
  drain(why: string): boolean
  /** What a reload would change now. */
  pendingChanges(): Promise<Pick<ReloadResult, "changes" | "problems">>
  /** Until the next start. */
  setLogLevel(level: LogLevel): void
  /** Where a cluster's endpoints come from, as far as that is asked for them while it runs. */
  sourcesOf(cluster: string): readonly SourceStatus[]
  /** The endpoints of a cluster, whatever they come from. */
  endpointsOf(cluster: string): readonly EndpointState[]
  /**
   * Calls `handler` with each cluster whose endpoints changed, and with null for another configuration, until the returned
   * function is called.
   */
  watch(handler: (cluster: string | null) => void): () => void
  /** What was counted at the endpoint in `slot`: a row of `Column`s. */
  trafficAt(slot: number): Float64Array
  /** What `--xds` names; null: nothing. */
  readonly controlPlane: ControlPlaneView | null
  /** Null: streams are not counted by route. */
  readonly routes: RouteSlots | null
  /** Live streams of the endpoint in `slot`. */
  streamsAt(slot: number): number
  /** The answer of each thread that listens, in pieces; null of one that gave none. */
  ask(question: Question): Promise<(AnswerPart[] | null)[]>
  /** Of one, by its number from 0; null: it does not listen. */
  askOne(index: number, question: Question): Promise<AnswerPart[] | null>
}
