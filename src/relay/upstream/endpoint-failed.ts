import type { Clock } from "../../base/clock.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Log } from "../../log/logger.ts"

/** Counts a failure against its endpoint, and says so when that took it out. */
export function endpointFailed(
  { clock, log }: { readonly clock: Clock; readonly log: Log },
  cluster: string,
  endpoint: Endpoint,
  reason: string,
): void {
  if (!endpoint.failed(clock.now())) return
  const forMs = endpoint.config.failTimeoutMs
  log.warn("endpoint is out", { cluster, endpoint: endpoint.address, reason, forMs })
}
