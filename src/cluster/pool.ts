import type { Clock, Timer } from "../base/clock.ts"
import type { Backoff } from "./backoff.ts"

/** What the pool must know of an upstream connection; who makes one knows the rest. */
export interface PooledConnection {
  /** Leases out. The pool's own. */
  streamsOpen: number
  /** It can take a stream now or, while it connects, soon. */
  readonly isUsable: boolean
  /** The handshake is done. */
  readonly isReady: boolean
  /** How many streams it may carry at once, both ends' limits considered. */
  readonly capacity: number
  /** When it was begun, by the pool's clock. */
  readonly startedMs: number
  /** The endpoint has answered a stream on it. */
  readonly hasServed: boolean
  /** Take no more streams and end once the last is over. */
  retire(): void
}

/** A stream that wants a slot. One of the two is called, once, possibly from within `acquire`. */
export interface Waiter<C> {
  /** How long it is willing to wait for a connection. */
  readonly patienceMs: number
  onLease(connection: C): void
  /** `reason` names the address and the cause. */
  onNoLease(reason: string, isLimit: boolean): void
}

export interface PoolOptions<C extends PooledConnection> {
  /** Starts a connection. Tell its fate by `changed`, `connectFailed`, `lost`, `retired`. */
  connect(): C
  clock: Clock
  backoff: Backoff
  maxConnections: number
  /** Most streams waiting here. */
  maxWaiting: number
  /** Connections without streams to keep; further ones are retired. */
  maxIdle: number
  onLimit(counter: string): void
  /** Every connection is in full use, and no more may be opened; or no longer so. */
  onSaturated(is: boolean): void
}

/**
 * The connections to one endpoint. Streams are packed onto as few as can carry them, since every connection costs
 * system calls; another is opened when all are full. After one that came to nothing the next is put off: whoever has no
 * other to hope for is told why at once, the others wait.
 */
export class Pool<C extends PooledConnection> {
  readonly connections: C[] = []
  /** Every connection is in full use, and no more may be opened. */
  isSaturated = false
  readonly #options: PoolOptions<C>
  /** In the order in which they came. */
  readonly #waiting = new Set<Waiter<C>>()
  /** Of the last connection that could not be made; null once a later one came up. */
  #failure: { readonly reason: string; readonly atMs: number; readonly isLimit: boolean } | null = null
  /** To connect again for those that wait. Runs only while somebody does. */
  #timer: Timer | null = null
  #isClosing = false

  constructor(options: PoolOptions<C>) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** The longest that anybody who waits is willing to wait for a connection; 0 when nobody does. */
  get patienceMs(): number {
    let longest = 0
    for (const { patienceMs } of this.#waiting) longest = Math.max(longest, patienceMs)
    return longest
  }

  /** Why a connection could not be made, where one was tried since then. */
  failureSince(ms: number): string | null {
    return this.#failure !== null && this.#failure.atMs >= ms ? this.#failure.reason : null
  }

  /** Gives `waiter` a slot now, or when one is there. Give it back by `release`, exactly once. */
  acquire(waiter: Waiter<C>): void {
    const connection = this.#waiting.size === 0 ? this.#withRoom() : undefined
    if (connection !== undefined) {
      connection.streamsOpen++
      waiter.onLease(connection)
      return this.#retireIfClosing()
    }
    if (this.connections.length === 0 && this.#failure !== null && this.#isPutOff()) {
      waiter.onNoLease(this.#failure.reason, this.#failure.isLimit)
      return
    }
    if (this.#waiting.size >= this.#options.maxWaiting) {
      this.#options.onLimit("pick_queue_full")
      waiter.onNoLease(`pickQueueMax: ${this.#waiting.size} streams are waiting already`, true)
      return
    }
    this.#waiting.add(waiter)
    this.#connectIfNeeded()
  }

  /** The waiter no longer wants it. */
  abandon(waiter: Waiter<C>): void {
    this.#waiting.delete(waiter)
    if (this.#waiting.size === 0) this.#nobodyWaits()
  }

  release(connection: C): void {
    connection.streamsOpen--
    if (connection.hasServed && this.#options.backoff.served(connection.startedMs)) this.#failure = null
    this.#serve()
    if (connection.streamsOpen > 0 || !connection.isUsable) return
    const idle = this.connections.filter((one) => one.streamsOpen === 0 && one.isUsable)
    if (idle.length > this.#options.maxIdle) connection.retire()
  }

  /** A connection became ready, or may now carry more. */
  changed(): void {
    this.#serve()
  }

  /** We want no more streams on a connection. */
  retired(connection: C): void {
    this.#remove(connection)
    if (this.#waiting.size > 0) this.#connectIfNeeded()
  }

  /** The endpoint wants no more streams on a connection (GOAWAY), or ended it. */
  lost(connection: C): void {
    if (this.#remove(connection) && !connection.hasServed) {
      this.#failure = null
      this.#failed(connection)
    }
    if (this.#waiting.size > 0) this.#connectIfNeeded()
  }

  /**
   * A connection could not be made. Those that only it could have served are told; with others left, they wait on, and false
   * is returned. `isLimit`: through a limit of this process, not through the endpoint.
   */
  connectFailed(connection: C, reason: string, isLimit = false): boolean {
    if (!this.#remove(connection)) return false
    this.#failure = { reason, atMs: this.#failed(connection), isLimit }
    if (this.connections.length > 0) {
      if (this.#waiting.size > 0) this.#connectIfNeeded()
      return false
    }
    const told = [...this.#waiting]
    this.#waiting.clear()
    for (const waiter of told) waiter.onNoLease(reason, isLimit)
    if (this.#waiting.size === 0) this.#nobodyWaits()
    return true
  }

  #remove(connection: C): boolean {
    const at = this.connections.indexOf(connection)
    if (at >= 0) this.connections.splice(at, 1)
    if (this.isSaturated) this.#saturated(false)
    return at >= 0
  }

  #failed({ startedMs }: C): number {
    const nowMs = this.#options.clock.now()
    this.#options.backoff.failed(startedMs, nowMs)
    return nowMs
  }

  /** Retires every connection once those that wait have been served; streams under way may finish. */
  close(): void {
    this.#isClosing = true
    this.#retireIfClosing()
  }

  #nobodyWaits(): void {
    this.#timer?.cancel()
    this.#timer = null
    this.#retireIfClosing()
  }

  #retireIfClosing(): void {
    if (!this.#isClosing || this.#waiting.size > 0) return
    for (const connection of [...this.connections]) connection.retire()
  }

  #withRoom(): C | undefined {
    for (const connection of this.connections)
      if (connection.isReady && connection.isUsable && connection.streamsOpen < connection.capacity)
        return connection
    return undefined
  }

  #serve(): void {
    for (const waiter of this.#waiting) {
      const connection = this.#withRoom()
      if (connection === undefined) break
      connection.streamsOpen++
      this.#waiting.delete(waiter)
      waiter.onLease(connection)
    }
    if (this.#waiting.size > 0) this.#connectIfNeeded()
    else {
      if (this.isSaturated && this.#withRoom() !== undefined) this.#saturated(false)
      this.#nobodyWaits()
    }
  }

  /** Streams that give up waiting change nothing: those that come next would wait as long. */
  #saturated(is: boolean): void {
    this.isSaturated = is
    this.#options.onSaturated(is)
  }

  /** Opens connections until those under way could carry everyone who waits. */
  #connectIfNeeded(): void {
    let coming = 0
    for (const connection of this.connections) {
      // An endpoint that grants no stream at all would tell the next connection the same.
      if (connection.isReady && connection.capacity === 0) return this.#saturated(true)
      if (!connection.isReady) coming += Math.max(1, connection.capacity)
    }
    while (coming < this.#waiting.size) {
      if (this.connections.length >= this.#options.maxConnections) {
        this.#options.onLimit("endpoint_connections_exceeded")
        return this.#saturated(true)
      }
      if (this.#isPutOff()) return this.#connectLater()
      const connection = this.#options.connect()
      this.connections.push(connection)
      coming += Math.max(1, connection.capacity)
    }
  }

  /** The last connection came to nothing, too short a time ago. */
  #isPutOff(): boolean {
    const { backoff, clock, onLimit } = this.#options
    if (backoff.leftMs(clock.now()) === 0) return false
    onLimit("reconnect_delayed")
    return true
  }

  #connectLater(): void {
    const { backoff, clock } = this.#options
    this.#timer ??= clock.after(backoff.leftMs(clock.now()), () => {
      this.#timer = null
      if (this.#waiting.size > 0) this.#connectIfNeeded()
    })
  }
}
