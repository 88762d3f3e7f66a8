import type { LiveOrder } from "../balancer/thread/contract.ts"
import type { Random } from "../base/random.ts"
import type { ClusterStates } from "../cluster/cluster-states.ts"
import type { Move, MoveOrder } from "../cluster/rebalance/move-order.ts"
import { shareOut } from "../cluster/rebalance/share-out.ts"
import type { Config } from "../config/model.ts"
import type { Log } from "../log/logger.ts"

export interface OrdersOptions {
  states: ClusterStates
  config(): Config
  log: Log
  /** Gives an order to all threads. Resolves with how much of what it is about they have. */
  tell(order: LiveOrder): Promise<number>
  /** The same, to one. */
  tellOne(index: number, order: LiveOrder): Promise<number>
  /** Streams that each thread has open at the endpoint in `slot`. */
  streamsAt(slot: number): readonly number[]
  random: Random
}

export interface DrainOptions {
  /** How long live streams go on; null: as the cluster has it (`drainGrace`), of a listener without end. Default: null. */
  graceMs?: number | null
}

/** gRPC's statuses. */
const STATUS_MAX = 16

/**
 * What people order while it runs: drains, weights, the end of a stream. An order for an endpoint holds until it is taken back or
 * the endpoint leaves, over reloads too; those for listeners until the listener leaves.
 *
 * Errors: each throws, in a sentence, what there is not.
 */
export class Orders {
  readonly #options: OrdersOptions
  /** Listeners that drain, for threads that are made anew. */
  readonly #listeners = new Map<string, number | null>()

  constructor(options: OrdersOptions) {
    this.#options = options
  }

  /** It gets no new streams; those it has end after the grace, one after the other. */
  drainEndpoint(cluster: string, address: string, { graceMs = null }: DrainOptions = {}): void {
    this.#mustHave(cluster, address)
    const { states, log } = this.#options
    states.order(cluster, address, { drain: true, graceMs })
    log.info("endpoint drains by order", { cluster, endpoint: address, graceMs: graceMs ?? "as configured" })
  }

  /** It gets new streams again, and keeps those whose turn to end has not come. */
  resumeEndpoint(cluster: string, address: string): void {
    this.#mustHave(cluster, address)
    const { states, log } = this.#options
    states.order(cluster, address, { drain: false, graceMs: null })
    log.info("endpoint takes streams again by order", { cluster, endpoint: address })
  }

  /** All endpoints that it has now. */
  drainCluster(cluster: string, options: DrainOptions = {}): void {
    for (const address of this.#addressesOf(cluster)) this.drainEndpoint(cluster, address, options)
  }

  resumeCluster(cluster: string): void {
    for (const address of this.#addressesOf(cluster)) this.resumeEndpoint(cluster, address)
  }

  /** Null: as its source has it. */
  setWeight(cluster: string, address: string, weight: number | null): void {
    this.#mustHave(cluster, address)
    if (weight !== null && !(Number.isInteger(weight) && weight >= 1))
      throw new Error(`a weight is a whole number from 1, not ${weight}`)
    const { states, log } = this.#options
    states.order(cluster, address, { weight })
    log.info("endpoint has another weight by order", {
      cluster,
      endpoint: address,
      weight: weight ?? "its own",
    })
  }

  /** Its clients are told to go elsewhere (GOAWAY), and so are those that come; live streams end after the grace. */
  async drainListener(name: string, { graceMs = null }: DrainOptions = {}): Promise<void> {
    this.#mustListen(name)
    this.#listeners.set(name, graceMs)
    this.#options.log.info("listener drains by order", { listener: name, graceMs: graceMs ?? "without end" })
    await this.#options.tell({ kind: "drain-listener", name, graceMs })
  }

  async resumeListener(name: string): Promise<void> {
    this.#mustListen(name)
    this.#listeners.delete(name)
    this.#options.log.info("listener takes clients again by order", { listener: name })
    await this.#options.tell({ kind: "resume-listener", name })
  }

  /** Ends one stream at once. `id`: `$connection`, `-`, and which request of that connection: `17-3`. */
  async endStream(id: string, grpcStatus: number): Promise<void> {
    const { connection, request } = partsOf(id)
    if (!(Number.isInteger(grpcStatus) && grpcStatus >= 0 && grpcStatus <= STATUS_MAX))
      throw new Error(`a grpc-status is a number from 0 to ${STATUS_MAX}, not ${grpcStatus}`)
    const found = await this.#options.tell({
      kind: "end-stream",
      connection,
      request,
      grpcStatus,
      message: "the stream was ended by order",
    })
    if (found === 0) throw new Error(`there is no stream ${id} any more`)
    this.#options.log.info("stream ended by order", { stream: id, grpcStatus })
  }

  /** Each thread is told its part: as many streams as it has there of all. Resolves with how many were given a turn. */
  async move(order: MoveOrder): Promise<number> {
    const { tellOne, streamsAt, random } = this.#options
    const parts = new Map<number, Move[]>()
    for (const move of order.moves)
      for (const [index, streams] of shareOut(move.streams, streamsAt(move.from), random()).entries())
        if (streams > 0) parts.set(index, [...(parts.get(index) ?? []), { ...move, streams }])
    const told = [...parts].map(([index, moves]) => tellOne(index, { kind: "move", ...order, moves }))
    const given = await Promise.all(told)
    return given.reduce((sum, streams) => sum + streams, 0)
  }

  /** Moves one stream, where its call can go on elsewhere. */
  async moveStream(id: string): Promise<void> {
    const { connection, request } = partsOf(id)
    const given = await this.#options.tell({ kind: "move-stream", connection, request })
    if (given === 0) throw new Error(`stream ${id} cannot move now: docs/continuity.md says what can`)
    this.#options.log.info("stream moves by order", { stream: id })
  }

  /** Moves some streams of an endpoint to where its cluster's policy has them. Resolves with how many. */
  async moveStreams(cluster: string, address: string, streams: number): Promise<number> {
    this.#mustHave(cluster, address)
    const { states, log } = this.#options
    const from = states.endpointsOf(cluster).find((state) => state.address === address)!.slot
    const moves = [{ from, to: null, streams }]
    const given = await this.move({ cluster, cause: "order", moves, dwellMs: 0, maxStreamAgeMs: null })
    log.info("streams move by order", { cluster, endpoint: address, streams: given })
    return given
  }

  /** What a thread is to be told that begins to listen. */
  standing(): LiveOrder[] {
    const names = new Set(this.#options.config().listeners.map(({ name }) => name))
    for (const name of this.#listeners.keys()) if (!names.has(name)) this.#listeners.delete(name)
    return [...this.#listeners].map(([name, graceMs]) => ({ kind: "drain-listener", name, graceMs }))
  }

  #addressesOf(cluster: string): string[] {
    const { states, config } = this.#options
    if (!config().clusters.some(({ name }) => name === cluster))
      throw new Error(`there is no cluster "${cluster}"`)
    return states.endpointsOf(cluster).map(({ address }) => address)
  }

  #mustHave(cluster: string, address: string): void {
    if (!this.#addressesOf(cluster).includes(address))
      throw new Error(`cluster "${cluster}" has no endpoint ${address}`)
  }

  #mustListen(listener: string): void {
    if (!this.#options.config().listeners.some(({ name }) => name === listener))
      throw new Error(`there is no listener "${listener}"`)
  }
}

/** Errors: throws where it is no stream's id. */
function partsOf(id: string): { connection: number; request: number } {
  const [, connection, request] = /^(\d{1,15})-(\d{1,15})$/.exec(id) ?? []
  if (connection === undefined) throw new Error(`"${id}" is no stream's id, such as 17-3`)
  return { connection: Number(connection), request: Number(request) }
}
