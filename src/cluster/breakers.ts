import type { CounterName } from "../base/counters.ts"
import type { ClusterConfig } from "../config/model.ts"
import type { StreamCount } from "./counts.ts"

/** What a cluster may bound; the order is that of its counts. */
export const BOUNDS = ["streams", "waitingStreams", "connections", "retries"] as const
type Bound = (typeof BOUNDS)[number]

const COUNTERS: Readonly<Record<Bound, CounterName>> = {
  streams: "cluster_streams_exceeded",
  waitingStreams: "cluster_waiting_streams_exceeded",
  connections: "cluster_connections_exceeded",
  retries: "cluster_retries_exceeded",
}

export interface BreakersOptions {
  readonly limits: ClusterConfig["limits"]
  /** One for each of `BOUNDS`, over all data threads. */
  readonly counts: readonly StreamCount[]
  onLimit(counter: CounterName): void
}

/**
 * The bounds of a cluster, where it has any, over all data threads: circuit breakers. What is over a bound is refused by its
 * name; nothing that lives is ever ended.
 * Source: Envoy, `circuit_breakers`; none has a default here, since 1,024 streams end many a day of chats.
 */
export class Breakers {
  readonly #options: BreakersOptions
  /** Legs that are retries. */
  readonly #retries = new Set<object>()

  constructor(options: BreakersOptions) {
    this.#options = options
  }

  /** One more stream; else why not. `isLive`: it goes on, and is never refused. Each is to be given back by `leave`. */
  enter(isLive: boolean): string | null {
    return this.#take("streams", isLive)
  }

  leave(leg: object): void {
    this.#give("streams")
    if (this.#retries.delete(leg)) this.#give("retries")
  }

  /** Whether a stream may be tried once more now. */
  get hasRetryLeft(): boolean {
    const most = this.#options.limits.retries
    return most === null || this.#count("retries").open < most
  }

  /** `leg` is a retry, until `leave`. */
  retries(leg: object): void {
    if (this.#options.limits.retries === null) return
    // Another thread may have taken the last one meanwhile: one too many does no harm.
    this.#count("retries").tryAdd(Number.POSITIVE_INFINITY)
    this.#retries.add(leg)
  }

  /** One more stream waits for a connection; else why it may not. */
  tryWait(): string | null {
    return this.#take("waitingStreams")
  }

  doneWaiting(): void {
    this.#give("waitingStreams")
  }

  /** One more connection; else why not. `isFirst`: an endpoint without any is always let have one, as in Envoy. */
  tryConnect(isFirst: boolean): string | null {
    return this.#take("connections", isFirst)
  }

  disconnected(): void {
    this.#give("connections")
  }

  #count(bound: Bound): StreamCount {
    return this.#options.counts[BOUNDS.indexOf(bound)]!
  }

  #take(bound: Bound, isFree = false): string | null {
    const most = this.#options.limits[bound]
    if (most === null || this.#count(bound).tryAdd(isFree ? Number.POSITIVE_INFINITY : most)) return null
    this.#options.onLimit(COUNTERS[bound])
    return `limits.${bound}: ${most} are there already`
  }

  #give(bound: Bound): void {
    if (this.#options.limits[bound] !== null) this.#count(bound).subtract()
  }
}

/** Null: the cluster has no bounds. */
export function makeBreakers(
  { name, limits }: ClusterConfig,
  countsOf: (name: string) => readonly StreamCount[],
  onLimit: BreakersOptions["onLimit"],
): Breakers | null {
  if (BOUNDS.every((bound) => limits[bound] === null)) return null
  return new Breakers({ limits, counts: countsOf(name), onLimit })
}
