import { type Deadline, makeDeadline, type TimerWheel } from "../../base/timer-wheel.ts"
import { failure } from "../../record/failure.ts"
import type { PacedStream, Pacer, TurnReason } from "./pacer.ts"

/** Streams that are given their turn at once; more would hold up those that live. */
const SLICE_STREAMS = 500
/** A stream may still begin where it waited for a connection, so it is looked again until none is left. */
const LOOK_AGAIN_MS = 5_000

export interface DrainOrder {
  /** How long live streams go on. */
  readonly graceMs: number
  /** What clients are told. */
  readonly message: string
  /** Those that are there now. */
  streams(): PacedStream[]
}

interface Drain {
  readonly order: DrainOrder
  readonly reason: TurnReason
  readonly deadline: Deadline
  /** What is left of the last look. */
  rest: PacedStream[]
}

/**
 * Live streams of what is to be without any, an endpoint or a listener: they go on for the grace, and are then ended or moved by
 * the pacer, each at a time of its own within a fifth of the grace either way. That no new stream goes there is not seen to here.
 */
export class Drains {
  readonly #deadlines: TimerWheel
  readonly #pacer: Pacer
  readonly #drains = new Map<string, Drain>()

  constructor(deadlines: TimerWheel, pacer: Pacer) {
    this.#deadlines = deadlines
    this.#pacer = pacer
  }

  /** `name` tells drains apart. One of that name is withdrawn first. */
  begin(name: string, order: DrainOrder): void {
    this.withdraw(name)
    const drain: Drain = {
      order,
      reason: { cause: "drain", what: failure("drained", order.message), isWithdrawn: false },
      deadline: makeDeadline(() => this.#look(name, drain)),
      rest: [],
    }
    this.#drains.set(name, drain)
    this.#deadlines.set(drain.deadline, 0.8 * order.graceMs)
  }

  /** Its streams go on, also those that wait for their turn. */
  withdraw(name: string): void {
    const drain = this.#drains.get(name)
    if (drain === undefined) return
    this.#drains.delete(name)
    drain.reason.isWithdrawn = true
    this.#deadlines.cancel(drain.deadline)
  }

  close(): void {
    for (const name of [...this.#drains.keys()]) this.withdraw(name)
  }

  #look(name: string, drain: Drain): void {
    const { order, reason, deadline } = drain
    if (drain.rest.length === 0) drain.rest = order.streams()
    if (drain.rest.length === 0) return void this.#drains.delete(name)
    for (const stream of drain.rest.splice(-SLICE_STREAMS))
      this.#pacer.add(stream, reason, 0, 0.4 * order.graceMs)
    this.#deadlines.set(deadline, drain.rest.length > 0 ? 0 : LOOK_AGAIN_MS)
  }
}
