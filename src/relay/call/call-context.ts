import type { PhaseContext } from "../route/route.ts"
import type { LegContext } from "./leg-context.ts"
import type { ReplayContext } from "./replay-buffer.ts"
import type { ReportContext } from "./report.ts"

/** What all calls of a process share. */
export interface CallContext extends PhaseContext, LegContext, ReplayContext, ReportContext {}
