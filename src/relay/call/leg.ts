import { counterIds } from "../../base/counters.ts"
import { type Deadline, makeDeadline } from "../../base/timer-wheel.ts"
import type { Cluster } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { PickSubject } from "../../cluster/policies/policy.ts"
import type { Pool, Waiter } from "../../cluster/pool.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import type { Failure } from "../../record/failure.ts"
import type { AttemptRecord, StreamRecord } from "../../record/record.ts"
import type { Served } from "../overload/cut-calls.ts"
import type { TurnReason } from "../pacing/pacer.ts"
import type { Route } from "../route/route.ts"
import type { LegConnection, UpstreamStream } from "../upstream/leg-connection.ts"
import type { UpstreamStreamOwner } from "../upstream/stream-owner.ts"
import { deadlinePassed, isAtDeadline } from "./call-timer.ts"
import type { LegContext } from "./leg-context.ts"
import { COMPLETE, type LegEnd, legEndOf, legEndOfFailure, servedBy, statusOf } from "./leg-end.ts"
import { leaveStream, tellOutcome } from "./leg-outcome.ts"
import { endOfWait, longestWaitMs } from "./leg-wait.ts"
import { type DownstreamStream, isOver } from "./stream-owner.ts"

/** The call that a leg serves. Each event names its leg: a call listens to its present one only. */
export interface LegOwner extends PickSubject {
  readonly context: LegContext
  readonly route: Route
  readonly downstream: DownstreamStream
  readonly record: StreamRecord
  readonly bufferedOctets: number
  /** The leg holds a place on a connection: open its stream. */
  onLegReady(leg: Leg): void
  onLegInformational(leg: Leg, head: ResponseHead): void
  onLegHead(leg: Leg, head: ResponseHead, endStream: boolean): void
  onLegData(leg: Leg, octets: Buffer, start: number, end: number, endStream: boolean): void
  onLegTrailers(leg: Leg, list: HeaderList): void
  /** Request octets that had to wait were sent. */
  onLegSent(leg: Leg, octets: number): void
  /** The leg ended by itself, and holds nothing any more. May come before `begin` returns. */
  onLegEnd(leg: Leg, end: LegEnd): void
  fail(what: Failure): void
  /** What moves the call away from a leg by Sluice's own choice; null: nothing does. */
  readonly continuity: {
    move(leg: Leg, reason: TurnReason): boolean
    canMove(dwellMs: number): boolean
  } | null
  shed(what: Failure): void
}

/**
 * One upstream stream that serves a call: waits for a place on a connection to its endpoint, holds it, and gives it back
 * once. `end` is the only way out, and decides whose fault it was. (gRPC: call attempt; Envoy: UpstreamRequest; SIP: call
 * leg.) It is its own record too, since every call has one for as long as it lives.
 */
export class Leg implements AttemptRecord, Waiter<LegConnection>, UpstreamStreamOwner {
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
  /** Response octets that the client has taken: the endpoint has credit for them. */
  #octetsTaken = 0
  readonly #owner: LegOwner
  readonly #cluster: Cluster<LegConnection>
  /** Where it waits for a place, and for how long. */
  #wait: { readonly pool: Pool<LegConnection>; readonly deadline: Deadline } | null = null
  #lease: LegConnection | null = null
  #stream: UpstreamStream | null = null
  #ending: LegEnd | null = null

  constructor(owner: LegOwner, cluster: Cluster<LegConnection>, endpoint: Endpoint) {
    this.#owner = owner
    this.#cluster = cluster
    this.endpoint = endpoint
    this.startMs = this.#nowMs()
    cluster.times?.began(this, endpoint, this.startMs)
  }

  get address(): string {
    return this.endpoint.address
  }

  /** For logs and error messages. */
  get where(): string {
    return `cluster ${this.#cluster.name}, endpoint ${this.address}`
  }

  // ---- Its place on a connection --------------------------------------------------------------------------------

  /** How long it is willing to wait for a connection. */
  get waitTimeoutMs(): number {
    return this.#owner.route.settings.connectTimeoutMs
  }

  /** Asks for a place, now or after a while. The owner may be told before this returns. */
  begin(afterMs = 0): void {
    const pool = this.#cluster.pool(this.endpoint, this.#owner.route.connectorFor(this.#owner))
    const lease = afterMs > 0 ? null : pool.tryLease()
    if (lease === null) this.#waitFor(pool, afterMs)
    else this.onLease(lease)
  }

  #waitFor(pool: Pool<LegConnection>, afterMs: number): void {
    const refusal = afterMs > 0 ? null : pool.wait(this)
    if (refusal !== null) return this.onNoLease(refusal.reason, refusal.isLimit)
    const deadline = makeDeadline(() => (afterMs > 0 ? this.begin() : this.#onWaitedTooLong(pool)))
    this.#wait = { pool, deadline }
    const { limits, deadlines } = this.#owner.context
    deadlines.set(deadline, afterMs > 0 ? afterMs : longestWaitMs(pool, this.waitTimeoutMs, limits))
  }

  onLease(connection: LegConnection): void {
    this.#stopWaiting()
    this.#lease = connection
    this.connectedMs = this.#nowMs()
    this.#owner.onLegReady(this)
  }

  onNoLease(reason: string, isLimit: boolean): void {
    this.#stopWaiting()
    this.#over(isLimit ? { kind: "no_slot", reason } : { kind: "not_connected", isTimeout: false, reason })
  }

  #onWaitedTooLong(pool: Pool<LegConnection>): void {
    pool.waitedTooLong(this)
    const end = endOfWait(pool, this.startMs, this.waitTimeoutMs)
    if (end.kind === "no_slot") this.#owner.context.counters.add(counterIds.pick_queue_timeout)
    this.#over(end)
  }

  #stopWaiting(): void {
    if (this.#wait !== null) this.#owner.context.deadlines.cancel(this.#wait.deadline)
    this.#wait = null
  }

  // ---- Its stream -----------------------------------------------------------------------------------------------

  /** Opens the stream on the connection that it has a place on. */
  open(list: HeaderList, endStream: boolean, isHead: boolean): UpstreamStream {
    this.#stream = this.#lease!.open(list, endStream, isHead, this)
    return this.#stream
  }

  /** Largest header list that the endpoint takes, in octets: RFC 9113 §6.5.2. */
  get headerListMax(): number {
    return this.#lease!.headerListMax
  }

  /** Its stream, while it is open. */
  get upstream(): UpstreamStream | null {
    return this.isOver ? null : this.#stream
  }

  /** Request octets that wait for the endpoint. */
  get queuedOctets(): number {
    return this.#stream === null ? 0 : this.#stream.queuedOctets
  }

  /** Its head is the answer: the endpoint works. */
  accepted(): void {
    const { outcomes, times } = this.#cluster
    outcomes.legAnswered(this.endpoint)
    if (times?.until === "header_time") times.answered(this, this.headersMs)
  }

  /** The client took octets of its response: the endpoint gets credit for as many. */
  consume(octets: number): void {
    this.#octetsTaken += octets
    this.#stream?.consume(octets)
  }

  /** Response octets that the client has not taken. */
  get octetsWaiting(): number {
    return this.octetsReceived - this.#octetsTaken
  }

  onInformational(head: ResponseHead): void {
    this.#owner.onLegInformational(this, head)
  }

  onResponse(head: ResponseHead, endStream: boolean): void {
    this.status = head.status
    this.headersMs = this.#nowMs()
    this.responseHeaders = head.list
    this.#owner.onLegHead(this, head, endStream)
  }

  onResponseData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    this.octetsReceived += end - start
    this.#owner.onLegData(this, octets, start, end, endStream)
  }

  onResponseTrailers(list: HeaderList): void {
    this.responseTrailers = list
    this.#owner.onLegTrailers(this, list)
  }

  onUpstreamSent(octets: number): void {
    this.#owner.onLegSent(this, octets)
  }

  /** After END_STREAM a reset, or the loss of the connection, takes nothing from the answer. */
  onUpstreamReset(end: StreamEnd): void {
    if (this.#stream!.remoteEnded) return this.#over(COMPLETE)
    const isCancelled = end.origin === "peer" && end.code === ErrorCode.CANCEL
    // Endpoints keep the deadline too, and may be the first to cancel.
    if (isCancelled && isAtDeadline(this.record, this.#nowMs()))
      return this.#over(legEndOfFailure(deadlinePassed(this.record)))
    this.#over(legEndOf(end, this.responseHeaders !== null, this.#lease!.isLeaving))
  }

  // ---- Its end --------------------------------------------------------------------------------------------------

  /** The only way out: gives back what it holds, and counts a failure of the endpoint's. What was noted of it stays. */
  end(end: LegEnd): void {
    if (this.#ending !== null) return
    this.#ending = end
    this.#owner.context.pacer.forget(this)
    this.endMs = this.#nowMs()
    this.status ||= statusOf(end)
    this.#cluster.leave(this.endpoint, this)
    this.#wait?.pool.abandon(this)
    this.#stopWaiting()
    const lease = this.#lease
    this.#lease = null
    tellOutcome(this.#cluster, this, end, this.#owner.downstream, this.#stream !== null)
    const stream = this.#stream
    if (stream !== null && !isOver(stream)) leaveStream(stream, end, this.record)
    lease?.release()
    this.#cluster.queue?.serveSoon()
  }

  get isOver(): boolean {
    return this.#ending !== null
  }

  /** What its call has come to, for what the client may cost its endpoints. */
  get served(): Served {
    return this.#stream === null ? "otherwise" : servedBy(this.#ending)
  }

  #over(end: LegEnd): void {
    this.end(end)
    this.#owner.onLegEnd(this, end)
  }

  get record(): StreamRecord {
    return this.#owner.record
  }

  render(template: string): string {
    return this.#owner.render(template)
  }

  // ---- MovableStream ----------------------------------------------------------------------------------------------

  get paceClient(): object {
    return this.record.connection
  }

  get paceEndpoint(): object {
    return this.endpoint
  }

  onTurn(reason: TurnReason): void {
    const mayMove = !this.isOver && reason.isEnd !== true
    if (mayMove && this.#owner.continuity?.move(this, reason) === true) return
    if (reason.move !== undefined) reason.move.over()
    else if (!this.isOver) this.#owner.fail(reason.what)
  }

  canMove(dwellMs: number): boolean {
    return !this.isOver && this.#owner.continuity?.canMove(dwellMs) === true
  }

  // ---- BufferingStream ------------------------------------------------------------------------------------------

  get endpointAddress(): string {
    return this.address
  }

  get bufferedOctets(): number {
    return this.#owner.bufferedOctets
  }

  shed(what: Failure): void {
    this.#owner.shed(what)
  }

  /** Whole milliseconds: a fraction would cost an object wherever it is kept. */
  #nowMs(): number {
    return Math.floor(this.#owner.context.clock.now())
  }
}
