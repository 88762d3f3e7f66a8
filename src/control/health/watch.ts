import type { Clock, Timer } from "../../base/clock.ts"
import type { Random } from "../../base/random.ts"
import type { HealthCheckConfig } from "../../config/model.ts"
import { GrpcStatus } from "../../grpc/status.ts"
import type { CheckConnection } from "./check-connection.ts"
import { nextCheckMs } from "./check-state.ts"
import type { CheckedEndpoint, HealthSockets } from "./sockets.ts"

export interface WatchOptions {
  readonly config: HealthCheckConfig
  readonly checked: CheckedEndpoint
  readonly sockets: HealthSockets
  readonly clock: Clock
  readonly random: Random
  /** The endpoint says so, now. */
  onStatus(status: number): void
}

/**
 * `grpc.health.v1.Health/Watch`: a stream on which an endpoint says at once when that changes. One that is lost is opened anew
 * after the interval; one that the endpoint does not know is not.
 */
export class Watch {
  readonly #options: WatchOptions
  #connection: CheckConnection | null = null
  #timer: Timer | null = null
  #isClosed = false

  constructor(options: WatchOptions) {
    this.#options = options
    this.#open()
  }

  close(): void {
    this.#isClosed = true
    this.#timer?.cancel()
    this.#connection?.close()
  }

  #open(): void {
    const { config, checked, sockets, clock, onStatus } = this.#options
    const unready = clock.after(config.timeoutMs, () => this.#again())
    this.#timer = unready
    this.#connection = sockets.http2(checked, {
      onReady: (connection) => {
        unready.cancel()
        connection.ask("Watch", config.service, null, {
          onStatus,
          onEnd: (grpcStatus) => {
            if (grpcStatus === GrpcStatus.UNIMPLEMENTED) this.close()
            else this.#again()
          },
        })
      },
      onEnd: () => this.#again(),
    })
  }

  #again(): void {
    if (this.#isClosed) return
    const { config, clock, random } = this.#options
    this.#connection?.close()
    this.#connection = null
    this.#timer?.cancel()
    this.#timer = clock.after(nextCheckMs(config.intervalMs, random()), () => this.#open())
  }
}
