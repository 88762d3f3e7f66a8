import { counterIds } from "../../base/counters.ts"
import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"

import { type Failure, failure } from "../../record/failure.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { Route } from "../route/route.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { CallRequest } from "./call-request.ts"
import type { Continuity } from "./continuity/continuity.ts"
import { EarlierLegs } from "./earlier-legs.ts"
import { Leg, type LegOwner } from "./leg.ts"
import type { LegContext } from "./leg-context.ts"
import { failureOf, type LegEnd } from "./leg-end.ts"
import { type LegDecision, nextLeg } from "./next-leg.ts"

/** The call whose legs these are. */
export interface RetryingCall {
  readonly context: LegContext
  readonly route: Route
  readonly record: NewStreamRecord
  readonly cluster: Cluster<LegConnection> | null
  /** Of the cluster, read once: a reload does not change where the call may go. */
  readonly snapshot: Snapshot | null
  readonly continuity: Continuity | null
  openLeg(last: Failure | null): void
}

/** The next leg, at an endpoint that was not tried, to be begun; or why there is none. */
export function pickLeg(call: RetryingCall & LegOwner, retries: Retries | null): Leg | Failure {
  const cluster = call.cluster!
  const isGoingOn = call.continuity?.isBetween === true
  // A stream that goes on may be older than the endpoints there are now, and may have been everywhere.
  const snapshot = isGoingOn ? cluster.snapshot : call.snapshot!
  const tried = retries === null ? null : retries.tried
  const endpoint = cluster.pick(snapshot, tried) ?? (isGoingOn ? cluster.pick(snapshot, null) : undefined)
  if (endpoint === undefined)
    return failure("no_endpoint", `cluster ${cluster.name}: no endpoint is available`, true)
  const leg = new Leg(call, cluster, endpoint)
  call.record.addAttempt(leg)
  return leg
}

/** What earlier legs leave behind: where they were, and what the client has not taken of them. Made when one ends early. */
export class Retries {
  /** Endpoints that are not asked again; null: none yet. */
  tried: Endpoint[] | null = null
  /** GOAWAY has let an endpoint be asked again. */
  #hasRepeatedEndpoint = false
  #earlierLegs: EarlierLegs | null = null

  /** Opens another leg in place of `leg`, which ended so; false where none follows. */
  goesOn(call: RetryingCall, leg: Leg, end: LegEnd, request: CallRequest, isHeadSent: boolean): boolean {
    const decision = this.#decide(call, leg, end, isHeadSent, request.isReplayable)
    if (decision === null) return false
    leg.end(end)
    request.keep()
    if (decision.goesOn === null) call.openLeg(failureOf(end, leg.where))
    else call.continuity!.goOn(decision.goesOn)
    return true
  }

  /** Whether another leg follows `leg`, which ended so: gathers the facts for `nextLeg` and takes note of its decision. */
  #decide(
    call: RetryingCall,
    leg: Leg,
    end: LegEnd,
    isHeadSent: boolean,
    isReplayable: boolean,
  ): LegDecision | null {
    const { context, record } = call
    const nowMs = Math.floor(context.clock.now())
    const { primary, backup } = call.snapshot!
    const { retryBudget } = call.cluster!
    const isBudgetLeft = retryBudget.isLeft(nowMs)
    const decision = nextLeg(
      {
        retry: call.route.settings.retry,
        method: record.head.method,
        legs: record.attempts.length - (this.#hasRepeatedEndpoint ? 1 : 0),
        endpoints: primary.length + backup.length,
        elapsedMs: nowMs - record.startMs,
        isHeadSent,
        isReplayable,
        hasRepeatedEndpoint: this.#hasRepeatedEndpoint,
        isBudgetLeft,
        continuation: call.continuity?.decide(leg, end, isBudgetLeft) ?? null,
      },
      end,
    )
    if (decision.next !== "leg") {
      if (decision.isBudgetSpent) context.counters.add(counterIds.retry_budget_exhausted)
      return null
    }
    if (decision.takesBudget) retryBudget.take(nowMs)
    if (decision.goesOn !== null) this.tried = [leg.endpoint]
    else if (decision.mayRepeatEndpoint) this.#hasRepeatedEndpoint = true
    else (this.tried ??= []).push(leg.endpoint)
    const waiting = leg.octetsWaiting - (call.continuity?.discard() ?? 0)
    if (waiting > 0) (this.#earlierLegs ??= new EarlierLegs()).left(waiting)
    return decision
  }

  /** Of `octets` that the client took, how many are the present leg's. */
  ofPresentLeg(octets: number): number {
    return this.#earlierLegs === null ? octets : this.#earlierLegs.ofPresentLeg(octets)
  }
}
