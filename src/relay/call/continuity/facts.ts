import type { ContinuityMode } from "../../../config/model.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { BackendAccount } from "./backend-account.ts"
import type { Gap } from "./gap.ts"
import type { LoggedRequest } from "./logged-request.ts"
import type { ResponseAccount } from "./response-account.ts"
import type { ContinuityFacts } from "./resume-rules.ts"

/** What the facts of a call are read from. */
export interface CallAccounts {
  readonly plan: ContinuityPlan
  readonly backend: BackendAccount
  readonly request: LoggedRequest
  readonly responses: ResponseAccount
  readonly gap: Gap
  /** How the present leg was opened; null: from the call's beginning. */
  readonly mode: ContinuityMode | null
}

/** A call with continuity as it is now, for `resume-rules.ts`. `random`: in [0, 1). */
export function factsOf(accounts: CallAccounts, isBudgetLeft: boolean, random: number): ContinuityFacts {
  const { plan, backend, request, responses, gap, mode } = accounts
  const { isBegun, acceptsHandoff, acceptsResume, hasOneRequest, session, received } = backend
  return {
    config: plan.config,
    positions: {
      sent: request.sentMessages,
      received,
      logStart: request.logStart,
      delivered: responses.delivered,
    },
    acceptsHandoff,
    acceptsResume,
    hasOneRequest,
    hasSession: session !== null,
    isBegun,
    awaiting: gap.isAwaitingHead ? mode : null,
    isMidMessage: responses.isMidMessage,
    isFirstKept: request.first !== null || request.sentMessages === 0,
    hasCursor: request.firstWith(responses.token) !== null,
    shortLegs: gap.shortLegs,
    tries: gap.tries,
    gapMs: gap.ms,
    isBudgetLeft,
    random,
  }
}
