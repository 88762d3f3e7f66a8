import type { DiscoveredEndpoint, DiscoveryListener, DiscoverySource } from "./source.ts"

/** What a control plane says of services. */
export interface Assignments {
  /** Tells of a service at once, where anything is known of it, and of each change. Returns how to stop. */
  watch(service: string, onEndpoints: (endpoints: readonly DiscoveredEndpoint[]) => void): () => void
}

/** Endpoints that a control plane names by service: EDS. Of several services the earlier ones are used first. */
export class AssignedSource implements DiscoverySource {
  readonly name: string
  readonly #services: readonly string[]
  readonly #assignments: Assignments | null
  readonly #known = new Map<string, readonly DiscoveredEndpoint[]>()
  readonly #unwatch: (() => void)[] = []

  constructor(services: readonly string[], assignments: Assignments | null) {
    this.name = `xds ${services.join(" ")}`
    this.#services = services
    this.#assignments = assignments
  }

  start(listener: DiscoveryListener): void {
    const assignments = this.#assignments
    if (assignments === null) return listener.onFailure("no control plane was given: sluice run --xds")
    for (const service of new Set(this.#services))
      this.#unwatch.push(
        assignments.watch(service, (endpoints) => {
          this.#known.set(service, endpoints)
          if (this.#services.every((one) => this.#known.has(one))) listener.onEndpoints(this.#inOrder())
        }),
      )
  }

  refresh(): void {}

  stop(): void {
    for (const unwatch of this.#unwatch) unwatch()
    this.#unwatch.length = 0
  }

  /** Priorities of a later service follow those of the earlier ones; an address counts where it is first. */
  #inOrder(): DiscoveredEndpoint[] {
    if (this.#services.length === 1) return [...this.#known.get(this.#services[0]!)!]
    const all = new Map<string, DiscoveredEndpoint>()
    let from = 0
    for (const service of this.#services) {
      const endpoints = this.#known.get(service)!
      for (const endpoint of endpoints)
        if (!all.has(endpoint.address))
          all.set(endpoint.address, { ...endpoint, priority: from + endpoint.priority })
      from += endpoints.reduce((most, { priority }) => Math.max(most, priority + 1), 0)
    }
    return [...all.values()]
  }
}
