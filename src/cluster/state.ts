import type { ClusterConfig } from "../config/model.ts"

/** What active checks say of an endpoint. `unknown`: none has said anything yet, and it is used. */
export type EndpointHealth = "unknown" | "healthy" | "unhealthy"

/** One endpoint as the control side has it. */
export interface EndpointState {
  /** Its place in the rows of numbers by endpoint: kept for life, and used again only when nothing counts on it. */
  readonly slot: number
  readonly address: string
  readonly weight: number
  readonly zone: string | null
  /** From 0: used where no endpoint of a lower number can be. nginx: 0, and 1 for `backup`; DNS: SRV's, in order. */
  readonly priority: number
  readonly health: EndpointHealth
  /** Takes no new streams, not even when no other does; those that it has go on. */
  readonly drain: boolean
}

/**
 * What the control side publishes and data planes apply, whole: plain data, so that it may cross a thread. Neither side
 * imports the other; both import this.
 */
export interface ClusterState {
  /** Goes up with every change. */
  readonly version: number
  readonly clusters: readonly {
    readonly name: string
    readonly endpoints: readonly EndpointState[]
  }[]
}

/** The endpoints of a cluster as its configuration has them, before the control side has said anything. */
export function configuredEndpoints({ endpoints }: ClusterConfig): EndpointState[] {
  return endpoints.map(({ address, weight, backup, down }, slot) => ({
    slot,
    address,
    weight,
    zone: null,
    priority: backup ? 1 : 0,
    health: "unknown",
    drain: down,
  }))
}
