import type { FoundEndpoints } from "../../balancer/care.ts"
import type { Clock } from "../../base/clock.ts"
import type { ClusterStates } from "../../cluster/cluster-states.ts"
import type { ClusterConfig } from "../../config/model.ts"
import { ClusterDiscovery, type ClusterDiscoveryOptions, type SourceStatus } from "./cluster-discovery.ts"

/** A start or a reload waits so long for the first answers; what comes later is taken over then. */
const FIRST_ANSWERS_MS = 5_000

export interface DiscoveryOptions extends Omit<ClusterDiscoveryOptions, "onChange"> {
  readonly states: Pick<ClusterStates, "setEndpoints">
}

interface Entry {
  readonly config: string
  readonly discovery: ClusterDiscovery
}

/** The sources of all clusters: asked for as long as their configuration is in force, and their answers put into `states`. */
export class Discovery {
  readonly #options: DiscoveryOptions
  #entries: ReadonlyMap<string, Entry> = new Map()
  #onChange: (discovery: ClusterDiscovery) => void = () => {}

  constructor(options: DiscoveryOptions) {
    this.#options = options
  }

  /** How the sources of a cluster are. */
  statusOf(cluster: string): SourceStatus[] {
    return this.#entries.get(cluster)?.discovery.status ?? []
  }

  /** An endpoint could not be reached: its sources are asked soon. */
  refresh(cluster: string): void {
    this.#entries.get(cluster)?.discovery.refresh()
  }

  /** Asks the sources that are new; resolves once each has answered or failed, or has taken too long. */
  async prepare(clusters: readonly ClusterConfig[]): Promise<FoundEndpoints> {
    const before = this.#entries
    const next = new Map<string, Entry>()
    const started: ClusterDiscovery[] = []
    for (const config of clusters) {
      const text = JSON.stringify(config)
      const known = before.get(config.name)
      if (known?.config === text) {
        next.set(config.name, known)
        continue
      }
      const discovery = this.#make(config, known?.discovery ?? null)
      next.set(config.name, { config: text, discovery })
      started.push(discovery)
    }
    for (const discovery of started) discovery.start()
    await this.#settled(started)
    return {
      endpointsOf: (cluster) => {
        const { discovery } = next.get(cluster)!
        return discovery.hasSources ? discovery.endpoints : null
      },
      commit: () => {
        this.#entries = next
        for (const [name, { discovery }] of before)
          if (next.get(name)?.discovery !== discovery) discovery.stop()
          // Who reloads wants to know what holds now.
          else discovery.refresh()
        // What came since the states were prepared.
        for (const [name, { discovery }] of next)
          if (discovery.hasSources) this.#options.states.setEndpoints(name, discovery.endpoints)
      },
      abandon: () => {
        for (const discovery of started) discovery.stop()
      },
    }
  }

  stop(): void {
    for (const { discovery } of this.#entries.values()) discovery.stop()
  }

  #make(config: ClusterConfig, before: ClusterDiscovery | null): ClusterDiscovery {
    const { states } = this.#options
    const discovery: ClusterDiscovery = new ClusterDiscovery(
      config,
      {
        ...this.#options,
        onChange: () => {
          this.#onChange(discovery)
          if (this.#entries.get(config.name)?.discovery === discovery)
            states.setEndpoints(config.name, discovery.endpoints)
        },
      },
      before,
    )
    return discovery
  }

  async #settled(all: readonly ClusterDiscovery[]): Promise<void> {
    const waiting = new Set(all.filter(({ isSettled }) => !isSettled))
    if (waiting.size === 0) return
    const clock: Clock = this.#options.clock
    await new Promise<void>((resolve) => {
      const timer = clock.after(FIRST_ANSWERS_MS, resolve)
      this.#onChange = (discovery) => {
        if (discovery.isSettled) waiting.delete(discovery)
        if (waiting.size > 0) return
        timer.cancel()
        resolve()
      }
    })
    this.#onChange = () => {}
  }
}
