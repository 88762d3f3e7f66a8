import { counterIds } from "../../base/counters.ts"
import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { PickSubject } from "../../cluster/policies/policy.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { Route } from "../route/route.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import { EarlierLegs } from "./earlier-legs.ts"
import { Leg, type LegOwner } from "./leg.ts"
import type { LegContext } from "./leg-context.ts"
import type { LegEnd } from "./leg-end.ts"
import { nextLeg } from "./next-leg.ts"
import { backoffMs } from "./retry-delay.ts"

const NEVER = Number.POSITIVE_INFINITY

/** The call whose legs these are. */
export interface RetryingCall extends PickSubject {
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
  const endpoint = cluster.pick(call.snapshot!, retries === null ? null : retries.tried, call)
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
  /** What the next leg waits before it begins. */
  delayMs = 0
  /** GOAWAY has let an endpoint be asked again. */
  #hasRepeatedEndpoint = false
  #earlierLegs: EarlierLegs | null = null

  /** Whether another leg follows `leg`, which ended so: gathers the facts for `nextLeg` and takes note of its decision. */
  mayGoOn(call: RetryingCall, leg: Leg, end: LegEnd, isHeadSent: boolean, isReplayable: boolean): boolean {
    const { context, record, route } = call
    const { limits, counters, env } = context
    const { retry } = route.settings
    const nowMs = Math.floor(context.clock.now())
    const { retryBudget } = call.cluster!
    const legs = record.attempts.length - (this.#hasRepeatedEndpoint ? 1 : 0)
    const elapsedMs = nowMs - record.startMs
    const decision = nextLeg(
      {
        retry,
        method: record.head.method,
        legs,
        endpoints: call.snapshot!.endpoints.length,
        elapsedMs,
        isHeadSent,
        isReplayable,
        hasRepeatedEndpoint: this.#hasRepeatedEndpoint,
        isBudgetLeft: retryBudget.isLeft(nowMs),
        leftMs: Math.min(
          record.deadlineMs === 0 ? NEVER : record.deadlineMs - nowMs,
          retry.timeoutMs === null ? NEVER : retry.timeoutMs - elapsedMs,
        ),
        pushbackMaxMs: limits.retryPushbackMaxMs,
        backoffMs: legs < 2 ? 0 : backoffMs(legs, limits, env.random()),
      },
      end,
    )
    if (decision.next !== "leg") {
      if (decision.limit !== null) counters.add(counterIds[decision.limit])
      return false
    }
    this.delayMs = decision.afterMs
    if (decision.afterMs > 0) counters.add(counterIds.retries_delayed)
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
