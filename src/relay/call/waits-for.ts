import type { Leg } from "./leg.ts"
import type { DownstreamStream, WaitsFor } from "./stream-owner.ts"

/** What the call of `leg` waits for now; of both sides the client. */
export function waitsFor(leg: Leg | null, downstream: DownstreamStream): WaitsFor {
  if (leg !== null && !leg.isOver && leg.upstream === null) return "connection"
  if (downstream.queuedOctets > 0) return "client"
  return leg !== null && leg.queuedOctets > 0 ? "endpoint" : null
}
