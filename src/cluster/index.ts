/// <reference types="node" preserve="true" />
/** Endpoints, policies and pools, without sockets or HTTP. */
export { Cluster, type ClusterContext, type Snapshot } from "./cluster.ts"
export type { Connector } from "./connectors.ts"
export { Endpoint } from "./endpoint.ts"
export { type OutcomeLog, Outcomes } from "./outcomes.ts"
export { LeastStreams } from "./policies/least-streams.ts"
export type { MakePicker, Picker, PickRequest } from "./policies/policy.ts"
export { RoundRobin } from "./policies/round-robin.ts"
export { Pool, type PooledConnection, type Refusal, type Waiter } from "./pool.ts"
export type { ClusterState, EndpointHealth, EndpointState } from "./state.ts"
