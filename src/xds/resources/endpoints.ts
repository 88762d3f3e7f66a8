import { isIP } from "node:net"
import { create } from "@bufbuild/protobuf"
import type { EndpointState } from "../../cluster/state.ts"
import { parseAddress } from "../../config/address.ts"
import type { PolicyConfig } from "../../config/model.ts"
import { HealthStatus } from "../gen/envoy/config/core/v3/health_check_pb.ts"
import type {
  LbEndpoint,
  LocalityLbEndpoints,
} from "../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts"
import {
  LbEndpointSchema,
  LocalityLbEndpointsSchema,
} from "../gen/envoy/config/endpoint/v3/endpoint_components_pb.ts"
import {
  type ClusterLoadAssignment,
  ClusterLoadAssignmentSchema,
} from "../gen/envoy/config/endpoint/v3/endpoint_pb.ts"
import { isKeyed } from "./policies.ts"

/** An endpoint that a client can be told of. */
interface Reachable {
  readonly state: EndpointState
  readonly host: string
  readonly port: number
}

/**
 * The endpoints of a cluster as clients of xDS take them.
 *
 * gRPC's round robin knows the weights of localities and not those of endpoints, so endpoints of one weight are a locality
 * of their own there; policies with a key know both, and have one locality for a priority and zone. What is left out: Unix
 * sockets, names without an address yet, weight 0, an address that was there already.
 */
export function clusterLoadAssignment(
  cluster: string,
  endpoints: readonly EndpointState[],
  policy: PolicyConfig,
): ClusterLoadAssignment {
  const reachable = reachableOf(endpoints)
  const priorities = [...new Set(reachable.map(({ state }) => state.priority))].sort((a, b) => a - b)
  // As Sluice has it: where every endpoint is unhealthy all are used rather than none.
  const isLastResort = !reachable.some(({ state }) => !state.drain && state.health !== "unhealthy")
  return create(ClusterLoadAssignmentSchema, {
    clusterName: cluster,
    endpoints: priorities.flatMap((written, priority) =>
      localities(
        reachable.filter(({ state }) => state.priority === written),
        priority,
        isKeyed(policy),
        isLastResort,
      ),
    ),
  })
}

function reachableOf(endpoints: readonly EndpointState[]): Reachable[] {
  const seen = new Set<string>()
  return endpoints.flatMap((state) => {
    const { host, port } = parseAddress(state.address, null) ?? {}
    if (host == null || port == null || isIP(host) === 0 || state.weight < 1 || seen.has(state.address))
      return []
    seen.add(state.address)
    return [{ state, host, port }]
  })
}

function localities(
  endpoints: readonly Reachable[],
  priority: number,
  hasKey: boolean,
  isLastResort: boolean,
): LocalityLbEndpoints[] {
  const groups = Map.groupBy(endpoints, ({ state: { zone, weight } }) =>
    JSON.stringify([zone ?? "", hasKey ? "" : `weight ${weight}`]),
  )
  return [...groups].map(([key, members]) => {
    const [zone, subZone] = JSON.parse(key) as [string, string]
    const sum = members.reduce((all, { state }) => all + state.weight, 0)
    return create(LocalityLbEndpointsSchema, {
      locality: { region: "", zone, subZone },
      // Without one the locality is left out in silence.
      loadBalancingWeight: hasKey ? 1 : Math.min(sum, WEIGHT_MAX),
      priority,
      lbEndpoints: members.map((member) => lbEndpoint(member, isLastResort)),
    })
  })
}

/** The sum over a priority must fit 32 bits too. */
const WEIGHT_MAX = 0xffff

function lbEndpoint({ state, host, port }: Reachable, isLastResort: boolean): LbEndpoint {
  return create(LbEndpointSchema, {
    healthStatus: healthOf(state, isLastResort),
    loadBalancingWeight: Math.min(state.weight, WEIGHT_MAX),
    hostIdentifier: {
      case: "endpoint",
      value: {
        address: {
          address: {
            case: "socketAddress",
            value: { address: host, portSpecifier: { case: "portValue", value: port } },
          },
        },
      },
    },
  })
}

function healthOf({ drain, health }: EndpointState, isLastResort: boolean): HealthStatus {
  if (drain) return HealthStatus.DRAINING
  if (health === "unhealthy") return isLastResort ? HealthStatus.UNKNOWN : HealthStatus.UNHEALTHY
  return health === "healthy" ? HealthStatus.HEALTHY : HealthStatus.UNKNOWN
}
