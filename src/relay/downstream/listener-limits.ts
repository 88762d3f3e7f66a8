import { type Limits, limitTable } from "../../base/limits.ts"
import type { ListenerConfig } from "../../config/model.ts"

/**
 * What a listener says itself of two limits that `limits.ts` has as well. Both have the same default, so a listener that
 * has the default goes by the limit, whatever that was set to.
 */
export function maxConcurrentStreamsOf({ maxConcurrentStreams }: ListenerConfig, limits: Limits): number {
  if (maxConcurrentStreams === null || maxConcurrentStreams === limitTable.streamsMax.value)
    return limits.streamsMax
  return maxConcurrentStreams
}

/** Milliseconds for a whole header block; infinite where the listener says none. */
export function headerTimeoutMsOf({ headerTimeoutMs }: ListenerConfig, limits: Limits): number {
  if (headerTimeoutMs === limitTable.headerBlockTimeoutMs.value) return limits.headerBlockTimeoutMs
  return headerTimeoutMs ?? Number.POSITIVE_INFINITY
}

/** The connection ends with this request. nginx: `keepalive_requests`, or `keepalive_timeout 0`. */
export function isLastRequest(listener: ListenerConfig, requests: number): boolean {
  const { maxRequestsPerConnection, idleConnectionTimeoutMs } = listener
  return (
    idleConnectionTimeoutMs === 0 ||
    (maxRequestsPerConnection !== null && requests >= maxRequestsPerConnection)
  )
}

/** How long a connection may be without a request. As in nginx, one that has had none yet has the time for a head too. */
export function idleTimeoutMsOf(listener: ListenerConfig, limits: Limits, requests: number): number {
  const timeoutMs = listener.idleConnectionTimeoutMs ?? Number.POSITIVE_INFINITY
  return requests === 0 ? Math.max(timeoutMs, headerTimeoutMsOf(listener, limits)) : timeoutMs
}
