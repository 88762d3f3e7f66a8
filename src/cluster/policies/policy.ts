import type { Random } from "../../base/random.ts"
import type { Steps } from "../../base/steps.ts"
import type { Endpoint } from "../endpoint.ts"

/** The stream that is picked for, as far as a policy may ask. */
export interface PickSubject {
  /** What a template of the configuration makes of it, an octet for each character (latin1). */
  render(template: string): string
}

/** What a policy is told of the stream it picks for. */
export interface PickRequest {
  readonly subject: PickSubject
  /** Endpoints that this stream was tried at already. */
  readonly tried: readonly Endpoint[] | null
  /** The stream may have to wait: for another to end, or for an endpoint that may be frozen. One that starts is taken too. */
  readonly mayWait: boolean
  readonly nowMs: number
}

/**
 * Chooses one of `available`, leaving out those that `isPassedOver`; undefined when none is left. `available` is the list
 * that the picker was made of, or a part of it, and another list whenever it is not the same. What it remembers of an
 * endpoint is its own, by slot. Load is streams open, not requests per second: one stream may last all day.
 */
export interface Picker {
  /** Makes beforehand what the first pick would make else: it may take long where there are thousands of endpoints. */
  prepare?(): Steps
  pick(available: readonly Endpoint[], request: PickRequest, random: Random): Endpoint | undefined
  /** It failed through its own fault. */
  onFailed?(endpoint: Endpoint): void
  /** It is back at its full share. */
  onBack?(endpoint: Endpoint): void
}

/**
 * Makes the picker of a cluster for the endpoints of one priority. `weights`: their full ones, once the picker is in force;
 * those that they have now, if not given.
 */
export type MakePicker = (endpoints: readonly Endpoint[], weights?: readonly number[]) => Picker

/** So many endpoints are looked at one by one. Of more some are drawn, or a heap is kept: a pick has a microsecond. */
export const SCANNED_MAX = 32

/** What changes too often for a list of those available: checked at each pick. */
export function isPassedOver(endpoint: Endpoint, { tried, mayWait }: PickRequest): boolean {
  if (endpoint.isFull || (tried?.includes(endpoint) ?? false)) return true
  return !mayWait && (endpoint.isSaturated || endpoint.silentConnections > 0 || endpoint.sitsOut)
}

/** Streams open for its weight. */
export function loadOf({ streamsOpen, weight }: Endpoint): number {
  return weight > 0 ? streamsOpen / weight : Number.MAX_VALUE
}

/** The first that can be had from a random place on: where chance has not found one. */
export function firstUsable(
  available: readonly Endpoint[],
  request: PickRequest,
  random: Random,
): Endpoint | undefined {
  const many = available.length
  let at = Math.floor(random() * many)
  for (let i = 0; i < many; i++) {
    const endpoint = available[at]!
    if (!isPassedOver(endpoint, request)) return endpoint
    at = at + 1 === many ? 0 : at + 1
  }
  return undefined
}
