import type { ResponseMeasure } from "../../config/model.ts"
import type { Endpoint } from "../endpoint.ts"

/** After this a sample counts for 1/e. Source: Finagle's `peakEwma`, linkerd. */
const DECAY_MS = 10_000
/** Times below it are as good as each other: then the streams decide. */
const LEAST_MS = 1

export interface ResponseTimesOptions {
  /** Which moment ends a call's time: its response's head, or its end; of a TCP session also that it is connected. */
  readonly until: ResponseMeasure
  /** Calls without an answer count with the time they have waited so far. */
  readonly inflight: boolean
}

/** Of one endpoint. */
interface Times {
  ewmaMs: number
  atMs: number
  /** Calls whose time has not ended, and the sum of when they began. */
  open: number
  startedMs: number
}

/**
 * How long each endpoint takes to answer, as a mean that follows a slower answer at once and forgets it with time ("peak
 * EWMA"). One for all pickers of a cluster: it outlives changes of membership.
 */
export class ResponseTimes {
  readonly until: ResponseTimesOptions["until"]
  readonly #inflight: boolean
  /** By slot. */
  readonly #times: (Times | undefined)[] = []
  /** Calls whose time has not ended. */
  readonly #open = new Map<object, { readonly times: Times; readonly startMs: number }>()

  constructor({ until, inflight }: ResponseTimesOptions) {
    this.until = until
    this.#inflight = inflight
  }

  /** The mean, times the streams that the endpoint would have with one more, for its weight. */
  readonly costOf = (endpoint: Endpoint, nowMs: number): number => {
    const { slot, weight, streamsOpen } = endpoint
    return weight > 0 ? (this.meanMs(slot, nowMs) * (streamsOpen + 1)) / weight : Number.MAX_VALUE
  }

  meanMs(slot: number, nowMs: number): number {
    const times = this.#times[slot]
    if (times === undefined) return LEAST_MS
    let mean = times.ewmaMs * Math.exp((times.atMs - nowMs) / DECAY_MS)
    if (this.#inflight && times.open > 0) mean = Math.max(mean, nowMs - times.startedMs / times.open)
    return Math.max(LEAST_MS, mean)
  }

  began(call: object, { slot }: Endpoint, startMs: number): void {
    const times = (this.#times[slot] ??= { ewmaMs: 0, atMs: startMs, open: 0, startedMs: 0 })
    times.open++
    times.startedMs += startMs
    this.#open.set(call, { times, startMs })
  }

  /** The call was answered, if it had not been before. */
  answered(call: object, nowMs: number): void {
    const open = this.#open.get(call)
    if (open === undefined) return
    this.ended(call)
    const { times, startMs } = open
    const kept = Math.exp((times.atMs - nowMs) / DECAY_MS)
    const tookMs = nowMs - startMs
    times.ewmaMs = tookMs > times.ewmaMs ? tookMs : times.ewmaMs * kept + tookMs * (1 - kept)
    times.atMs = nowMs
  }

  /** The call is over; without `answered` before, it was cut or failed, and says nothing. */
  ended(call: object): void {
    const open = this.#open.get(call)
    if (open === undefined) return
    this.#open.delete(call)
    open.times.open--
    open.times.startedMs -= open.startMs
  }
}
