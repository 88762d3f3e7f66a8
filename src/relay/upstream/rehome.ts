import type { Clock } from "../../base/clock.ts"
import { type Deadline, makeDeadline, type TimerWheel } from "../../base/timer-wheel.ts"
import type { RehomeMode } from "../../config/model.ts"
import { failure } from "../../record/failure.ts"
import type { PacedStream, Pacer, TurnReason } from "../pacing/pacer.ts"

/** A live stream that was placed by its key. */
export interface PlacedStream extends PacedStream {
  readonly record: { readonly activeMs: number }
}

export interface RehomeOptions<Stream extends PlacedStream> {
  readonly clock: Clock
  readonly deadlines: TimerWheel
  readonly pacer: Pacer
  /** Live streams of a cluster. */
  streamsOf(cluster: string): Stream[]
  /** Where its key belongs now is where it is, or it has none. */
  isAtHome(cluster: string, stream: Stream): boolean
}

/** Endpoints that change in a row are one change. */
const SETTLE_MS = 1_000
/** Streams that are looked at in one go; each costs a hash. */
const SLICE_STREAMS = 200
/** With `idle`: no octets for so long, either way. */
const IDLE_MS = 10_000

interface Pass<Stream> {
  readonly mode: RehomeMode
  readonly reason: TurnReason
  readonly deadline: Deadline
  rest: Stream[]
  /** Some are busy: they are looked at again. */
  areSomeBusy: boolean
}

/**
 * Streams whose key has another owner since the endpoints of their cluster are others: ended or moved by the pacer, at once or
 * once they are idle, so that no two endpoints serve one key for long (envoyproxy/envoy#2819). Looked at in slices.
 */
export class Rehome<Stream extends PlacedStream> {
  readonly #options: RehomeOptions<Stream>
  readonly #passes = new Map<string, Pass<Stream>>()

  constructor(options: RehomeOptions<Stream>) {
    this.#options = options
  }

  /** The endpoints of a cluster are others now. */
  changed(cluster: string, mode: RehomeMode): void {
    this.stop(cluster)
    if (mode === "never") return
    const what = failure(
      "drained",
      `cluster ${cluster}: the key of the stream belongs to another endpoint now`,
    )
    const pass: Pass<Stream> = {
      mode,
      reason: { cause: "rehash", what, isWithdrawn: false },
      deadline: makeDeadline(() => this.#look(cluster, pass)),
      rest: [],
      areSomeBusy: false,
    }
    this.#passes.set(cluster, pass)
    this.#options.deadlines.set(pass.deadline, SETTLE_MS)
  }

  /** Streams whose turn has not come stay where they are. */
  stop(cluster: string): void {
    const pass = this.#passes.get(cluster)
    if (pass === undefined) return
    this.#passes.delete(cluster)
    pass.reason.isWithdrawn = true
    this.#options.deadlines.cancel(pass.deadline)
  }

  close(): void {
    for (const cluster of [...this.#passes.keys()]) this.stop(cluster)
  }

  #look(cluster: string, pass: Pass<Stream>): void {
    const { clock, deadlines, pacer, streamsOf, isAtHome } = this.#options
    if (pass.rest.length === 0) {
      pass.areSomeBusy = false
      pass.rest = streamsOf(cluster)
    }
    const idleSinceMs = clock.now() - IDLE_MS
    for (const stream of pass.rest.splice(-SLICE_STREAMS)) {
      if (isAtHome(cluster, stream)) continue
      if (pass.mode === "idle" && stream.record.activeMs > idleSinceMs) pass.areSomeBusy = true
      else pacer.add(stream, pass.reason)
    }
    if (pass.rest.length > 0) deadlines.set(pass.deadline, 0)
    else if (pass.areSomeBusy) deadlines.set(pass.deadline, IDLE_MS)
  }
}
