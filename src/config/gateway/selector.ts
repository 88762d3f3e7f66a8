import type { LabelSelector } from "./resources.ts"

/** Whether labels are selected: meta/v1 LabelSelector. An operator that is not known selects nothing. */
export function selects(
  { matchLabels, matchExpressions }: LabelSelector,
  labels: Readonly<Record<string, string>>,
): boolean {
  return (
    Object.entries(matchLabels).every(([name, value]) => labels[name] === value) &&
    matchExpressions.every(({ key, operator, values }) => {
      const value = labels[key]
      switch (operator) {
        case "In":
          return value !== undefined && values.includes(value)
        case "NotIn":
          return value === undefined || !values.includes(value)
        case "Exists":
          return value !== undefined
        case "DoesNotExist":
          return value === undefined
        default:
          return false
      }
    })
  )
}
