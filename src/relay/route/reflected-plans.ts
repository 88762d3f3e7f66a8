import { ownString } from "../../base/octet-text.ts"
import { makeDeadline } from "../../base/timer-wheel.ts"
import type { ContinuityConfig } from "../../config/model.ts"
import { type ContinuityPlan, compileContinuity } from "./continuity-plan.ts"
import type { Phase, PhaseContext, PhasedCall, Wait } from "./route.ts"

/** A call of a method that nothing is known of waits no longer. */
const WAIT_MS = 2_000
/** A method whose messages have no such fields, or none that were told, is asked for again after this. */
const AGAIN_MS = 60_000
const METHODS_MAX = 1_000
/** These calls are how it is asked. */
const REFLECTION = "/grpc.reflection."

/** Of one method. */
interface Known {
  /** Null: its streams end with their backend. */
  readonly plan: ContinuityPlan | null
  /** When it is asked for again. */
  readonly untilMs: number
}

/**
 * The plans of a route whose cursor's fields are said by name, where its backends tell by server reflection which those
 * are: for each method once. Its first calls wait for that, and where it is not told they go on by the route's other modes.
 */
export class ReflectedPlans {
  readonly #config: ContinuityConfig
  /** By the other modes. */
  readonly #without: ContinuityPlan | null
  /** By path, the oldest first. */
  readonly #methods = new Map<string, Known>()
  readonly #asked = new Map<string, Promise<void>>()

  constructor(config: ContinuityConfig) {
    this.#config = config
    this.#without = compileContinuity({ ...config, modes: config.modes.filter((mode) => mode !== "cursor") })
  }

  planOf(path: string): ContinuityPlan | null {
    const known = this.#methods.get(path)
    return known === undefined ? this.#without : known.plan
  }

  /** The phase before a call is admitted. */
  readonly learn: Phase = (call, context) => {
    const { path } = call.record.head
    const known = this.#methods.get(path)
    if (!call.isGrpc || path.startsWith(REFLECTION)) return null
    if (known !== undefined && context.env.clock.now() < known.untilMs) return null
    const asked = this.#asked.get(path) ?? this.#ask(call, context)
    // What was known before holds until then.
    return known === undefined ? waitFor(asked, context) : null
  }

  #ask(call: PhasedCall, context: PhaseContext): Promise<void> {
    const { path } = call.record.head
    const { cursorFrom, cursorInto } = this.#config
    const asked = context.reflectedFields.find(call, cursorFrom!, cursorInto!).then((found) => {
      this.#asked.delete(path)
      const isFound = typeof found !== "string"
      if (!isFound)
        context.log.info("continuity: no cursor fields, by server reflection", { path, why: found })
      this.#methods.delete(path)
      this.#methods.set(ownString(path), {
        plan: isFound ? compileContinuity(this.#config, found) : this.#without,
        untilMs: isFound ? Number.POSITIVE_INFINITY : context.env.clock.now() + AGAIN_MS,
      })
      if (this.#methods.size > METHODS_MAX) this.#methods.delete(this.#methods.keys().next().value!)
    })
    this.#asked.set(path, asked)
    return asked
  }
}

function waitFor(asked: Promise<void>, { deadlines }: PhaseContext): Wait {
  return {
    kind: "wait",
    begin(done) {
      let isOver = false
      const end = (): void => {
        isOver = true
        deadlines.cancel(deadline)
      }
      const finish = (): void => {
        if (isOver) return
        end()
        done(null)
      }
      const deadline = makeDeadline(finish)
      deadlines.set(deadline, WAIT_MS)
      void asked.then(finish)
      return end
    },
  }
}
