import { type Baseline, type Measured, Runner, type Verdict } from "./runner.ts"
import { installSwitches } from "./switches.ts"

/** What the parent process asks for. */
export type Order =
  | {
      readonly kind: "start"
      /** By path, the source files with their mutants in them, and how many those are. */
      readonly texts: ReadonlyMap<string, string>
      readonly mutants: number
      /** Test files. */
      readonly files: readonly string[]
    }
  | { readonly kind: "measure"; readonly msMax: number }
  | {
      readonly kind: "judge"
      readonly id: number
      readonly isLoading: boolean
      readonly tests: readonly Measured[]
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
      runner = new Runner(order.texts, order.files)
      return { kind: "ready" }
    }
    case "measure":
      return { kind: "measured", baseline: await runner!.measure(order.msMax) }
    case "judge": {
      const { id, tests, isLoading } = order
      await runner!.ensureLoaded()
      const verdict = isLoading ? await runner!.judgeLoading(id, tests) : await runner!.judge(id, tests)
      return { kind: "judged", id, verdict }
    }
  }
}

process.on("message", (order: Order) => {
  void obey(order).then((answer) => process.send!(answer))
})
process.on("disconnect", () => process.exit())
