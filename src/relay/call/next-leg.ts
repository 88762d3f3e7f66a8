import type { RetryConfig } from "../../config/model.ts"
import type { Continuation } from "./continuity/resume-rules.ts"
import type { LegEnd } from "./leg-end.ts"
import { mayRetry, type RetriedCall } from "./retry-rules.ts"

/** All that the decision depends on, beside how the leg ended. */
export interface CallFacts extends RetriedCall {
  readonly retry: RetryConfig
  /** The client has a head, so nothing may take back what it says. */
  readonly isHeadSent: boolean
  /** All of the request can be sent again. */
  readonly isReplayable: boolean
  /** GOAWAY has let an endpoint be asked again already. */
  readonly hasRepeatedEndpoint: boolean
  /** The cluster's retry budget has one more. */
  readonly isBudgetLeft: boolean
  /** Until the call's own deadline, or the end of `grpc_next_upstream_timeout`. */
  readonly leftMs: number
  /** The longest that a backend may have its calls wait. */
  readonly pushbackMaxMs: number
  /** What a retry waits where the backend has not said. */
  readonly backoffMs: number
  /** What the rules of continuity say; null: nothing, or the call has none. */
  readonly continuation: Continuation
}

/** `wait`: the leg goes on, its head is the answer. */
export type Decision =
  | {
      readonly next: "leg"
      /** The endpoint of the leg that ended may be picked again. */
      readonly mayRepeatEndpoint: boolean
      /** The caller takes one retry from the budget. */
      readonly takesBudget: boolean
      readonly afterMs: number
      /** Not null: the call goes on where it is. Null: it begins anew, and no backend has seen it. */
      readonly goesOn: Extract<Continuation, { next: "leg" }> | null
    }
  /** `limit`: what kept it from going elsewhere, for the counters. */
  | { readonly next: "answer" | "wait"; readonly limit: RetryLimit | null }

type RetryLimit = "retry_budget_exhausted" | "retry_pushback_refused"

export type LegDecision = Extract<Decision, { next: "leg" }>

const ANSWER: Decision = { next: "answer", limit: null }

/** One rule: the first one that fits decides. */
export interface NextLegRule {
  readonly name: string
  fits(facts: CallFacts, end: LegEnd): boolean
  decide(end: LegEnd, facts: CallFacts): Decision
}

/** A leg whose head is looked at is not over yet. */
const orWait = (end: LegEnd, limit: RetryLimit | null): Decision => ({
  next: end.kind === "status" ? "wait" : "answer",
  limit,
})

const leg = (repeats: boolean, takesBudget: boolean): NextLegRule["decide"] => {
  const decision: Decision = {
    next: "leg",
    mayRepeatEndpoint: repeats,
    takesBudget,
    afterMs: 0,
    goesOn: null,
  }
  return () => decision
}

const pushbackMs = (end: LegEnd): number | null => (end.kind === "status" ? end.pushbackMs : null)

/** What the backend asks for, else a backoff; none where it has not seen the call. */
const delayMs = ({ backoffMs }: CallFacts, end: LegEnd): number =>
  pushbackMs(end) ?? (end.kind === "unprocessed" ? 0 : backoffMs)

/** GOAWAY ends a connection, not the endpoint: once, that may be asked again on a new one, and counts as one. */
const mayRepeatEndpoint = ({ hasRepeatedEndpoint }: CallFacts, end: LegEnd): boolean =>
  end.kind === "unprocessed" && end.isGoaway && !hasRepeatedEndpoint

/** What follows the end of a leg, in order. */
export const nextLegRules: readonly NextLegRule[] = [
  {
    name: "continuity: the call goes on where it is, or cannot",
    fits: ({ continuation }) => continuation !== null,
    decide: (_, { continuation, isBudgetLeft }) => {
      if (continuation?.next !== "leg") return ANSWER
      const takesBudget = continuation.afterMs > 0 && isBudgetLeft
      const { afterMs } = continuation
      return { next: "leg", mayRepeatEndpoint: true, takesBudget, afterMs, goesOn: continuation }
    },
  },
  {
    name: "the answer has begun, or is whole",
    fits: ({ isHeadSent }, { kind }) => isHeadSent || kind === "complete",
    decide: (end) => orWait(end, null),
  },
  {
    name: "grpc_next_upstream does not let it go elsewhere",
    fits: (facts, end) => {
      const legs = facts.legs - (mayRepeatEndpoint(facts, end) ? 1 : 0)
      return !mayRetry(facts.retry, { ...facts, legs }, end)
    },
    decide: (end) => orWait(end, null),
  },
  {
    name: "the request is not kept any more",
    fits: ({ isReplayable }) => !isReplayable,
    decide: (end) => orWait(end, null),
  },
  {
    name: "the backend asks for no retry (grpc-retry-pushback-ms), or for a longer wait than there is time",
    fits: ({ leftMs, pushbackMaxMs }, end) => {
      const ms = pushbackMs(end)
      return ms !== null && (ms < 0 || ms > pushbackMaxMs || ms >= leftMs)
    },
    decide: (end) => orWait(end, "retry_pushback_refused"),
  },
  {
    // A connection that was never made cost no backend anything.
    name: "no connection was made: another endpoint",
    fits: (_, { kind }) => kind === "not_connected",
    decide: leg(false, false),
  },
  {
    name: "the retry budget is spent",
    fits: ({ isBudgetLeft }) => !isBudgetLeft,
    decide: (end) => orWait(end, "retry_budget_exhausted"),
  },
  {
    name: "GOAWAY came first: any endpoint, once this one again",
    fits: mayRepeatEndpoint,
    decide: leg(true, true),
  },
  {
    name: "another endpoint",
    fits: () => true,
    decide: (end, facts) => {
      const afterMs = Math.min(delayMs(facts, end), facts.leftMs)
      return { next: "leg", mayRepeatEndpoint: false, takesBudget: true, afterMs, goesOn: null }
    },
  },
]

/** Whether another leg follows one that ended, and where: the one place where that is decided. */
export function nextLeg(facts: CallFacts, end: LegEnd): Decision {
  return nextLegRules.find((rule) => rule.fits(facts, end))!.decide(end, facts)
}
