import { counterIds } from "../../base/counters.ts"
import { type Deadline, makeDeadline } from "../../base/timer-wheel.ts"
import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import type { PickQueue, QueuedStream } from "../../cluster/pick-queue.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { LegContext } from "./leg-context.ts"

export interface QueueingCall {
  readonly context: LegContext
  cluster: Cluster<LegConnection> | null
  snapshot: Snapshot | null
  /** Null: it waits in no queue. */
  queued: QueuedCall | null
  openLeg(last: Failure | null): void
  fail(what: Failure): void
}

/** The place of a call in its cluster's queue, until `leave`: by a leg, by its timeout, or by the call's end. */
export class QueuedCall implements QueuedStream {
  readonly #call: QueueingCall
  readonly #queue: PickQueue
  readonly #deadline: Deadline

  constructor(call: QueueingCall, queue: PickQueue, timeoutMs: number) {
    this.#call = call
    this.#queue = queue
    this.#deadline = makeDeadline(() => this.#timedOut(timeoutMs))
    call.context.deadlines.set(this.#deadline, timeoutMs)
  }

  /** Among the endpoints that there are by now, also after a reload. */
  tryAgain(): boolean {
    const call = this.#call
    call.cluster = call.cluster!.latest
    call.snapshot = call.cluster.snapshot
    call.openLeg(null)
    return call.queued !== this
  }

  leave(): void {
    this.#queue.leave(this)
    this.#call.context.deadlines.cancel(this.#deadline)
    this.#call.queued = null
  }

  #timedOut(timeoutMs: number): void {
    const { cluster, context } = this.#call
    this.leave()
    context.counters.add(counterIds.queue_timeout)
    const message = `cluster ${cluster!.name}: every endpoint was full for ${timeoutMs} ms (queue)`
    this.#call.fail(failure("no_endpoint", message, true))
  }
}

/** A stream that comes while others wait goes behind them. */
export function mustQueue(call: QueueingCall, queue: PickQueue | null): queue is PickQueue {
  if (queue === null || queue.waiting === 0 || call.queued !== null) return false
  queue.serve()
  return queue.waiting > 0
}

/** Null: `call` waits, now or still. */
export function enterQueue(call: QueueingCall, queue: PickQueue): Failure | null {
  if (call.queued !== null) return null
  const queued = new QueuedCall(call, queue, queue.config?.timeoutMs ?? 0)
  const refusal = queue.enter(queued)
  if (refusal === null) {
    call.queued = queued
    return null
  }
  queued.leave()
  return failure("no_endpoint", `cluster ${call.cluster!.name}: ${refusal}`, true)
}
