import type { Clock } from "../base/clock.ts"
import type { Random } from "../base/random.ts"
import type { Steps } from "../base/steps.ts"
import type { TimerWheel } from "../base/timer-wheel.ts"
import type { Cluster } from "../cluster/cluster.ts"
import type { EndpointState } from "../cluster/state.ts"
import { failure } from "../record/failure.ts"
import type { StreamOwner } from "../relay/call/stream-owner.ts"
import type { Clients } from "../relay/downstream/clients.ts"
import type { OpenListener } from "../relay/downstream/listener-view.ts"
import { Drains } from "../relay/pacing/drains.ts"
import type { Pacer, PlannedMove } from "../relay/pacing/pacer.ts"
import { LeavingEndpoints, type LeavingSettings } from "../relay/upstream/leaving-endpoints.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import { Rehome } from "../relay/upstream/rehome.ts"
import { StreamMoves } from "../relay/upstream/stream-moves.ts"
import type { UpstreamStreamOwner } from "../relay/upstream/stream-owner.ts"
import type { Upstreams } from "../relay/upstream/upstreams.ts"
import type { LiveOrder } from "./thread/contract.ts"

type EndStream = Extract<LiveOrder, { kind: "end-stream" }>
type MoveStream = Extract<LiveOrder, { kind: "move-stream" }>

export interface LiveOrdersOptions {
  readonly clock: Clock
  readonly deadlines: TimerWheel
  readonly pacer: Pacer
  readonly clients: Clients
  readonly upstreams: Upstreams
  readonly random: Random
  findListener(name: string): Pick<OpenListener, "config"> | undefined
  /** In force now. */
  findCluster(name: string): Cluster<LegConnection> | undefined
}

/** What is ordered of live streams: those of an endpoint or a listener that drains, and single ones. */
export class LiveOrders {
  readonly #options: LiveOrdersOptions
  readonly #drains: Drains
  readonly #leaving: LeavingEndpoints
  readonly #rehome: Rehome<UpstreamStreamOwner>
  readonly #moves: StreamMoves
  /** Those that have changed, as they are now. */
  readonly #clusters = new Map<string, Cluster<LegConnection>>()

  constructor(options: LiveOrdersOptions) {
    const { clock, deadlines, pacer, upstreams, random, findCluster } = options
    const drains = new Drains(deadlines, pacer)
    this.#options = options
    this.#drains = drains
    this.#leaving = new LeavingEndpoints({
      begin: (cluster, address, graceMs, because) =>
        drains.begin(endpointName(cluster, address), {
          graceMs,
          message: `cluster ${cluster}, endpoint ${address} ${because}`,
          streams: () => upstreams.streamsAt(cluster, address),
        }),
      withdraw: (cluster, address) => drains.withdraw(endpointName(cluster, address)),
    })
    const streamsAt = upstreams.streamsAt.bind(upstreams)
    this.#moves = new StreamMoves({ clock, random, pacer, findCluster, streamsAt })
    this.#rehome = new Rehome({
      clock,
      deadlines,
      pacer,
      streamsOf: (cluster) => upstreams.streamsOf(cluster),
      isAtHome: (cluster, stream) => this.#clusters.get(cluster)?.isOwner(stream.endpoint, stream) ?? true,
    })
  }

  /** The endpoints of a cluster are others now: streams whose key has another owner go there, where the cluster wants that. */
  rehome(cluster: Cluster<LegConnection>): void {
    this.#clusters.set(cluster.name, cluster)
    this.#rehome.changed(cluster.name, cluster.rehome)
  }

  /** Of how much it was that the order is about; 0: nothing of it is here. */
  obey(order: LiveOrder): number {
    switch (order.kind) {
      case "drain-listener":
        return Number(this.#drainListener(order.name, order.graceMs))
      case "resume-listener":
        return Number(this.#resumeListener(order.name))
      case "end-stream":
        return Number(this.#endStream(order))
      case "move":
        return this.#moves.obey(order)
      case "move-stream":
        return Number(this.#moveStream(order))
    }
  }

  /** All endpoints of a cluster, and how long live streams may go on where one takes no new ones. */
  told(cluster: string, endpoints: readonly EndpointState[], settings: LeavingSettings): Steps {
    return this.#leaving.told(cluster, endpoints, settings)
  }

  /** A reload has left these clusters. */
  *retain(clusters: ReadonlySet<string>): Steps {
    for (const name of this.#clusters.keys()) {
      if (clusters.has(name)) continue
      this.#rehome.stop(name)
      this.#clusters.delete(name)
    }
    yield* this.#leaving.retain(clusters)
  }

  /**
   * A listener takes no new streams: its clients are told by GOAWAY, as are those that still come, and live streams go on for
   * `graceMs`; null: for as long as they like. A reload leaves it so.
   */
  #drainListener(name: string, graceMs: number | null): boolean {
    const { clients, findListener } = this.#options
    const listener = findListener(name)
    if (listener === undefined) return false
    clients.drain(listener)
    this.#drains.withdraw(listenerName(name))
    if (graceMs !== null)
      this.#drains.begin(listenerName(name), {
        graceMs,
        message: `listener ${name} is drained`,
        streams: () => clients.streamsOf(listener),
      })
    return true
  }

  /** Clients that come are served again; those that were let go stay so. */
  #resumeListener(name: string): boolean {
    const listener = this.#options.findListener(name)
    if (listener === undefined) return false
    this.#options.clients.resume(listener)
    this.#drains.withdraw(listenerName(name))
    return true
  }

  /** Ends one live stream, now. */
  #endStream({ connection, request, grpcStatus, message }: EndStream): boolean {
    const owner = this.#findStream(connection, request)
    owner?.fail({ ...failure("drained", message), grpcStatus })
    return owner !== null
  }

  /** Gives one live stream its turn to move. False: it is not here, or cannot. */
  #moveStream({ connection, request }: MoveStream): boolean {
    const leg = this.#findStream(connection, request)?.paced
    if (leg?.canMove(0) !== true) return false
    const what = failure("drained", "the stream was moved by order")
    return this.#options.pacer.add(leg, { cause: "order", what, isWithdrawn: false, move: ANYWHERE })
  }

  #findStream(connection: number, request: number): StreamOwner | null {
    for (const { record, streams } of this.#options.clients.connections) {
      if (record.id !== connection) continue
      for (const owner of streams) if (owner.record.requestNumber === request) return owner
    }
    return null
  }

  close(): void {
    this.#drains.close()
    this.#rehome.close()
  }
}

const ANYWHERE: PlannedMove = { to: null, over() {} }

/** Names of drains. */
const endpointName = (cluster: string, address: string): string => `endpoint ${address} of ${cluster}`
const listenerName = (name: string): string => `listener ${name}`
