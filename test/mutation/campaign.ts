import { Crew } from "./crew.ts"
import { drawn } from "./draw.ts"
import { matchEquivalents } from "./equivalent.ts"
import type { Mutant } from "./instrument.ts"
import { Kept } from "./kept.ts"
import { Planner } from "./planner.ts"
import type { Fate, Result } from "./report.ts"
import type { Baseline, Verdict } from "./runner.ts"
import { readTargets } from "./targets.ts"
import type { Job } from "./worker.ts"

export interface CampaignOptions {
  /** Source files; relative to the root of the project, as are the tests. */
  readonly sources: readonly string[]
  readonly tests: readonly string[]
  readonly workers: number
  /** Tests that take more of the processor are left out. */
  readonly testMsMax: number
  /** So many mutants, drawn by `seed`. Default: all. */
  readonly sample?: number
  readonly seed: number
  readonly seconds: number
  /** Of one mutant, by what its tests take without it; what then is left has not been tried. */
  readonly mutantMs: number
  /** What was found is kept under this name, and what is kept is not run again. Default: it is not kept. */
  readonly keepAs?: string
  /** Only mutants of these lines of the sources. */
  readonly isWanted: (mutant: Mutant) => boolean
  /** Run also what the list says is equivalent. */
  readonly checksEquivalents: boolean
  readonly onBaseline: (baseline: Baseline, mutants: number) => void
  readonly onResult: (result: Result) => void
}

export interface Campaign {
  readonly results: readonly Result[]
  /** Entries of the list of equivalents that match no mutant, or one that a test has killed; as sentences. */
  readonly problems: readonly string[]
}

/** Finds out which mutants the tests kill. */
export async function campaign(options: CampaignOptions): Promise<Campaign> {
  const { sources, seed, sample } = options
  const { mutants, texts } = readTargets(sources)
  const { reasons, unmatched } = matchEquivalents(mutants, sources)
  const wanted = mutants.filter(options.isWanted)
  const chosen = sample === undefined ? wanted : drawn(wanted, sample, seed)
  const results: Result[] = []
  const problems = [...unmatched]
  const conclude = (mutant: Mutant, fate: Fate): void => {
    const result = { mutant, fate }
    results.push(result)
    options.onResult(result)
  }
  const kept = options.keepAs === undefined ? null : new Kept(options.keepAs, texts, mutants)
  const crew = new Crew({ texts, mutants: mutants.length, workers: options.workers })
  try {
    const baseline = await measure(crew, kept, options)
    options.onBaseline(baseline, chosen.length)
    const plan = new Planner(mutants, baseline, options.mutantMs)
    for (const mutant of mutants) {
      const killer = kept?.killerOf(mutant)
      if (killer !== undefined) plan.hasKilled(mutant.file, killer.by)
    }
    const running = new Map<number, Job>()
    // One by one, so that what time is left for is drawn like all.
    const jobs = function* (): Iterable<Job> {
      for (const mutant of chosen) {
        const why = reasons.get(mutant.id)
        const killer = kept?.killerOf(mutant)
        const job = plan.jobOf(mutant, kept?.untried(mutant))
        if (why !== undefined && !options.checksEquivalents) conclude(mutant, { outcome: "equivalent", why })
        else if (killer !== undefined && why === undefined) conclude(mutant, killer)
        else if (job.tests.length + job.loadingTests.length > 0) {
          running.set(mutant.id, job)
          yield job
        } else if (why !== undefined) conclude(mutant, { outcome: "equivalent", why })
        else conclude(mutant, { outcome: job.isReached ? "survived" : "not reached" })
      }
    }
    const endMs = performance.now() + options.seconds * 1000
    const onVerdict = (id: number, verdict: Verdict): void => {
      const mutant = mutants[id]!
      const why = reasons.get(id)
      kept?.keepVerdict(mutant, verdict, running.get(id)!)
      kept?.writeSometimes()
      running.delete(id)
      if (verdict.outcome !== "survived") plan.hasKilled(mutant.file, verdict.by)
      if (why === undefined) return conclude(mutant, verdict)
      if (verdict.outcome !== "survived")
        problems.push(
          `${mutant.file}:${mutant.line} is called equivalent, but a test sees it: ${JSON.stringify(verdict)}`,
        )
      conclude(mutant, { outcome: "equivalent", why })
    }
    await crew.judge(jobs(), onVerdict, () => performance.now() > endMs)
  } finally {
    crew.end()
    kept?.write()
  }
  return { results: results.sort((a, b) => a.mutant.id - b.mutant.id), problems }
}

async function measure(crew: Crew, kept: Kept | null, options: CampaignOptions): Promise<Baseline> {
  const { tests, testMsMax } = options
  if (kept === null) return crew.measure(tests, testMsMax)
  for (const file of kept.unmeasured(tests)) {
    kept.keepMeasured([file], await crew.measure([file], testMsMax))
    kept.writeSometimes()
  }
  return kept.baselineOf(tests)
}
