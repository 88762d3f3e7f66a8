import type { TickClock } from "../../base/clock.ts"
import type { PhaseContext } from "../route/route.ts"
import type { ContinuityContext } from "./continuity/continued-call.ts"
import type { ReplayContext } from "./replay-buffer.ts"
import type { ReportContext } from "./report.ts"

/** What all calls of a process share. */
export interface CallContext extends PhaseContext, ContinuityContext, ReplayContext, ReportContext {
  readonly ticks: TickClock
}
