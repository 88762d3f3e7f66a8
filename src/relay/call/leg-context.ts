import type { Clock } from "../../base/clock.ts"
import type { Counters } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { TimerWheel } from "../../base/timer-wheel.ts"
import type { TemplateEnvironment } from "../../record/variables.ts"
import type { Pacer } from "../pacing/pacer.ts"

/** What all legs of a process share. */
export interface LegContext {
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly deadlines: TimerWheel
  readonly pacer: Pacer
  readonly env: TemplateEnvironment
}
