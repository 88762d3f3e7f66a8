import { counterIds } from "../../base/counters.ts"
import type { CallContext } from "../../relay/call/call-context.ts"

/**
 * `run` as a callback of Node's: what it throws is a bug, which `end`s one connection and not the process.
 * The relay's own reads are guarded by the link.
 */
export function guarded<Given extends unknown[]>(
  { counters, log }: Pick<CallContext, "counters" | "log">,
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
