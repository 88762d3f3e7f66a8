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
  { counters, log }: BugReport,
  end: () => void,
  run: (...given: Given) => void,
): (...given: Given) => void {
  return (...given) => {
    try {
      run(...given)
    } catch (error) {
      counters.add(counterIds.uncaught)
      log.error("unexpected error, one connection ended", {
        error: error instanceof Error ? (error.stack ?? error.message) : String(error),
      })
      end()
    }
  }
}
