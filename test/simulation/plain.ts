import type {
  CallPlan,
  ClusterPlan,
  EndpointPlan,
  ListenerPlan,
  PeerPlan,
  Plan,
  ResponsePlan,
  RoutePlan,
} from "./plan.ts"

const peer: PeerPlan = {
  windowOctets: 65_535,
  maxConcurrentStreams: null,
  headerTableOctets: 4096,
  frameOctets: 16_384,
  readDelayMs: 0,
  connectionDelayMs: 0,
  ackDelayMs: 0,
  pongDelayMs: 0,
  pongsTwice: false,
  strayPong: null,
}

const listener: ListenerPlan = {
  maxConcurrentStreams: 1000,
  maxRequestsPerConnection: null,
  idleConnectionTimeoutMs: 75_000,
}

const route: RoutePlan = { readTimeoutMs: null, sendTimeoutMs: null, bodyTimeoutMs: null }

const cluster: ClusterPlan = {
  policy: "round_robin",
  maxStreamsPerConnection: null,
  maxConnectionsPerEndpoint: null,
  idleConnections: null,
  idleTimeoutMs: 300_000,
  maxConnectionAgeMs: null,
  maxRequestsPerConnection: null,
  retryConditions: ["error", "timeout"],
  retryTries: null,
  queue: null,
  limits: { streams: null, waitingStreams: null, connections: null, retries: null },
}

const endpoint: EndpointPlan = { ...peer, weight: 1, backup: false, maxFails: 1, maxStreams: null }

const response: ResponsePlan = {
  refusals: 0,
  isInformed: false,
  begin: "after request",
  headAfterMs: 0,
  pieces: [],
  end: "trailers",
  endAfterMs: 0,
  status: 200,
  grpcStatus: 0,
  resetCode: 8,
}

const call: CallPlan = {
  id: 1,
  client: 0,
  atMs: 0,
  protocol: "grpc",
  method: "POST",
  metadata: 0,
  isUntidy: false,
  request: [],
  requestEnd: "alone",
  cancel: null,
  timeoutMs: null,
  response,
}

/** What the parts of a plan are when there is nothing special about them: one quiet call goes through. */
export const PLAIN = { peer, listener, route, cluster, endpoint, call, response }

/** A plan by what is special about it. */
export function planOf(changes: Partial<Plan>): Plan {
  return {
    seed: 0,
    conditions: { delayMs: 0, capacityOctets: 1_000_000, cutShare: 0 },
    limits: {},
    listener,
    route,
    cluster,
    endpoints: [endpoint],
    clients: [peer],
    calls: [call],
    faults: [],
    close: { atMs: null, graceMs: 0 },
    ...changes,
  }
}
