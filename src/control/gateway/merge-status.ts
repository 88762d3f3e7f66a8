/** What a resource's status becomes: our part in place of what it was, and others' as it is. */
import { isDeepStrictEqual } from "node:util"
import type { Condition } from "../../config/gateway/conditions.ts"
import type { OwnedEntry, StatusText } from "../../config/gateway/translate.ts"

type TimedCondition = Condition & { readonly lastTransitionTime: string }

interface Conditioned {
  readonly conditions?: readonly TimedCondition[]
}

/**
 * @param existing what the API server has; its times stay where a condition's status is the same
 * @param now RFC 3339
 * @returns null: nothing is to be changed
 */
export function mergeStatus(
  wanted: StatusText,
  existing: unknown,
  { controllerName, now }: { controllerName: string; now: string },
): object | null {
  const before = (existing ?? {}) as Readonly<Record<string, unknown>>
  const merged: Record<string, unknown> = { ...before }
  if ("conditions" in wanted) merged.conditions = withOthers(wanted.conditions, conditionsOf(before), now)
  if ("listeners" in wanted) {
    merged.addresses = wanted.addresses
    const listenersBefore = listOf<Conditioned & { name?: string }>(before.listeners)
    merged.listeners = wanted.listeners.map((listener) => {
      const { name, conditions } = listener as { name: string; conditions: readonly Condition[] }
      const last = listenersBefore.find((one) => one.name === name)
      return { ...listener, conditions: timed(conditions, last?.conditions ?? [], now) }
    })
  }
  for (const key of ["parents", "ancestors"] as const) {
    const entries = (wanted as Record<string, readonly OwnedEntry[] | undefined>)[key]
    if (entries !== undefined) merged[key] = entriesOf(entries, listOf(before[key]), controllerName, now)
  }
  // A resource that has no status, and is to have no entry.
  if (isDeepStrictEqual(merged, before) || (existing == null && isEmpty(merged))) return null
  return merged
}

function isEmpty(status: Readonly<Record<string, unknown>>): boolean {
  return Object.values(status).every((value) => Array.isArray(value) && value.length === 0)
}

function listOf<T>(value: unknown): readonly T[] {
  return Array.isArray(value) ? (value as T[]) : []
}

function conditionsOf(status: Readonly<Record<string, unknown>>): readonly TimedCondition[] {
  return listOf(status.conditions)
}

/** Conditions of types that are not ours stay. */
function withOthers(
  wanted: readonly Condition[],
  before: readonly TimedCondition[],
  now: string,
): TimedCondition[] {
  const others = before.filter(({ type }) => !wanted.some((one) => one.type === type))
  return [...timed(wanted, before, now), ...others]
}

function timed(
  wanted: readonly Condition[],
  before: readonly TimedCondition[],
  now: string,
): TimedCondition[] {
  return wanted.map((one) => {
    const last = before.find(({ type }) => type === one.type)
    return { ...one, lastTransitionTime: last?.status === one.status ? last.lastTransitionTime : now }
  })
}

type StoredEntry = OwnedEntry & Conditioned

function entriesOf(
  wanted: readonly OwnedEntry[],
  before: readonly StoredEntry[],
  controllerName: string,
  now: string,
): object[] {
  const others = before.filter((entry) => entry.controllerName !== controllerName)
  const ours = wanted.map((entry) => {
    const last = before.find(
      (one) =>
        one.controllerName === controllerName &&
        isDeepStrictEqual(one.parentRef, entry.parentRef) &&
        isDeepStrictEqual(one.ancestorRef, entry.ancestorRef),
    )
    return { ...entry, conditions: timed(entry.conditions, last?.conditions ?? [], now) }
  })
  return [...others, ...ours]
}
