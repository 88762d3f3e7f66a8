import type { Clock, Timer } from "../../base/clock.ts"
import type { DiscoveryListener, DiscoverySource } from "./source.ts"

const AGAIN_MS = 10_000

/** A source that may not be made yet, since a file that says how to reach it is missing: tried again until it is. */
export class LateSource implements DiscoverySource {
  readonly name: string
  readonly #make: () => DiscoverySource
  readonly #clock: Clock
  #source: DiscoverySource | null = null
  #timer: Timer | null = null

  constructor(name: string, make: () => DiscoverySource, { clock }: { readonly clock: Clock }) {
    this.name = name
    this.#make = make
    this.#clock = clock
  }

  start(listener: DiscoveryListener): void {
    try {
      this.#source = this.#make()
      this.#source.start(listener)
    } catch (error) {
      this.#timer = this.#clock.after(AGAIN_MS, () => this.start(listener))
      listener.onFailure((error as Error).message)
    }
  }

  refresh(): void {
    this.#source?.refresh()
  }

  stop(): void {
    this.#timer?.cancel()
    this.#source?.stop()
  }
}
