import { type Deadline, makeDeadline, type TimerWheel } from "../../base/timer-wheel.ts"
import { failure } from "../../record/failure.ts"
import type { PacedStream, Pacer, TurnReason } from "../pacing/pacer.ts"

/** A connection to an endpoint, and the streams that it carries. */
export interface DrainedConnection {
  readonly clusterName: string
  readonly endpoint: { readonly address: string }
  /** Streams that are open on it now. */
  readonly pacedStreams: readonly PacedStream[]
}

export interface DrainsOptions {
  readonly deadlines: TimerWheel
  readonly pacer: Pacer
  /** All there are, those included that take no new streams. */
  connections(): Iterable<DrainedConnection>
}

/** Streams that are given their turn at once; more would hold up those that live. */
const SLICE_STREAMS = 500
/** A stream may still begin where it waited for a connection, so it is looked again until none is left. */
const LOOK_AGAIN_MS = 5_000

interface Drain {
  readonly cluster: string
  readonly address: string
  readonly graceMs: number
  readonly reason: TurnReason
  readonly deadline: Deadline
  /** What is left of the last look. */
  rest: PacedStream[]
}

/**
 * Live streams on endpoints that are to be without any: they go on for the grace, and are then ended or moved by the pacer, each
 * at a time of its own within a fifth of the grace either way. That no new stream goes there is the cluster's affair.
 */
export class Drains {
  readonly #options: DrainsOptions
  readonly #drains = new Map<string, Drain>()

  constructor(options: DrainsOptions) {
    this.#options = options
  }

  /** `because`: for the clients, after the address: `is drained`. Again, with another grace, it begins anew. */
  begin(cluster: string, address: string, graceMs: number, because: string): void {
    this.withdraw(cluster, address)
    const what = failure("drained", `cluster ${cluster}, endpoint ${address} ${because}`)
    const drain: Drain = {
      cluster,
      address,
      graceMs,
      reason: { what, isWithdrawn: false },
      deadline: makeDeadline(() => this.#look(drain)),
      rest: [],
    }
    this.#drains.set(keyOf(cluster, address), drain)
    this.#options.deadlines.set(drain.deadline, 0.8 * graceMs)
  }

  /** Its streams go on, also those that wait for their turn. */
  withdraw(cluster: string, address: string): void {
    if (this.#drains.size === 0) return
    const key = keyOf(cluster, address)
    const drain = this.#drains.get(key)
    if (drain === undefined) return
    this.#drains.delete(key)
    drain.reason.isWithdrawn = true
    this.#options.deadlines.cancel(drain.deadline)
  }

  close(): void {
    for (const { cluster, address } of [...this.#drains.values()]) this.withdraw(cluster, address)
  }

  #look(drain: Drain): void {
    const { pacer, deadlines } = this.#options
    const isAnew = drain.rest.length === 0
    if (isAnew) drain.rest = this.#streamsOf(drain)
    if (isAnew && drain.rest.length === 0) {
      this.#drains.delete(keyOf(drain.cluster, drain.address))
      return
    }
    for (const stream of drain.rest.splice(-SLICE_STREAMS))
      pacer.add(stream, drain.reason, 0, 0.4 * drain.graceMs)
    deadlines.set(drain.deadline, drain.rest.length > 0 ? 0 : LOOK_AGAIN_MS)
  }

  #streamsOf({ cluster, address }: Drain): PacedStream[] {
    const found: PacedStream[] = []
    for (const connection of this.#options.connections())
      if (connection.clusterName === cluster && connection.endpoint.address === address)
        for (const stream of connection.pacedStreams) found.push(stream)
    return found
  }
}

function keyOf(cluster: string, address: string): string {
  return `${address} ${cluster}`
}
