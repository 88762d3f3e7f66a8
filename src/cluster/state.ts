import type { ClusterConfig } from "../config/model.ts"
import type { Endpoint } from "./endpoint.ts"

/** One immutable picture of a cluster, read once per stream and swapped whole. */
export interface Snapshot {
  readonly config: ClusterConfig
  /** Tried first. */
  readonly primary: readonly Endpoint[]
  /** Tried when no primary endpoint can be. nginx: `backup`. */
  readonly backup: readonly Endpoint[]
}

export function makeSnapshot(config: ClusterConfig, endpoints: readonly Endpoint[]): Snapshot {
  const up = endpoints.filter((endpoint) => !endpoint.config.down)
  return {
    config,
    primary: up.filter((endpoint) => !endpoint.config.backup),
    backup: up.filter((endpoint) => endpoint.config.backup),
  }
}
