import type { RouteMeter } from "../route/route-meter.ts"

/** Since when the octets of a call wait for the one that they go to. */
export class Stalls {
  /** Ticks; -1: none wait. */
  #clientTicks = -1
  #endpointTicks = -1

  /** What waits now. */
  note(meter: RouteMeter, forClient: boolean, forEndpoint: boolean, ticks: number): void {
    if (forClient !== this.#clientTicks >= 0) {
      if (!forClient) meter.stalled("client", ticks - this.#clientTicks)
      this.#clientTicks = forClient ? ticks : -1
    }
    if (forEndpoint === this.#endpointTicks >= 0) return
    if (!forEndpoint) meter.stalled("endpoint", ticks - this.#endpointTicks)
    this.#endpointTicks = forEndpoint ? ticks : -1
  }

  /** The call is over. */
  end(meter: RouteMeter | null, ticks: number): void {
    if (meter !== null) this.note(meter, false, false, ticks)
  }
}
