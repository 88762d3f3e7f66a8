import type { Clock } from "../base/clock.ts"
import type { Endpoint } from "./endpoint.ts"

/** Where ejections are told; the process's log fits. */
export interface OutcomeLog {
  info(message: string, fields: Readonly<Record<string, string | number>>): void
  warn(message: string, fields: Readonly<Record<string, string | number>>): void
}

export interface OutcomesOptions {
  /** The cluster's name. */
  cluster: string
  clock: Clock
  log: OutcomeLog
  /** A failure was counted. */
  onFailed(endpoint: Endpoint): void
  onEjected(endpoint: Endpoint): void
  onBack(endpoint: Endpoint): void
}

/**
 * How streams and connections ended, by endpoint: the only place that counts successes and failures, and that says when an
 * endpoint is ejected and when it is back.
 */
export class Outcomes {
  readonly #options: OutcomesOptions

  constructor(options: OutcomesOptions) {
    this.#options = options
  }

  /** The head of a response came. At once, since its stream may last all day. */
  legAnswered(endpoint: Endpoint): void {
    if (endpoint.answered()) this.#back(endpoint, "a stream was answered")
  }

  /** A stream ended early or was not answered, through the fault of `fault`. A client's abort is never the endpoint's. */
  legEnded(endpoint: Endpoint, fault: "endpoint" | "client" | "none", reason: string): void {
    if (fault === "endpoint") this.#failed(endpoint, false, reason)
  }

  /** A connection could not be made, as a stream or the connection itself was told; or one was lost with streams on it. */
  connectFailed(endpoint: Endpoint, reason: string): void {
    this.#failed(endpoint, true, reason)
  }

  /** A connection has exchanged SETTINGS and a PING. */
  connectionProven(endpoint: Endpoint): void {
    if (endpoint.proven(this.#options.clock.now())) this.#back(endpoint, "a connection answered a PING")
  }

  #failed(endpoint: Endpoint, isByConnection: boolean, reason: string): void {
    const { cluster, clock, log, onFailed, onEjected } = this.#options
    const isEjectedNow = endpoint.failed(clock.now(), isByConnection)
    onFailed(endpoint)
    if (!isEjectedNow) return
    const forMs = endpoint.config.failTimeoutMs
    log.warn("endpoint is ejected", { cluster, endpoint: endpoint.address, reason, forMs })
    onEjected(endpoint)
  }

  #back(endpoint: Endpoint, reason: string): void {
    const { cluster, clock, log, onBack } = this.#options
    const afterMs = Math.round(clock.now() - endpoint.ejectedMs)
    log.info("endpoint is back", { cluster, endpoint: endpoint.address, reason, afterMs })
    onBack(endpoint)
  }
}
