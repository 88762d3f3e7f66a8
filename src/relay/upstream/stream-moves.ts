import type { Random } from "../../base/random.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Move, MoveOrder } from "../../cluster/rebalance/move-order.ts"
import { Column } from "../../cluster/traffic.ts"
import { failure } from "../../record/failure.ts"
import {
  jittered,
  type MovableStream,
  type Pacer,
  type PacerContext,
  type TurnReason,
} from "../pacing/pacer.ts"
import type { LegConnection } from "./leg-connection.ts"

/** Streams of one order have their turns within it. */
const WITHIN_MS = 1_000
/** The list of an endpoint's streams is made anew so often, while it is drawn from. */
const LIST_MS = 10_000
/** Streams that are looked at to find one that can move. */
const DRAWS_EACH = 20
const DRAWS_MIN = 1_000

/** The streams of an endpoint that have not been drawn yet. */
interface Drawn {
  readonly untilMs: number
  readonly rest: MovableStream[]
}

export interface StreamMovesOptions {
  readonly clock: PacerContext["clock"]
  readonly random: Random
  readonly pacer: Pacer
  findCluster(name: string): Cluster<LegConnection> | undefined
  streamsAt(cluster: string, address: string): MovableStream[]
}

/**
 * Carries out what is planned of live streams: picks at random those that can move, and gives each a turn. What is under way is
 * counted at both endpoints, so that the planner sees streams that have not arrived yet.
 *
 * Cost: nothing while none moves. Then a list of an endpoint's streams once in `LIST_MS`, and a few looks for each that moves.
 */
export class StreamMoves {
  readonly #options: StreamMovesOptions
  readonly #drawn = new Map<string, Drawn>()

  constructor(options: StreamMovesOptions) {
    this.#options = options
  }

  /** Returns how many streams were given a turn. */
  obey(order: MoveOrder): number {
    const cluster = this.#options.findCluster(order.cluster)
    if (cluster === undefined) return 0
    let given = 0
    for (const move of order.moves) given += this.#move(order, move, cluster)
    for (const [name, { untilMs }] of this.#drawn)
      if (untilMs < this.#options.clock.now()) this.#drawn.delete(name)
    return given
  }

  #move(order: MoveOrder, { from, to, streams }: Move, cluster: Cluster<LegConnection>): number {
    const source = cluster.endpointAt(from)
    const target = to === null ? null : cluster.endpointAt(to)
    if (source === undefined || target === undefined) return 0
    if (target !== null && !cluster.hasRoomAt(target)) return 0
    const { pacer } = this.#options
    const where = `cluster ${order.cluster}, endpoint ${source.address}`
    const moving = reasonOf(order, `${where}: its streams move to others`, source, target)
    const { maxStreamAgeMs } = order
    const aging =
      maxStreamAgeMs === null ? null : reasonOf(order, `${where}: it has too many, and this one is old`)
    const old: MovableStream[] = []
    let given = 0
    const rest = this.#restOf(order.cluster, source)
    const looksMax = Math.max(DRAWS_MIN, DRAWS_EACH * streams)
    for (let looks = 0; looks < looksMax && given < streams && rest.length > 0; looks++) {
      const stream = drawFrom(rest, this.#options.random)
      if (!stream.canMove(order.dwellMs)) {
        if (maxStreamAgeMs !== null && this.#isOlder(stream, maxStreamAgeMs)) old.push(stream)
      } else if (pacer.add(stream, moving, 0, WITHIN_MS)) {
        given++
        source.traffic[Column.leaving]!++
        if (target !== null) target.traffic[Column.arriving]!++
      }
    }
    for (const stream of old) {
      if (given === streams) break
      if (pacer.add(stream, aging!, 0, WITHIN_MS)) given++
    }
    return given
  }

  /** The streams of an endpoint that have not been drawn yet: none is drawn twice before all were had. */
  #restOf(cluster: string, { address }: Endpoint): MovableStream[] {
    const { clock, streamsAt } = this.#options
    const name = `${address} of ${cluster}`
    const nowMs = clock.now()
    let drawn = this.#drawn.get(name)
    if (drawn === undefined || drawn.untilMs < nowMs) {
      drawn = { untilMs: nowMs + LIST_MS, rest: streamsAt(cluster, address) }
      this.#drawn.set(name, drawn)
    }
    return drawn.rest
  }

  /** The jitter is the stream's own: it is the same at each look. */
  #isOlder({ record }: MovableStream, ageMs: number): boolean {
    const chance = (GOLDEN * (record.connection.id + record.requestNumber)) % 1
    return this.#options.clock.now() - record.startMs >= jittered(ageMs, chance)
  }
}

/** Takes one out, at random; there is one. */
function drawFrom(streams: MovableStream[], random: Random): MovableStream {
  const at = Math.floor(random() * streams.length)
  const stream = streams[at]!
  streams[at] = streams.at(-1)!
  streams.pop()
  return stream
}

/** Its multiples, without their whole parts, are spread evenly. */
const GOLDEN = 0.618_033_988_749_895

/** With `source`: the streams are to move, else they are to end. */
function reasonOf(
  { cause }: MoveOrder,
  message: string,
  source?: Endpoint,
  target: Endpoint | null = null,
): TurnReason {
  const what = failure("drained", message)
  if (source === undefined) return { cause, what, isWithdrawn: false }
  const over = (): void => {
    source.traffic[Column.left]!++
    if (target !== null) target.traffic[Column.arrived]!++
  }
  return { cause, what, isWithdrawn: false, move: { to: target, over } }
}
