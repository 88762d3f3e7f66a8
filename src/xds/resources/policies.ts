import { create } from "@bufbuild/protobuf"
import type { PolicyConfig } from "../../config/model.ts"
import { Cluster_LbPolicy } from "../gen/envoy/config/cluster/v3/cluster_pb.ts"
import {
  type RouteAction_HashPolicy,
  RouteAction_HashPolicySchema,
} from "../gen/envoy/config/route/v3/route_components_pb.ts"

/** It places streams by a key of theirs. */
export function isKeyed(policy: PolicyConfig): boolean {
  return policy.name === "ip_hash" || "key" in policy
}

/** What all gRPC clients take: the rest of Envoy's is refused by one or the other. */
export function lbPolicyOf(policy: PolicyConfig): Cluster_LbPolicy {
  return isKeyed(policy) ? Cluster_LbPolicy.RING_HASH : Cluster_LbPolicy.ROUND_ROBIN
}

/** `$http_x_session` is what a client can hash too; of any other key it is one caller: its channel. */
const HEADER = /^\$http_(\w+)$/

/** The key, as a client of xDS has it. */
export function hashPolicyOf(policy: PolicyConfig): RouteAction_HashPolicy[] {
  if (!isKeyed(policy)) return []
  const name = "key" in policy ? HEADER.exec(policy.key)?.[1] : undefined
  return [
    create(RouteAction_HashPolicySchema, {
      policySpecifier:
        name === undefined
          ? { case: "filterState", value: { key: "io.grpc.channel_id" } }
          : { case: "header", value: { headerName: name.replaceAll("_", "-") } },
    }),
  ]
}
