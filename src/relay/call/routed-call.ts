import type { Cluster, Snapshot } from "../../cluster/cluster.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import { isGrpcContentType } from "../../grpc/status.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { Failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import { NewStreamRecord } from "../../record/stream-record.ts"
import type { Served } from "../overload/cut-calls.ts"
import { withChanges } from "../route/head-changes.ts"
import { leave } from "../route/phases.ts"
import type { Route } from "../route/route.ts"
import { type PhasesOutcome, type RunningCall, runPhases, type WaitingPhases } from "../route/run-phases.ts"
import type { LegConnection } from "../upstream/leg-connection.ts"
import type { CallContext } from "./call-context.ts"
import { ClientResponse, type RespondingCall } from "./client-response.ts"
import { beginRecords, type PeriodicRecords } from "./periodic-records.ts"
import { reportCall } from "./report.ts"
import { Stalls } from "./stalls.ts"
import type { DownstreamStream } from "./stream-owner.ts"

/**
 * What a call is to its route, before it is admitted and when it is over: the phases let it pass or answer it, get back
 * what they took, and its record is reported. What lies between, the legs, is `Call`.
 */
export abstract class RoutedCall implements RunningCall, RespondingCall {
  readonly context: CallContext
  readonly downstream: DownstreamStream
  /** The one it came to; its phases may have sent it on from there. */
  route: Route
  readonly record: NewStreamRecord
  readonly isGrpc: boolean
  cluster: Cluster<LegConnection> | null = null
  /** Null for a call that a phase answers; with it the call counts as admitted. */
  snapshot: Snapshot | null = null
  protected readonly response: ClientResponse
  /** What phases have taken and must give back; null: nothing. */
  #atEnd: (() => void)[] | null = null
  /** A phase that waits; null: none does. */
  #waiting: WaitingPhases | null = null
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
    this.response = new ClientResponse(this)
  }

  start(): void {
    this.response.holdHeaders()
    // 1. The first phase that does not let the call pass has the last word.
    this.#waiting = runPhases(this, this.context)
  }

  onPhasesEnd(outcome: PhasesOutcome): void {
    this.#waiting = null
    this.route.meter?.began()
    if (outcome === null) return this.onAdmitted()
    if (outcome.kind !== "content" && outcome.kind !== "return") return this.fail(outcome)
    if (outcome.kind === "return") this.response.return(outcome)
    else this.response.answer(outcome)
    this.settle()
  }

  /** No phase had an answer of its own, and the cluster is known. */
  protected abstract onAdmitted(): void

  abstract fail(what: Failure): void

  abstract settle(): void

  /** What the client asked for, with what was changed in it on the way. */
  protected get requestList(): HeaderList {
    return withChanges(this.record.head.list, this.record.state?.requestChanges, "request")
  }

  /** For streams without end: an access record as it begins, and one an interval. */
  protected beginRecords(): void {
    this.#records = beginRecords(this.context, this.route, this.record)
  }

  /** A head goes to an endpoint; only the first is the call's. */
  protected headSent(nowMs: number): void {
    if (this.record.attempts.length === 1) this.route.meter?.headSent(nowMs - this.record.startMs)
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

  /** 9. Everything that is known of the call stands in its record. `endpoint`: of its last leg. */
  protected report(served: Served, endpoint: Endpoint | null): void {
    this.#records?.end()
    // One that ends while a phase still waits has come to no route until now.
    if (this.#waiting !== null) this.route.meter?.began()
    this.#waiting?.cancel()
    this.#stalls?.end(this.route.meter, this.context.ticks.ticks)
    this.route.meter?.ended(this.record)
    for (const run of this.#atEnd ?? []) run()
    this.response.cancelAnswer()
    if (this.snapshot !== null) leave(this.record, this.context, served)
    this.record.endMs = Math.floor(this.context.clock.now())
    this.response.releaseHeaders(false)
    reportCall(this.context, this.route.accessLogs, this.record, endpoint)
  }

  /** For policies that pick by a key. */
  render(template: string): string {
    return this.route.templateOf(template).render(this.record, this.context.env)
  }
}
