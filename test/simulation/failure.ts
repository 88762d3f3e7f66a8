import type { Plan } from "./plan.ts"
import { shrink } from "./shrink.ts"
import { Chronicle, describePlan } from "./story.ts"
import type { Violation } from "./violation.ts"
import { run, type Subject } from "./world.ts"

/** Every smaller plan takes a run to try; past these, what is left may be a little larger than it could be. */
const SHRINK_RUNS_MAX = 800
/** Of a long story the end is what matters. */
const LINES_MAX = 120

/** A run that broke a rule, and the smallest plan found that breaks the same one. */
export interface Failure {
  readonly plan: Plan
  readonly violation: Violation
  readonly smallest: Plan
}

export async function shrinkFailure(plan: Plan, violation: Violation, subject: Subject): Promise<Failure> {
  const fails = async (candidate: Plan): Promise<boolean> =>
    (await run(candidate, subject)).violation?.rule === violation.rule
  return { plan, violation, smallest: await shrink(plan, fails, SHRINK_RUNS_MAX) }
}

/** What happened, for people: what was planned, every frame of it, and what went wrong. */
export async function tell(plan: Plan, subject: Subject): Promise<string> {
  const chronicle = new Chronicle()
  const { violation } = await run(plan, subject, chronicle)
  const { lines } = chronicle
  const hidden = lines.length - LINES_MAX
  return [
    ...describePlan(plan),
    "",
    ...(hidden > 0 ? [`(${hidden} lines before)`] : []),
    ...lines.slice(-LINES_MAX),
    "",
    violation === null ? "Every rule held." : `Rule broken: ${violation.rule}. ${violation.message}`,
  ].join("\n")
}
