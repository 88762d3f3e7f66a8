import type { RetryCondition, RetryConfig } from "../../config/model.ts"
import type { RetryPolicy } from "../gen/envoy/config/route/v3/route_components_pb.ts"
import { refuse } from "./refusal.ts"

const GATEWAY: readonly RetryCondition[] = ["http_502", "http_503", "http_504"]
const CONNECTION: readonly RetryCondition[] = ["error"]

/** Envoy's conditions, in nginx's words. */
const CONDITIONS: Readonly<Record<string, readonly RetryCondition[]>> = {
  "5xx": ["error", "timeout", "http_500", ...GATEWAY],
  "gateway-error": [...CONNECTION, ...GATEWAY],
  reset: CONNECTION,
  "reset-before-request": CONNECTION,
  "connect-failure": CONNECTION,
  "refused-stream": CONNECTION,
  "http3-post-connect-failure": [],
  "envoy-ratelimited": [],
  "retriable-status-codes": [],
  cancelled: ["grpc_cancelled"],
  "deadline-exceeded": ["grpc_deadline_exceeded"],
  internal: ["grpc_internal"],
  "resource-exhausted": ["grpc_resource_exhausted"],
  unavailable: ["grpc_unavailable"],
}

const STATUSES: ReadonlySet<number> = new Set([403, 404, 429, 500, 502, 503, 504])

/** Errors: throws a `Refusal`. */
export function planRetry(policy: RetryPolicy, path: string): RetryConfig {
  const words = policy.retryOn.split(",").map((word) => word.trim())
  const conditions = new Set<RetryCondition>()
  for (const word of words.filter((one) => one !== "")) {
    const meant = CONDITIONS[word]
    if (meant === undefined) return refuse(`${path}.retry_on`, `"${word}" is not supported`)
    for (const condition of meant) conditions.add(condition)
  }
  if (words.includes("retriable-status-codes"))
    for (const status of policy.retriableStatusCodes) {
      if (!STATUSES.has(status))
        return refuse(
          `${path}.retriable_status_codes`,
          `status ${status} is not one that a call is tried again for`,
        )
      conditions.add(`http_${status}` as RetryCondition)
    }
  return { conditions: [...conditions], tries: (policy.numRetries ?? 1) + 1, timeoutMs: null }
}
