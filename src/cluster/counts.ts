import type { ClusterConfig, EndpointConfig } from "../config/model.ts"

/** The streams that are open at one endpoint now, over all that count there. */
export interface StreamCount {
  readonly open: number
  /** One more, unless there are `most` already: then false. */
  tryAdd(most: number): boolean
  subtract(): void
}

/** A count of one thread. */
export class OwnStreamCount implements StreamCount {
  open = 0

  tryAdd(most: number): boolean {
    if (this.open >= most) return false
    this.open++
    return true
  }

  subtract(): void {
    this.open--
  }
}

/** Gives each endpoint of a cluster its count, in the configuration's order: the same one for as long as it stays. */
export interface StreamCounts {
  countsOf(cluster: ClusterConfig): StreamCount[]
  /** Forgets the endpoints that `clusters` does not have, once no stream is open there. */
  retain(clusters: readonly ClusterConfig[]): void
}

/**
 * What tells endpoints apart across reloads: cluster, address, and which of those with the same address it is, since a
 * configuration may name one twice.
 */
export function endpointKeys({ name, endpoints }: Pick<ClusterConfig, "name" | "endpoints">): string[] {
  const seen = new Map<string, number>()
  return endpoints.map(({ address }: EndpointConfig) => {
    const nth = (seen.get(address) ?? 0) + 1
    seen.set(address, nth)
    return JSON.stringify([name, address, nth])
  })
}

/** Counts of one thread, by endpoint. */
export class OwnStreamCounts implements StreamCounts {
  readonly #counts = new Map<string, OwnStreamCount>()

  countsOf(cluster: ClusterConfig): StreamCount[] {
    return endpointKeys(cluster).map((key) => {
      const count = this.#counts.get(key) ?? new OwnStreamCount()
      this.#counts.set(key, count)
      return count
    })
  }

  retain(clusters: readonly ClusterConfig[]): void {
    const kept = new Set(clusters.flatMap(endpointKeys))
    for (const [key, { open }] of this.#counts) if (open === 0 && !kept.has(key)) this.#counts.delete(key)
  }
}
