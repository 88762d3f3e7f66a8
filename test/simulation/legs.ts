import type { AttemptRecord } from "../../src/record/record.ts"
import type { LegEnd } from "../../src/relay/call/leg-end.ts"
import { type CallFacts, nextLeg } from "../../src/relay/call/next-leg.ts"
import { addressOf } from "./config.ts"
import type { CallRecord } from "./ledger.ts"
import type { Plan } from "./plan.ts"
import { Violation } from "./violation.ts"

const NOT_CONNECTED: LegEnd = { kind: "not_connected", isTimeout: false, reason: "" }
const CONNECT_TIMEOUT: LegEnd = { kind: "not_connected", isTimeout: true, reason: "" }
const REFUSED: LegEnd = { kind: "unprocessed", isGoaway: false, code: 7, reason: "" }
const GOAWAY: LegEnd = { kind: "unprocessed", isGoaway: true, code: 7, reason: "" }
const LOST: LegEnd = { kind: "lost", isGoodbye: false, reason: "" }
const RESET: LegEnd = { kind: "reset", code: 2, isAnswered: false }
const MALFORMED: LegEnd = { kind: "malformed", isAnswered: false, isOverrun: false, reason: "" }

/** Every leg but the first follows one that ended so that `nextLeg` has another follow, at an endpoint that it allows. */
export function judgeLegs(call: CallRecord, plan: Plan, hurtEndpoints: ReadonlySet<number>): void {
  const legs = call.told[0]?.attempts ?? []
  /** Whether an endpoint was asked again by now, as far as can be told from outside. */
  let repeated = new Set([false])
  for (let at = 0; at < legs.length - 1; at++) {
    const isSame = legs[at + 1]!.address === legs[at]!.address
    const after = new Set<boolean>()
    for (const hasRepeatedEndpoint of repeated)
      for (const end of endsOf(call, legs, at, hurtEndpoints)) {
        const decision = nextLeg(factsOf(call, plan, at + 1, hasRepeatedEndpoint), end)
        if (decision.next === "leg" && (decision.mayRepeatEndpoint || !isSame))
          after.add(hasRepeatedEndpoint || decision.mayRepeatEndpoint)
      }
    repeated = after
    if (after.size === 0)
      throw new Violation("next leg", `call ${call.plan.id}: leg ${at + 1} follows ${describe(legs[at]!)}`)
  }
  if (legs.length - new Set(legs.map(({ address }) => address)).size > 1)
    throw new Violation("next leg", `call ${call.plan.id}: more than one endpoint was asked again`)
}

function factsOf(call: CallRecord, plan: Plan, legs: number, hasRepeatedEndpoint: boolean): CallFacts {
  const { retryConditions, retryTries } = plan.cluster
  return {
    retry: { conditions: [...retryConditions], tries: retryTries, timeoutMs: null },
    method: call.plan.method,
    legs: legs - (hasRepeatedEndpoint ? 1 : 0),
    endpoints: plan.endpoints.length,
    elapsedMs: 0,
    isHeadSent: false,
    isReplayable: true,
    hasRepeatedEndpoint,
    isBudgetLeft: true,
    leftMs: Number.POSITIVE_INFINITY,
    pushbackMaxMs: 0,
    backoffMs: 0,
    continuation: null,
  }
}

/** How a leg may have ended, from what the balancer told of it and its backend saw. */
function endsOf(
  call: CallRecord,
  legs: readonly AttemptRecord[],
  at: number,
  hurtEndpoints: ReadonlySet<number>,
): LegEnd[] {
  const leg = legs[at]!
  if (leg.headersMs > 0) return [{ kind: "status", status: leg.status, grpcStatus: -1, pushbackMs: null }]
  if (leg.connectedMs === 0) return [leg.status === 504 ? CONNECT_TIMEOUT : NOT_CONNECTED]
  if (leg.status === 504) {
    const what = {
      kind: "read_timeout" as const,
      message: "",
      isUnsent: false,
      grpcStatus: 14,
      httpStatus: 504,
    }
    return [{ kind: "timeout", what, isAnswered: false }]
  }
  const isOnly = legs.every(({ address }, other) => other === at || address !== leg.address)
  const isProcessed = call.attempts.some(
    // One that breaks the protocol may say that it did nothing.
    ({ isProcessed: is, endpoint }) =>
      is && addressOf(endpoint) === leg.address && !hurtEndpoints.has(endpoint),
  )
  return isOnly && isProcessed ? [LOST, RESET, MALFORMED] : [REFUSED, GOAWAY, LOST, RESET, MALFORMED]
}

function describe({ address, status, connectedMs }: AttemptRecord): string {
  return `one at ${address} that ended with ${status}, ${connectedMs > 0 ? "connected" : "not connected"}`
}
