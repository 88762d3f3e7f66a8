import type { ClusterConfig, EndpointConfig } from "../config/model.ts"
import { type OutcomeCount, OwnOutcomeCount, OwnStreamCount, type StreamCount } from "./counts.ts"
import type { EndpointHealth, EndpointState } from "./state.ts"
import { Column, TRAFFIC_ROW } from "./traffic.ts"

const NEVER = Number.NEGATIVE_INFINITY

/**
 * One backend address and what is known of it. The address is fixed; load and health change in place, so that every
 * snapshot which holds the endpoint sees the same numbers.
 *
 * Ejection is nginx's `max_fails`: after so many failures it gets no new streams for `fail_timeout`, then one stream at a
 * time tries it. Where connections were what failed, a connection that answers a PING brings it back at once.
 */
export class Endpoint {
  readonly config: EndpointConfig
  readonly address: string
  /** Its place in the rows of numbers by endpoint; kept for life. */
  readonly slot: number
  /** What hashes place it by. */
  readonly hashKey: string
  /** As `EndpointState.priority`. */
  priority = 0
  /** Of new streams: less than the full one while it starts slowly. */
  weight: number
  fullWeight: number
  /** It starts slowly, and this pick is not for it. */
  sitsOut = false
  /** Takes no new streams, not even when no other does. */
  isDraining = false
  /** What active checks say, from the control side. */
  health: EndpointHealth = "unknown"
  /** How often to PING it, where it has asked for less than its cluster's setting. */
  keepalive: ClusterConfig["keepalive"] | null = null
  /** Streams wait for a place there, and it takes no more connections: its pool says so. */
  isSaturated = false
  /** Connections to it on which a PING is late to be answered: it may be frozen. */
  silentConnections = 0
  /** Pools that try to connect to it to find out whether it is back. While there are any, no stream tries it. */
  probes = 0
  /** Since it was made: streams that were answered, and what failed through its fault. */
  streamsAnswered = 0
  streamsFailed = 0
  connectionsFailed = 0
  #fails = 0
  #isOut = false
  /** The last failure was a connection's. */
  #isByConnection = false
  /** A stream has picked it since it is out. */
  #isOnTrial = false
  /** It failed again right after a PING had brought it back, so the next PING does not before `failTimeoutMs`. */
  #isHeld = false
  #checkedMs = NEVER
  #failedMs = NEVER
  #ejectedMs = NEVER
  #provenMs = NEVER

  /** This thread's row of `Column`s. */
  readonly traffic: Float64Array
  readonly #count: StreamCount
  readonly #outcomes: OutcomeCount

  constructor(
    config: EndpointConfig,
    slot = 0,
    count: StreamCount = new OwnStreamCount(),
    outcomes: OutcomeCount = new OwnOutcomeCount(),
    traffic: Float64Array = new Float64Array(TRAFFIC_ROW),
  ) {
    this.config = config
    this.#count = count
    this.#outcomes = outcomes
    this.traffic = traffic
    this.address = config.address
    this.slot = slot
    this.hashKey = config.hashKey ?? config.address
    this.weight = config.weight
    this.fullWeight = config.weight
  }

  /** Whether `state` says something else than holds. */
  differs(state: EndpointState): boolean {
    return this.health !== state.health || this.movesBy(state)
  }

  /** Whether `state` makes it a member of another list, or one of another weight. */
  movesBy({ weight, priority, drain }: EndpointState): boolean {
    return this.priority !== priority || this.isDraining !== drain || this.fullWeight !== weight
  }

  /** Takes over what the control side says. */
  update({ weight, health, priority, drain }: EndpointState): void {
    if (this.fullWeight !== weight) this.weight = weight
    this.fullWeight = weight
    this.health = health
    this.priority = priority
    this.isDraining = drain
  }

  /** Ejected, and not yet back: it may be on trial. */
  get isOut(): boolean {
    return this.#isOut
  }

  /** When it was ejected last. */
  get ejectedMs(): number {
    return this.#ejectedMs
  }

  /** Takes no new streams, unless no other does either. */
  isEjected(nowMs: number): boolean {
    return this.#isOut && nowMs <= this.ejectedUntilMs
  }

  /** Until when it is ejected, where it is and nothing else happens. */
  get ejectedUntilMs(): number {
    return this.probes > 0 ? Number.POSITIVE_INFINITY : this.#checkedMs + this.config.failTimeoutMs
  }

  /** Streams that have picked it and are not over: of all threads, and of what it was before a reload. */
  get streamsOpen(): number {
    return this.#count.open
  }

  get isFull(): boolean {
    return this.config.maxStreams !== null && this.streamsOpen >= this.config.maxStreams
  }

  /** Counts one more stream. False: another thread has just taken the last place. */
  tryOpenStream(): boolean {
    return this.#count.tryAdd(this.config.maxStreams ?? Number.POSITIVE_INFINITY)
  }

  /** To be called once for each that was counted. */
  closeStream(): void {
    this.#count.subtract()
  }

  /** Chosen for a stream. True when that makes it unavailable for others: it is out, and this one tries it. */
  picked(nowMs: number): boolean {
    if (this.#isOut) this.#isOnTrial = true
    if (nowMs - this.#checkedMs <= this.config.failTimeoutMs) return false
    this.#checkedMs = nowMs
    return this.#isOut
  }

  /** A stream or a connection failed through its fault. True when that ejected it. */
  failed(nowMs: number, isByConnection: boolean): boolean {
    const { maxFails, failTimeoutMs } = this.config
    if (isByConnection) this.connectionsFailed++
    else this.streamsFailed++
    this.traffic[isByConnection ? Column.connectionsFailed : Column.streamsFailed]!++
    this.#outcomes.failed()
    this.#fails++
    this.#failedMs = nowMs
    this.#checkedMs = nowMs
    this.#isOnTrial = false
    this.#isByConnection = isByConnection
    if (this.#isOut || maxFails === 0 || this.#fails < maxFails) return false
    this.#isOut = true
    this.traffic[Column.ejections]!++
    this.#ejectedMs = nowMs
    this.#isHeld = nowMs - this.#provenMs <= failTimeoutMs
    return true
  }

  /** A stream was answered. True when that brought it back. A success in between does not undo failures that are fresh. */
  answered(): boolean {
    this.streamsAnswered++
    this.#outcomes.succeeded()
    this.#provenMs = NEVER
    if (!this.#isOnTrial && this.#failedMs >= this.#checkedMs) return false
    return this.#isBack()
  }

  /** A connection has exchanged SETTINGS and a PING with it. True when that brought it back. */
  proven(nowMs: number): boolean {
    if (!this.#isOut || !this.#isByConnection) return false
    if (this.#isHeld && nowMs - this.#ejectedMs <= this.config.failTimeoutMs) return false
    this.#provenMs = nowMs
    return this.#isBack()
  }

  #isBack(): boolean {
    const wasOut = this.#isOut
    this.#fails = 0
    this.#isOut = false
    this.#isOnTrial = false
    return wasOut
  }
}
