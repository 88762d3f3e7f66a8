import type { RetryCondition } from "../../src/config/model.ts"
import { ErrorCode } from "../../src/http2/error-code.ts"
import { Chance } from "./chance.ts"
import { exactPieces, makeExactSizes } from "./exact-sizes.ts"
import { makeFaults } from "./generate-faults.ts"
import { PLAIN } from "./plain.ts"
import type {
  CallPlan,
  ClosePlan,
  ClusterPlan,
  EndpointPlan,
  FaultPlan,
  ListenerPlan,
  Mood,
  PeerPlan,
  Piece,
  Plan,
  ResponsePlan,
  RoutePlan,
} from "./plan.ts"
import { pressed } from "./pressed.ts"

/** Windows from none to plenty; small ones force queueing, credit and half-sent messages. */
const WINDOWS = [1, 7, 100, 1000, 5000, 65_535, 65_535, 262_144] as const

/** Windows that only a connection's own can be narrower than. */
const WIDE_WINDOWS = [65_535, 262_144, 1_000_000] as const

/** Answers to no PING, some of which nearly are one to a PING that the balancer sends. */
const STRAY_PONGS = ["draininh", "eraining", "keepaliv", "keepaliw", "gniniard"] as const

/** The plan that belongs to a seed. */
export function makePlan(seed: number): Plan {
  const chance = new Chance(seed)
  const mood = chance.of<Mood>(["calm", "calm", "faulty", "faulty", "faulty", "hostile"])
  const exact = chance.maybe(0.25, () => makeExactSizes(chance))
  const isBulky = exact === null ? chance.likely(0.2) : exact.window > 1000
  const windows = exact?.windows ?? (isBulky ? WIDE_WINDOWS : WINDOWS)
  const limits = makeLimits(chance, windows, isBulky)
  const endpoints = chance.list(chance.whole(1, 3), (index) => makeEndpoint(chance, index, windows))
  const clients = chance.list(chance.whole(1, 3), () => makePeer(chance, windows))
  const peerWindows = [...endpoints, ...clients].map(({ windowOctets }) => windowOctets)
  const { streamWindowOctets = 65_535, upstreamStreamWindowOctets = 65_535 } = limits
  const narrowest = Math.min(...peerWindows, streamWindowOctets, upstreamStreamWindowOctets)
  const size = isBulky ? 60_000 : Math.min(8000, narrowest * 20)
  const pieces = (): Piece[] => (exact === null ? makePieces(chance, size) : exactPieces(chance, exact))
  // In frames of 100 octets they would be a flood of CONTINUATIONs.
  const isWordy =
    chance.likely(0.1) && [...endpoints, ...clients].every(({ frameOctets }) => frameOctets > 100)
  const grpcShare = chance.of([1, 0.8, 0.4])
  const calls = chance.list(chance.whole(1, 8), (index) =>
    makeCall(chance, index + 1, { clients: clients.length, pieces, grpcShare, isWordy }),
  )
  const close = makeClose(chance)
  const faults = makeFaults(chance, mood, { clients: clients.length, endpoints: endpoints.length }, exact)
  const plan: Plan = {
    seed,
    conditions: {
      delayMs: chance.of([0, 2, 10, 50]),
      capacityOctets: chance.of(isBulky ? [5000, 65_536, 1_000_000] : [300, 2000, 65_536, 1_000_000]),
      cutShare: chance.of([0, 0.2, 0.6]),
    },
    limits,
    listener: makeListener(chance),
    route: makeRoute(chance),
    cluster: makeCluster(chance),
    endpoints,
    clients,
    calls,
    faults: [...faults, ...reloadsWhileClosing(chance, close)],
    close,
  }
  if (isBulky && chance.likely(0.1)) return crowded(chance, plan)
  return chance.likely(0.2) ? pressed(chance, plan) : plan
}

/**
 * The same with many large answers for one client that takes none for a while: more is held for it than the buffers of a
 * connection, or of all, may come to.
 */
function crowded(chance: Chance, plan: Plan): Plan {
  const [first] = plan.calls
  const calls = chance.list(22, (index): CallPlan => {
    const call = plan.calls[index] ?? { ...first!, id: index + 1 }
    const pieces = [{ afterMs: 0, octets: chance.whole(50_000, 65_000), padding: 0 }]
    return { ...call, client: 0, response: { ...call.response, refusals: 0, begin: "at once", pieces } }
  })
  const change = { setting: "window", octets: 0 } as const
  const forMs = chance.whole(500, 2500)
  return {
    ...plan,
    // In small pieces so much would take a run too long.
    conditions: { ...plan.conditions, capacityOctets: 1_000_000, cutShare: 0 },
    limits: { ...plan.limits, bufferedOctetsMax: 1024 * 1024, bufferedWithholdPercent: chance.of([2, 95]) },
    calls,
    faults: [...plan.faults, { atMs: 0, kind: "settings", side: "client", index: 0, change, forMs }],
  }
}

function makeLimits(chance: Chance, windows: readonly number[], isBulky: boolean): Record<string, number> {
  const limits: Record<string, number> = {}
  if (chance.likely(0.5)) limits.streamWindowOctets = chance.of(windows)
  if (chance.likely(0.5)) limits.upstreamStreamWindowOctets = chance.of(windows)
  if (chance.likely(0.5)) {
    const narrow = chance.of([65_535, 100_000])
    limits.streamWindowOctets = Math.min(narrow, limits.streamWindowOctets ?? narrow)
    limits.upstreamStreamWindowOctets = Math.min(narrow, limits.upstreamStreamWindowOctets ?? narrow)
    limits.connectionWindowOctets = narrow
  }
  if (chance.likely(0.3)) limits.unsentOctetsMax = 16_384
  if (chance.likely(0.3)) limits.headerTableOctets = chance.of([0, 100, 4096])
  if (chance.likely(isBulky ? 0.4 : 0.05)) {
    limits.bufferedOctetsMax = 1024 * 1024
    limits.bufferedWithholdPercent = chance.whole(1, 3)
  }
  if (isBulky && chance.likely(0.3)) limits.connectionBufferedOctetsMax = 256 * 1024
  return limits
}

function makeListener(chance: Chance): ListenerPlan {
  return {
    maxConcurrentStreams: chance.likely(0.3) ? chance.whole(1, 4) : 1000,
    maxRequestsPerConnection: chance.maybe(0.15, () => chance.whole(1, 4)),
    idleConnectionTimeoutMs: chance.likely(0.15) ? chance.whole(0, 1000) : 75_000,
  }
}

function makeRoute(chance: Chance): RoutePlan {
  const isImpatient = chance.likely(0.1)
  const timeoutMs = (): number | null => (isImpatient ? chance.maybe(0.5, () => chance.whole(1, 2000)) : null)
  return { readTimeoutMs: timeoutMs(), sendTimeoutMs: timeoutMs(), bodyTimeoutMs: timeoutMs() }
}

function makeCluster(chance: Chance): ClusterPlan {
  const more: RetryCondition[] = chance.likely(0.5) ? ["invalid_header", "http_503"] : []
  return {
    policy: chance.of(["round_robin", "least_streams"]),
    maxStreamsPerConnection: chance.maybe(0.3, () => chance.whole(1, 3)),
    maxConnectionsPerEndpoint: chance.maybe(0.1, () => chance.whole(1, 3)),
    idleConnections: chance.maybe(0.3, () => chance.whole(0, 2)),
    idleTimeoutMs: chance.likely(0.2) ? chance.whole(0, 1000) : 300_000,
    maxConnectionAgeMs: chance.maybe(0.2, () => chance.whole(0, 1500)),
    maxRequestsPerConnection: chance.maybe(0.2, () => chance.whole(1, 4)),
    retryConditions: chance.likely(0.9) ? ["error", "timeout", ...more] : [],
    retryTries: chance.maybe(0.4, () => chance.whole(1, 3)),
    queue: null,
    limits: PLAIN.cluster.limits,
  }
}

function makePeer(chance: Chance, windows: readonly number[]): PeerPlan {
  return {
    windowOctets: chance.of(windows),
    maxConcurrentStreams: chance.maybe(0.5, () => chance.of([1, 2, 5, 100])),
    headerTableOctets: chance.of([0, 50, 4096, 4096, 65_536]),
    frameOctets: chance.of([100, 1000, 16_384, 16_384]),
    readDelayMs: chance.likely(0.4) ? 0 : chance.small(1, 400),
    connectionDelayMs: chance.likely(0.5) ? 0 : chance.small(1, 400),
    ackDelayMs: chance.likely(0.6) ? 0 : chance.of([1, 100, 2000, 15_000, null]),
    pongDelayMs: chance.likely(0.7) ? 0 : chance.small(1, 1000),
    pongsTwice: chance.likely(0.1),
    strayPong: chance.maybe(0.2, () => chance.of(STRAY_PONGS)),
  }
}

function makeEndpoint(chance: Chance, index: number, windows: readonly number[]): EndpointPlan {
  return {
    ...makePeer(chance, windows),
    weight: chance.likely(0.7) ? 1 : chance.whole(1, 4),
    backup: index > 0 && chance.likely(0.15),
    maxFails: chance.of([1, 1, 0, 2]),
    maxStreams: chance.maybe(0.08, () => chance.whole(1, 3)),
  }
}

/** What the calls of a run have in common. */
interface Shared {
  readonly clients: number
  readonly pieces: () => Piece[]
  readonly grpcShare: number
  /** Heads and trailers are large, which no window holds back. */
  readonly isWordy: boolean
}

function makeCall(chance: Chance, id: number, { clients, pieces, grpcShare, isWordy }: Shared): CallPlan {
  const protocol = chance.likely(grpcShare) ? "grpc" : "http"
  const isGet = protocol === "http" && chance.likely(0.5)
  const request = isGet && chance.likely(0.7) ? [] : pieces()
  const requestEnd = chance.likely(0.45)
    ? "with last"
    : chance.of(["alone", "alone", "trailers", "never"] as const)
  return {
    id,
    client: chance.whole(0, clients - 1),
    atMs: chance.small(0, 1500),
    protocol,
    method: isGet ? "GET" : "POST",
    metadata: isWordy ? chance.whole(20, 60) : chance.small(0, 6),
    isUntidy: chance.likely(0.15),
    request,
    requestEnd,
    cancel: chance.maybe(0.15, () => ({
      afterMs: chance.small(0, 800),
      code: chance.of([ErrorCode.CANCEL, ErrorCode.CANCEL, ErrorCode.INTERNAL_ERROR, ErrorCode.NO_ERROR]),
    })),
    timeoutMs: protocol === "grpc" ? chance.maybe(0.15, () => chance.small(0, 3000)) : null,
    response: makeResponse(chance, protocol, requestEnd === "never", pieces),
  }
}

function makeResponse(
  chance: Chance,
  protocol: "grpc" | "http",
  isEndless: boolean,
  pieces: () => Piece[],
): ResponsePlan {
  const ends =
    protocol === "grpc"
      ? (["trailers", "head", "reset"] as const)
      : (["data", "head", "trailers", "reset"] as const)
  return {
    refusals: chance.likely(0.12) ? chance.whole(1, 2) : 0,
    isInformed: chance.likely(0.1),
    begin: isEndless && chance.likely(0.8) ? "at once" : chance.of(["after request", "at once", "echo"]),
    headAfterMs: chance.likely(0.03) ? 15_000 : chance.small(0, 300),
    pieces: pieces(),
    end: chance.likely(0.04) ? "never" : chance.likely(0.7) ? ends[0] : chance.of(ends),
    endAfterMs: chance.small(0, 300),
    status: protocol === "grpc" ? 200 : chance.of([200, 404, 503]),
    grpcStatus: chance.likely(0.7) ? 0 : chance.whole(1, 16),
    resetCode: chance.of([ErrorCode.CANCEL, ErrorCode.INTERNAL_ERROR, ErrorCode.ENHANCE_YOUR_CALM]),
  }
}

function makePieces(chance: Chance, size: number): Piece[] {
  return chance.list(chance.small(0, 5), () => ({
    afterMs: chance.small(0, 300),
    octets: chance.small(1, size),
    padding: chance.likely(0.4) ? chance.small(1, 255) : 0,
  }))
}

/** Just when listeners close and streams end a reload would open and begin some. */
function reloadsWhileClosing(chance: Chance, { atMs, graceMs }: ClosePlan): FaultPlan[] {
  if (atMs === null || chance.likely(0.6)) return []
  return [{ atMs: atMs + chance.small(0, graceMs), kind: "reload", isChanged: chance.likely(0.5) }]
}

function makeClose(chance: Chance): ClosePlan {
  return {
    atMs: chance.maybe(0.2, () => chance.whole(0, 2000)),
    graceMs: chance.of([0, 100, 1000, 30_000]),
  }
}
