/** Where a cluster's endpoints come from, while Sluice runs. */

/** One endpoint as a source tells it. */
export interface DiscoveredEndpoint {
  /** `host:port`, `[v6]:port` or `unix:/path`; hosts are IP addresses where the source has them. */
  readonly address: string
  /** Share of the streams, from 1. */
  readonly weight: number
  /** 0 is tried first; a higher number when none of the lower ones can be used. */
  readonly priority: number
  readonly zone: string | null
  /** It takes no new streams, and is about to go: Kubernetes' `terminating`. */
  readonly isDraining: boolean
  /** The source checks its endpoints, and this one fails. */
  readonly isUnhealthy?: boolean
}

/** Told by a source, in any number and order, until `stop`. */
export interface DiscoveryListener {
  /** All endpoints there are now: what is missing has left. `unread`: what of the answer could not be read, in a sentence. */
  onEndpoints(endpoints: readonly DiscoveredEndpoint[], unread?: string): void
  /** Nothing new is known, and why; the last answer goes on holding. */
  onFailure(reason: string): void
}

export interface DiscoverySource {
  /** For people: `dns backend.local:3000`. */
  readonly name: string
  start(listener: DiscoveryListener): void
  /** Asks soon instead of when it is time: an endpoint could not be reached. Sources that are told of changes ignore it. */
  refresh(): void
  stop(): void
}

export const plainEndpoint = (address: string): DiscoveredEndpoint => ({
  address,
  weight: 1,
  priority: 0,
  zone: null,
  isDraining: false,
})
