import type { ClusterConfig } from "../config/model.ts"

/** What active checks say of an endpoint. `unknown`: none has said anything yet, and it is used. */
export type EndpointHealth = "unknown" | "healthy" | "unhealthy"

/** What holds before any check has said anything. `checking`: the endpoint is not used before one does. */
export type EndpointVerdict = EndpointHealth | "checking"

/** An endpoint as configuration and discovery have it. */
export interface KnownEndpoint {
  readonly address: string
  /** The entry of its cluster's `endpoints` that it comes from, and whose settings it has: an index. */
  readonly origin: number
  readonly weight: number
  readonly zone: string | null
  /** From 0: used where no endpoint of a lower number can be. nginx: 0, and 1 for `backup`; DNS: SRV's, in order. */
  readonly priority: number
  /** Takes no new streams, not even when no other does; those that it has go on. */
  readonly drain: boolean
  /** As its source says, which checks it. */
  readonly isUnhealthy?: boolean
}

/** What people want of an endpoint, whatever its source says. */
export interface EndpointOrder {
  readonly drain: boolean
  /** With `drain`: how long live streams may go on; null: as its cluster has it. */
  readonly graceMs: number | null
  /** Null: as its source has it. */
  readonly weight: number | null
}

/** One endpoint as the control side has it: what its source, health and orders say, laid over one another. */
export interface EndpointState extends KnownEndpoint {
  /** Its place in the rows of numbers by endpoint: kept for life, and used again only when nothing counts on it. */
  readonly slot: number
  readonly health: EndpointHealth
  /** While it drains by order: how long live streams may go on; null: as its cluster has it. */
  readonly graceMs: number | null
}

/**
 * What the control side publishes and data planes apply: plain data, so that it may cross a thread. Neither side imports
 * the other; both import this.
 */
export interface ClusterState {
  /** Goes up with every change. */
  readonly version: number
  /** Those that changed, each whole. */
  readonly clusters: readonly { readonly name: string; readonly endpoints: readonly EndpointState[] }[]
}

/** The one place where it is decided what holds of an endpoint. `health`: of all that judge it. */
export function layOver(
  known: KnownEndpoint,
  slot: number,
  health: Iterable<EndpointVerdict>,
  order: EndpointOrder | undefined,
): EndpointState {
  const said = new Set(health)
  return {
    ...known,
    slot,
    weight: order?.weight ?? known.weight,
    health:
      known.isUnhealthy === true || said.has("unhealthy")
        ? "unhealthy"
        : said.has("healthy")
          ? "healthy"
          : "unknown",
    drain: known.drain || order?.drain === true || said.has("checking"),
    graceMs: order?.drain === true ? order.graceMs : null,
  }
}

/** The endpoints of a cluster as its configuration has them. */
export function configuredEndpoints({ endpoints }: Pick<ClusterConfig, "endpoints">): KnownEndpoint[] {
  return endpoints.map(({ address, weight, backup, down }, origin) => ({
    address,
    origin,
    weight,
    zone: null,
    priority: backup ? 1 : 0,
    drain: down,
  }))
}
