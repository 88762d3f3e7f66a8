import type { Endpoint } from "../endpoint.ts"
import { pickRoundRobin } from "./round-robin.ts"

/**
 * The endpoint with the fewest streams open for its weight; those that tie take turns by weighted round robin.
 * Cost: O(endpoints). Source: nginx `least_conn`, with streams where it has connections.
 */
export function pickLeastStreams(endpoints: readonly Endpoint[]): Endpoint | undefined {
  let tied: Endpoint[] = []
  let least = Number.POSITIVE_INFINITY
  for (const endpoint of endpoints) {
    const load = endpoint.streamsOpen / endpoint.config.weight
    if (load > least) continue
    if (load < least) tied = []
    least = load
    tied.push(endpoint)
  }
  return tied.length === 1 ? tied[0] : pickRoundRobin(tied)
}
