import type { HeaderList } from "../../src/http2/header-list.ts"
import type { StreamRecord } from "../../src/record/record.ts"
import type { CallPlan } from "./plan.ts"
import { Violation } from "./violation.ts"

/** How a call ended for its client. `lost`: with its connection. `unsent`: it never left the client. */
export type Ending =
  | { readonly how: "complete"; readonly trailers: HeaderList | null }
  | { readonly how: "reset"; readonly code: number; readonly isLocal: boolean }
  | { readonly how: "cancelled" | "lost" | "unsent" }

/** One arrival of a call at a backend. */
export interface Attempt {
  readonly number: number
  readonly endpoint: number
  /** The backend did work for it: it neither refused it nor said by GOAWAY that it would not look. */
  isProcessed: boolean
  receivedOctets: number
  requestEnded: boolean
  sentOctets: number
  /** The response was sent whole, END_STREAM included. */
  isAnswered: boolean
  /** The stream is open at the backend. */
  isOpen: boolean
  /** RST_STREAM's code, when one came. */
  resetCode: number | null
}

/** What everyone saw of one call. */
export class CallRecord {
  readonly plan: CallPlan
  /** When the client opened its stream; -1 before. */
  openedMs = -1
  sentOctets = 0
  head: HeaderList | null = null
  /** The attempt that the response comes from; null while unknown, or where the balancer answers itself. */
  answeredBy: Attempt | null = null
  receivedOctets = 0
  ending: Ending | null = null
  endedMs = -1
  /** A peer broke the protocol on the connection that carries it. */
  isSpoilt = false
  readonly attempts: Attempt[] = []
  /** What the balancer told of it. */
  readonly told: StreamRecord[] = []

  constructor(plan: CallPlan) {
    this.plan = plan
  }

  end(ending: Ending, nowMs: number): void {
    if (this.ending !== null)
      throw new Violation(
        "one ending",
        `call ${this.plan.id} ended twice: ${this.ending.how}, then ${ending.how}`,
      )
    this.ending = ending
    this.endedMs = nowMs
  }

  /** It may stay open until the client or the balancer leaves. */
  get isHeld(): boolean {
    if (this.isSpoilt) return true
    const { response, requestEnd, cancel, timeoutMs } = this.plan
    const neverAnswered = response.end === "never" || (response.begin !== "at once" && requestEnd === "never")
    return neverAnswered && cancel === null && timeoutMs === null
  }
}

/** The calls of a run, by id. */
export class Ledger {
  readonly calls = new Map<number, CallRecord>()

  constructor(plans: readonly CallPlan[]) {
    for (const plan of plans) this.calls.set(plan.id, new CallRecord(plan))
  }

  /** The call that a request's head names. */
  of(head: HeaderList): CallRecord {
    const call = this.calls.get(Number(head.get("x-call")))
    if (call === undefined) throw new Violation("head", `a request names call ${head.get("x-call")}`)
    return call
  }

  /** Every call that was to end has. */
  get isSettled(): boolean {
    for (const call of this.calls.values()) {
      if (call.ending === null && !call.isHeld && !this.#isBehindHeld(call)) return false
      if (call.ending !== null && call.attempts.some(({ isOpen }) => isOpen)) return false
    }
    return true
  }

  /** Its client may open no more streams beside those that stay open. */
  #isBehindHeld({ openedMs, plan }: CallRecord): boolean {
    if (openedMs >= 0) return false
    for (const other of this.calls.values())
      if (other.isHeld && other.plan.client === plan.client && other.openedMs >= 0) return true
    return false
  }
}
