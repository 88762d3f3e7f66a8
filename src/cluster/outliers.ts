/**
 * Outlier detection: which endpoints fail more than their like, and are left out for a while.
 *
 * Pure: two readings of the counts in, orders out. Only faults of the endpoint are in the counts; a client's cancel and an
 * application's status are not.
 * Source: Envoy, outlier_detection (names and defaults); gRPC, proposal A50.
 */
import type { OutlierDetectionConfig } from "../config/model.ts"
import type { OutcomeCounts } from "./counts.ts"

/** What is remembered of an endpoint from one reading to the next. */
export interface OutlierState {
  /** Null: it is not left out. */
  readonly ejectedUntilMs: number | null
  /** How often in a row; falls by one for each interval without. */
  readonly ejections: number
}

export type OutlierCause = "consecutive_failures" | "success_rate" | "failure_percentage"

export interface OutlierOrder {
  readonly endpoint: string
  /** Null: it is let in again. */
  readonly cause: OutlierCause | null
  /** For the log: the number that decided. */
  readonly detail: string
}

export interface OutlierReading {
  readonly states: ReadonlyMap<string, OutlierState>
  readonly orders: readonly OutlierOrder[]
}

const FRESH: OutlierState = { ejectedUntilMs: null, ejections: 0 }
const NO_COUNTS: OutcomeCounts = { successes: 0, failures: 0, consecutiveFailures: 0 }

/** `before`, `now`: counts by endpoint at the last reading and at this one. States of endpoints that left are dropped. */
export function detectOutliers(
  before: ReadonlyMap<string, OutcomeCounts>,
  now: ReadonlyMap<string, OutcomeCounts>,
  states: ReadonlyMap<string, OutlierState>,
  settings: OutlierDetectionConfig,
  nowMs: number,
): OutlierReading {
  const next = new Map<string, OutlierState>()
  const orders: OutlierOrder[] = []
  for (const endpoint of now.keys()) {
    const state = states.get(endpoint) ?? FRESH
    const isOver = state.ejectedUntilMs !== null && nowMs >= state.ejectedUntilMs
    if (isOver) orders.push({ endpoint, cause: null, detail: "its time is over" })
    if (isOver) next.set(endpoint, { ejectedUntilMs: null, ejections: state.ejections })
    else if (state.ejectedUntilMs !== null) next.set(endpoint, state)
    else next.set(endpoint, { ejectedUntilMs: null, ejections: Math.max(0, state.ejections - 1) })
  }
  const recent = recentCounts(before, now, next)
  const suspects = [
    ...consecutiveFailures(recent, settings),
    ...successRate(recent, settings),
    ...failurePercentage(recent, settings),
  ]
  let ejected = [...next.values()].filter(({ ejectedUntilMs }) => ejectedUntilMs !== null).length
  const most = Math.max(1, Math.floor((now.size * settings.maxEjectionPercent) / 100))
  for (const suspect of suspects) {
    const state = next.get(suspect.endpoint)!
    if (ejected >= most || state.ejectedUntilMs !== null) continue
    const ejections = ejectionsBefore(states.get(suspect.endpoint)) + 1
    const forMs = Math.min(settings.maxEjectionMs, settings.baseEjectionMs * ejections)
    next.set(suspect.endpoint, { ejectedUntilMs: nowMs + forMs, ejections })
    orders.push(suspect)
    ejected++
  }
  return { states: next, orders }
}

/** As remembered, not as forgiven in this reading: it failed again at once. */
function ejectionsBefore(state: OutlierState | undefined): number {
  return state?.ejections ?? 0
}

interface Recent extends OutcomeCounts {
  readonly endpoint: string
  readonly calls: number
}

/** What happened between the readings at endpoints that are not left out. */
function recentCounts(
  before: ReadonlyMap<string, OutcomeCounts>,
  now: ReadonlyMap<string, OutcomeCounts>,
  states: ReadonlyMap<string, OutlierState>,
): Recent[] {
  return [...now]
    .filter(([endpoint]) => states.get(endpoint)!.ejectedUntilMs === null)
    .map(([endpoint, counts]) => {
      const last = before.get(endpoint) ?? NO_COUNTS
      const successes = (counts.successes - last.successes) >>> 0
      const failures = (counts.failures - last.failures) >>> 0
      const { consecutiveFailures } = counts
      return { endpoint, successes, failures, consecutiveFailures, calls: successes + failures }
    })
}

function consecutiveFailures(
  recent: readonly Recent[],
  { consecutiveFailures: most }: OutlierDetectionConfig,
) {
  if (most === null) return []
  return recent
    .filter((one) => one.failures > 0 && one.consecutiveFailures >= most)
    .map(
      ({ endpoint, consecutiveFailures: count }): OutlierOrder => ({
        endpoint,
        cause: "consecutive_failures",
        detail: `${count} failures in a row`,
      }),
    )
}

function successRate(recent: readonly Recent[], { successRate: settings }: OutlierDetectionConfig) {
  if (settings === null) return []
  const counted = recent.filter(({ calls }) => calls > 0 && calls >= settings.requestVolume)
  if (counted.length < settings.minimumHosts) return []
  const rates = counted.map(({ successes, calls }) => (100 * successes) / calls)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  const least = mean - (settings.stdevFactor / 1000) * Math.sqrt(variance)
  return counted.flatMap(({ endpoint }, index): OutlierOrder[] => {
    const rate = rates[index]!
    if (rate >= least) return []
    return [
      {
        endpoint,
        cause: "success_rate",
        detail: `${rate.toFixed(1)} % of its calls succeeded, less than ${least.toFixed(1)} %`,
      },
    ]
  })
}

function failurePercentage(
  recent: readonly Recent[],
  { failurePercentage: settings }: OutlierDetectionConfig,
) {
  if (settings === null) return []
  const counted = recent.filter(({ calls }) => calls > 0 && calls >= settings.requestVolume)
  if (counted.length < settings.minimumHosts) return []
  return counted
    .map(({ endpoint, failures, calls }) => ({ endpoint, percent: (100 * failures) / calls }))
    .filter(({ percent }) => percent >= settings.threshold)
    .map(
      ({ endpoint, percent }): OutlierOrder => ({
        endpoint,
        cause: "failure_percentage",
        detail: `${percent.toFixed(1)} % of its calls failed`,
      }),
    )
}
