import { setTimeout as wait } from "node:timers/promises"
import fc from "fast-check"
import { type Copy, Loader } from "./loader.ts"
import { activate, allowSteps, NONE, takeSeen } from "./switches.ts"
import { type RunningTest, runTest, type TestCase } from "./vitest.ts"

/** What one test does without a mutant. */
export interface Measured {
  readonly file: string
  /** Its number among the file's tests. */
  readonly index: number
  readonly name: string
  readonly ms: number
  /** Of the processor: what it takes whatever else the machine does. */
  readonly cpuMs: number
  readonly steps: number
  /** It passes only where its modules were not used before. */
  readonly needsFresh: boolean
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
const MORE_MS = 2500
/** What is left of a test that does not end may take so long to be cleaned up. */
const CLEAN_UP_MS = 1000
/** Once nothing that could go on was there in so many looks, a test does not end. */
const IDLE_LOOKS = 6
const LOOK_EVERY_MS = 40
/** While modules load and tests are declared. */
const LOADING_STEPS = 50_000_000

class TookTooLong extends Error {}

/** Runs tests against mutants, one after the other, in this process. */
export class Runner {
  readonly #loader: Loader
  #copy: Copy
  readonly #onTest: () => void
  /** Something goes on that no test has asked for: the process is to be replaced. */
  isSpoilt = false
  /** What an event handler throws while a test runs. */
  #onStray: (error: unknown) => void = () => {}

  /** `onTest` is called before each test. */
  constructor(texts: ReadonlyMap<string, string>, onTest: () => void) {
    this.#onTest = onTest
    this.#loader = new Loader(texts)
    this.#copy = this.#loader.newCopy()
    // The same cases each time, and the first failure is enough.
    fc.configureGlobal({ seed: 1, endOnFailure: true })
    process.on("uncaughtException", (error) => this.#onStray(error))
    process.on("unhandledRejection", (error) => this.#onStray(error))
  }

  /** Runs every test of these files once without a mutant. `cpuMsMax`: of a test that is not left out as slow. */
  async measure(files: readonly string[], cpuMsMax: number): Promise<Baseline> {
    const tests: Measured[] = []
    const broken: string[] = []
    const slow: string[] = []
    const atLoad = new Set<number>()
    for (const file of files) {
      takeSeen()
      const cases = await this.#copy.testsOf(file)
      for (const id of takeSeen()) atLoad.add(id)
      for (const [index, test] of cases.entries()) {
        const shared = await this.#measureOne(file, index, test)
        // Some tests count on modules that nothing has used before them, as their file alone finds them.
        const needsFresh = shared.error !== null
        const { error, measured } = needsFresh ? await this.#measureFresh(file, index) : shared
        const { name, cpuMs } = measured
        if (error !== null) broken.push(`${name}: ${error instanceof Error ? error.message : "it failed"}`)
        else if (cpuMs > cpuMsMax) slow.push(`${name}: ${Math.round(cpuMs)} ms`)
        else tests.push({ ...measured, needsFresh })
      }
    }
    return { tests, atLoad: [...atLoad], broken, slow }
  }

  async #measureFresh(file: string, index: number): Promise<{ error: unknown; measured: Measured }> {
    const copy = this.#loader.newCopy()
    const test = (await copy.testsOf(file))[index]!
    takeSeen()
    const found = await this.#measureOne(file, index, test)
    await copy.end()
    return found
  }

  async #measureOne(
    file: string,
    index: number,
    test: TestCase,
  ): Promise<{ error: unknown; measured: Measured }> {
    const startMs = performance.now()
    const cpu = process.cpuUsage()
    const error = await this.#run(test, { ms: 60_000, steps: Number.POSITIVE_INFINITY })
    const ms = performance.now() - startMs
    const { user, system } = process.cpuUsage(cpu)
    const cpuMs = (user + system) / 1000
    const steps = allowSteps(Number.POSITIVE_INFINITY)
    const name = nameOf(file, test)
    return {
      error,
      measured: { file, index, name, ms, cpuMs, steps, needsFresh: false, mutants: takeSeen() },
    }
  }

  /** Whether one of `tests` fails with the mutant. */
  async judge(id: number, tests: readonly Measured[]): Promise<Verdict> {
    for (const measured of tests) {
      if (measured.needsFresh) {
        const verdict = await this.judgeLoading(id, [measured])
        if (verdict.outcome !== "survived") return verdict
        continue
      }
      // Without the mutant: what modules make of it while they load would stay.
      allowSteps(LOADING_STEPS)
      await this.#copy.testsOf(measured.file)
      const error = await this.#failure(id, measured)
      if (error !== null) return { outcome: outcomeOf(error), by: measured.name }
    }
    return { outcome: "survived" }
  }

  /**
   * How the test fails for the mutant's sake; null when it does not. It has to fail with the mutant, pass without it, and
   * fail again: the machine may have been busy, and on sockets what another mutant has left behind may come late.
   */
  async #failure(id: number, measured: Measured): Promise<unknown> {
    if ((await this.#runWith(id, this.#copy, measured)) === null) return null
    if ((await this.#runWith(NONE, this.#copy, measured)) !== null) {
      // An earlier mutant has left something behind, in a pool for one.
      await this.#copy.end()
      this.#copy = this.#loader.newCopy()
      allowSteps(LOADING_STEPS)
      await this.#copy.testsOf(measured.file)
      if ((await this.#runWith(NONE, this.#copy, measured)) !== null) {
        this.isSpoilt = true
        return null
      }
    }
    return this.#runWith(id, this.#copy, measured)
  }

  /** The same for a mutant that works while modules load: with a copy of all modules of its own. */
  async judgeLoading(id: number, tests: readonly Measured[]): Promise<Verdict> {
    let copy = this.#loader.newCopy()
    let by = "loading the modules"
    try {
      for (const measured of tests) {
        if (measured.needsFresh) copy = this.#loader.newCopy()
        const error = await this.#runWith(id, copy, measured)
        by = measured.name
        if (error !== null && (await this.#runWith(id, copy, measured)) !== null)
          return { outcome: outcomeOf(error), by }
      }
      return { outcome: "survived" }
    } catch {
      return { outcome: "killed", by }
    } finally {
      activate(NONE)
      await copy.end()
    }
  }

  async #runWith(id: number, copy: Copy, { file, index, ms, steps }: Measured): Promise<unknown> {
    activate(id)
    allowSteps(LOADING_STEPS)
    const test = (await copy.testsOf(file))[index]!
    const error = await this.#run(test, {
      ms: ms * MS_FACTOR + MORE_MS,
      steps: steps * STEPS_FACTOR + MORE_STEPS,
    })
    activate(NONE)
    return error
  }

  /** What the test throws, or null. */
  async #run(test: TestCase, most: { ms: number; steps: number }): Promise<unknown> {
    this.#onTest()
    allowSteps(most.steps)
    const stray = Promise.withResolvers<unknown>()
    this.#onStray = (error) => stray.resolve(error ?? new Error("rejected"))
    const running = runTest(test)
    const outcome = running.ended.then(
      () => null,
      (error: unknown) => error ?? new Error("thrown"),
    )
    const over = new AbortController()
    const late = lateness(most.ms, over.signal)
    const ended = Symbol("ended")
    const error = await Promise.race([outcome, stray.promise, late.catch(() => null)])
    over.abort()
    const how = await Promise.race([outcome, Promise.resolve(ended)])
    if (how === ended) await this.#abandon(running)
    this.#onStray = () => {}
    return error
  }

  async #abandon(running: RunningTest): Promise<void> {
    activate(NONE)
    const late = Symbol("late")
    const cleaned = running.abandon().catch(() => null)
    if ((await Promise.race([cleaned, wait(CLEAN_UP_MS, late)])) === late) this.isSpoilt = true
  }
}

/** Resolves once a test has taken `most`, or nothing is left that it could be waiting for. */
async function lateness(most: number, signal: AbortSignal): Promise<TookTooLong> {
  const untilMs = performance.now() + most
  const options = { signal, ref: false }
  for (let looks = 0; looks < IDLE_LOOKS; ) {
    await wait(LOOK_EVERY_MS, null, options)
    // The parent process alone.
    looks = process.getActiveResourcesInfo().length <= 1 ? looks + 1 : 0
    if (performance.now() > untilMs) break
  }
  return new TookTooLong("the test does not end")
}

function outcomeOf(error: unknown): "killed" | "timed out" {
  return error instanceof TookTooLong ? "timed out" : "killed"
}

function nameOf(file: string, { suite, name }: TestCase): string {
  const path = [...suite.path.map((one) => one.name), name].filter((part) => part !== "")
  return `${file}: ${path.join(" > ")}`
}
