import type { Random } from "../../base/random.ts"
import type { Endpoint } from "../endpoint.ts"

/** What a policy is told of the stream it picks for. */
export interface PickRequest {
  /** Endpoints that this stream was tried at already. */
  readonly tried: readonly Endpoint[] | null
  /** The stream may have to wait: for another to end, or for an endpoint that may be frozen. */
  readonly mayWait: boolean
}

/**
 * Chooses one of `available`, leaving out those that `isPassedOver`; undefined when none is left. What it remembers of an
 * endpoint is its own, by slot. Load is streams open, not requests per second: one stream may last all day.
 */
export interface Picker {
  pick(available: readonly Endpoint[], request: PickRequest, random: Random): Endpoint | undefined
  /** It failed through its own fault. */
  onFailed(endpoint: Endpoint): void
  /** It is back at its full share. */
  onBack(endpoint: Endpoint): void
}

/** Makes the picker of a cluster that has these endpoints. */
export type MakePicker = (endpoints: readonly Endpoint[]) => Picker

/** What changes too often for a list of those available: checked at each pick. */
export function isPassedOver(endpoint: Endpoint, { tried, mayWait }: PickRequest): boolean {
  if (endpoint.isFull || (tried?.includes(endpoint) ?? false)) return true
  return !mayWait && (endpoint.isSaturated || endpoint.silentConnections > 0)
}
