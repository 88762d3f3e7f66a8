import type { CachedClock } from "../base/clock.ts"
import type { Counters } from "../base/counters.ts"
import type { Limits } from "../base/limits.ts"
import type { Random } from "../base/random.ts"
import { TimerWheel } from "../base/timer-wheel.ts"
import { BufferBudget } from "../http2/buffer-budget.ts"
import type { Log } from "../log/logger.ts"
import { Descriptors } from "../net/descriptors.ts"
import type { StreamRecord } from "../record/record.ts"
import type { Span } from "../record/span.ts"
import type { TemplateEnvironment } from "../record/variables.ts"
import type { CallContext } from "../relay/call/call-context.ts"
import { LogCells } from "../relay/call/continuity/log-cells.ts"
import { ReplayRing } from "../relay/call/replay-ring.ts"
import { beginServiceCall } from "../relay/call/service-call.ts"
import { beginSubrequest } from "../relay/call/subrequest.ts"
import type { Admission } from "../relay/overload/admission.ts"
import { CutCalls } from "../relay/overload/cut-calls.ts"
import { Pacer } from "../relay/pacing/pacer.ts"
import { TakeoverPace } from "../relay/pacing/takeover-pace.ts"
import type { ReflectedFields } from "../relay/route/route.ts"
import type { UpstreamContext } from "../relay/upstream/upstream-context.ts"

/** What all calls and connections of a balancer share. */
export type SharedContext = CallContext & UpstreamContext

export interface ContextParts {
  readonly clock: CachedClock
  readonly random: Random
  readonly limits: Limits
  readonly counters: Counters
  readonly log: Log
  readonly env: TemplateEnvironment
  readonly admission: Admission
  readonly reflectedFields: ReflectedFields
  onStreamEnd(record: StreamRecord): void
  onSpans(spans: readonly Span[]): void
}

export function makeContext(parts: ContextParts): SharedContext {
  const { clock, random, limits, counters, log, env, admission, reflectedFields, onStreamEnd, onSpans } =
    parts
  const deadlines = new TimerWheel(clock)
  const context: SharedContext = {
    clock,
    ticks: clock,
    limits,
    counters,
    deadlines,
    takeoverPace: new TakeoverPace({ clock, limits }),
    pacer: new Pacer({ clock, limits, counters, deadlines }, random),
    log,
    env,
    replayRing: new ReplayRing(),
    logCells: new LogCells(),
    budget: new BufferBudget(limits),
    descriptors: new Descriptors({ clock, counters, limits, log }),
    admission,
    cutCalls: new CutCalls({ limits, counters, log }),
    subrequests: {
      begin: (call, uri, done, bodyOctetsMax) => beginSubrequest(context, call, uri, done, bodyOctetsMax),
    },
    reflectedFields,
    services: { begin: (question, done) => beginServiceCall(context, question, done) },
    onStreamEnd,
    onSpans,
  }
  return context
}
