import { setTimeout as wait } from "node:timers/promises"
import fc from "fast-check"
import { type LoadedTest, Loader } from "./loader.ts"
import { activate, allowSteps, NONE, takeSeen } from "./switches.ts"
import { endSuites, runTest } from "./vitest.ts"

/** What one test does without a mutant. */
export interface Measured {
  /** Its number among all tests that were loaded. */
  readonly index: number
  readonly file: string
  readonly name: string
  readonly ms: number
  readonly steps: number
  /** The mutants that it reaches. */
  readonly mutants: readonly number[]
}

export interface Baseline {
  readonly tests: readonly Measured[]
  /** The mutants that are reached while the modules load: to switch one on later changes nothing or not all. */
  readonly atLoad: readonly number[]
  /** Tests that fail without a mutant, as sentences; they are left out. */
  readonly broken: readonly string[]
  /** Tests that take longer than was asked for; they are left out. */
  readonly slow: readonly string[]
}

export type Verdict =
  | { readonly outcome: "killed" | "timed out"; readonly by: string }
  | { readonly outcome: "survived" }

/** What a mutant may take, beside what the test takes without it. */
const STEPS_FACTOR = 20
const MORE_STEPS = 200_000
const MS_FACTOR = 20
const MORE_MS = 3000
/** For a test whose like was not measured. */
const NO_MEASURE = { ms: 1000, steps: 50_000_000 }

class TookTooLong extends Error {}

/** Runs tests against mutants, one after the other, in this process. */
export class Runner {
  readonly #loader: Loader
  readonly #files: readonly string[]
  #tests: LoadedTest[] = []
  /** What an event handler throws while a test runs. */
  #onStray: (error: unknown) => void = () => {}

  constructor(texts: ReadonlyMap<string, string>, files: readonly string[]) {
    this.#loader = new Loader(texts)
    this.#files = files
    // The same cases each time, and the first failure is enough.
    fc.configureGlobal({ seed: 1, endOnFailure: true })
    process.on("uncaughtException", (error) => this.#onStray(error))
    process.on("unhandledRejection", (error) => this.#onStray(error))
  }

  /** The tests are there: a process that takes over from one that hung has measured nothing. */
  async ensureLoaded(): Promise<void> {
    if (this.#tests.length === 0) this.#tests = await this.#loader.load(this.#files)
  }

  /** Runs every test once without a mutant. `msMax`: of a test that is not left out as slow. */
  async measure(msMax: number): Promise<Baseline> {
    activate(NONE)
    takeSeen()
    await this.ensureLoaded()
    const atLoad = takeSeen()
    const tests: Measured[] = []
    const broken: string[] = []
    const slow: string[] = []
    for (const [index, { file, test }] of this.#tests.entries()) {
      const name = nameOf(this.#tests[index]!)
      takeSeen()
      const startMs = performance.now()
      const error = await this.#run(index, { ms: 60_000, steps: Number.POSITIVE_INFINITY })
      const ms = performance.now() - startMs
      const steps = allowSteps(Number.POSITIVE_INFINITY)
      if (error !== null)
        broken.push(`${file} ${test.name}: ${error instanceof Error ? error.message : "it failed"}`)
      else if (ms > msMax) slow.push(`${file} ${test.name}: ${Math.round(ms)} ms`)
      else tests.push({ index, file, name, ms, steps, mutants: takeSeen() })
    }
    return { tests, atLoad, broken, slow }
  }

  /** Whether one of `tests` fails with the mutant. */
  async judge(id: number, tests: readonly Measured[]): Promise<Verdict> {
    for (const measured of tests) {
      const error = await this.#runWith(id, measured)
      if (error === null) continue
      if (error instanceof TookTooLong) return { outcome: "timed out", by: measured.name }
      // An earlier mutant may have left something behind, in a pool for one: then the test fails without any, too.
      if ((await this.#runWith(NONE, measured)) === null) return { outcome: "killed", by: measured.name }
      await this.#reload()
      if ((await this.#runWith(id, measured)) !== null) return { outcome: "killed", by: measured.name }
    }
    return { outcome: "survived" }
  }

  /** The same for a mutant that works while modules load: with a copy of all modules of its own. */
  async judgeLoading(id: number, tests: readonly Measured[]): Promise<Verdict> {
    const before = this.#tests
    activate(id)
    try {
      allowSteps(NO_MEASURE.steps)
      this.#tests = await this.#loader.load(this.#files)
      for (const measured of tests) {
        const error = await this.#runWith(id, measured)
        if (error instanceof TookTooLong) return { outcome: "timed out", by: measured.name }
        if (error !== null) return { outcome: "killed", by: measured.name }
      }
      return { outcome: "survived" }
    } catch {
      return { outcome: "killed", by: "the modules do not load" }
    } finally {
      activate(NONE)
      await endSuites(this.#tests.map(({ test }) => test))
      this.#tests = before
    }
  }

  async #reload(): Promise<void> {
    const before = this.#tests
    activate(NONE)
    await endSuites(before.map(({ test }) => test))
    this.#tests = await this.#loader.load(this.#files)
  }

  async #runWith(id: number, { index, ms, steps }: Measured): Promise<unknown> {
    activate(id)
    const error = await this.#run(index, {
      ms: ms * MS_FACTOR + MORE_MS,
      steps: steps * STEPS_FACTOR + MORE_STEPS,
    })
    activate(NONE)
    return error
  }

  /** What the test throws, or null. */
  async #run(index: number, most: { ms: number; steps: number }): Promise<unknown> {
    const { test } = this.#tests[index]!
    const timer = new AbortController()
    allowSteps(most.steps)
    const stray = Promise.withResolvers<unknown>()
    this.#onStray = (error) => stray.resolve(error ?? new Error("rejected"))
    const outcome = runTest(test).then(
      () => null,
      (error: unknown) => error ?? new Error("thrown"),
    )
    const late = wait(most.ms, new TookTooLong("the test does not end"), { signal: timer.signal })
    const error = await Promise.race([outcome, stray.promise, late.catch(() => null)])
    timer.abort()
    this.#onStray = () => {}
    return error
  }
}

function nameOf({ file, test }: LoadedTest): string {
  const path = [...test.suite.path.map(({ name }) => name), test.name].filter((name) => name !== "")
  return `${file}: ${path.join(" > ")}`
}
