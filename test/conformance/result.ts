export const balancers = ["sluice", "nginx", "haproxy", "nghttpx"] as const
export type Balancer = (typeof balancers)[number]

/** What stands between a suite's two ends. `none`: they talk directly, which shows what the ends alone can do. */
export const throughs = [...balancers, "none"] as const
export type Through = (typeof throughs)[number]

export interface FailedCase {
  name: string
  /** What was seen, one line; empty when the suite does not say. */
  reason: string
}

/** What one run of a suite counted. */
export interface SuiteResult {
  cases: number
  failed: FailedCase[]
}

/** What a suite gets to run with. */
export interface SuiteContext {
  through: Through
}

/** A suite that cannot run on this machine: what is missing and how to get it. */
export class Unavailable extends Error {}
