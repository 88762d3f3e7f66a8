import type { Cluster } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import { Column } from "../../cluster/traffic.ts"
import type { StreamRecord } from "../../record/record.ts"
import { YOUNG_CALL_MS } from "../overload/cut-calls.ts"
import type { LegConnection, UpstreamStream } from "../upstream/leg-connection.ts"
import { faultOf, type LegEnd, legEndKinds, reasonOf, resetCodeOf } from "./leg-end.ts"
import type { DownstreamStream } from "./stream-owner.ts"

/** A leg that is over. */
interface EndedLeg {
  readonly endpoint: Endpoint
  readonly record: StreamRecord
  readonly endMs: number
}

/** The one place that says whose fault the end of `leg` was, and to whom that counts. `wasOpen`: it had a stream. */
export function tellOutcome(
  { outcomes, times }: Cluster<LegConnection>,
  leg: EndedLeg,
  end: LegEnd,
  downstream: DownstreamStream,
  wasOpen: boolean,
): void {
  const { endpoint, record, endMs } = leg
  endpoint.traffic[Column.legEnds + legEndKinds.indexOf(end.kind)]!++
  if (times !== null) {
    if (end.kind === "complete") times.answered(leg, endMs)
    times.ended(leg)
  }
  const fault = faultOf(end)
  if (end.kind === "not_connected") outcomes.connectFailed(endpoint, end.reason)
  else if (end.kind === "status" && fault === "none") outcomes.legAnswered(endpoint)
  // A connection that is gone is one failure, however many legs it carried: its pool counts it.
  else if (end.kind !== "lost") outcomes.legEnded(endpoint, fault, reasonOf(end))
  const isYoung = wasOpen && endMs - record.startMs < YOUNG_CALL_MS
  if (end.kind === "rejected" && !end.isCharged && isYoung) downstream.chargePeer()
}

/** Ends the stream of a leg. A request that said its length would be malformed without the rest of it. */
export function leaveStream(stream: UpstreamStream, end: LegEnd, { requestHeaders }: StreamRecord): void {
  const saysLength = requestHeaders.get("content-length") !== undefined
  const isOver = end.kind === "complete" || stream.remoteEnded
  if (isOver && !saysLength) stream.endEarly()
  else stream.reset(resetCodeOf(end))
}
