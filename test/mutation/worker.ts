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

/** What comes back: one for each order, in turn, and a sign of life before each test. */
export type Answer =
  | { readonly kind: "alive" }
  /** It ends: the script is at fault, not a mutant. */
  | { readonly kind: "broke"; readonly message: string }
  | { readonly kind: "ready" }
  | { readonly kind: "measured"; readonly baseline: Baseline }
  | {
      readonly kind: "judged"
      readonly id: number
      readonly verdict: Verdict
      /** Memory that the process has by now. */
      readonly rssOctets: number
      /** A test that did not end has left something at work in it. */
      readonly isSpoilt: boolean
    }

const ALIVE_EVERY_MS = 1000

let runner: Runner | null = null
let toldMs = 0

function tellAlive(): void {
  const nowMs = performance.now()
  if (nowMs - toldMs < ALIVE_EVERY_MS) return
  toldMs = nowMs
  process.send!({ kind: "alive" })
}

async function obey(order: Order): Promise<Answer> {
  switch (order.kind) {
    case "start": {
      installSwitches(order.mutants)
      runner = new Runner(order.texts, tellAlive)
      return { kind: "ready" }
    }
    case "measure":
      return { kind: "measured", baseline: await runner!.measure(order.files, order.cpuMsMax) }
    case "judge": {
      const { id, tests, loadingTests } = order
      let verdict = await runner!.judge(id, tests)
      if (verdict.outcome === "survived") verdict = await runner!.judgeLoading(id, loadingTests)
      return { kind: "judged", id, verdict, rssOctets: process.memoryUsage.rss(), isSpoilt: runner!.isSpoilt }
    }
  }
}

process.on("message", (order: Order) => {
  obey(order).then(
    (answer) => process.send!(answer),
    (error: unknown) => {
      const message = error instanceof Error ? (error.stack ?? error.message) : "it failed"
      process.send!({ kind: "broke", message }, () => process.exit(1))
    },
  )
})
process.on("disconnect", () => process.exit())
