import type { ClusterConfig, PolicyConfig } from "../../config/model.ts"
import {
  type Cluster,
  Cluster_LbPolicy as LbPolicy,
  type LoadBalancingPolicy,
} from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import type { SlowStartConfig } from "../gen/envoy/extensions/load_balancing_policies/common/v3/common_pb.ts"
import type { LeastRequest } from "../gen/envoy/extensions/load_balancing_policies/least_request/v3/least_request_pb.ts"
import type { Maglev } from "../gen/envoy/extensions/load_balancing_policies/maglev/v3/maglev_pb.ts"
import type { RingHash } from "../gen/envoy/extensions/load_balancing_policies/ring_hash/v3/ring_hash_pb.ts"
import type { RoundRobin } from "../gen/envoy/extensions/load_balancing_policies/round_robin/v3/round_robin_pb.ts"
import type { WrrLocality } from "../gen/envoy/extensions/load_balancing_policies/wrr_locality/v3/wrr_locality_pb.ts"
import { typeNameOf, unpack } from "./extensions.ts"
import { refuse } from "./refusal.ts"
import { millisecondsOf } from "./values.ts"

/** A policy; the key of those that have one is the routes'. */
export interface BalancingPlan {
  readonly name: "round_robin" | "least_streams" | "random" | "ring_hash" | "maglev"
  readonly balanceFactorPercent: number | null
  readonly slowStart: ClusterConfig["slowStart"] | null
}

/** Errors: throws a `Refusal`. */
export function planBalancing(cluster: Cluster): BalancingPlan {
  const { lbPolicy, loadBalancingPolicy: policy, lbConfig, commonLbConfig } = cluster
  // It goes before the older field.
  if (policy !== undefined) return fromPolicy(policy, "load_balancing_policy", 0)
  const factor = commonLbConfig?.consistentHashingLbConfig?.hashBalanceFactor ?? null
  const slow =
    lbConfig.case === "roundRobinLbConfig" || lbConfig.case === "leastRequestLbConfig"
      ? slowStartOf(lbConfig.value.slowStartConfig)
      : null
  switch (lbPolicy) {
    case LbPolicy.ROUND_ROBIN:
      return { name: "round_robin", balanceFactorPercent: null, slowStart: slow }
    case LbPolicy.LEAST_REQUEST:
      return { name: "least_streams", balanceFactorPercent: null, slowStart: slow }
    case LbPolicy.RANDOM:
      return { name: "random", balanceFactorPercent: null, slowStart: null }
    case LbPolicy.RING_HASH:
      return { name: "ring_hash", balanceFactorPercent: factor, slowStart: null }
    case LbPolicy.MAGLEV:
      return { name: "maglev", balanceFactorPercent: factor, slowStart: null }
    case LbPolicy.CLUSTER_PROVIDED:
      // Of an aggregate: each of its clusters has its own; here all endpoints have one.
      return { name: "round_robin", balanceFactorPercent: null, slowStart: null }
    default:
      return refuse("lb_policy", "there is no load_balancing_policy")
  }
}

/** A list of policies within policies ends. */
const DEPTH_MAX = 16

/** The first that is known counts. */
function fromPolicy({ policies }: LoadBalancingPolicy, path: string, depth: number): BalancingPlan {
  const all = policies.map(({ typedExtensionConfig: one }) => one?.typedConfig)
  const index = all.findIndex((one) => one !== undefined && unpack(one) !== null)
  const any = all[index]
  const at = `${path}.policies[${Math.max(0, index)}].typed_extension_config`
  if (any === undefined || depth > DEPTH_MAX) return refuse(at, "there is no policy that is supported")
  const { message } = unpack(any)!
  const plain = { balanceFactorPercent: null, slowStart: null }
  switch (typeNameOf(any).split(".").at(-1)) {
    case "RoundRobin":
      return {
        ...plain,
        name: "round_robin",
        slowStart: slowStartOf((message as RoundRobin).slowStartConfig),
      }
    case "LeastRequest":
      return {
        ...plain,
        name: "least_streams",
        slowStart: slowStartOf((message as LeastRequest).slowStartConfig),
      }
    case "Random":
      return { ...plain, name: "random" }
    case "ClientSideWeightedRoundRobin":
      return { ...plain, name: "round_robin" }
    case "RingHash": {
      const { hashBalanceFactor, consistentHashingLbConfig: common } = message as RingHash
      return {
        ...plain,
        name: "ring_hash",
        balanceFactorPercent: common?.hashBalanceFactor ?? hashBalanceFactor ?? null,
      }
    }
    case "Maglev": {
      const { consistentHashingLbConfig: common } = message as Maglev
      return { ...plain, name: "maglev", balanceFactorPercent: common?.hashBalanceFactor ?? null }
    }
    case "WrrLocality": {
      const { endpointPickingPolicy: inner } = message as WrrLocality
      const place = `${at}.typed_config.endpoint_picking_policy`
      return inner === undefined ? refuse(place, "there is none") : fromPolicy(inner, place, depth + 1)
    }
    default:
      return refuse(at, `${typeNameOf(any)} is not supported`)
  }
}

/** The fields of both shapes that there are. */
function slowStartOf(
  config:
    | Pick<SlowStartConfig, "slowStartWindow" | "aggression" | "minWeightPercent">
    | Cluster_SlowStart
    | undefined,
): ClusterConfig["slowStart"] | null {
  const windowMs = millisecondsOf(config?.slowStartWindow)
  if (config === undefined || windowMs === undefined) return null
  return {
    windowMs,
    aggression: config.aggression?.defaultValue ?? 1,
    minWeightPercent: config.minWeightPercent?.value ?? 10,
  }
}

type Cluster_SlowStart = NonNullable<
  Extract<Cluster["lbConfig"], { case: "roundRobinLbConfig" }>["value"]["slowStartConfig"]
>

/** The policy with its key. Without one a hash is of nothing: any endpoint, by chance, as in Envoy. */
export function policyOf({ name, balanceFactorPercent }: BalancingPlan, key: string | null): PolicyConfig {
  if (name !== "ring_hash" && name !== "maglev") return { name }
  return key === null ? { name: "random" } : { name, key, balanceFactorPercent }
}
