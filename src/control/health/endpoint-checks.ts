import type { Clock, Timer } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { HealthCheckConfig } from "../../config/model.ts"
import { type CheckTests, checkOnce, type Verdict } from "./check.ts"
import { afterCheck, type CheckState, nextCheckMs, UNCHECKED } from "./check-state.ts"
import { ServingStatus, statusName } from "./health-message.ts"
import type { CheckedEndpoint, HealthSockets } from "./sockets.ts"
import { Watch } from "./watch.ts"

export interface EndpointChecksOptions {
  readonly config: HealthCheckConfig
  readonly tests: CheckTests
  readonly checked: CheckedEndpoint
  readonly sockets: HealthSockets
  readonly clock: Clock
  readonly random: Random
  /** Waits for its turn among all checks of the process; call what it gives once done. */
  turn(): Promise<() => void>
  /** `reason`: why it is unhealthy; empty: it is healthy. */
  onHealth(isHealthy: boolean, reason: string): void
}

/** The checks of one endpoint: again and again, and by its own word where it is watched. */
export class EndpointChecks {
  readonly #options: EndpointChecksOptions
  readonly #watch: Watch | null
  #state: CheckState = UNCHECKED
  #timer: Timer | null = null
  #isClosed = false

  constructor(options: EndpointChecksOptions) {
    this.#options = options
    const { config } = options
    this.#watch =
      config.type === "grpc" && config.watch
        ? new Watch({ ...options, onStatus: (status) => this.#told(status) })
        : null
    void this.#check()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#watch?.close()
  }

  async #check(): Promise<void> {
    // While it is under way there is no timer, and none begins another.
    this.#timer = null
    const done = await this.#options.turn()
    let verdict: Verdict = null
    try {
      if (!this.#isClosed) verdict = await checkOnce(this.#options)
    } finally {
      done()
      // First: whatever comes of this check, there is a next.
      if (!this.#isClosed) this.#later()
    }
    if (verdict !== null && !this.#isClosed)
      this.#took(afterCheck(this.#state, verdict.isGood, this.#options.config), verdict.reason)
  }

  #later(): void {
    const { config, clock, random } = this.#options
    const { intervalMs, jitterMs } = config
    const afterMs = jitterMs === null ? nextCheckMs(intervalMs, random()) : intervalMs + jitterMs * random()
    this.#timer = clock.after(afterMs, () => void this.#check())
  }

  /** By its own word: what it says is so at once, but it is trusted again only as a check would. */
  #told(status: number): void {
    if (this.#isClosed) return
    if (status !== ServingStatus.SERVING)
      return this.#took({ health: "unhealthy", against: 0 }, `it says ${statusName(status)}`)
    if (this.#state.health === "healthy" || this.#timer === null) return
    this.#timer.cancel()
    void this.#check()
  }

  #took(state: CheckState, reason: string): void {
    const before = this.#state.health
    this.#state = state
    if (state.health !== before) this.#options.onHealth(state.health === "healthy", reason)
  }
}
