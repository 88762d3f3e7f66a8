import { withErrorPage } from "./error-page.ts"
import type { GoTo, Phase, PhaseContext, PhasedCall, Verdict, Wait } from "./route.ts"

/** What phases come to: a way of answering, or null: the call is admitted. */
export type PhasesOutcome = Exclude<Verdict, GoTo | Wait> | null

export interface RunningCall extends PhasedCall {
  onPhasesWait(waiting: WaitingPhases): void
  onPhasesEnd(outcome: PhasesOutcome): void
}

/**
 * Runs the phases of a call's route to their end, or to the first that does not let it pass. The call is told what they come
 * to, at once unless a phase has to wait; where that is an error with a page of its own, they go on there.
 */
export function runPhases(call: RunningCall, context: PhaseContext): void {
  tell(call, context, step(call, context, call.route.phases, 0))
}

/** The same from where `verdict` leads. */
export function resumePhases(call: RunningCall, context: PhaseContext, verdict: Verdict): void {
  tell(call, context, step(call, context, [() => verdict], 0))
}

function tell(call: RunningCall, context: PhaseContext, next: PhasesOutcome | Stop): void {
  if (next !== null && "wait" in next) call.onPhasesWait(new WaitingPhases(call, context, next))
  else call.onPhasesEnd(next)
}

/** Where phases have stopped. */
interface Stop {
  readonly wait: Wait
  readonly phases: readonly Phase[]
  readonly at: number
}

function step(
  call: PhasedCall,
  context: PhaseContext,
  from: readonly Phase[],
  at: number,
): PhasesOutcome | Stop {
  let phases = from
  for (let i = at; i < phases.length; i++) {
    const said = phases[i]!(call, context)
    if (said === null) continue
    const verdict = withErrorPage(call, context, said)
    if (isWait(verdict)) return { wait: verdict, phases, at: i + 1 }
    if (!isGoTo(verdict)) return verdict
    call.route = verdict.route
    phases = verdict.phases
    i = -1
  }
  return null
}

const isWait = (verdict: Verdict): verdict is Wait => verdict.kind === "wait"
const isGoTo = (verdict: Verdict): verdict is GoTo => verdict.kind === "goto"

/** A call one of whose phases waits. */
export class WaitingPhases {
  readonly #call: RunningCall
  readonly #context: PhaseContext
  #cancel: (() => void) | null = null
  #isGivenUp = false

  constructor(call: RunningCall, context: PhaseContext, stop: Stop) {
    this.#call = call
    this.#context = context
    this.#waitFor(stop)
  }

  /** The call is over. */
  cancel(): void {
    this.#isGivenUp = true
    this.#cancel?.()
    this.#cancel = null
  }

  #waitFor({ wait, phases, at }: Stop): void {
    let isDone = false
    const cancel = wait.begin((verdict) => {
      if (isDone || this.#isGivenUp) return
      isDone = true
      this.#cancel = null
      this.#goOn(verdict, phases, at)
    })
    if (!isDone) this.#cancel = cancel
  }

  #goOn(verdict: Verdict | null, phases: readonly Phase[], at: number): void {
    const first: Phase[] = verdict === null ? [] : [() => verdict]
    const next = step(this.#call, this.#context, [...first, ...phases.slice(at)], 0)
    if (next !== null && "wait" in next) this.#waitFor(next)
    else this.#call.onPhasesEnd(next)
  }
}
