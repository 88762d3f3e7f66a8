import { counterIds } from "../../base/counters.ts"
import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import { Column } from "../../cluster/traffic.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { NewStreamRecord } from "../../record/stream-record.ts"
import type { Route } from "../route/route.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { CallRequest } from "./call-request.ts"
import type { ContinuityContext } from "./continuity/continued-call.ts"
import type { Continuity } from "./continuity/continuity.ts"
import { EarlierLegs } from "./earlier-legs.ts"
import { Leg, type LegOwner } from "./leg.ts"
import { failureOf, type LegEnd } from "./leg-end.ts"
import { type LegDecision, nextLeg } from "./next-leg.ts"
import { enterQueue, mustQueue, type QueueingCall } from "./queued-call.ts"
import { backoffMs } from "./retry-delay.ts"

const NEVER = Number.POSITIVE_INFINITY

/** The call whose legs these are. */
export interface RetryingCall extends LegOwner, QueueingCall {
  readonly context: ContinuityContext
  readonly route: Route
  readonly record: NewStreamRecord
  cluster: Cluster<LegConnection> | null
  /** Of the cluster, read once: a reload does not change where the call may go. */
  snapshot: Snapshot | null
  readonly continuity: Continuity | null
  /** Attempts that are none of the present route's. */
  readonly attemptsBefore: number
  openLeg(last: Failure | null): void
}

/** The next leg, at an endpoint that was not tried, to be begun; or why there is none. Null: the call waits for one in a queue. */
export function pickLeg(call: RetryingCall, retries: Retries | null): Leg | Failure | null {
  const isGoingOn = call.continuity?.isBetween === true
  // A stream that goes on may be older than the endpoints there are now, and may have been everywhere.
  if (isGoingOn) call.cluster = call.cluster!.latest
  const cluster = call.cluster!
  const snapshot = isGoingOn ? cluster.snapshot : call.snapshot!
  const tried = retries === null ? null : retries.tried
  const { breakers } = cluster
  // One that was somewhere already has another failure to tell.
  const queue = retries === null ? cluster.queue : null
  if (mustQueue(call, queue)) return enterQueue(call, queue)
  const refusal = breakers === null ? null : breakers.enter(isGoingOn)
  if (refusal !== null) return failure("pick_queue", `cluster ${cluster.name}: ${refusal}`, true)
  const wanted = isGoingOn ? call.continuity!.takeDestination() : null
  const endpoint =
    (wanted === null ? undefined : cluster.pickAt(wanted)) ??
    cluster.pick(snapshot, tried, call) ??
    (isGoingOn ? cluster.pick(snapshot, null, call) : undefined)
  if (isGoingOn) retries!.delayMs += endpoint === undefined ? 0 : call.context.takeoverPace.take(endpoint)
  if (endpoint === undefined) {
    breakers?.leave(call)
    if (queue !== null && snapshot.availability.size > 0) return enterQueue(call, queue)
    return failure("no_endpoint", `cluster ${cluster.name}: no endpoint is available`, true)
  }
  call.queued?.leave()
  const leg = new Leg(call, cluster, endpoint)
  if (retries?.isCharged === true) breakers?.retries(leg)
  call.record.addAttempt(leg)
  endpoint.traffic[Column.picks]!++
  if (call.record.attemptCount > call.attemptsBefore + 1) endpoint.traffic[Column.retries]!++
  return leg
}

/** What earlier legs leave behind: where they were, and what the client has not taken of them. Made when one ends early. */
export class Retries {
  /** Endpoints that are not asked again; null: none yet. */
  tried: Endpoint[] | null = null
  /** What the next leg waits before it begins. */
  delayMs = 0
  /** The next leg counts as a retry. */
  isCharged = false
  /** GOAWAY has let an endpoint be asked again. */
  #hasRepeatedEndpoint = false
  #earlierLegs: EarlierLegs | null = null

  /** Opens another leg in place of `leg`, which ended so; false where none follows. */
  goesOn(call: RetryingCall, leg: Leg, end: LegEnd, request: CallRequest, isHeadSent: boolean): boolean {
    const decision = this.#decide(call, leg, end, isHeadSent, request.isReplayable)
    if (decision === null) return false
    // First: the leg's place goes to another stream, and memory may get short by what that sends.
    request.keep()
    leg.end(end)
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
    const { context, record, route } = call
    const { limits, counters, env } = context
    const { retry } = route.settings
    const nowMs = Math.floor(context.clock.now())
    const { retryBudget, breakers } = call.cluster!
    const legs = record.attemptCount - call.attemptsBefore - (this.#hasRepeatedEndpoint ? 1 : 0)
    const elapsedMs = nowMs - record.startMs
    const isBudgetLeft = retryBudget.isLeft(nowMs)
    const isBounded = breakers?.hasRetryLeft === false
    const decision = nextLeg(
      {
        retry,
        method: record.state?.method ?? record.head.method,
        legs,
        endpoints: call.snapshot!.availability.size,
        elapsedMs,
        isHeadSent,
        isReplayable,
        hasRepeatedEndpoint: this.#hasRepeatedEndpoint,
        isBudgetLeft: isBudgetLeft && !isBounded,
        leftMs: Math.min(
          record.deadlineMs === 0 ? NEVER : record.deadlineMs - nowMs,
          retry.timeoutMs === null ? NEVER : retry.timeoutMs - elapsedMs,
        ),
        pushbackMaxMs: limits.retryPushbackMaxMs,
        backoffMs: legs < 2 ? 0 : backoffMs(legs, limits, env.random()),
        continuation: call.continuity?.decide(leg, end, isBudgetLeft) ?? null,
      },
      end,
    )
    if (decision.next !== "leg") {
      const isByBound = isBounded && isBudgetLeft && decision.limit === "retry_budget_exhausted"
      if (isByBound) counters.add(counterIds.cluster_retries_exceeded)
      else if (decision.limit !== null) counters.add(counterIds[decision.limit])
      return null
    }
    this.delayMs = decision.afterMs
    if (decision.afterMs > 0) counters.add(counterIds.retries_delayed)
    this.isCharged = decision.takesBudget && decision.goesOn === null
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
