import type { Clock } from "../../base/clock.ts"
import type { BufferBudget } from "../../http2/buffer-budget.ts"
import type { Descriptors } from "../../net/descriptors.ts"
import type { CutCalls } from "../overload/cut-calls.ts"
import type { ResetContext } from "../overload/reset-largest.ts"
import type { ConnectionAgesContext } from "./connection-ages.ts"

/** What the connections of clients share. */
export interface DownstreamContext extends ResetContext, ConnectionAgesContext {
  readonly clock: Clock
  readonly budget: BufferBudget
  readonly cutCalls: CutCalls
  readonly descriptors: Descriptors
}
