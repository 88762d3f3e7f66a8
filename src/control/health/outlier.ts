/**
 * Outlier detection: which endpoints fail more than their like, and are left out for a while.
 *
 * Pure: two readings of the counts in, orders out. Only faults of the endpoint are in the counts; a client's cancel and an
 * application's status are not.
 * Source: Envoy, outlier_detection (names and defaults); gRPC, proposal A50.
 */

export interface OutlierSettings {
  readonly intervalMs: number
  /** Left out for this, times how often it was in a row, at most `maxEjectionMs`. */
  readonly baseEjectionMs: number
  readonly maxEjectionMs: number
  /** No more than this share of the endpoints is left out at once; one may be, however few there are. */
  readonly maxEjectionPercent: number
  /** So many failures in a row; null: not looked at. */
  readonly consecutiveFailures: number | null
  /** Worse than the mean by so many standard deviations; null: not looked at. */
  readonly successRate: {
    readonly stdevFactor: number
    readonly minimumHosts: number
    readonly requestVolume: number
  } | null
  /** Failures of all calls in percent; null: not looked at. */
  readonly failurePercentage: {
    readonly threshold: number
    readonly minimumHosts: number
    readonly requestVolume: number
  } | null
}

/** Envoy's, but that failure percentage, which it counts and does not enforce, is off. */
export const outlierDefaults: OutlierSettings = {
  intervalMs: 10_000,
  baseEjectionMs: 30_000,
  maxEjectionMs: 300_000,
  maxEjectionPercent: 10,
  consecutiveFailures: 5,
  successRate: { stdevFactor: 1.9, minimumHosts: 5, requestVolume: 100 },
  failurePercentage: null,
}

/** Of one endpoint, since it was first there. */
export interface OutcomeCounts {
  readonly successes: number
  readonly failures: number
  /** Failures since the last success. */
  readonly consecutiveFailures: number
}

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
  settings: OutlierSettings,
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
      const successes = counts.successes - last.successes
      const failures = counts.failures - last.failures
      const { consecutiveFailures } = counts
      return { endpoint, successes, failures, consecutiveFailures, calls: successes + failures }
    })
}

function consecutiveFailures(recent: readonly Recent[], { consecutiveFailures: most }: OutlierSettings) {
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

function successRate(recent: readonly Recent[], { successRate: settings }: OutlierSettings) {
  if (settings === null) return []
  const counted = recent.filter(({ calls }) => calls > 0 && calls >= settings.requestVolume)
  if (counted.length < settings.minimumHosts) return []
  const rates = counted.map(({ successes, calls }) => (100 * successes) / calls)
  const mean = rates.reduce((sum, rate) => sum + rate, 0) / rates.length
  const variance = rates.reduce((sum, rate) => sum + (rate - mean) ** 2, 0) / rates.length
  const least = mean - settings.stdevFactor * Math.sqrt(variance)
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

function failurePercentage(recent: readonly Recent[], { failurePercentage: settings }: OutlierSettings) {
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
