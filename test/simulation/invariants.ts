import type { BalancerSnapshot } from "../../src/balancer/status.ts"
import type { Limits } from "../../src/base/limits.ts"
import { DEFAULT_WINDOW } from "../../src/http2/window.ts"
import type { VirtualNetwork } from "./network/virtual-network.ts"
import type { Plan } from "./plan.ts"
import { Violation } from "./violation.ts"

/** Kept after it was sent, for a retry. */
const REPLAY_OCTETS = 65_536
/** The balancer's own answers are shorter. */
const ANSWER_OCTETS = 2048

/**
 * The most that one stream may make the balancer hold. Of the request: what the client may send unasked, once waiting
 * for the backend and once kept for a retry, together with what a retry sends again. Of the response: what the backend
 * may send unasked.
 */
export function streamOctetsMax(limits: Limits): number {
  // Until SETTINGS are acknowledged a client has the window that all start with.
  const window = Math.max(limits.streamWindowOctets, DEFAULT_WINDOW)
  const request = 2 * (window + REPLAY_OCTETS)
  return request + limits.upstreamStreamWindowOctets + ANSWER_OCTETS
}

/**
 * The most that may wait at one socket: what may be unsent before DATA stops and a frame beyond it, what the replies to
 * one read may add, and a head for every stream there is.
 */
export function socketOctetsMax(limits: Limits, streams: number): number {
  return 2 * limits.unsentOctetsMax + 2 * 65_536 + streams * 4096
}

/** What must hold after every step. Throws the first rule that does not. */
export function checkBalancer(
  snapshot: BalancerSnapshot,
  network: VirtualNetwork,
  plan: Plan,
  limits: Limits,
): void {
  const { streams, clusters } = snapshot
  const perStream = streamOctetsMax(limits)
  let held = 0
  for (const { bufferedOctets, path } of streams) {
    held += bufferedOctets
    if (bufferedOctets > perStream)
      throw new Violation("memory", `a stream of ${path} holds ${bufferedOctets} octets, ${perStream} may be`)
  }
  // Plain HTTP goes on uploading when its answer is complete; the client's stream is then no longer there to be seen.
  const unseen = plan.calls.filter(({ protocol }) => protocol === "http").length
  const most = held + snapshot.overflowOctets + unseen * perStream
  if (held > snapshot.bufferedOctets || most < snapshot.bufferedOctets)
    throw new Violation(
      "memory",
      `streams hold ${held} octets and connections ${snapshot.overflowOctets}, and ${snapshot.bufferedOctets} are accounted for`,
    )
  for (const link of network.links) {
    const allowed = socketOctetsMax(limits, plan.calls.length)
    if (link.waitingOctets > allowed)
      throw new Violation(
        "memory",
        `${link.waitingOctets} octets wait at the socket of ${link.name}, ${allowed} may`,
      )
  }
  // One for each stream, and one more while it waits for a connection, or in the queue; shedding has one of its own, and one each time that
  // a connection comes to hold too much. Who waits at a cluster that a reload has taken away is not shown.
  const isShown = !plan.faults.some((fault) => fault.kind === "reload" && fault.isChanged)
  const shown = clusters.flatMap(({ endpoints }) => endpoints).reduce((sum, { waiting }) => sum + waiting, 0)
  const queued = plan.cluster.queue === null ? 0 : streams.length
  const waiting = (isShown ? shown : streams.length) + queued
  const isCounted = plan.limits.connectionBufferedOctetsMax === undefined
  // While it closes streams have turns, with a lane for each client and endpoint, and the drain looks for them.
  const isClosing = snapshot.addresses.length === 0
  const turns = isClosing ? 1 + plan.calls.length + plan.clients.length + plan.endpoints.length : 0
  if (isCounted && snapshot.deadlines > streams.length + unseen + waiting + 1 + turns)
    throw new Violation("left open", `${snapshot.deadlines} deadlines are set for ${streams.length} streams`)
  for (const cluster of clusters) checkCluster(cluster, streams.length + unseen, plan, limits)
}

function checkCluster(
  { endpoints }: BalancerSnapshot["clusters"][number],
  streams: number,
  plan: Plan,
  limits: Limits,
): void {
  let picked = 0
  endpoints.forEach(({ address, streamsOpen, leases, waiting, connections }, index) => {
    picked += streamsOpen
    const { maxStreams } = plan.endpoints[index]!
    if (streamsOpen < 0) throw new Violation("lease", `endpoint ${address} has ${streamsOpen} streams open`)
    if (leases > streamsOpen)
      throw new Violation(
        "lease",
        `${leases} streams hold a slot at endpoint ${address}, which ${streamsOpen} have picked`,
      )
    if (maxStreams !== null && streamsOpen > maxStreams)
      throw new Violation(
        "stream limit",
        `endpoint ${address} has ${streamsOpen} streams open, ${maxStreams} may be`,
      )
    if (waiting > Math.min(limits.pickQueueMax, streamsOpen))
      throw new Violation(
        "lease",
        `${waiting} streams wait for endpoint ${address}, which ${streamsOpen} have picked`,
      )
    const allowed = plan.cluster.maxConnectionsPerEndpoint ?? limits.connectionsPerEndpointMax
    if (connections > allowed)
      throw new Violation(
        "stream limit",
        `endpoint ${address} has ${connections} connections, ${allowed} may be`,
      )
  })
  if (picked > streams)
    throw new Violation("lease", `endpoints count ${picked} streams open, and ${streams} are`)
}

/** What must hold once the balancer has closed. */
export function checkClosed(snapshot: BalancerSnapshot, network: VirtualNetwork, timersOpen: number): void {
  const left: [what: string, count: number][] = [
    ["streams", snapshot.streams.length],
    ["client connections", snapshot.connections],
    ["listeners", network.listenersOpen],
    ["sockets", network.links.size],
    ["deadlines", snapshot.deadlines],
    ["octets held", snapshot.bufferedOctets],
    ["timers", timersOpen],
  ]
  for (const { endpoints } of snapshot.clusters)
    for (const { address, streamsOpen, waiting, connections } of endpoints)
      left.push(
        [`leases of ${address}`, streamsOpen],
        [`waiters at ${address}`, waiting],
        [`connections of ${address}`, connections],
      )
  const found = left.filter(([, count]) => count !== 0).map(([what, count]) => `${count} ${what}`)
  if (found.length > 0)
    throw new Violation("left open", `after the balancer closed there are ${found.join(", ")}`)
}
