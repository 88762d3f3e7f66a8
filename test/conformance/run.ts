import type { FailedCase } from "./result.ts"

/** One suite's part of a run, as `--json` prints it. */
export type SuiteRun = {
  name: string
  title: string
  tool: string
  /** How many cases the suite is known to have. */
  expected: number
} & (
  | { outcome: "ran"; cases: number; failed: FailedCase[] }
  /** Its tools cannot be had on this machine. */
  | { outcome: "skipped"; reason: string }
  /** It did not come to a count. */
  | { outcome: "broke"; reason: string }
)

/** One line for a person, and one more for each case that failed. */
export function summaryLine(run: SuiteRun): string {
  const head = run.title.padEnd(60)
  if (run.outcome !== "ran") return `${head} ${run.outcome}: ${run.reason}`
  const passed = run.cases - run.failed.length
  const count = `${passed}/${run.expected}`
  const failures = run.failed.map(
    ({ name, reason }) => `    failed: ${name}${reason === "" ? "" : ` (${reason})`}`,
  )
  return [`${head} ${count}`, ...failures].join("\n")
}
