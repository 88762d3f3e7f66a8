import type { ReportContext } from "../relay/call/report.ts"
import type { Pacer } from "../relay/pacing/pacer.ts"
import type { PhaseContext } from "../relay/route/route.ts"
import type { UpstreamContext } from "../relay/upstream/upstream-context.ts"

/** What all sessions share. */
export interface TcpContext extends UpstreamContext, ReportContext {
  readonly env: PhaseContext["env"]
  readonly pacer: Pacer
}
