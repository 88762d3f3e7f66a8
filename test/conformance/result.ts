import type { Through } from "./through.ts"

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
