import type { Clock } from "../../base/clock.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import type { Descriptors } from "../../net/descriptors.ts"
import type { ResetContext } from "../overload/reset-largest.ts"

/** What the connections to endpoints share. */
export interface UpstreamContext extends ResetContext {
  readonly clock: Clock
  readonly budget: BufferBudget
  readonly descriptors: Descriptors
}
