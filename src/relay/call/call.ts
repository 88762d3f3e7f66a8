import { ErrorCode } from "../../http2/error-code.ts"
import type { StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { ResponseHead } from "../../http2/message-head.ts"
import { type Failure, isCharged } from "../../record/failure.ts"
import { bodyTooLarge } from "../route/phases.ts"
import { type CallRequest, NOT_REPLAYABLE } from "./call-request.ts"
import { type CallTimer, makeCallTimer, type TimedCall } from "./call-timer.ts"
import { ClientRequest } from "./client-request.ts"
import type { ContinuedCall } from "./continuity/continued-call.ts"
import { Continuity } from "./continuity/continuity.ts"
import { keepsItsStreams } from "./continuity/fields.ts"
import { intercepted } from "./error-status.ts"
import { Leg } from "./leg.ts"
import {
  COMPLETE,
  cancelledBy,
  ENDED,
  failureOf,
  type LegEnd,
  legEndOfFailure,
  REJECTED,
  statusEndOf,
} from "./leg-end.ts"
import type { Reply } from "./local-reply.ts"
import { countDown, countUp, messagesOf } from "./messages.ts"
import { pickLeg, Retries, type RetryingCall } from "./retries.ts"
import { RoutedCall } from "./routed-call.ts"
import { withStickyCookie } from "./sticky-cookie.ts"
import { isOver, type StreamOwner } from "./stream-owner.ts"

/**
 * What the client sees of its stream, from head to report. Each leg is an upstream stream that serves it.
 *
 *   1. The route's phases let the call pass, or answer it (`RoutedCall`).
 *   2. A leg is picked, and waits for a place on a connection.
 *   3. The head goes up, with what the client has sent meanwhile.
 *   4. Request octets go up, under the endpoint's credit.
 *   5. A head comes down: the answer, or a status for which another endpoint is asked.
 *   6. Response octets go down, under the client's credit.
 *   7. The answer ends, by trailers for one.
 *   8. A leg that ends early: `nextLeg` decides between another leg (2) and an answer.
 *   9. Both sides are over: one report (`RoutedCall`).
 *
 * One ending for the client, one for each leg, and no backend works on for a client that is gone.
 */
export class Call extends RoutedCall implements StreamOwner, RetryingCall, TimedCall, ContinuedCall {
  /** Null where the route has none. */
  continuity: Continuity | null = null
  #request: CallRequest = new ClientRequest(this)
  #retries: Retries | null = null
  #timer: CallTimer | null = null
  #isDone = false

  protected override onAdmitted(): void {
    this.snapshot = this.cluster!.snapshot
    this.cluster!.retryBudget.started(this.record.startMs)
    this.#timer = makeCallTimer(this.context, this, this.route)
    const pages = this.pages
    if (pages > 0 && !this.#request.isReplayable) return this.endWith(NOT_REPLAYABLE, ENDED)
    const plan = this.isGrpc ? (this.route.continuity?.(this.record.head.path) ?? null) : null
    if (plan !== null && !keepsItsStreams(plan, this.record.requestHeaders)) {
      this.continuity = new Continuity(this, plan)
      this.#request = this.continuity.takeOver(this.#request)
    }
    this.openLeg(null)
    if (this.#isDone || pages !== this.pages) return
    this.#timer?.arm()
    this.beginRecords()
  }

  /** 2. `last` is what the client is told when no endpoint is available. */
  openLeg(last: Failure | null): void {
    const leg = pickLeg(this, this.#retries)
    if (leg === null) return
    if (!(leg instanceof Leg)) {
      if (this.continuity?.isBetween === true) return this.continuity.noEndpoint()
      return this.endWith(last ?? leg, ENDED)
    }
    this.leg = leg
    leg.begin(this.#retries?.delayMs)
  }

  onLegReady(leg: Leg): void {
    // 3. What was held for this leg goes with the head.
    const list = this.headFor(leg)
    const sent = this.continuity === null ? list : this.continuity.requestHead(list)
    const problem = this.#request.open(leg, sent, sent.get(":method") === "HEAD")
    if (problem !== null) return this.endWith(problem, REJECTED)
    this.#timer?.timeouts?.attached(leg.connectedMs)
  }

  // ---- From the client ------------------------------------------------------------------------------------------

  onRequestData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    // 4. Where no leg reads any more, credit lets a client end its request before it looks at the answer.
    if (this.#isDone) return this.downstream.consume(end - start)
    if (this.rated?.receive(octets, start, end, endStream) === true) return
    countUp(this, this.leg, octets, start, end)
    this.#timer?.timeouts?.fromDownstream(this.context.clock)
    const { maxBodyOctets } = this.route.settings
    if (maxBodyOctets !== null && this.record.requestOctets > maxBodyOctets && this.pages === 0)
      return this.endWith(bodyTooLarge(maxBodyOctets), REJECTED)
    const isUnwanted = this.leg?.isOver === true && this.continuity?.isBetween !== true
    if (isUnwanted || this.response.isAnswering) this.downstream.consume(end - start)
    else this.#request.receive(this.leg, octets, start, end, endStream)
    this.noteStalls(this.leg?.queuedOctets ?? 0)
    if (endStream) this.settle()
  }

  onRequestTrailers(list: HeaderList): void {
    if (this.rated?.receiveTrailers(list) === true) return
    this.#timer?.timeouts?.fromDownstream(this.context.clock)
    const problem = this.#request.receiveTrailers(this.leg, list)
    if (problem !== null) return this.endWith(problem, REJECTED)
    this.settle()
  }

  /** The client gave up, or its connection is gone. */
  onDownstreamReset(end: StreamEnd): void {
    this.ratedAnswer?.close()
    if (this.#isDone) return this.response.releaseHeaders(true)
    if (this.record.status === 0) this.record.status = 499
    this.leg?.end(cancelledBy(end))
    this.#finish()
  }

  onDownstreamSent(octets: number): void {
    this.#timer?.timeouts?.downstreamTook(this.context.clock)
    this.leg?.consume(this.#retries === null ? octets : this.#retries.ofPresentLeg(octets))
    this.response.onSent()
    if (this.#isDone) this.response.releaseHeaders(false)
    else this.noteStalls(this.leg?.queuedOctets ?? 0)
    this.settle()
  }

  // ---- From the backend, each leg but the present one unheard ---------------------------------------------------

  onLegInformational(leg: Leg, { list }: ResponseHead): void {
    if (leg !== this.leg) return
    this.#timer?.timeouts?.interim(this.context.clock)
    this.response.interim(list)
  }

  onLegHead(leg: Leg, head: ResponseHead, endStream: boolean): void {
    if (leg !== this.leg) return
    this.#timer?.timeouts?.fromUpstream(this.context.clock)
    // 5. Only a head that is passed on, or intercepted, is the answer.
    const status = statusEndOf(head, endStream && this.isGrpc)
    const list = this.continuity === null ? head.list : this.continuity.onHead(leg, head, endStream)
    if (list === null || (status !== null && this.goesOn(leg, status))) return
    leg.accepted()
    const other = intercepted(this, head.status, head.list)
    if (other !== null) return this.endWith(other, ENDED)
    this.#request.commit()
    const told = withStickyCookie(list, this.cluster!.sticky, leg.endpoint, this, this.context.clock)
    // What HEAD asks for has no body, whatever the endpoint was asked for.
    const isLast = endStream || this.record.head.method === "HEAD"
    const problem = this.response.forward(head.status, told, isLast, leg)
    if (problem !== null) return this.endWith(problem, ENDED)
    if (endStream) this.#responseEnded()
    else if (isLast) this.#endEarly()
  }

  onLegData(leg: Leg, octets: Buffer, start: number, end: number, endStream: boolean): void {
    if (leg !== this.leg) return
    // 6. Credit for what the client takes at once; `onDownstreamSent` tells of the rest.
    this.#timer?.timeouts?.fromUpstream(this.context.clock)
    const { continuity, record } = this
    const before = record.responseMessages
    if (continuity?.isOff === false) leg.consume(continuity.onData(leg, octets, start, end, endStream))
    else {
      if (this.isGrpc) record.responseMessages += messagesOf(this, "response", octets, start, end)
      leg.consume(this.downstream.sendData(octets, start, end, endStream))
    }
    countDown(this, leg.endpoint, end - start, record.responseMessages - before)
    // A bridge that cannot translate what came has ended the call by now.
    if (this.#isDone) return
    this.noteStalls(leg.queuedOctets)
    if (endStream) this.#responseEnded()
  }

  onLegTrailers(leg: Leg, list: HeaderList): void {
    if (leg !== this.leg) return
    const said = this.continuity === null ? list : this.continuity.onTrailers(leg, list)
    if (said === null) return
    this.response.trailers(said, leg)
    this.#responseEnded()
  }

  onLegSent(leg: Leg, octets: number): void {
    if (leg !== this.leg) return
    this.#timer?.timeouts?.upstreamTook()
    this.#request.sent(octets)
    this.noteStalls(leg.queuedOctets)
    this.settle()
  }

  /**
   * 7. The backend has said all. For gRPC the call is over (PROTOCOL-HTTP2.md), so what it has not read of the request is
   * not waited for; HTTP may go on uploading.
   */
  #responseEnded(): void {
    const upstream = this.leg!.upstream
    const isRequestOver = this.downstream.remoteEnded && (upstream === null || isOver(upstream))
    if (this.isGrpc && !isRequestOver) this.#endEarly()
    else this.settle()
  }

  /** The answer is complete before the request: no more of that is wanted, on either side (RFC 9113 §8.1). */
  #endEarly(): void {
    this.leg?.end(COMPLETE)
    this.response.endRequest()
    this.settle()
  }

  // ---- Endings --------------------------------------------------------------------------------------------------

  onLegEnd(leg: Leg, end: LegEnd): void {
    if (leg !== this.leg || this.#isDone) return
    if (this.downstream.localEnded) return this.#endEarly()
    if (this.goesOn(leg, end)) return
    // A client that takes nothing has to be told too; of other breaches what came before them is delivered.
    if (end.kind === "malformed" && end.isOverrun) this.downstream.discardQueued()
    if (this.continuity?.hasTold(leg, end) === true) return
    const isForwarded = end.kind === "reset" && (this.isGrpc || this.response.isHeadSent)
    if (!isForwarded) return this.endWith(failureOf(end, leg.where), end)
    // The backend's RST_STREAM is forwarded with its own code.
    if (this.record.status === 0) this.record.status = 502
    this.downstream.reset(end.code)
    this.#finish()
  }

  /** 8. Opens another leg in place of `leg`, where `nextLeg` says so. */
  goesOn(leg: Leg, end: LegEnd): boolean {
    this.#retries ??= new Retries()
    return this.#retries.goesOn(this, leg, end, this.#request, this.response.isHeadSent)
  }

  onTimer(): void {
    const { leg } = this
    const what = this.#timer!.check(leg, this.downstream)
    if (what === null) return this.#timer!.arm()
    if (leg === null || (what.kind !== "read_timeout" && what.kind !== "send_timeout")) return this.fail(what)
    // As nginx has it, another endpoint may be asked, and this one is blamed, as long as no answer has begun.
    const end: LegEnd = { kind: "timeout", what, isAnswered: this.response.isHeadSent }
    if (!this.goesOn(leg, end)) this.endWith(what, end)
    else if (!this.#isDone) this.#timer?.arm()
  }

  fail(what: Failure): void {
    if (this.#isDone) return
    if (isCharged(what)) this.downstream.chargePeer()
    this.endWith(what, legEndOfFailure(what))
  }

  endWith(what: Reply, end: LegEnd): void {
    this.leg?.end(end)
    if (this.continuity === null && this.goesToErrorPage(what)) return
    this.response.reply(what)
    this.#finish()
  }

  protected override forgetLegs(): void {
    this.#timer?.disarm()
    this.#timer = null
    this.#request.keep()
    this.#retries = null
  }

  shed(what: Failure): void {
    this.downstream.discardQueued()
    if (!this.#isDone) return this.endWith(what, ENDED)
    // One that is over may still hold what its client does not take; its ending went with it.
    this.downstream.reset(ErrorCode.ENHANCE_YOUR_CALM)
    this.response.releaseHeaders(true)
  }

  /** A leg is over with its stream, the call once the client's is too. */
  settle(): void {
    if (this.#isDone) return
    const leg = this.leg
    if (leg?.upstream != null && isOver(leg.upstream)) leg.end(COMPLETE)
    if (leg?.upstream == null && isOver(this.downstream)) this.#finish()
  }

  #finish(): void {
    if (this.#isDone) return
    this.#isDone = true
    this.#timer?.disarm()
    this.continuity?.close()
    this.#request.forget()
    this.report()
  }

  get bufferedOctets(): number {
    const held = this.#request.heldOctets + (this.continuity?.heldOctets ?? 0) + this.ratedOctets
    return held + (this.leg?.queuedOctets ?? 0) + this.response.bufferedOctets
  }
}
