import type { Clock } from "../../base/clock.ts"
import type { Limits } from "../../base/limits.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import type { BugReport } from "../../log/guarded.ts"
import type { Descriptors } from "../../net/descriptors.ts"

/** What the connections to HTTP/1.1 backends share. */
export interface OriginContext extends BugReport {
  readonly clock: Clock
  readonly limits: Limits
  readonly budget: BufferBudget
  readonly descriptors: Descriptors
}
