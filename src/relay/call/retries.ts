import { counterIds } from "../../base/counters.ts"
import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"

import { type Failure, failure } from "../../record/failure.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { Route } from "../route/route.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import { EarlierLegs } from "./earlier-legs.ts"
import { Leg, type LegOwner } from "./leg.ts"
import type { LegContext } from "./leg-context.ts"
import type { LegEnd } from "./leg-end.ts"
import { nextLeg } from "./next-leg.ts"

/** The call whose legs these are. */
export interface RetryingCall {
  readonly context: LegContext
  readonly route: Route
  readonly record: NewStreamRecord
  readonly cluster: Cluster<LegConnection> | null
  /** Of the cluster, read once: a reload does not change where the call may go. */
  readonly snapshot: Snapshot | null
}

/** The next leg, at an endpoint that was not tried, to be begun; or why there is none. */
export function pickLeg(call: RetryingCall & LegOwner, retries: Retries | null): Leg | Failure {
  const cluster = call.cluster!
  const endpoint = cluster.pick(call.snapshot!, retries === null ? null : retries.tried)
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

  /** Whether another leg follows `leg`, which ended so: gathers the facts for `nextLeg` and takes note of its decision. */
  mayGoOn(call: RetryingCall, leg: Leg, end: LegEnd, isHeadSent: boolean, isReplayable: boolean): boolean {
    const { context, record } = call
    const nowMs = Math.floor(context.clock.now())
    const { primary, backup } = call.snapshot!
    const { retryBudget } = call.cluster!
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
        isBudgetLeft: retryBudget.isLeft(nowMs),
      },
      end,
    )
    if (decision.next !== "leg") {
      if (decision.isBudgetSpent) context.counters.add(counterIds.retry_budget_exhausted)
      return false
    }
    if (decision.takesBudget) retryBudget.take(nowMs)
    if (decision.mayRepeatEndpoint) this.#hasRepeatedEndpoint = true
    else (this.tried ??= []).push(leg.endpoint)
    if (leg.octetsWaiting > 0) (this.#earlierLegs ??= new EarlierLegs()).left(leg.octetsWaiting)
    return true
  }

  /** Of `octets` that the client took, how many are the present leg's. */
  ofPresentLeg(octets: number): number {
    return this.#earlierLegs === null ? octets : this.#earlierLegs.ofPresentLeg(octets)
  }
}
