import type { Clock } from "../clock.ts"
import type { Counters } from "../counters.ts"
import type { Deadlines } from "../deadlines.ts"
import type { BufferBudget } from "../http2/buffer-budget.ts"
import type { Limits } from "../limits.ts"
import type { Log } from "../log/logger.ts"
import type { Admission } from "./admission.ts"
import type { StreamRecord } from "./record.ts"
import type { ReplayRing } from "./replay-ring.ts"
import type { TemplateEnvironment } from "./variables.ts"

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
