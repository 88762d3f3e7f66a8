import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import { isGrpcContentType } from "../../grpc/status.ts"
import { ErrorCode } from "../../http2/error-code.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { Failure, FailureKind } from "../../record/failure.ts"
import type { AttemptRecord, ConnectionRecord } from "../../record/record.ts"
import { RequestState } from "../../record/request-state.ts"
import { spansOf } from "../../record/span.ts"
import { NewStreamRecord } from "../../record/stream-record.ts"
import type { StreamTrace } from "../../record/trace.ts"
import { errorPageOf, noteError, pageStatusOf } from "../route/error-page.ts"
import { withChanges } from "../route/head-changes.ts"
import { leave } from "../route/phases.ts"
import type { Route } from "../route/route.ts"
import {
  type PhasesOutcome,
  type RunningCall,
  resumePhases,
  runPhases,
  type WaitingPhases,
} from "../route/run-phases.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { CallContext } from "./call-context.ts"
import { ClientResponse, type RespondingCall } from "./client-response.ts"
import type { Leg } from "./leg.ts"
import type { Reply } from "./local-reply.ts"
import type { MessageScanners } from "./messages.ts"
import { beginRecords, type PeriodicRecords } from "./periodic-records.ts"
import type { QueuedCall } from "./queued-call.ts"
import { RatedAnswer } from "./rated-answer.ts"
import { RatedClient } from "./rated-client.ts"
import { reportCall } from "./report.ts"
import { Stalls } from "./stalls.ts"
import type { DownstreamStream, WaitsFor } from "./stream-owner.ts"
import { TrailedAnswer } from "./trailed-answer.ts"
import { waitsFor } from "./waits-for.ts"

/**
 * What a call is to its route, before it is admitted and when it is over: the phases let it pass or answer it, get back
 * what they took, and its record is reported. What lies between, the legs, is `Call`.
 */
export abstract class RoutedCall implements RunningCall, RespondingCall {
  readonly context: CallContext
  downstream: DownstreamStream
  /** The one it came to; its phases may have sent it on from there. */
  route: Route
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  cluster: Cluster<LegConnection> | null = null
  /** Null for a call that a phase answers; with it the call counts as admitted. */
  snapshot: Snapshot | null = null
  protected readonly response: ClientResponse
  /** The present leg, or the last one. */
  leg: Leg | null = null
  /** How often the page of an error has sent it on, and how many attempts there had been. */
  protected pages = 0
  attemptsBefore = 0
  queued: QueuedCall | null = null
  /** Its client's stream, where its route says how fast that may send; null otherwise. */
  protected rated: RatedClient | null = null
  /** The same, where its route says how fast backends may. */
  protected ratedAnswer: RatedAnswer | null = null
  /** Its client's stream adds trailers, perhaps beneath what keeps to a rate. */
  #isTrailed = false
  scanners: MessageScanners | null = null
  /** What phases have taken and must give back; null: nothing. */
  #atEnd: (() => void)[] | null = null
  /** A phase that waits; null: none does. */
  #waiting: WaitingPhases | null = null
  /** The meter of the present route has been told that it is there. */
  #isMetered = false
  #records: PeriodicRecords | null = null
  /** What it waits for; null: it never has, or stalls are not counted. */
  #stalls: Stalls | null = null

  constructor(
    context: CallContext,
    connection: ConnectionRecord,
    downstream: DownstreamStream,
    head: RequestHead,
    route: Route,
    isGrpc = isGrpcContentType(head.list.get("content-type")),
  ) {
    this.context = context
    this.downstream = downstream
    this.route = route
    this.isGrpc = isGrpc
    this.record = new NewStreamRecord(connection, head, route.serverName, Math.floor(context.clock.now()))
    // All that asks for its path has it from there.
    if (route.host.keepsSlashes) this.record.state = new RequestState(head.path, undefined, true)
    this.response = new ClientResponse(this)
  }

  start(): void {
    this.response.holdHeaders()
    // 1. The first phase that does not let the call pass has the last word.
    runPhases(this, this.context)
  }

  onPhasesWait(waiting: WaitingPhases): void {
    this.#waiting = waiting
  }

  /**
   * nginx's `error_page`: where the route has one for it, and the client has been told nothing, the call goes on there, as one
   * that has no leg yet.
   */
  protected goesToErrorPage(what: Reply & { readonly kind?: FailureKind }): boolean {
    const { response, downstream, route, record } = this
    if (route.errorPages.size === 0 || response.isHeadSent || downstream.isClosed || downstream.localEnded)
      return false
    const status = pageStatusOf(what)
    const page = status === 0 ? null : errorPageOf(this, this.context, status)
    if (page === null) return false
    noteError(record, what)
    this.queued?.leave()
    this.forgetLegs()
    this.#leaveMeter({ status, grpcStatus: -1 })
    this.#waiting?.cancel()
    this.#waiting = null
    if (this.snapshot !== null) leave(record, this.context, this.leg?.served ?? "otherwise")
    this.snapshot = null
    this.cluster = null
    this.leg = null
    this.attemptsBefore = record.attemptCount
    this.pages++
    resumePhases(this, this.context, page)
    return true
  }

  /** One whose phases have not ended has come to no route until now. */
  #leaveMeter(end: Pick<NewStreamRecord, "status" | "grpcStatus">): void {
    const { meter } = this.route
    if (!this.#isMetered) meter?.began()
    this.#isMetered = false
    this.#stalls?.end(meter, this.context.ticks.ticks)
    meter?.ended(end)
  }

  /** The call begins anew. Its leg, if it has one, has ended. */
  protected abstract forgetLegs(): void

  onPhasesEnd(outcome: PhasesOutcome): void {
    this.#waiting = null
    this.route.meter?.began()
    this.#isMetered = true
    if (this.route.addedTrailers !== null && !this.#isTrailed) {
      this.#isTrailed = true
      this.downstream = new TrailedAnswer(this.downstream, this)
    }
    if (outcome === null) {
      if (this.record.connection.isHalfClosed === true) return this.#giveUp()
      this.#rate()
      return this.onAdmitted()
    }
    if (outcome.kind !== "content" && outcome.kind !== "return") return this.fail(outcome)
    if (outcome.kind === "return") this.response.return(outcome)
    else this.response.answer(outcome)
    this.settle()
  }

  /** As nginx has it: its client ended its side before a backend was asked, and is taken for gone. */
  #giveUp(): void {
    this.record.status = 499
    this.downstream.reset(ErrorCode.CANCEL)
    this.settle()
  }

  #rate(): void {
    const { messageRates } = this.route
    if (messageRates === null || this.rated !== null || this.ratedAnswer !== null) return
    const { record, context } = this
    const ofBackend = messageRates.open("backend", record, context.env)
    if (ofBackend !== null) {
      this.ratedAnswer = new RatedAnswer(this.downstream, this, ofBackend)
      this.downstream = this.ratedAnswer
    }
    const ofClient = messageRates.open("client", record, context.env)
    if (ofClient === null) return
    this.rated = new RatedClient(this.downstream, this, ofClient, this.scanners?.request ?? null)
    this.downstream = this.rated
  }

  /** Octets of memory that hold what waits for its rate, beyond `queuedOctets` of the client's stream. */
  protected get ratedOctets(): number {
    return (this.rated?.heldOctets ?? 0) + (this.ratedAnswer?.roomOctets ?? 0)
  }

  abstract onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void

  abstract onRequestTrailers(list: HeaderList): void

  abstract onDownstreamSent(octets: number): void

  /** No phase had an answer of its own, and the cluster is known. */
  protected abstract onAdmitted(): void

  abstract fail(what: Failure): void

  abstract settle(): void

  /** For streams without end: an access record as it begins, and one an interval. */
  protected beginRecords(): void {
    this.#records ??= beginRecords(this.context, this.route, this.record)
  }

  /** The head for an endpoint, as the route has it. */
  protected headFor(leg: AttemptRecord): HeaderList {
    const { record, route, context } = this
    // Only the first time is the call's: later legs are asked for what the first came to.
    if (record.attemptCount === 1) route.meter?.headSent(leg.connectedMs - record.startMs)
    const asked = withChanges(record.head.list, record.state?.requestChanges, "request")
    // nginx writes what it sends before it chooses who is asked.
    record.attemptsTold = this.attemptsBefore
    const list = route.requestRewrite.apply(asked, record, context.env)
    record.attemptsTold = null
    return route.trace === null ? list : route.trace.inject(list, record, leg)
  }

  /** Octets may have begun to wait, or wait no longer. `toEndpoint`: those of the request. */
  protected noteStalls(toEndpoint: number): void {
    const { meter } = this.route
    if (meter === null) return
    const toClient = this.downstream.queuedOctets
    if (this.#stalls === null && toClient === 0 && toEndpoint === 0) return
    this.#stalls ??= new Stalls()
    this.#stalls.note(meter, toClient > 0, toEndpoint > 0, this.context.ticks.ticks)
  }

  atEnd(run: () => void): void {
    if (this.#atEnd === null) this.#atEnd = [run]
    else this.#atEnd.push(run)
  }

  /** 9. Everything that is known of the call stands in its record. */
  protected report(): void {
    this.queued?.leave()
    this.rated?.close()
    this.#records?.end()
    this.#waiting?.cancel()
    this.#leaveMeter(this.record)
    if (this.#atEnd !== null) for (const run of this.#atEnd) run()
    this.response.cancelAnswer()
    if (this.snapshot !== null) leave(this.record, this.context, this.leg?.served ?? "otherwise")
    this.record.endMs = Math.floor(this.context.clock.now())
    this.response.releaseHeaders(false)
    if (this.record.trace?.isSampled === true) this.#tellSpans(this.record.trace)
    reportCall(this.context, this.route.accessLogs, this.record, this.leg?.endpoint ?? null)
  }

  get endpointAddress(): string {
    return this.leg?.address ?? ""
  }

  get waitsFor(): WaitsFor {
    return this.queued !== null ? "connection" : waitsFor(this.leg, this.downstream)
  }

  get paced(): Leg | null {
    return this.leg?.isOver === false ? this.leg : null
  }

  #tellSpans(trace: StreamTrace): void {
    const { record, isGrpc, cluster, context } = this
    const words = this.route.trace?.words ?? { name: null, attributes: [] }
    const call = { isGrpc, route: this.route.name, cluster: cluster?.name ?? null, words }
    context.onSpans(spansOf(record, trace, call, context.env))
  }

  /** For policies that pick by a key. */
  render(template: string): string {
    return this.route.templateOf(template).render(this.record, this.context.env)
  }
}
