import { ErrorCode } from "../../../src/http2/error-code.ts"
import type { StreamEnd } from "../../../src/http2/events.ts"
import { HeaderList } from "../../../src/http2/header-list.ts"
import type { RequestHead } from "../../../src/http2/message-head.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import { bodyOctets, difference, isBody, untidy } from "../content.ts"
import type { Attempt, CallRecord, Ledger } from "../ledger.ts"
import type { Scheduler } from "../network/scheduler.ts"
import type { VirtualLink } from "../network/virtual-link.ts"
import type { PeerPlan } from "../plan.ts"
import { Violation } from "../violation.ts"
import { responseHead, responseTrailers } from "./backend-answer.ts"
import { octetsOf, requestHead, requestTrailers } from "./client.ts"
import { Peer, type PeerStreamOwner } from "./peer.ts"

/** A backend: answers each call as its plan says, on as many connections as the balancer makes. */
export class Backend {
  readonly index: number
  readonly plan: PeerPlan
  readonly ledger: Ledger
  readonly connections = new Set<BackendConnection>()
  readonly #scheduler: Scheduler

  constructor(index: number, plan: PeerPlan, ledger: Ledger, scheduler: Scheduler) {
    this.index = index
    this.plan = plan
    this.ledger = ledger
    this.#scheduler = scheduler
  }

  readonly serve = (link: VirtualLink): BackendConnection => {
    const connection = new BackendConnection(this, link, this.#scheduler)
    this.connections.add(connection)
    return connection
  }

  /** Its machine is gone: its connections hear nothing more, and send nothing more. */
  lose(): void {
    for (const connection of [...this.connections]) {
      connection.link.silence()
      connection.onGone()
    }
  }
}

/** Streams that GOAWAY has shut out. */
const IGNORED: PeerStreamOwner = {
  hasSentHead: false,
  spoil() {},
  onHead() {},
  onData() {},
  onTrailers() {},
  onReset() {},
}

export class BackendConnection extends Peer {
  readonly #backend: Backend
  #lastStreamId = Number.POSITIVE_INFINITY

  constructor(backend: Backend, link: VirtualLink, scheduler: Scheduler) {
    super("server", backend.plan, link, scheduler)
    this.#backend = backend
  }

  override onRequest(stream: Http2Stream<PeerStreamOwner>, head: RequestHead, endStream: boolean): void {
    if (stream.id > this.#lastStreamId) {
      stream.owner = IGNORED
      return
    }
    new BackendCall(this, this.#backend, stream, head.list, endStream, this.scheduler)
  }

  /** GOAWAY in one step: streams that are already on their way will not be looked at. */
  protected override goAwayAtOnce(): void {
    this.#lastStreamId = Math.min(this.#lastStreamId, this.highestId)
    this.http2.sender.goaway(this.#lastStreamId, ErrorCode.NO_ERROR, "at once")
  }

  /** The latest stream it has looked at. */
  highestId = 0

  protected onOver(): void {
    this.#backend.connections.delete(this)
  }
}

/** One arrival of a call. */
class BackendCall implements PeerStreamOwner {
  hasSentHead = false
  readonly #connection: BackendConnection
  readonly #call: CallRecord
  readonly #attempt: Attempt
  readonly #stream: Http2Stream<PeerStreamOwner>
  readonly #scheduler: Scheduler
  #echoed = 0

  constructor(
    connection: BackendConnection,
    backend: Backend,
    stream: Http2Stream<PeerStreamOwner>,
    list: HeaderList,
    endStream: boolean,
    scheduler: Scheduler,
  ) {
    const call = backend.ledger.of(list)
    const { plan } = call
    if (connection.isForgiven) call.isSpoilt = true
    connection.highestId = Math.max(connection.highestId, stream.id)
    stream.owner = this
    this.#connection = connection
    this.#call = call
    this.#stream = stream
    this.#scheduler = scheduler
    const number = call.attempts.length + 1
    const isProcessed = number > plan.response.refusals
    this.#attempt = {
      number,
      endpoint: backend.index,
      isProcessed,
      receivedOctets: 0,
      requestEnded: false,
      sentOctets: 0,
      isAnswered: false,
      isOpen: isProcessed,
      resetCode: null,
    }
    call.attempts.push(this.#attempt)
    if (isProcessed) this.#begin(list, endStream)
    else stream.reset(ErrorCode.REFUSED_STREAM)
  }

  #begin(list: HeaderList, endStream: boolean): void {
    const { plan } = this.#call
    this.#checkOnce()
    const different = difference(requestHead(plan), list)
    if (different !== null) this.#fail("head", `its request head: ${different}`)
    if (plan.response.isInformed) this.#send1xx()
    if (plan.response.begin === "at once") this.#scheduler.in(plan.response.headAfterMs, () => this.#answer())
    if (endStream) this.#requestEnded()
  }

  /** A call may be worked on twice only where its method says that this does no harm, or a backend has lied. */
  #checkOnce(): void {
    const { plan, attempts, isSpoilt } = this.#call
    if (isSpoilt) return
    if (plan.method !== "GET" && attempts.filter(({ isProcessed }) => isProcessed).length > 1)
      throw new Violation(
        "processed twice",
        `call ${plan.id} reached a second backend after one had worked on it`,
      )
  }

  spoil(): void {
    this.#call.isSpoilt = true
  }

  // ---- The request --------------------------------------------------------------------------------------------

  onHead(): void {}

  onData(octets: Buffer, start: number, end: number, endStream: boolean): void {
    const { plan } = this.#call
    const attempt = this.#attempt
    if (
      !this.#call.isSpoilt &&
      !isBody({ call: plan.id, attempt: 0 }, attempt.receivedOctets, octets, start, end)
    )
      this.#fail("body", `its request differs in ${end - start} octets at ${attempt.receivedOctets}`)
    attempt.receivedOctets += end - start
    if (plan.response.begin === "echo" && end > start) this.#echo(end - start)
    if (endStream) this.#requestEnded()
  }

  onTrailers(list: HeaderList): void {
    const { plan } = this.#call
    const different =
      plan.requestEnd === "trailers" ? difference(requestTrailers(plan), list) : "there were none to come"
    if (different !== null) this.#fail("head", `its request trailers: ${different}`)
    this.#requestEnded()
  }

  onReset(end: StreamEnd): void {
    if (end.origin === "peer") this.#attempt.resetCode = end.code
    this.#attempt.isOpen = false
  }

  #requestEnded(): void {
    const { plan } = this.#call
    const attempt = this.#attempt
    attempt.requestEnded = true
    const isWhole = attempt.receivedOctets === octetsOf(plan) && plan.requestEnd !== "never"
    // One that has been answered is left by END_STREAM, wherever the request had come to.
    if (!isWhole && !attempt.isAnswered && !this.#call.isSpoilt)
      this.#fail("body", `its request ended after ${attempt.receivedOctets} of ${octetsOf(plan)} octets`)
    if (plan.response.begin === "after request")
      this.#scheduler.in(plan.response.headAfterMs, () => this.#answer())
    else if (plan.response.begin === "echo")
      this.#scheduler.in(plan.response.endAfterMs, () => this.#finish())
    this.#noteClosed()
  }

  // ---- The response -------------------------------------------------------------------------------------------

  #answer(): void {
    const { response } = this.#call.plan
    if (this.#stream.isClosed) return
    if (response.end === "head") return this.#sendHead(true)
    if (response.end === "never" && response.pieces.length === 0) return
    this.#sendHead(false)
    this.#sendPiece(0)
  }

  #sendHead(endStream: boolean): void {
    if (this.hasSentHead || this.#stream.isClosed) return
    this.hasSentHead = true
    this.#connection.sendStrayPong()
    const { plan } = this.#call
    this.#sendHeaders(responseHead(plan, this.#attempt.number, endStream), endStream)
    if (endStream) this.#answered()
  }

  #send1xx(): void {
    this.#sendHeaders(new HeaderList([":status", "103", "x-hint", "soon"]), false)
  }

  #sendHeaders(list: HeaderList, endStream: boolean): void {
    this.#stream.sendHeaders(this.#call.plan.isUntidy ? untidy(list, true) : list, endStream)
  }

  #echo(octets: number): void {
    const { response } = this.#call.plan
    if (response.end === "head") return
    this.#sendHead(false)
    this.#send(octets, (this.#echoed++ & 3) === 3 ? 5 : 0, false)
  }

  #sendPiece(at: number): void {
    const { response } = this.#call.plan
    const piece = response.pieces[at]
    if (piece === undefined) return void this.#scheduler.in(response.endAfterMs, () => this.#finish())
    this.#scheduler.in(piece.afterMs, () => {
      if (this.#stream.isClosed) return
      const isLast = at === response.pieces.length - 1 && response.end === "data"
      this.#send(piece.octets, piece.padding, isLast)
      if (isLast) this.#answered()
      else this.#sendPiece(at + 1)
    })
  }

  #send(octets: number, padding: number, endStream: boolean): void {
    const attempt = this.#attempt
    const body = { call: this.#call.plan.id, attempt: attempt.number }
    const data = bodyOctets(body, attempt.sentOctets, octets)
    attempt.sentOctets += octets
    this.#connection.sendData(this.#stream, data, padding, endStream)
  }

  #finish(): void {
    const { plan } = this.#call
    const { end, resetCode } = plan.response
    if (this.#stream.isClosed || this.#attempt.isAnswered || end === "never") return
    if (end === "reset") {
      this.#stream.reset(resetCode)
      this.#attempt.isOpen = false
      return
    }
    if (end === "head" || !this.hasSentHead) {
      if (end === "head") return this.#sendHead(true)
      this.#sendHead(false)
    }
    if (end === "trailers") this.#sendHeaders(responseTrailers(plan, this.#attempt.number), true)
    else this.#stream.sendData(Buffer.alloc(0), 0, 0, true)
    this.#answered()
  }

  #answered(): void {
    this.#attempt.isAnswered = true
    this.#noteClosed()
  }

  /** Both halves are over for the backend; what is queued still has to go. */
  #noteClosed(): void {
    if (this.#attempt.isAnswered && this.#attempt.requestEnded) this.#attempt.isOpen = false
  }

  #fail(rule: "head" | "body", detail: string): never {
    throw new Violation(rule, `call ${this.#call.plan.id}, attempt ${this.#attempt.number}: ${detail}`)
  }
}
