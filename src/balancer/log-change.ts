import type { ClusterChange } from "../cluster/cluster-states.ts"
import type { Log } from "../log/logger.ts"

/** So many addresses stand in a line of the log; the rest as a number. */
const SHOWN = 5

/** Says which endpoints came and which left. */
export function logChange(log: Log, { cluster, joined, left, endpoints }: ClusterChange): void {
  if (joined.length + left.length === 0) return
  log.info("endpoints changed", { cluster, joined: listOf(joined), left: listOf(left), endpoints })
}

function listOf(addresses: readonly string[]): string {
  const more = addresses.length - SHOWN
  return [...addresses.slice(0, SHOWN), ...(more > 0 ? [`and ${more} more`] : [])].join(" ")
}
