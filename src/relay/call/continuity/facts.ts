import type { ContinuityMode } from "../../../config/model.ts"
import type { ContinuityPlan } from "../../route/continuity-plan.ts"
import type { Delivered } from "./answers.ts"
import type { BackendAccount } from "./backend-account.ts"
import type { Gap } from "./gap.ts"
import type { LoggedRequest } from "./logged-request.ts"
import type { ContinuityFacts } from "./resume-rules.ts"

/** What the facts of a call are read from. */
export interface CallAccounts {
  readonly backend: BackendAccount
  readonly request: LoggedRequest
  readonly responses: Delivered
  /** Null: no leg has ended. */
  readonly gap: Gap | null
}

/**
 * A call with continuity as it is now, for `resume-rules.ts`. `mode`: how the present leg was opened; null: from the call's
 * beginning. `random`: in [0, 1).
 */
export function factsOf(
  { backend, request, responses, gap }: CallAccounts,
  { config }: ContinuityPlan,
  mode: ContinuityMode | null,
  isBudgetLeft: boolean,
  random: number,
): ContinuityFacts {
  const { isBegun, acceptsHandoff, acceptsResume, hasOneRequest, session, received } = backend
  return {
    config,
    positions: {
      sent: request.sentMessages,
      received,
      logStart: request.start,
      delivered: responses.delivered,
    },
    acceptsHandoff,
    acceptsResume,
    hasOneRequest,
    hasSession: session !== null,
    isBegun,
    awaiting: backend.isAwaitingHead ? mode : null,
    isMidMessage: responses.isMidMessage,
    isFirstKept: request.first !== null || request.sentMessages === 0,
    hasCursor: request.firstWith(responses.token) !== null,
    shortLegs: gap?.shortLegs ?? 0,
    tries: gap?.tries ?? 0,
    gapMs: gap?.ms ?? 0,
    isBudgetLeft,
    random,
  }
}
