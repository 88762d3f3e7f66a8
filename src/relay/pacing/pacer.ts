import type { Clock } from "../../base/clock.ts"
import { type Counters, counterIds } from "../../base/counters.ts"
import type { Limits } from "../../base/limits.ts"
import type { Random } from "../../base/random.ts"
import type { Deadline, TimerWheel } from "../../base/timer-wheel.ts"
import type { TurnCause } from "../../base/turn-cause.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Failure } from "../../record/failure.ts"
import type { StreamRecord } from "../../record/record.ts"

/** Why streams end or move: one object for all streams of one order, which may be withdrawn for all of them at once. */
export interface TurnReason {
  readonly cause: TurnCause
  /** What the client of a stream is told that ends. */
  readonly what: Failure
  /** Streams whose turn has not come go on. */
  isWithdrawn: boolean
  /** The streams are wanted elsewhere, and stay where they are if they cannot move. Absent: they are to end or to move. */
  readonly move?: PlannedMove
}

/** What is planned of the streams of one order, and is told of each of them what became of it: once. */
export interface PlannedMove {
  /** Null: wherever the policy of its cluster has it. */
  readonly to: Endpoint | null
  over(): void
}

/** A stream that can be told to end or to move. */
export interface PacedStream {
  /** Whose stream it is. Two of one client never have their turn together. */
  readonly paceClient: object
  /** Where it is: what leaves one endpoint arrives at others, so each has a pace. */
  readonly paceEndpoint: object
  /** Its turn has come. Not to be called back with `add` from within. */
  onTurn(reason: TurnReason): void
}

/** One that may be told to move, though nothing forces it. */
export interface MovableStream extends PacedStream {
  /** It can move now, and has not within `dwellMs`. */
  canMove(dwellMs: number): boolean
  readonly record: StreamRecord
}

export interface PacerContext {
  readonly clock: Clock
  readonly limits: Limits
  readonly counters: Counters
  readonly deadlines: TimerWheel
}

/** Give or take a fifth: what began together does not end together. `chance`: from 0 to 1. */
export function jittered(ms: number, chance: number): number {
  return ms * (0.8 + 0.4 * chance)
}

/** An endpoint that was late by less goes on at its pace, by more does not make up for all of it. */
const CATCH_UP_MS = 20

/**
 * The one place through which live streams are ended or moved by Sluice's own choice: drains, ages, keys with another owner.
 * Each stream has a turn; streams of one client are `pacedClientGapMs` apart, and of one endpoint no more than
 * `pacedStreamsPerSecond` have theirs in a second.
 *
 * Cost: nothing while no stream waits. A turn is one object and moves through at most three queues, O(1) each; there is at
 * most one for each live stream.
 */
export class Pacer {
  readonly #context: PacerContext
  readonly #random: Random
  readonly #turns = new Map<PacedStream, Turn>()
  readonly #clients = new Map<object, ClientLane>()
  readonly #endpoints = new Map<object, EndpointLane>()

  constructor(context: PacerContext, random: Random) {
    this.#context = context
    this.#random = random
  }

  /** Streams whose turn is to come. */
  get size(): number {
    return this.#turns.size
  }

  /**
   * Gives `stream` a turn between `afterMs` and `afterMs + withinMs` from now, at random, or later, as its client and its
   * endpoint allow. A stream that has one keeps it, unless that was withdrawn, or was for a move alone and this one is not.
   * False: it has one.
   */
  add(stream: PacedStream, reason: TurnReason, afterMs = 0, withinMs = 0): boolean {
    const known = this.#turns.get(stream)
    const isKept =
      known?.reason.isWithdrawn === false && (known.reason.move === undefined || reason.move !== undefined)
    if (isKept) return false
    if (known !== undefined) this.forget(stream)
    this.#context.counters.add(counterIds.streams_paced)
    const turn = new Turn(stream, reason, (due) => this.#clientLane(due.stream.paceClient).enter(due))
    this.#turns.set(stream, turn)
    this.#context.deadlines.set(turn, afterMs + withinMs * this.#random())
    return true
  }

  /** The stream is over. */
  forget(stream: PacedStream): void {
    if (this.#turns.size === 0) return
    const turn = this.#turns.get(stream)
    if (turn === undefined) return
    this.#turns.delete(stream)
    this.#context.deadlines.cancel(turn)
    turn.leave()
    turn.reason.move?.over()
  }

  #clientLane(client: object): ClientLane {
    let lane = this.#clients.get(client)
    if (lane !== undefined) return lane
    const { deadlines, limits } = this.#context
    lane = new ClientLane({
      gapMs: limits.pacedClientGapMs,
      deadlines,
      onNext: (turn) => this.#endpointLane(turn.stream.paceEndpoint).enter(turn),
      onEmpty: () => this.#clients.delete(client),
    })
    this.#clients.set(client, lane)
    return lane
  }

  #endpointLane(endpoint: object): EndpointLane {
    let lane = this.#endpoints.get(endpoint)
    if (lane !== undefined) return lane
    const { clock, deadlines, limits } = this.#context
    lane = new EndpointLane({
      gapMs: 1000 / limits.pacedStreamsPerSecond,
      clock,
      deadlines,
      onNext: (turn) => this.#grant(turn),
      onEmpty: () => this.#endpoints.delete(endpoint),
    })
    this.#endpoints.set(endpoint, lane)
    return lane
  }

  #grant(turn: Turn): void {
    const { stream, reason } = turn
    this.#turns.delete(stream)
    if (reason.isWithdrawn) {
      turn.leave()
      return reason.move?.over()
    }
    turn.granted()
    stream.onTurn(reason)
  }
}

/** One stream that waits: for its time, then for its client's other streams, then for its endpoint's. */
class Turn implements Deadline {
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  readonly stream: PacedStream
  readonly reason: TurnReason
  readonly #onDue: (turn: Turn) => void
  /** Where it waits; set by the lanes. */
  client: ClientLane | null = null
  endpoint: EndpointLane | null = null

  constructor(stream: PacedStream, reason: TurnReason, onDue: (turn: Turn) => void) {
    this.stream = stream
    this.reason = reason
    this.#onDue = onDue
  }

  onDue(): void {
    this.#onDue(this)
  }

  granted(): void {
    this.endpoint = null
    this.client?.done()
    this.client = null
  }

  /** It is not wanted any more. */
  leave(): void {
    this.endpoint?.leave(this)
    this.endpoint = null
    this.client?.leave(this)
    this.client = null
  }
}

interface LaneOptions {
  readonly gapMs: number
  readonly deadlines: TimerWheel
  onNext(turn: Turn): void
  onEmpty(): void
}

/** The streams of one client: one at a time goes on to its endpoint's lane, and after its turn there is a gap. */
class ClientLane implements Deadline {
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  readonly #options: LaneOptions
  readonly #waiting = new Set<Turn>()
  /** The one that has gone on. */
  #present: Turn | null = null

  constructor(options: LaneOptions) {
    this.#options = options
  }

  enter(turn: Turn): void {
    turn.client = this
    if (this.#present === null && this.slot < 0) this.#goOn(turn)
    else this.#waiting.add(turn)
  }

  /** The one that had gone on has had its turn. */
  done(): void {
    this.#present = null
    this.#options.deadlines.set(this, this.#options.gapMs)
  }

  leave(turn: Turn): void {
    this.#waiting.delete(turn)
    if (this.#present !== turn) return
    this.#present = null
    this.onDue()
  }

  onDue(): void {
    const [turn] = this.#waiting
    if (turn === undefined) return this.#options.onEmpty()
    this.#waiting.delete(turn)
    this.#goOn(turn)
  }

  #goOn(turn: Turn): void {
    this.#present = turn
    this.#options.onNext(turn)
  }
}

/** The streams of one endpoint: at a pace. One whose order was withdrawn takes none of it. */
class EndpointLane implements Deadline {
  slot = -1
  dueTick = 0
  next: Deadline | null = null
  previous: Deadline | null = null
  readonly #options: LaneOptions & { readonly clock: Clock }
  readonly #waiting = new Set<Turn>()
  #nextMs: number

  constructor(options: LaneOptions & { readonly clock: Clock }) {
    this.#options = options
    this.#nextMs = options.clock.now()
  }

  enter(turn: Turn): void {
    turn.endpoint = this
    this.#waiting.add(turn)
    if (this.slot < 0) this.onDue()
  }

  leave(turn: Turn): void {
    this.#waiting.delete(turn)
  }

  onDue(): void {
    const { clock, gapMs, deadlines, onNext, onEmpty } = this.#options
    const nowMs = clock.now()
    this.#nextMs = Math.max(this.#nextMs, nowMs - CATCH_UP_MS)
    // Armed first: what a turn brings about may enter here.
    if (this.#waiting.size === 0 && this.#nextMs <= nowMs) return onEmpty()
    deadlines.set(this, Math.max(gapMs, this.#nextMs - nowMs))
    for (const turn of this.#waiting) {
      if (this.#nextMs > nowMs) return
      this.#waiting.delete(turn)
      if (!turn.reason.isWithdrawn) this.#nextMs += gapMs
      onNext(turn)
    }
  }
}
