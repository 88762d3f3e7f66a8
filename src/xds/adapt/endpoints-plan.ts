import { HealthStatus } from "../gen/envoy/config/core/v3/health_check_pb.ts"
import type {
  LbEndpoint,
  LocalityLbEndpoints,
} from "../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts"
import type { ClusterLoadAssignment } from "../gen/envoy/config/endpoint/v3/endpoint_pb.ts"
import { refuse } from "./refusal.ts"
import { addressOf } from "./values.ts"

/** An endpoint as a control plane tells it. */
export interface AssignedEndpoint {
  readonly address: string
  readonly weight: number
  readonly priority: number
  readonly zone: string | null
  readonly isDraining: boolean
  readonly isUnhealthy: boolean
}

/** Weights are whole numbers; those of localities and of the endpoints in them are multiplied. */
const WEIGHT_SCALE = 10_000

/**
 * All endpoints of a cluster. Where a priority's localities have weights, each has its share by them, as gRPC reads it
 * (gRFC A27), and one without has none. Errors: throws a `Refusal`.
 */
export function planEndpoints(assignment: ClusterLoadAssignment): AssignedEndpoint[] {
  const weighted = new Set(
    assignment.endpoints
      .filter((one) => one.loadBalancingWeight !== undefined)
      .map(({ priority }) => priority),
  )
  const heaviest = new Map<number, number>()
  const shareOf = (locality: LocalityLbEndpoints): number => {
    const sum = locality.lbEndpoints.reduce((all, one) => all + weightOf(one), 0)
    return (locality.loadBalancingWeight ?? 0) / sum
  }
  for (const locality of assignment.endpoints) {
    if (!weighted.has(locality.priority) || locality.lbEndpoints.length === 0) continue
    const most = Math.max(...locality.lbEndpoints.map(weightOf)) * shareOf(locality)
    heaviest.set(locality.priority, Math.max(heaviest.get(locality.priority) ?? 0, most))
  }
  return assignment.endpoints.flatMap((locality, at) => {
    const { priority, locality: place } = locality
    const isWeighted = weighted.has(priority)
    if (isWeighted && (locality.loadBalancingWeight ?? 0) === 0) return []
    const scale = isWeighted ? (shareOf(locality) / heaviest.get(priority)!) * WEIGHT_SCALE : 1
    const zone = place === undefined ? null : place.zone || place.region || null
    return locality.lbEndpoints.map((endpoint, index): AssignedEndpoint => {
      const path = `endpoints[${at}].lb_endpoints[${index}]`
      const { hostIdentifier, healthStatus } = endpoint
      if (hostIdentifier.case !== "endpoint") refuse(path, "an endpoint is named, and none is said")
      return {
        address: addressOf(hostIdentifier.value.address, `${path}.endpoint.address`).text,
        weight: Math.max(1, Math.round(weightOf(endpoint) * scale)),
        priority,
        zone,
        isDraining: healthStatus === HealthStatus.DRAINING,
        isUnhealthy: healthStatus === HealthStatus.UNHEALTHY || healthStatus === HealthStatus.TIMEOUT,
      }
    })
  })
}

function weightOf({ loadBalancingWeight }: LbEndpoint): number {
  return loadBalancingWeight ?? 1
}
