/**
 * What repeated checks say of an endpoint: a few in a row are needed to change its state, so that one lost packet does
 * not. nginx: `passes`, `fails`; Envoy: `healthy_threshold`, `unhealthy_threshold`. Pure.
 */
export interface CheckThresholds {
  /** Successes in a row until it is healthy. */
  readonly passes: number
  /** Failures in a row until it is unhealthy. */
  readonly fails: number
}

export interface CheckState {
  /** `unknown` until the first result: it is used meanwhile, unless checks are mandatory. */
  readonly health: "unknown" | "healthy" | "unhealthy"
  /** Results in a row that speak against `health`. */
  readonly against: number
}

export const UNCHECKED: CheckState = { health: "unknown", against: 0 }

/** The first result decides alone, as in Envoy: nothing is known that it could contradict. */
export function afterCheck(
  state: CheckState,
  isGood: boolean,
  { passes, fails }: CheckThresholds,
): CheckState {
  const health = isGood ? "healthy" : "unhealthy"
  if (state.health === "unknown") return { health, against: 0 }
  if (state.health === health) return state.against === 0 ? state : { health, against: 0 }
  const against = state.against + 1
  return against >= (isGood ? passes : fails) ? { health, against: 0 } : { health: state.health, against }
}

/**
 * When the next check is due: `jitter`, from 0 to 1, spreads the checks of many endpoints by ±10 % of the interval.
 */
export function nextCheckMs(intervalMs: number, jitter: number): number {
  return Math.round(intervalMs * (0.9 + 0.2 * jitter))
}
