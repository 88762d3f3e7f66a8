import type { Socket } from "node:net"
import { type Deadline, makeDeadline } from "../base/timer-wheel.ts"
import type { Cluster, Snapshot } from "../cluster/cluster.ts"
import type { Endpoint } from "../cluster/endpoint.ts"
import type { PickSubject } from "../cluster/policies/policy.ts"
import { Column } from "../cluster/traffic.ts"
import type { ResponseMeasure } from "../config/model.ts"
import type { TlsUpstream } from "../net/tls-upstream.ts"
import { type Failure, failure } from "../record/failure.ts"
import type { AttemptRecord } from "../record/record.ts"
import type { NewStreamRecord } from "../record/stream-record.ts"
import type { LegConnection } from "../relay/upstream/leg-connection.ts"
import { type ConnectFailure, EndpointConnection } from "./endpoint-connection.ts"
import type { SessionSettings } from "./session-settings.ts"
import type { TcpContext } from "./tcp-context.ts"

export interface EndpointLegsOptions {
  readonly context: TcpContext
  readonly cluster: Cluster<LegConnection>
  readonly settings: SessionSettings
  readonly tls: TlsUpstream | null
  readonly record: NewStreamRecord
  /** For policies that pick by a key. */
  readonly subject: PickSubject
  /** What each endpoint is sent first. */
  readonly header: Buffer | null
  onConnected(socket: Socket): void
  /** No endpoint took the session. */
  onFailed(what: Failure): void
}

/** The endpoints that a session is tried at, one after the other, until one has accepted it. */
export class EndpointLegs {
  readonly #options: EndpointLegsOptions
  readonly #snapshot: Snapshot
  readonly #startMs: number
  readonly #deadline: Deadline
  readonly #tried: Endpoint[] = []
  #endpoint: Endpoint | null = null
  #attempt: AttemptRecord | null = null
  #connection: EndpointConnection | null = null
  #hasEntered = false

  constructor(options: EndpointLegsOptions) {
    this.#options = options
    this.#snapshot = options.cluster.snapshot
    this.#startMs = options.context.clock.now()
    this.#deadline = makeDeadline(() => this.#timedOut())
  }

  /** The last one; null: none was picked. */
  get endpoint(): Endpoint | null {
    return this.#endpoint
  }

  get isConnecting(): boolean {
    return this.#connection !== null
  }

  begin(): void {
    const reason = this.#options.cluster.breakers?.enter(false) ?? null
    if (reason !== null)
      return this.#options.onFailed(failure("pick_queue", `cluster ${this.#options.cluster.name}: ${reason}`))
    this.#hasEntered = true
    this.#next("")
  }

  /** The session is over. `octets`: what the endpoint was sent, and has sent. */
  close(sent: number, received: number): void {
    this.#connection?.giveUp()
    this.#connection = null
    this.#options.context.deadlines.cancel(this.#deadline)
    if (this.#hasEntered) this.#options.cluster.breakers?.leave(this)
    this.#hasEntered = false
    const attempt = this.#attempt
    if (attempt === null || this.#endpoint === null) return
    const { traffic } = this.#endpoint
    traffic[Column.requestOctets]! += sent
    traffic[Column.responseOctets]! += received
    attempt.octetsSent = sent + (this.#options.header?.length ?? 0)
    attempt.octetsReceived = received
    if (received > 0) this.#took("last_byte_time")
    this.#endAttempt()
  }

  /** The first octets of the endpoint have come. */
  answered(nowMs: number): void {
    if (this.#attempt === null) return
    this.#attempt.headersMs = Math.floor(nowMs)
    this.#took("header_time")
  }

  #took(until: ResponseMeasure): void {
    const { times } = this.#options.cluster
    if (times?.until === until) times.answered(this.#attempt!, this.#options.context.clock.now())
  }

  #next(reason: string): void {
    const { cluster, context, record, subject, settings, tls, header } = this.#options
    const tried = this.#tried.length === 0 ? null : this.#tried
    const endpoint = cluster.pick(this.#snapshot, tried, subject)
    if (endpoint === undefined) {
      const why = reason === "" ? "no endpoint is available" : reason
      return this.#options.onFailed(failure("no_endpoint", `cluster ${cluster.name}: ${why}`))
    }
    endpoint.traffic[Column.picks]!++
    if (tried !== null) endpoint.traffic[Column.retries]!++
    this.#endpoint = endpoint
    const attempt = newAttempt(endpoint.address, context.clock.now())
    this.#attempt = attempt
    record.addAttempt(attempt)
    cluster.times?.began(attempt, endpoint, context.clock.now())
    context.deadlines.set(this.#deadline, settings.connectTimeoutMs)
    this.#connection = new EndpointConnection({
      endpoint,
      tls,
      header,
      serverName: settings.serverName,
      bindAddress: settings.bindAddress,
      socketKeepalive: settings.socketKeepalive,
      noDelay: settings.noDelay,
      onConnected: (socket) => this.#connected(socket, endpoint, attempt),
      onFailed: (what) => this.#failed(what),
    })
  }

  #connected(socket: Socket, endpoint: Endpoint, attempt: AttemptRecord): void {
    const { context, cluster, onConnected } = this.#options
    this.#connection = null
    context.deadlines.cancel(this.#deadline)
    attempt.connectedMs = Math.floor(context.clock.now())
    this.#took("connect_time")
    cluster.outcomes.legAnswered(endpoint)
    onConnected(socket)
  }

  #timedOut(): void {
    const { connectTimeoutMs } = this.#options.settings
    this.#connection?.giveUp()
    this.#failed({ reason: `no connection within ${connectTimeoutMs} ms`, isOurs: false })
  }

  #failed({ reason, isOurs }: ConnectFailure): void {
    const { context, cluster, settings, onFailed } = this.#options
    const endpoint = this.#endpoint!
    this.#connection = null
    context.deadlines.cancel(this.#deadline)
    this.#endAttempt()
    const said = `cluster ${cluster.name}, endpoint ${endpoint.address}: ${reason}`
    if (isOurs) {
      const rest = context.descriptors.refused({ endpoint: endpoint.address })
      return onFailed(failure("internal", `${said}${rest}`))
    }
    cluster.outcomes.connectFailed(endpoint, reason)
    this.#tried.push(endpoint)
    const { isOn, tries, timeoutMs } = settings.retry
    const isLate = timeoutMs !== null && context.clock.now() - this.#startMs >= timeoutMs
    if (!isOn || isLate || (tries !== null && this.#tried.length >= tries))
      return onFailed(failure("connect_failed", said))
    this.#next(`endpoint ${endpoint.address}: ${reason}`)
  }

  /** Gives the endpoint's place back, once. */
  #endAttempt(): void {
    if (this.#attempt === null) return
    this.#attempt.endMs = Math.floor(this.#options.context.clock.now())
    this.#options.cluster.times?.ended(this.#attempt)
    this.#attempt = null
    this.#endpoint!.closeStream()
  }
}

function newAttempt(address: string, nowMs: number): AttemptRecord {
  return {
    address,
    status: 0,
    startMs: Math.floor(nowMs),
    connectedMs: 0,
    headersMs: 0,
    endMs: 0,
    octetsSent: 0,
    octetsReceived: 0,
    responseHeaders: null,
    responseTrailers: null,
  }
}
