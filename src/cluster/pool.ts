import type { Clock, Timer } from "../base/clock.ts"
import type { Backoff } from "./backoff.ts"
import type { Breakers } from "./breakers.ts"

/** What the pool must know of an upstream connection; who makes one knows the rest. */
export interface PooledConnection {
  /** Leases out. The pool's own. */
  streamsOpen: number
  /** It can take a stream now or, while it connects, soon. */
  readonly isUsable: boolean
  /** The handshake is done: SETTINGS came. */
  readonly isReady: boolean
  /** How many streams it may carry at once, both ends' limits considered. */
  readonly capacity: number
  /** When it was begun, by the pool's clock. */
  readonly startedMs: number
  /** The endpoint has answered a stream on it. */
  readonly hasServed: boolean
  /** Send a PING, and tell `proven` when it is answered. False: the endpoint would not have one now. */
  prove(): boolean
  /** Take no more streams and end once the last is over. */
  retire(): void
}

/** A stream that waits for a slot. One of the two is called, once, unless it leaves before. */
export interface Waiter<C> {
  /** How long it is willing to wait for a connection. */
  readonly waitTimeoutMs: number
  onLease(connection: C): void
  /** `reason`: why no connection could be made. `isLimit`: through a limit of this process, not through the endpoint. */
  onNoLease(reason: string, isLimit: boolean): void
}

/** Why a stream may not even wait. */
export interface Refusal {
  readonly reason: string
  /** A limit of the pool's, named by `reason`; else the endpoint's fault. */
  readonly isLimit: boolean
}

export interface PoolOptions<C extends PooledConnection> {
  /** Starts a connection. Tell its fate by `settingsReceived`, `proven`, `connectFailed`, `lost`, `retired`. */
  connect(): C
  clock: Clock
  backoff: Backoff
  maxConnections: number
  /** Most connections that are being made at once. */
  maxOpening: number
  /** Most streams waiting here. */
  maxWaiting: number
  /** Bounds that all pools of the cluster share; null: none. */
  breakers: Breakers | null
  /** Connections without streams to keep; further ones are retired. */
  maxIdle: number
  onLimit(counter: string): void
  /** Every connection is in full use, and no more may be opened; or no longer so. */
  onSaturated(is: boolean): void
  /** A connection failed through the endpoint's fault, and no waiter was told that counts it. */
  onFailed(reason: string): void
  /** A connection made after one that failed has answered a PING. */
  onProven(): void
  /** A connection is being made to find out whether the endpoint is back; or no longer so. */
  onProbing(is: boolean): void
  /** Streams would use the endpoint if it were back. */
  hasDemand(): boolean
}

/**
 * The connections to one endpoint. Streams are packed onto as few as can carry them, since every connection costs
 * system calls. When all are full as many are opened, at once, as those that wait need: how many streams one carries is
 * known from the last that was ready. After one that failed, a single one is tried at a time, with a delay: streams that
 * have no other connection to wait for are told why at once, the others wait.
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
  /** How many streams a connection carries, as the last SETTINGS said; null: none came yet. */
  #knownCapacity: number | null = null
  /** A connection failed, and none has answered a PING or a stream since: one is made at a time. */
  #needsProof = false
  /** Connects, though no stream waits, until one has. */
  #isProbing = false
  /** The one that was sent the PING. */
  #prover: C | null = null
  #toldProbing = false
  /** To connect again once the backoff is over. Runs only while a stream waits, or a probe is wanted. */
  #timer: Timer | null = null
  #isClosing = false

  constructor(options: PoolOptions<C>) {
    this.#options = options
  }

  get waiting(): number {
    return this.#waiting.size
  }

  /** The longest that a waiting stream is willing to wait for a connection; 0 when none waits. */
  get waitTimeoutMs(): number {
    let longest = 0
    for (const { waitTimeoutMs } of this.#waiting) longest = Math.max(longest, waitTimeoutMs)
    return longest
  }

  /** Why a connection could not be made, where one was tried since then. */
  failureSince(ms: number): string | null {
    return this.#failure !== null && this.#failure.atMs >= ms ? this.#failure.reason : null
  }

  // ---- Streams ------------------------------------------------------------------------------------------------

  /** A slot, if there is one now. Give it back by `release`, exactly once. */
  tryLease(): C | null {
    const connection = this.#waiting.size === 0 ? this.#findAvailable() : null
    if (connection !== null) connection.streamsOpen++
    return connection
  }

  /** After `tryLease` gave null: waits for a slot; returns why it may not. Nothing is called back from within. */
  wait(waiter: Waiter<C>): Refusal | null {
    if (this.connections.length === 0 && this.#failure !== null && this.#isInBackoff())
      return { reason: this.#failure.reason, isLimit: this.#failure.isLimit }
    if (this.#waiting.size >= this.#options.maxWaiting) {
      this.#options.onLimit("pick_queue_full")
      const reason = `pickQueueMax: ${this.#waiting.size} streams are waiting already`
      return { reason, isLimit: true }
    }
    const refusal = this.#options.breakers?.tryWait() ?? null
    if (refusal !== null) return { reason: refusal, isLimit: true }
    this.#waiting.add(waiter)
    this.#connectAsNeeded()
    return null
  }

  /** The waiter no longer wants it. */
  abandon(waiter: Waiter<C>): void {
    this.#leaveQueue(waiter)
    if (this.#waiting.size === 0) this.#onNoneWaiting()
  }

  /** The waiter has waited as long as it would: `abandon`, and a connection that is not there by now counts as failing. */
  waitedTooLong(waiter: Waiter<C>): void {
    if (!this.connections.some(({ isReady }) => isReady)) this.#needsProof = true
    this.abandon(waiter)
  }

  release(connection: C): void {
    connection.streamsOpen--
    if (connection.hasServed && this.#options.backoff.served(connection.startedMs)) {
      this.#failure = null
      if (!this.#isProbing) this.#needsProof = false
    }
    this.#serve()
    if (connection.streamsOpen > 0 || !connection.isUsable) return
    const idle = this.connections.filter((one) => one.streamsOpen === 0 && one.isUsable)
    if (idle.length > this.#options.maxIdle) connection.retire()
  }

  // ---- Connections --------------------------------------------------------------------------------------------

  /** SETTINGS came: the first of a connection, which is ready now, or later ones. */
  settingsReceived(connection: C): void {
    this.#knownCapacity = connection.capacity
    // Only an endpoint that is out has to show more than that it speaks.
    if (!this.#isProbing) this.#needsProof = false
    else if (this.#prover === null && connection.isUsable && connection.prove()) {
      this.#prover = connection
      this.#tellProbing()
    }
    this.#serve()
  }

  /** A connection can take more streams. */
  changed(): void {
    this.#serve()
  }

  /** A connection has answered a PING. */
  proven(connection: C): void {
    if (connection !== this.#prover) return
    this.#prover = null
    this.#needsProof = false
    this.#options.backoff.up()
    this.endProbe()
    this.#options.onProven()
    this.#serve()
  }

  /** We want no more streams on a connection. */
  retired(connection: C): void {
    this.#remove(connection)
    this.#connectAsNeeded()
  }

  /** The endpoint wants no more streams on a connection (GOAWAY), or ended it. `fault`: why that is the endpoint's fault. */
  lost(connection: C, fault: string | null = null): void {
    if (this.#remove(connection) && !connection.hasServed) {
      this.#failure = null
      this.#needsProof = true
      this.#failed(connection)
    }
    if (fault !== null) {
      this.#needsProof = true
      this.#options.onFailed(fault)
    }
    this.#connectAsNeeded()
  }

  /**
   * A connection could not be made. Streams that only it could have served are told; with others left, they wait on.
   * `isLimit`: through a limit of this process, not through the endpoint.
   */
  connectFailed(connection: C, reason: string, isLimit = false): void {
    if (!this.#remove(connection)) return
    if (!isLimit) this.#needsProof = true
    this.#failure = { reason, atMs: this.#failed(connection), isLimit }
    const told = this.connections.length > 0 ? [] : [...this.#waiting]
    for (const waiter of told) this.#leaveQueue(waiter)
    // Each stream that is told counts, as in nginx.
    if (told.length === 0 && !isLimit) this.#options.onFailed(reason)
    for (const waiter of told) waiter.onNoLease(reason, isLimit)
    this.#connectAsNeeded()
    if (this.#waiting.size === 0) this.#onNoneWaiting()
  }

  /**
   * Connects until the endpoint has answered a PING, whether or not a stream waits. False: what failed was not a connection
   * of this pool, or it is closing.
   */
  probe(): boolean {
    if (this.#isClosing || !this.#needsProof) return false
    this.#isProbing = true
    this.#connectAsNeeded()
    this.#tellProbing()
    return this.#isProbing
  }

  endProbe(): void {
    this.#isProbing = false
    this.#tellProbing()
    if (this.#waiting.size === 0) this.#cancelTimer()
  }

  /** Retires every connection once those that wait have been served; streams under way may finish. */
  close(): void {
    this.#isClosing = true
    this.endProbe()
    this.#retireIfClosing()
  }

  // ---- Within -------------------------------------------------------------------------------------------------

  #leaveQueue(waiter: Waiter<C>): void {
    if (this.#waiting.delete(waiter)) this.#options.breakers?.doneWaiting()
  }

  #remove(connection: C): boolean {
    const at = this.connections.indexOf(connection)
    if (at >= 0) {
      this.connections.splice(at, 1)
      this.#options.breakers?.disconnected()
    }
    if (this.isSaturated) this.#saturated(false)
    if (connection === this.#prover) {
      this.#prover = null
      this.#tellProbing()
    }
    return at >= 0
  }

  #failed({ startedMs }: C): number {
    const nowMs = this.#options.clock.now()
    this.#options.backoff.failed(startedMs, nowMs)
    return nowMs
  }

  #onNoneWaiting(): void {
    if (!this.#isProbing) this.#cancelTimer()
    this.#retireIfClosing()
  }

  #cancelTimer(): void {
    this.#timer?.cancel()
    this.#timer = null
  }

  #retireIfClosing(): void {
    if (!this.#isClosing || this.#waiting.size > 0) return
    for (const connection of [...this.connections]) connection.retire()
  }

  #findAvailable(): C | null {
    for (const connection of this.connections)
      if (connection.isReady && connection.isUsable && connection.streamsOpen < connection.capacity)
        return connection
    return null
  }

  #serve(): void {
    for (const waiter of this.#waiting) {
      const connection = this.#findAvailable()
      if (connection === null) break
      connection.streamsOpen++
      this.#leaveQueue(waiter)
      waiter.onLease(connection)
    }
    this.#connectAsNeeded()
    if (this.#waiting.size > 0) return
    if (this.isSaturated && this.#findAvailable() !== null) this.#saturated(false)
    this.#onNoneWaiting()
  }

  /** Streams that give up waiting change nothing: those that come next would wait as long. */
  #saturated(is: boolean): void {
    this.isSaturated = is
    this.#options.onSaturated(is)
  }

  /** A dialling connection stands for the answer to whether the endpoint is back; one that was answered in part does not. */
  #tellProbing(): void {
    const is = this.#isProbing && this.#prover === null
    if (is === this.#toldProbing) return
    this.#toldProbing = is
    this.#options.onProbing(is)
  }

  /** Opens connections until those under way could carry every stream that waits. */
  #connectAsNeeded(): void {
    if (this.#waiting.size === 0 && !this.#isProbing) return
    const { maxConnections, maxOpening, onLimit } = this.#options
    let opening = 0
    let coming = 0
    for (const connection of this.connections) {
      // An endpoint that grants no stream at all would tell the next connection the same.
      if (connection.isReady) {
        if (connection.capacity === 0 && this.#knownCapacity === 0 && this.#waiting.size > 0)
          return this.#saturated(true)
      } else {
        opening++
        coming += this.#expectedCapacity(connection)
      }
    }
    while (coming < this.#waiting.size || this.#wantsProbe(opening)) {
      if (this.connections.length >= maxConnections) {
        if (this.#waiting.size === 0) return this.endProbe()
        onLimit("endpoint_connections_exceeded")
        return this.#saturated(true)
      }
      if (opening > 0 && this.#needsProof) return
      if (this.#waiting.size === 0 && !this.#options.hasDemand()) return this.endProbe()
      if (opening >= maxOpening) return onLimit("connections_opening_exceeded")
      if (this.#isInBackoff()) return this.#connectAfterBackoff()
      const refusal = this.#options.breakers?.tryConnect(this.connections.length === 0) ?? null
      if (refusal !== null) return this.#isBounded(refusal)
      const connection = this.#options.connect()
      this.connections.push(connection)
      opening++
      coming += this.#expectedCapacity(connection)
    }
  }

  /** The cluster may have no more connections: those that wait do so for a stream to end, and are told why. */
  #isBounded(reason: string): void {
    this.#failure = { reason, atMs: this.#options.clock.now(), isLimit: true }
    this.#saturated(true)
  }

  #wantsProbe(opening: number): boolean {
    return this.#isProbing && this.#needsProof && opening === 0 && this.#prover === null
  }

  #expectedCapacity({ capacity }: C): number {
    return Math.max(1, Math.min(capacity, this.#knownCapacity ?? capacity))
  }

  /** The last connection failed, too short a time ago. */
  #isInBackoff(): boolean {
    const { backoff, clock, onLimit } = this.#options
    if (backoff.leftMs(clock.now()) === 0) return false
    onLimit("reconnect_delayed")
    return true
  }

  #connectAfterBackoff(): void {
    const { backoff, clock } = this.#options
    this.#timer ??= clock.after(backoff.leftMs(clock.now()), () => {
      this.#timer = null
      this.#connectAsNeeded()
    })
  }
}
