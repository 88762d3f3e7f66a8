import { defaultLimits, type LimitName, type Limits, limitTable } from "./limits.ts"

export interface LimitProblem {
  /** The override's name, as written. */
  readonly name: string
  readonly message: string
}

/**
 * The defaults with overrides in their place. What is wrong with an override is said in `problems`, and its default kept.
 *
 * Errors: unknown name; not a whole number; outside its range; a stream window above the connection's.
 */
export function resolveLimits(overrides: Readonly<Record<string, number>>): {
  limits: Limits
  problems: LimitProblem[]
} {
  const limits: { [Name in LimitName]: number } = { ...defaultLimits }
  const problems: LimitProblem[] = []
  for (const [name, value] of Object.entries(overrides)) {
    if (!Object.hasOwn(limitTable, name)) {
      problems.push({ name, message: `unknown limit "${name}"` })
      continue
    }
    const { min, max, unit } = limitTable[name as LimitName]
    if (Number.isInteger(value) && value >= min && value <= max) limits[name as LimitName] = value
    else
      problems.push({
        name,
        message: `${name} must be a whole number from ${min} to ${max} (${unit}), not ${value}`,
      })
  }
  for (const name of ["streamWindowOctets", "upstreamStreamWindowOctets"] as const) {
    if (limits[name] <= limits.connectionWindowOctets) continue
    problems.push({
      name,
      message: `${name} must not exceed connectionWindowOctets (${limits.connectionWindowOctets})`,
    })
    limits[name] = Math.min(defaultLimits[name], limits.connectionWindowOctets)
  }
  return { limits: Object.freeze(limits), problems }
}
