import { type ContinuityPlan, makeContinuityPlan } from "./continuity/plan.ts"
import { runContinuity } from "./continuity/world.ts"
import { makePlan } from "./generate.ts"
import type { World } from "./mutation.ts"
import type { Plan } from "./plan.ts"
import { makeRebalancePlan, type RebalancePlan } from "./rebalance/plan.ts"
import { runRebalance } from "./rebalance/world.ts"
import type { Violation } from "./violation.ts"
import { run, type Subject } from "./world.ts"

export type AnyPlan = Plan | ContinuityPlan | RebalancePlan

export interface CampaignOptions {
  subject: Subject
  /** Which runs. Default: those of all balancing. */
  world?: World | undefined
  /** The first seed; the others follow it. */
  seed: number
  /** Most runs. */
  runs: number
  /** Most time. Default: no limit. */
  seconds?: number
  onProgress?: (runs: number) => void
}

export interface Campaign {
  readonly runs: number
  readonly steps: number
  readonly seconds: number
  /** How many calls ended in which way, in all. */
  readonly endings: ReadonlyMap<string, number>
  /** The first run that broke a rule, if one did: nothing is run after it. */
  readonly failure: { readonly plan: AnyPlan; readonly violation: Violation } | null
}

const PROGRESS_RUNS = 50

async function runSeed(seed: number, { subject, world }: CampaignOptions) {
  if (world === undefined) {
    const plan = makePlan(seed)
    return { plan, outcome: await run(plan, subject) }
  }
  if (world === "rebalance") {
    const plan = makeRebalancePlan(seed)
    return { plan, outcome: await runRebalance(plan, subject) }
  }
  const plan = makeContinuityPlan(seed)
  return { plan, outcome: await runContinuity(plan, subject) }
}

/** A plan that the shrinker and the story know; the others are told as they are. */
export function isBalancing(plan: AnyPlan): plan is Plan {
  return "listener" in plan
}

/** Runs one plan after the other until a rule is broken, the runs are done or the time is up. */
export async function campaign(options: CampaignOptions): Promise<Campaign> {
  const { seed, seconds = Number.POSITIVE_INFINITY } = options
  const startMs = performance.now()
  const endings = new Map<string, number>()
  const elapsed = (): number => (performance.now() - startMs) / 1000
  let runs = 0
  let steps = 0
  while (runs < options.runs && elapsed() < seconds) {
    const { plan, outcome } = await runSeed(seed + runs, options)
    runs++
    steps += outcome.steps
    for (const [how, count] of Object.entries(outcome.endings))
      endings.set(how, (endings.get(how) ?? 0) + count)
    const { violation } = outcome
    if (violation !== null) return { runs, steps, seconds: elapsed(), endings, failure: { plan, violation } }
    if (runs % PROGRESS_RUNS === 0) options.onProgress?.(runs)
  }
  return { runs, steps, seconds: elapsed(), endings, failure: null }
}
