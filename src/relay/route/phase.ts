import type { Counters } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import type { Log } from "../../log/logger.ts"
import type { Failure } from "../../record/failure.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { Template } from "../../record/template.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import type { Admission } from "../overload/admission.ts"
import type { CutCalls } from "../overload/cut-calls.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"

/** nginx's `return`, compiled. */
export interface ReturnAction {
  readonly kind: "return"
  readonly status: number
  readonly template: Template
  /** As octets. */
  readonly contentType: string
  readonly grpcStatus: number | null
  readonly grpcMessage: Template | null
}

/** What a phase sees of a call, and what it may set. */
export interface PhasedCall {
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  cluster: Cluster<LegConnection> | null
}

export interface PhaseContext {
  readonly limits: Limits
  readonly counters: Counters
  readonly log: Log
  readonly env: TemplateEnvironment
  readonly admission: Admission
  readonly cutCalls: CutCalls
}

/**
 * One step between a request's head and its first leg: lets the call pass (null), or says how it is answered. Phases run
 * in order and at once; one that had to wait would hold up the connection.
 */
export type Phase = (call: PhasedCall, context: PhaseContext) => Failure | ReturnAction | null
