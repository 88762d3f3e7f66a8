import type { Mutant } from "./instrument.ts"
import type { Baseline, Measured } from "./runner.ts"
import type { Job } from "./worker.ts"

/** What loading a copy of all modules for one test takes, about. */
const COPY_MS = 1000

/** Where nothing but a timer says that an answer does not come. */
const ON_SOCKETS = "test/integration/"

/**
 * Which tests are to find which mutant: those that stand beside the source first, and those on sockets last. Of the rest,
 * those that have found most of the source's other mutants, then the quick ones.
 */
export class Planner {
  readonly #byMutant = new Map<number, Measured[]>()
  readonly #byFile = new Map<string, Set<Measured>>()
  readonly #atLoad: ReadonlySet<number>
  readonly #tests: readonly Measured[]
  readonly #mutantMs: number
  /** By source file and test. */
  readonly #kills = new Map<string, Map<string, number>>()

  /** `mutantMs`: tests of one mutant may take so long together, by what they took without any. */
  constructor(mutants: readonly Mutant[], { tests, atLoad }: Baseline, mutantMs: number) {
    this.#mutantMs = mutantMs
    this.#atLoad = new Set(atLoad)
    this.#tests = tests.toSorted((a, b) => costOf(a) - costOf(b))
    for (const test of this.#tests)
      for (const id of test.mutants) {
        const { file } = mutants[id]!
        if (!this.#byMutant.has(id)) this.#byMutant.set(id, [])
        this.#byMutant.get(id)!.push(test)
        if (!this.#byFile.has(file)) this.#byFile.set(file, new Set())
        this.#byFile.get(file)!.add(test)
      }
  }

  /** The test of this name has found a mutant of a file. */
  hasKilled(file: string, by: string): void {
    if (!this.#kills.has(file)) this.#kills.set(file, new Map())
    const kills = this.#kills.get(file)!
    kills.set(by, (kills.get(by) ?? 0) + 1)
  }

  /** `isNew`: the mutant has not survived the test already. */
  jobOf(
    { id, file }: Mutant,
    isNew: (test: Measured) => boolean = () => true,
  ): Job & { readonly isReached: boolean } {
    const own = file.replace(/\.ts$/, ".test.ts")
    const kills = this.#kills.get(file)
    const killsOf = ({ name }: Measured): number => kills?.get(name) ?? 0
    const rankOf = (test: Measured): number =>
      test.file === own ? 0 : test.file.startsWith(ON_SOCKETS) ? 2 : 1
    const reaching = (this.#byMutant.get(id) ?? []).toSorted(
      (a, b) => rankOf(a) - rankOf(b) || killsOf(b) - killsOf(a),
    )
    const loading = this.#atLoad.has(id) ? this.#allOf(file, own) : []
    return {
      id,
      tests: this.#affordable(reaching.filter(isNew)).map(brief),
      loadingTests: this.#affordable(loading.filter(isNew)).map(brief),
      isReached: reaching.length + loading.length > 0,
    }
  }

  /**
   * What works while modules load is not seen at work in any one test: all that reach its file may find it, and those of
   * the source's own file of tests, which may look at constants alone. One file of tests after the other, each has to be
   * loaded; its own is the likeliest.
   */
  #allOf(file: string, own: string): Measured[] {
    const others = [...(this.#byFile.get(file) ?? [])].filter((test) => test.file !== own)
    const groups = Map.groupBy(others, (test) => test.file).values()
    return [...this.#tests.filter((test) => test.file === own), ...[...groups].flat()]
  }

  #affordable(tests: readonly Measured[]): readonly Measured[] {
    let leftMs = this.#mutantMs
    const end = tests.findIndex((test) => {
      leftMs -= costOf(test)
      return leftMs < 0
    })
    return end === -1 ? tests : tests.slice(0, end)
  }
}

function costOf({ ms, needsFresh }: Measured): number {
  return needsFresh ? ms + COPY_MS : ms
}

/** For another process: which mutants a test reaches is known here. */
function brief(test: Measured): Measured {
  return { ...test, mutants: [] }
}
