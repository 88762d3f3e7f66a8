import { ErrorCode } from "../../src/http2/error-code.ts"
import type { Chance } from "./chance.ts"
import type { CallPlan, FaultPlan, PeerPlan, Piece, Plan, ResponsePlan } from "./plan.ts"

/** Of bodies that come in so few pieces as to be held in different ways: in the replay ring, and beside it. */
const SIZES = [1, 100, 3000, 5000, 10_000] as const
/** Octets that a percent of the least `bufferedOctetsMax` comes to. */
const PERCENT_OCTETS = 10_486

/**
 * The same where everything is scarce at once: memory gets short under way, few streams have a place, many calls come in
 * the same moment, and are refused, answered with 503 or shut out by GOAWAY while others wait for their places. What one of
 * them does to another it does within one call of the code.
 */
export function pressed(chance: Chance, plan: Plan): Plan {
  // In most, streams wait for nothing but a place: else few wait with octets that memory can get short of.
  const isHeldBack = chance.likely(0.3)
  const clients = (chance.likely(0.7) ? plan.clients.slice(0, 1) : plan.clients).map((peer) =>
    wide(chance, peer),
  )
  const endpoints = plan.endpoints.map((endpoint) => ({
    ...endpoint,
    ...wide(chance, endpoint),
    maxFails: chance.of([0, 0, endpoint.maxFails]),
    maxStreams: isHeldBack ? chance.maybe(0.6, () => chance.whole(1, 2)) : null,
  }))
  const metadata = chance.of([2, 2, 20, 60])
  // Of more calls most would find no place to wait for.
  const isNarrow = chance.likely(0.5)
  const calls = chance.list(isNarrow ? chance.whole(3, 6) : chance.whole(4, 16), (index) => {
    const call = plan.calls[index] ?? { ...chance.of(plan.calls), id: index + 1 }
    return pressedCall(chance, { ...call, client: call.client % clients.length, metadata })
  })
  const conditions: Plan["cluster"]["retryConditions"] = ["error", "timeout", "http_503"]
  return {
    ...plan,
    conditions: {
      delayMs: chance.of([2, 10, 50]),
      capacityOctets: chance.of([2000, 65_536, 1_000_000]),
      cutShare: 0,
    },
    limits: {
      ...plan.limits,
      streamWindowOctets: chance.of([5000, 65_535]),
      upstreamStreamWindowOctets: chance.of([5000, 65_535]),
      connectionWindowOctets: 65_535,
      unsentOctetsMax: 16_384,
      ...(chance.likely(0.7) && { connectionsOpeningMax: 1 }),
      bufferedOctetsMax: 1024 * 1024,
      bufferedWithholdPercent: percentFor(chance, calls),
      ...(chance.likely(0.2) && { connectionBufferedOctetsMax: 256 * 1024 }),
    },
    cluster: {
      ...plan.cluster,
      maxStreamsPerConnection: isNarrow ? 1 : chance.maybe(0.8, () => chance.whole(1, 3)),
      maxConnectionsPerEndpoint: isNarrow ? 1 : chance.maybe(0.2, () => chance.whole(1, 2)),
      retryConditions: chance.likely(0.8) ? conditions : plan.cluster.retryConditions,
      retryTries: null,
      queue: isHeldBack ? chance.maybe(0.7, () => queue(chance)) : plan.cluster.queue,
      limits: isHeldBack && chance.likely(0.5) ? breakers(chance) : plan.cluster.limits,
    },
    endpoints,
    clients,
    calls,
    faults: [...faultsOf(plan, clients.length), ...pressingFaults(chance, clients.length, endpoints.length)],
  }
}

function queue(chance: Chance): Plan["cluster"]["queue"] {
  return { streams: chance.whole(1, 6), timeoutMs: chance.of([20, 500, 60_000]) }
}

function breakers(chance: Chance): Plan["cluster"]["limits"] {
  const most = (): number | null => chance.maybe(0.4, () => chance.whole(1, 4))
  return { streams: most(), waitingStreams: most(), connections: most(), retries: most() }
}

/** Short from when a part of all that comes is held. */
function percentFor(chance: Chance, calls: readonly CallPlan[]): number {
  const all = calls.flatMap(({ request, response }) => [...request, ...response.pieces])
  const octets = all.reduce((sum, piece) => sum + piece.octets, 0)
  return Math.max(1, Math.round((octets * chance.of([0.05, 0.1, 0.2, 0.4])) / PERCENT_OCTETS))
}

/** In windows of a few octets such bodies would take a run too long. */
function wide(chance: Chance, peer: PeerPlan): PeerPlan {
  return {
    ...peer,
    windowOctets: chance.of([1000, 1000, 3000, 65_535]),
    frameOctets: Math.max(1000, peer.frameOctets),
    maxConcurrentStreams: chance.maybe(0.2, () => chance.of([1, 2, 5])),
  }
}

/** Half of them are answered with 503 wherever they are tried. */
function pressedCall(chance: Chance, call: CallPlan): CallPlan {
  const { response } = call
  const begin = chance.of<ResponsePlan["begin"]>(["at once", "after request"])
  const kind: CallPlan = chance.likely(0.5)
    ? {
        ...call,
        protocol: "http",
        method: "GET",
        timeoutMs: null,
        response: { ...response, status: 503, begin },
      }
    : call
  return {
    ...kind,
    atMs: chance.of([0, 0, 5, 20, 50]),
    request: pieces(chance, chance.whole(0, 3)),
    cancel: chance.likely(0.2) ? { afterMs: chance.of([1, 20, 100]), code: ErrorCode.CANCEL } : call.cancel,
    response: {
      ...kind.response,
      refusals: chance.likely(0.3) ? chance.whole(1, 2) : 0,
      pieces: pieces(chance, chance.whole(0, 3)),
      headAfterMs: chance.of([0, 20, 100]),
      endAfterMs: chance.of([0, response.endAfterMs]),
    },
  }
}

function pieces(chance: Chance, count: number): Piece[] {
  return chance.list(count, () => ({
    afterMs: chance.of([0, 0, 0, 1, 20]),
    octets: chance.whole(1, chance.of(SIZES)),
    padding: 0,
  }))
}

/** Those that strike someone who is there. */
function faultsOf({ faults }: Plan, clients: number): readonly FaultPlan[] {
  return faults.filter((fault) => {
    const isClient = fault.kind === "leaves" || ("side" in fault && fault.side === "client")
    return !isClient || ("index" in fault && fault.index < clients)
  })
}

function pressingFaults(chance: Chance, clients: number, endpoints: number): FaultPlan[] {
  return chance.list(chance.whole(0, 4), (): FaultPlan => {
    const atMs = chance.of([1, 5, 20, 60, 200])
    const endpoint = { side: "endpoint" as const, index: chance.whole(0, endpoints - 1) }
    const client = { side: "client" as const, index: chance.whole(0, clients - 1) }
    switch (chance.whole(0, 4)) {
      case 0:
        return { atMs, kind: "reload", isChanged: chance.likely(0.7) }
      case 1:
        return { atMs, kind: "goes away", ...endpoint, manner: chance.of(["drain", "at once"]) }
      case 2:
        return { atMs, kind: "stops reading", ...chance.of([endpoint, client]), forMs: chance.whole(1, 500) }
      default: {
        const change = { setting: "window", octets: chance.of([0, 0, 100]) } as const
        return {
          atMs,
          kind: "settings",
          ...chance.of([endpoint, client]),
          change,
          forMs: chance.whole(1, 500),
        }
      }
    }
  })
}
