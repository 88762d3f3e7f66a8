import type { Endpoint } from "../endpoint.ts"

/**
 * Smooth weighted round robin: each endpoint gains its weight, the richest is chosen and pays the sum. Weights 5,1,1
 * give a a b a c a a, not a a a a a b c. An endpoint that failed has less weight and wins it back pick by pick.
 * Cost: O(endpoints). Source: nginx, ngx_http_upstream_get_peer.
 */
export function pickRoundRobin(endpoints: readonly Endpoint[]): Endpoint | undefined {
  let best: Endpoint | undefined
  let total = 0
  for (const endpoint of endpoints) {
    endpoint.currentWeight += endpoint.effectiveWeight
    total += endpoint.effectiveWeight
    if (endpoint.effectiveWeight < endpoint.config.weight) endpoint.effectiveWeight++
    if (best === undefined || endpoint.currentWeight > best.currentWeight) best = endpoint
  }
  if (best !== undefined) best.currentWeight -= total
  return best
}
