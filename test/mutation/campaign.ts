import { seededRandom } from "../../src/base/random.ts"
import { Crew } from "./crew.ts"
import { matchEquivalents } from "./equivalent.ts"
import type { Mutant } from "./instrument.ts"
import type { Fate, Result } from "./report.ts"
import type { Baseline, Measured } from "./runner.ts"
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
  const { sources, tests, seed, sample } = options
  const { mutants, texts } = readTargets(sources)
  const { reasons, unmatched } = matchEquivalents(mutants, sources)
  const wanted = mutants.filter(options.isWanted)
  const drawn = sample === undefined ? wanted : shuffled(wanted, seed).slice(0, sample)
  const results: Result[] = []
  const problems = [...unmatched]
  const conclude = (mutant: Mutant, fate: Fate): void => {
    const result = { mutant, fate }
    results.push(result)
    options.onResult(result)
  }
  const crew = new Crew({ texts, mutants: mutants.length, workers: options.workers })
  try {
    const baseline = await crew.measure(tests, options.testMsMax)
    options.onBaseline(baseline, drawn.length)
    const plan = new Planner(mutants, baseline)
    // One by one, so that what time is left for is drawn like all.
    const jobs = function* (): Iterable<Job> {
      for (const mutant of drawn) {
        const why = reasons.get(mutant.id)
        const job = plan.jobOf(mutant)
        if (why !== undefined && !options.checksEquivalents) conclude(mutant, { outcome: "equivalent", why })
        else if (job.tests.length + job.loadingTests.length > 0) yield job
        else conclude(mutant, why === undefined ? { outcome: "not reached" } : { outcome: "equivalent", why })
      }
    }
    const endMs = performance.now() + options.seconds * 1000
    const onVerdict = (id: number, fate: Fate): void => {
      const mutant = mutants[id]!
      const why = reasons.get(id)
      if (why === undefined) return conclude(mutant, fate)
      if (fate.outcome !== "survived")
        problems.push(
          `${mutant.file}:${mutant.line} is called equivalent, but a test sees it: ${JSON.stringify(fate)}`,
        )
      conclude(mutant, { outcome: "equivalent", why })
    }
    await crew.judge(jobs(), onVerdict, () => performance.now() > endMs)
  } finally {
    crew.end()
  }
  return { results: results.sort((a, b) => a.mutant.id - b.mutant.id), problems }
}

/** Which tests are to find which mutant, the quick ones first. */
class Planner {
  readonly #byMutant = new Map<number, Measured[]>()
  readonly #byFile = new Map<string, Set<Measured>>()
  readonly #atLoad: ReadonlySet<number>
  readonly #tests: readonly Measured[]

  constructor(mutants: readonly Mutant[], { tests, atLoad }: Baseline) {
    this.#atLoad = new Set(atLoad)
    this.#tests = tests.toSorted((a, b) => a.cpuMs - b.cpuMs)
    for (const test of this.#tests)
      for (const id of test.mutants) {
        const { file } = mutants[id]!
        if (!this.#byMutant.has(id)) this.#byMutant.set(id, [])
        this.#byMutant.get(id)!.push(test)
        if (!this.#byFile.has(file)) this.#byFile.set(file, new Set())
        this.#byFile.get(file)!.add(test)
      }
  }

  jobOf({ id, file }: Mutant): Job {
    const tests = this.#byMutant.get(id) ?? []
    return { id, tests: tests.map(brief), loadingTests: this.#atLoad.has(id) ? this.#allOf(file) : [] }
  }

  /**
   * What works while modules load is not seen at work in any one test: all that reach its file may find it, and those of
   * the source's own file of tests, which may look at constants alone. One file of tests after the other, each has to be
   * loaded; its own is the likeliest.
   */
  #allOf(file: string): Measured[] {
    const own = file.replace(/\.ts$/, ".test.ts")
    const others = [...(this.#byFile.get(file) ?? [])].filter((test) => test.file !== own)
    const groups = Map.groupBy(others, (test) => test.file).values()
    return [...this.#tests.filter((test) => test.file === own), ...[...groups].flat()].map(brief)
  }
}

/** For another process: which mutants a test reaches is known here. */
function brief(test: Measured): Measured {
  return { ...test, mutants: [] }
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const random = seededRandom(seed)
  return items
    .map((item) => ({ item, at: random() }))
    .sort((a, b) => a.at - b.at)
    .map(({ item }) => item)
}
