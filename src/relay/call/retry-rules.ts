import type { RetryCondition, RetryConfig } from "../../config/model.ts"

/** Methods that may be sent twice: RFC 9110 §9.2.2. */
const IDEMPOTENT = new Set(["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE", "PROPFIND"])

/** A call whose attempt has just failed. */
export interface FailedCall {
  readonly method: string
  /** No backend can have seen it. */
  readonly isUnsent: boolean
  /** Endpoints asked so far. One that took leave of its connection and is asked again counts once. */
  readonly attempts: number
  /** Endpoints there are, backups included. */
  readonly endpoints: number
  readonly elapsedMs: number
}

/**
 * Whether nginx's `grpc_next_upstream`, `_tries` and `_timeout` let a call go to another endpoint. What a backend may
 * have seen is sent again only if that does no harm, or if `non_idempotent` says that it does not matter.
 */
export function mayRetry(config: RetryConfig, condition: RetryCondition, call: FailedCall): boolean {
  const { conditions, tries, timeoutMs } = config
  const isSafe = call.isUnsent || IDEMPOTENT.has(call.method) || conditions.includes("non_idempotent")
  // However many tries are allowed, no endpoint is left once each has been tried.
  const attemptsMax = Math.min(tries ?? Number.POSITIVE_INFINITY, call.endpoints)
  const isInTime = timeoutMs === null || call.elapsedMs < timeoutMs
  return conditions.includes(condition) && isSafe && call.attempts < attemptsMax && isInTime
}
