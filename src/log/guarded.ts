import { type Counters, counterIds } from "../base/counters.ts"
import type { Log } from "./logger.ts"

/** Where a bug is told. */
export interface BugReport {
  readonly counters: Counters
  readonly log: Log
}

/**
 * `run` as a callback of Node's or of a library's: what it throws is a bug, which `end`s one connection and not the
 * process. The relay's own reads are guarded by the link.
 */
export function guarded<Given extends unknown[]>(
  report: BugReport,
  end: () => void,
  run: (...given: Given) => void,
): (...given: Given) => void {
  return (...given) => {
    try {
      run(...given)
    } catch (error) {
      reportBug(report, error)
      end()
    }
  }
}

/** The same where it is called for each request: without a closure. The caller ends what it has to. */
export function reportBug({ counters, log }: BugReport, error: unknown): void {
  counters.add(counterIds.uncaught)
  log.error("unexpected error, one connection ended", {
    error: error instanceof Error ? (error.stack ?? error.message) : String(error),
  })
}
