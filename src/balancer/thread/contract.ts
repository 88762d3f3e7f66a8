/** What the control side and a data thread tell each other: plain data, copied from one to the other. */
import type { Piece } from "../../base/pieces.ts"
import type { MoveOrder } from "../../cluster/rebalance/move-order.ts"
import type { ClusterState, EndpointState } from "../../cluster/state.ts"
import type { Config, LogLevel } from "../../config/model.ts"
import type { LogEvent } from "../../log/log-event.ts"
import type { Span } from "../../record/span.ts"
import type { AnswerPart, Question } from "../live/question.ts"
import type { EndpointMemory, SharedMemory } from "./shared-numbers.ts"

/** How a thread writes the log of the process: as the control side does, with its own number on each line. */
export interface ThreadLog {
  readonly level: LogLevel
  readonly path: string
  readonly format: "json" | "readable"
  readonly color: boolean
}

/** Listening sockets by listener: descriptors that are the thread's own, to listen on and to close. */
export type ThreadSockets = Readonly<Record<string, readonly number[]>>

/** A configuration, and what comes with it. */
export interface VersionedConfig {
  /** Counts up with every reload. */
  readonly version: number
  readonly config: Config
  /** Of listeners that the thread has not opened yet. */
  readonly sockets: ThreadSockets
  /** Of all clusters. */
  readonly state: ClusterState
  readonly memory: SharedMemory
}

/** The state of one cluster, or a part of it: a thread is not held up by a long one. Answered by `applied`. */
export interface ClusterMessage {
  readonly kind: "clusters"
  readonly version: number
  readonly cluster: string
  /** How many endpoints came before these. */
  readonly from: number
  readonly endpoints: readonly EndpointState[]
  /** All are here: the state is put in force, whole. */
  readonly isLast: boolean
  readonly memory: EndpointMemory
}

/** What a thread is told first. */
export interface ThreadStart extends VersionedConfig {
  readonly kind: "start"
  /** Its place among the threads, from 0: its row in shared memory. */
  readonly index: number
  readonly log: ThreadLog
}

/** What people have ordered of live streams, and the planner; endpoints have it in their state. */
export type LiveOrder =
  | { readonly kind: "drain-listener"; readonly name: string; readonly graceMs: number | null }
  | { readonly kind: "resume-listener"; readonly name: string }
  | {
      readonly kind: "end-stream"
      readonly connection: number
      /** Which request of that connection, from 1. */
      readonly request: number
      readonly grpcStatus: number
      readonly message: string
    }
  | ({ readonly kind: "move" } & MoveOrder)
  /** One stream, wherever the policy of its cluster has it. */
  | { readonly kind: "move-stream"; readonly connection: number; readonly request: number }

export type ToThread =
  | ThreadStart
  /** Once its parts are here: compile, open what is new, and answer `prepared`. `parts`: how many follow. */
  | ({ readonly kind: "prepare"; readonly parts: number } & VersionedConfig)
  /** Long lists and maps of `config`, `state` and `memory`; answered by `taken`. */
  | { readonly kind: "prepare-part"; readonly version: number; readonly part: readonly Piece[] }
  /** What was prepared is in force; answered by `committed`. */
  | { readonly kind: "commit"; readonly version: number }
  | { readonly kind: "abandon"; readonly version: number }
  | ClusterMessage
  /** Answered by `ordered` of the same `id`. */
  | { readonly kind: "order"; readonly id: number; readonly order: LiveOrder }
  | { readonly kind: "log-level"; readonly level: LogLevel }
  /** Open all log files anew. */
  | { readonly kind: "reopen" }
  /** Drain, and end. */
  | { readonly kind: "stop" }
  /** Answered by `answer`s of the same `id`, of which the last says so. */
  | { readonly kind: "ask"; readonly id: number; readonly question: Question }
  /** Write what the logs hold, now; answered by `flushed`. */
  | { readonly kind: "flush" }

export type FromThread =
  /** It listens. */
  | { readonly kind: "ready" }
  | { readonly kind: "cannot-start"; readonly reason: string }
  | { readonly kind: "taken"; readonly version: number }
  /** `problem`: why it cannot take the configuration; it has given up what it opened for it. */
  | { readonly kind: "prepared"; readonly version: number; readonly problem: string | null }
  | { readonly kind: "committed"; readonly version: number; readonly problem: string | null }
  /** `problem`: a bug, and the cluster is as it was. */
  | { readonly kind: "applied"; readonly version: number; readonly problem: string | null }
  /** `reached`: of how much it has that the order is about; 0: nothing. */
  | { readonly kind: "ordered"; readonly id: number; readonly reached: number }
  | { readonly kind: "flushed" }
  | { readonly kind: "spans"; readonly spans: readonly Span[] }
  | { readonly kind: "answer"; readonly id: number; readonly isLast: boolean; readonly part: AnswerPart }
  /** Something happened that operators are told of. */
  | { readonly kind: "event"; readonly event: LogEvent }
  /** It has drained and ends. */
  | { readonly kind: "stopped"; readonly problem: string | null }
