import type { Clock } from "../base/clock.ts"
import type { Counters } from "../base/counters.ts"
import type { Limits } from "../base/limits.ts"
import type { Deadlines } from "../base/timer-wheel.ts"
import type { BufferBudget } from "../http2/buffer-budget.ts"
import type { Log } from "../log/logger.ts"
import type { StreamRecord } from "../record/record.ts"
import type { TemplateEnvironment } from "../record/variables.ts"
import type { ReplayRing } from "./call/replay-ring.ts"
import type { Admission } from "./overload/admission.ts"

/** What every stream of a process shares. */
export interface RelayContext {
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly deadlines: Deadlines
  readonly log: Log
  readonly env: TemplateEnvironment
  readonly replayRing: ReplayRing
  readonly budget: BufferBudget
  readonly admission: Admission
  /** Exactly once per stream. */
  onStreamEnd(record: StreamRecord): void
}
