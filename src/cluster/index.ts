/** Endpoints, policies and pools, without sockets or HTTP. */
export { Cluster, type ClusterContext, type Connect } from "./cluster.ts"
export { Endpoint } from "./endpoint.ts"
export { pickLeastStreams } from "./policies/least-streams.ts"
export type { PickPolicy } from "./policies/policy.ts"
export { pickRoundRobin } from "./policies/round-robin.ts"
export { Pool, type PooledConnection, type Waiter } from "./pool.ts"
export { makeSnapshot, type Snapshot } from "./state.ts"
