import { counterIds } from "../../base/counters.ts"
import { type Deadline, makeDeadline } from "../../base/timer-wheel.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import type { Connector } from "../../cluster/connectors.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool, Waiter } from "../../cluster/pool.ts"
import type { RetryCondition } from "../../config/model.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { AttemptRecord } from "../../record/record.ts"
import type { RelayContext } from "../context.ts"
import type { UpstreamConnection } from "../upstream/upstream.ts"

/** The stream that an attempt is made for. It is told one of the two, once, unless it gives up before. */
export interface AttemptOwner {
  /** How long it is willing to wait for a connection. */
  readonly connectTimeoutMs: number
  onConnected(connection: UpstreamConnection): void
  /** `condition`: as what another endpoint may be tried; null: none may. */
  onNotConnected(what: Failure, condition: RetryCondition | null): void
}

/**
 * One try of a stream at one endpoint: asks for a place on a connection to it, waits for one in time, holds it, and
 * gives it back once. It is its own record too, since every stream has one for as long as it lives.
 */
export class Attempt implements AttemptRecord, Waiter<UpstreamConnection> {
  readonly endpoint: Endpoint
  readonly startMs: number
  status = 0
  connectedMs = 0
  headersMs = 0
  endMs = 0
  octetsSent = 0
  octetsReceived = 0
  responseHeaders: HeaderList | null = null
  responseTrailers: HeaderList | null = null
  readonly #context: RelayContext
  readonly #owner: AttemptOwner
  readonly #cluster: Cluster<UpstreamConnection>
  #waitingAt: Pool<UpstreamConnection> | null = null
  #deadline: Deadline | null = null
  #lease: UpstreamConnection | null = null
  #isOver = false

  constructor(
    context: RelayContext,
    owner: AttemptOwner,
    cluster: Cluster<UpstreamConnection>,
    endpoint: Endpoint,
  ) {
    this.#context = context
    this.#owner = owner
    this.#cluster = cluster
    this.endpoint = endpoint
    this.startMs = this.#nowMs()
    endpoint.streamsOpen++
  }

  get address(): string {
    return this.endpoint.address
  }

  /** For people. */
  get where(): string {
    return `cluster ${this.#cluster.name}, endpoint ${this.address}`
  }

  get waitTimeoutMs(): number {
    return this.#owner.connectTimeoutMs
  }

  /** Asks for a slot. The owner may be told before this returns. */
  begin(connector: Connector<UpstreamConnection> | null): void {
    const pool = this.#cluster.pool(this.endpoint, connector)
    const lease = pool.tryLease()
    if (lease !== null) return this.onLease(lease)
    this.#waitingAt = pool
    const refusal = pool.wait(this)
    if (refusal?.isLimit === true) return this.#onRefused(refusal.reason)
    if (refusal !== null) return this.onNoLease(refusal.reason)
    const { pickQueueTimeoutMs } = this.#context.limits
    const isFull = pool.connections.some((connection) => connection.isReady)
    this.#deadline = makeDeadline(() => this.#onWaitedTooLong(pool))
    const waitMs = isFull ? Math.min(this.waitTimeoutMs, pickQueueTimeoutMs) : this.waitTimeoutMs
    this.#context.deadlines.set(this.#deadline, waitMs)
  }

  onLease(connection: UpstreamConnection): void {
    this.#waitNoMore()
    this.#lease = connection
    this.connectedMs = this.#nowMs()
    this.#owner.onConnected(connection)
  }

  onNoLease(reason: string): void {
    this.#waitNoMore()
    this.status = 502
    this.#cluster.outcomes.connectFailed(this.endpoint, reason)
    const message = `${this.where}: ${reason}`
    this.#owner.onNotConnected(failure("connect_failed", message, true), "error")
  }

  #onRefused(reason: string): void {
    this.#waitNoMore()
    this.#owner.onNotConnected(failure("pick_queue", `${this.where}: ${reason}`, true), null)
  }

  /**
   * What is wrong with sending `list` there: RFC 9113 §6.5.2. An endpoint may end the whole connection for what it does not
   * read, as Netty does, and with it the streams of everybody else.
   */
  headersProblem(list: HeaderList): Failure | null {
    const most = this.#lease!.http2.sender.peer.maxHeaderListSize
    if (list.octets <= most) return null
    const message = `${this.where}: takes header lists of ${most} octets, this one has ${list.octets}`
    return failure("headers_too_large", message, this.octetsSent === 0)
  }

  /** Its endpoint answered. */
  answered(): void {
    this.#cluster.outcomes.legAnswered(this.endpoint)
  }

  /** It failed through its endpoint's fault. */
  failed(reason: string): void {
    this.#cluster.outcomes.legEnded(this.endpoint, "endpoint", reason)
  }

  /** Gives back what it holds. What was told of it stays. */
  giveBack(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.endMs = this.#nowMs()
    this.endpoint.streamsOpen--
    this.#waitingAt?.abandon(this)
    this.#waitNoMore()
    const lease = this.#lease
    this.#lease = null
    lease?.release()
  }

  #waitNoMore(): void {
    this.#waitingAt = null
    if (this.#deadline !== null) this.#context.deadlines.cancel(this.#deadline)
    this.#deadline = null
  }

  #onWaitedTooLong(pool: Pool<UpstreamConnection>): void {
    this.#waitNoMore()
    pool.waitedTooLong(this)
    const cause = pool.failureSince(this.startMs)
    const because = cause === null ? "" : `; the last connection tried: ${cause}`
    if (pool.connections.some((connection) => connection.isReady)) {
      this.#context.counters.add(counterIds.pick_queue_timeout)
      const message = `${this.where}: pickQueueTimeoutMs: no stream became free in time${because}`
      return this.#owner.onNotConnected(failure("pick_queue", message, true), null)
    }
    this.status = 504
    const reason = `no connection within ${this.waitTimeoutMs} ms${because}`
    this.#cluster.outcomes.connectFailed(this.endpoint, reason)
    this.#owner.onNotConnected(failure("connect_timeout", `${this.where}: ${reason}`, true), "timeout")
  }

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#context.clock.now())
  }
}
