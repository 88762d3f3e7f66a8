import type { PolicyConfig } from "./model.ts"

/** What a policy takes beside its name. */
export interface PolicyParameters {
  readonly key: boolean
  readonly balanceFactor: boolean
  /** What may be compared, the default first; empty: nothing is. */
  readonly by: readonly PolicyMeasure[]
  readonly inflight: boolean
}

/** What `random_two` and `peak_ewma` compare. */
export const policyMeasures = ["streams", "header_time", "last_byte_time", "connect_time"] as const
export type PolicyMeasure = (typeof policyMeasures)[number]

const NONE: PolicyParameters = { key: false, balanceFactor: false, by: [], inflight: false }

export const policyParameters: Readonly<Record<PolicyConfig["name"], PolicyParameters>> = {
  round_robin: NONE,
  least_streams: NONE,
  random: NONE,
  random_two: { ...NONE, by: policyMeasures },
  peak_ewma: { ...NONE, by: ["header_time", "last_byte_time", "connect_time"], inflight: true },
  ring_hash: { ...NONE, key: true, balanceFactor: true },
  maglev: { ...NONE, key: true, balanceFactor: true },
  nginx_hash: { ...NONE, key: true },
  nginx_consistent_hash: { ...NONE, key: true },
  ip_hash: NONE,
}

export const policyNames = Object.keys(policyParameters) as PolicyConfig["name"][]
