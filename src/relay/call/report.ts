import type { Endpoint } from "../../cluster/endpoint.ts"
import { endedColumn } from "../../cluster/traffic.ts"
import type { AccessLog } from "../../log/access-log.ts"
import type { StreamRecord } from "../../record/record.ts"
import type { Span } from "../../record/span.ts"

export interface ReportContext {
  /** Exactly once per stream. */
  onStreamEnd(record: StreamRecord): void
  /** Those of a stream that is over, where it is traced. */
  onSpans(spans: readonly Span[]): void
}

/** Tells of a call that is over. Its record is complete and no longer changes. `endpoint`: of its last leg. */
export function reportCall(
  context: ReportContext,
  accessLogs: readonly AccessLog[],
  record: StreamRecord,
  endpoint: Endpoint | null,
): void {
  if (endpoint !== null) endpoint.traffic[endedColumn(record.grpcStatus)]!++
  for (const log of accessLogs) log.write(record)
  context.onStreamEnd(record)
}
