import type { Limits } from "../../base/limits.ts"
import type { Pool } from "../../cluster/pool.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { LegEnd } from "./leg-end.ts"

/** Where a connection is there, and full, as long as a stream may queue for one that ends; else as long as connecting may take. */
export function longestWaitMs(pool: Pool<LegConnection>, waitTimeoutMs: number, limits: Limits): number {
  const isFull = pool.connections.some((connection) => connection.isReady)
  return isFull ? Math.min(waitTimeoutMs, limits.pickQueueTimeoutMs) : waitTimeoutMs
}

/** How a leg ends that has waited for a place on a connection for as long as it may, since `startMs`. */
export function endOfWait(pool: Pool<LegConnection>, startMs: number, waitTimeoutMs: number): LegEnd {
  const cause = pool.failureSince(startMs)
  const because = cause === null ? "" : `; the last connection tried: ${cause}`
  if (pool.connections.some((connection) => connection.isReady))
    return { kind: "no_slot", reason: `pickQueueTimeoutMs: no stream became free in time${because}` }
  const reason = `no connection within ${waitTimeoutMs} ms${because}`
  return { kind: "not_connected", isTimeout: true, reason }
}
