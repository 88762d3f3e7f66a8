import { type Baseline, type Measured, Runner, type Verdict } from "./runner.ts"
import { installSwitches } from "./switches.ts"

/** What the parent process asks for. */
export type Order =
  | {
      readonly kind: "start"
      /** By path, the source files with their mutants in them, and how many those are. */
      readonly texts: ReadonlyMap<string, string>
      readonly mutants: number
    }
  | { readonly kind: "measure"; readonly files: readonly string[]; readonly cpuMsMax: number }
  | ({ readonly kind: "judge" } & Job)

/** A mutant, and the tests that may find it. */
export interface Job {
  readonly id: number
  readonly tests: readonly Measured[]
  /** For one that works while modules load: these, with a copy of the modules of its own. */
  readonly loadingTests: readonly Measured[]
}

/** What comes back: one for each order, in turn. */
export type Answer =
  | { readonly kind: "ready" }
  | { readonly kind: "measured"; readonly baseline: Baseline }
  | { readonly kind: "judged"; readonly id: number; readonly verdict: Verdict }

let runner: Runner | null = null

async function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case "start": {
      installSwitches(order.mutants)
      runner = new Runner(order.texts)
      return { kind: "ready" }
    }
    case "measure":
      return { kind: "measured", baseline: await runner!.measure(order.files, order.cpuMsMax) }
    case "judge": {
      const { id, tests, loadingTests } = order
      let verdict = await runner!.judge(id, tests)
      if (verdict.outcome === "survived") verdict = await runner!.judgeLoading(id, loadingTests)
      return { kind: "judged", id, verdict }
    }
  }
}

process.on("message", (order: Order) => {
  obey(order).then(
    (answer) => process.send!(answer),
    (error: unknown) => {
      console.error(error)
      process.exit(1)
    },
  )
})
process.on("disconnect", () => process.exit())
