import type { ToThread } from "../balancer/thread/contract.ts"
import type { EndpointMemory } from "../balancer/thread/shared-numbers.ts"
import type { ClusterState, EndpointState } from "../cluster/state.ts"

/** So many endpoints in one message, which a data thread reads in some 0.2 ms. */
const ENDPOINTS_PER_MESSAGE = 256

export interface StateSenderOptions {
  post(message: ToThread): void
  /** What holds now. */
  endpointsOf(cluster: string): readonly EndpointState[]
  memory(): EndpointMemory
}

/** A cluster whose state is on its way, as it was when that began. */
interface Sending {
  readonly name: string
  readonly version: number
  readonly endpoints: readonly EndpointState[]
  from: number
  /** It took the place of an older one that was not whole. None takes its place, or one that changes always would never be. */
  readonly hasOvertaken: boolean
}

/**
 * Brings cluster states to one data thread: one message at a time, the next when that is acknowledged. A thread that is slow
 * is told of the newest state alone, and one that is in the middle of a long state begins anew with the newest.
 */
export class StateSender {
  readonly #options: StateSenderOptions
  #latest: number
  /** Clusters whose state is to be sent, and the first version that the thread has not heard of. */
  readonly #changed = new Map<string, number>()
  #sending: Sending | null = null
  #isInFlight = false
  #isHeld = true

  /** `version`: of the states that the thread is started with. It is held until `resume`. */
  constructor(version: number, options: StateSenderOptions) {
    this.#latest = version
    this.#options = options
  }

  /** The newest version of which the thread has applied all. */
  get acknowledged(): number {
    const missing = [...this.#changed.values()]
    if (this.#sending !== null) missing.push(this.#sending.version)
    return Math.min(this.#latest, ...missing.map((version) => version - 1))
  }

  changed({ version, clusters }: ClusterState): void {
    this.#latest = version
    for (const { name } of clusters) if (!this.#changed.has(name)) this.#changed.set(name, version)
    this.#next()
  }

  /** The thread has taken in the last message. */
  applied(): void {
    this.#isInFlight = false
    if (this.#sending !== null && this.#sending.from >= this.#sending.endpoints.length) this.#sending = null
    this.#next()
  }

  /** A reload is under way: nothing is sent. */
  hold(): void {
    this.#isHeld = true
    if (this.#sending === null) return
    const { name, version } = this.#sending
    this.#sending = null
    this.#changed.set(name, Math.min(version, this.#changed.get(name) ?? version))
  }

  resume(): void {
    this.#isHeld = false
    this.#next()
  }

  /** A reload has brought all states of `version`. */
  reloaded(version: number): void {
    this.#latest = version
    this.#changed.clear()
  }

  #next(): void {
    if (this.#isHeld || this.#isInFlight) return
    this.#sending = this.#overtake() ?? this.#sending ?? this.#begin()
    if (this.#sending === null) return
    const { name, endpoints, from } = this.#sending
    this.#sending.from += ENDPOINTS_PER_MESSAGE
    this.#isInFlight = true
    const part = endpoints.slice(from, from + ENDPOINTS_PER_MESSAGE)
    this.#options.post({
      kind: "clusters",
      version: this.#sending.version,
      cluster: name,
      from,
      endpoints: part,
      isLast: from + part.length === endpoints.length,
      memory: this.#options.memory(),
    })
  }

  /** Null: what is being sent is the newest, or is to be finished. */
  #overtake(): Sending | null {
    if (this.#sending === null || this.#sending.hasOvertaken) return null
    const { name, version } = this.#sending
    if (!this.#changed.delete(name)) return null
    return { name, version, endpoints: this.#options.endpointsOf(name), from: 0, hasOvertaken: true }
  }

  #begin(): Sending | null {
    const [first] = this.#changed
    if (first === undefined) return null
    const [name, version] = first
    this.#changed.delete(name)
    return { name, version, endpoints: this.#options.endpointsOf(name), from: 0, hasOvertaken: false }
  }
}
