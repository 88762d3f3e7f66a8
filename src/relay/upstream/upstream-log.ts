import { type CounterName, type Counters, counterIds, isLimitReached } from "../../base/counters.ts"
import { errorCodeName, type Fault } from "../../http2/error-code.ts"
import { LogOnce } from "../../log/log-once.ts"
import type { Log } from "../../log/logger.ts"

/** What is counted and said of one connection to an endpoint: each kind of line once. */
export class UpstreamLog {
  readonly #counters: Counters
  readonly #logOnce: LogOnce

  constructor(log: Log, counters: Counters, cluster: string, endpoint: string) {
    this.#counters = counters
    this.#logOnce = new LogOnce(log, { cluster, endpoint })
  }

  /** `counter`: a limit's. */
  limit(counter: string): void {
    this.#counters.add(counterIds[counter as CounterName])
    if (isLimitReached(counter)) this.#logOnce.warn(counter, `limit reached: ${counter}`)
  }

  manyResets(upstreamResetsMax: number): void {
    this.limit("upstream_resets_exceeded")
    const message = "connection to endpoint is replaced: callers gave up many of its streams"
    this.#logOnce.info("resets", message, { upstreamResetsMax })
  }

  goaway(code: number, debug: string): void {
    const fields = { code: errorCodeName(code), debug: debug.slice(0, 100) }
    this.#logOnce.warn("goaway", "GOAWAY from endpoint", fields)
  }

  fault({ code }: Fault, reason: string): void {
    this.#logOnce.warn("fault", "connection to endpoint failed", { code: errorCodeName(code), reason })
  }
}
