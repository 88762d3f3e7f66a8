import type { Pool } from "../../cluster/pool.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { LegEnd } from "./leg-end.ts"

/** How a leg ends that has waited for a place on a connection for as long as it may, since `startMs`. */
export function endOfWait(pool: Pool<LegConnection>, startMs: number, waitTimeoutMs: number): LegEnd {
  const cause = pool.failureSince(startMs)
  const because = cause === null ? "" : `; the last connection tried: ${cause}`
  if (pool.connections.some((connection) => connection.isReady))
    return { kind: "no_slot", reason: `pickQueueTimeoutMs: no stream became free in time${because}` }
  const reason = `no connection within ${waitTimeoutMs} ms${because}`
  return { kind: "not_connected", isTimeout: true, reason }
}
