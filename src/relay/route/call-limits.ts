import type { RouteSettings } from "../../config/model.ts"
import type { Phase } from "./route.ts"

/** Any of the timeouts of a silent stream. */
export function hasStreamTimeouts(settings: RouteSettings): boolean {
  return (
    settings.readTimeoutMs !== null ||
    settings.sendTimeoutMs !== null ||
    settings.bodyTimeoutMs !== null ||
    settings.idleTimeoutMs !== null ||
    settings.responseTimeoutMs !== null
  )
}

/**
 * How long a call may last whatever its client says. A client that says a deadline has that, no longer than
 * `grpcTimeoutMaxMs`; where that is written, it takes the place of `maxCallMs`, as in Envoy.
 */
export function limitCall({ maxCallMs, grpcTimeoutMaxMs }: RouteSettings): Phase[] {
  if (maxCallMs === null && grpcTimeoutMaxMs === null) return []
  return [
    ({ record }) => {
      const isSaid = record.deadlineMs > 0
      const mostMs = isSaid && grpcTimeoutMaxMs !== null ? grpcTimeoutMaxMs : maxCallMs
      if (mostMs === null) return null
      // The start was rounded down; no deadline may come early.
      const latestMs = record.startMs + 1 + mostMs
      if (!isSaid || latestMs < record.deadlineMs) record.deadlineMs = latestMs
      return null
    },
  ]
}
