import type { IncomingMessage, ServerResponse } from "node:http"
import { type CounterName, counterIds } from "../../base/counters.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import type { Output } from "../../http2/output.ts"
import { guarded } from "../../log/guarded.ts"
import { LogOnce } from "../../log/log-once.ts"
import type { LinkUser } from "../../net/link.ts"
import { failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import type { ClientConnection } from "../../relay/downstream/client-connection.ts"
import type { DownstreamOptions, OpenStream } from "../../relay/downstream/downstream.ts"
import {
  headerTimeoutMsOf,
  idleTimeoutMsOf,
  isLastRequest,
  maxConcurrentStreamsOf,
} from "../../relay/downstream/listener-limits.ts"
import type { OpenListener } from "../../relay/downstream/listener-view.ts"
import { withFailure } from "../../relay/route/compile.ts"
import type { Route } from "../../relay/route/route.ts"
import type { Refusal } from "../shared/refusal.ts"
import { readHttp1Head } from "./head.ts"
import { headOfMalformed, headOfOctets, RefusalStream } from "./refusal-stream.ts"
import { Http1Socket } from "./socket.ts"
import { Http1Stream } from "./stream.ts"

/** How often TCP asks whether the peer is there: HTTP/1 itself has no PING. */
const TCP_KEEPALIVE_MS = 60_000

/** A request that waits for the answer to the one before it. */
interface Waiting {
  readonly request: IncomingMessage
  readonly response: ServerResponse
}

/** One client's HTTP/1 connection: requests, whose answers go out in turn. Node's parser reads it. */
export class Http1Connection implements ClientConnection, LinkUser {
  place = -1
  readonly record: ConnectionRecord
  readonly streams = new Set<StreamOwner>()
  readonly output: Output
  readonly socket: Http1Socket
  readonly options: DownstreamOptions
  /** Makes a call of gRPC's or HTTP's own, whatever bridges the route has. */
  readonly #openCall: OpenStream
  readonly #logOnce: LogOnce
  /** Requests whose response is not out, in turn; a stream may be over sooner. */
  readonly #answering = new Set<Http1Stream>()
  /** A request of HTTP/1.0, not to be begun before it is known that it can be answered, and those behind it. */
  readonly #waiting: Waiting[] = []
  /** The last one begun. It may be answered before its body has come. */
  #lastRequest: IncomingMessage | null = null
  /** What comes once the answers under way are out. */
  #next: (() => void) | null = null
  #isClosed = false
  #isDraining = false
  /** No answer follows those under way, so no request is looked at any more. */
  #isLastAnswering = false
  #idleSinceMs: number
  /** Octets of a head have come and the head has not ended; -1: none have. */
  #headSinceMs: number

  constructor(options: DownstreamOptions, openCall: OpenStream) {
    const { context, record, link } = options
    this.options = options
    this.#openCall = openCall
    this.record = record
    record.protocol = "HTTP/1.1"
    this.#idleSinceMs = context.clock.now()
    this.#headSinceMs = options.firstOctetMs
    this.#logOnce = new LogOnce(context.log, { client: `${record.remoteAddress}:${record.remotePort}` })
    this.socket = new Http1Socket({ link, budget: context.budget, graceMs: context.limits.drainTimeoutMs })
    this.output = this.socket.output
    link.socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
    link.use(this)
  }

  // ---- LinkUser -----------------------------------------------------------------------------------------------

  get shouldPauseReading(): boolean {
    return this.socket.isFull
  }

  receive(octets: Buffer, start: number, end: number): void {
    const isOfBody = this.#lastRequest?.complete === false
    if (this.#headSinceMs < 0 && this.streams.size === 0 && !isOfBody)
      this.#headSinceMs = this.options.context.clock.now()
    this.socket.receive(octets, start, end)
  }

  receiveEnd(_reason: string): void {
    this.#close()
  }

  drained(): void {
    this.socket.drained()
  }

  // ---- Requests -----------------------------------------------------------------------------------------------

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    // The one before it has been read to its end.
    if (this.#isLastAnswering) return this.socket.stopListening()
    if (this.#waiting.length > 0 || (request.httpVersionMinor === 0 && this.isAnswering)) {
      this.#waiting.push({ request, response })
      if (this.#waiting.length > this.options.context.limits.streamsMax) this.socket.stopListening()
    } else this.#begin(request, response)
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const { context, openStream, listener } = this.options
    const found = this.findRoute(request)
    if ("status" in found) return this.#refuseAndEnd(request, found)
    if (this.streams.size >= maxConcurrentStreamsOf(listener, context.limits)) {
      this.onLimit("streams_refused")
      return this.#refuseAndEnd(request, {
        status: 503,
        reason: "too many requests at once on one connection",
      })
    }
    if (this.#isLast || asksToSwitch(request)) response.shouldKeepAlive = false
    if (!response.shouldKeepAlive) this.#isLastAnswering = true
    this.serve(openStream, found.head, found.route, request, response)
  }

  /** Counts a request and says where it goes, or why it is malformed. */
  findRoute(request: IncomingMessage): { head: RequestHead; route: Route } | Refusal {
    const { record } = this
    this.#headSinceMs = -1
    record.protocol = request.httpVersionMinor === 0 ? "HTTP/1.0" : "HTTP/1.1"
    record.requests++
    const { limits } = this.options.context
    if (request.httpVersion !== "1.1" && request.httpVersion !== "1.0")
      return { status: 505, reason: `HTTP/${request.httpVersion} is not served in this form` }
    if (request.rawHeaders.length / 2 > limits.headerFieldsMax) {
      this.onLimit("header_fields_exceeded")
      return { status: 494, reason: `more than ${limits.headerFieldsMax} header fields` }
    }
    const head = readHttp1Head(request, this.#scheme)
    if (typeof head === "string") {
      this.onLimit("header_malformed")
      return { status: 400, reason: head }
    }
    // What is taken off on the way cannot be sent on as something else: RFC 9112 §6.1.
    const coding = request.headers["transfer-encoding"]
    if (coding !== undefined && request.httpVersionMinor === 0)
      return { status: 400, reason: "HTTP/1.0 knows no transfer codings" }
    if (coding !== undefined && coding.trim().toLowerCase() !== "chunked")
      return { status: 501, reason: "of transfer codings chunked alone is known" }
    const route = this.options.openListener.router.match(head.authority, head.path)
    if (route !== null) return { head, route }
    this.onLimit("path_refused")
    return { status: 400, reason: "the path has no meaning" }
  }

  get #scheme(): string {
    return this.record.tls === null ? "http" : "https"
  }

  /** Hands a request to what `open` makes for it. */
  serve(
    open: DownstreamOptions["openStream"],
    head: RequestHead,
    route: Route,
    request: IncomingMessage,
    response: ServerResponse,
  ): void {
    const stream = new Http1Stream({
      request,
      response,
      socket: this.socket,
      context: this.options.context,
      onLast: () => {
        this.#isLastAnswering = true
      },
      onClosed: ({ owner }, isReusable) => {
        if (owner !== null) this.#remove(owner)
        if (!isReusable) response.once("finish", () => this.socket.end())
        if (!isReusable && response.writableFinished) this.socket.end()
      },
    })
    this.#answering.add(stream)
    response.once(
      "close",
      guarded(
        this.options.context,
        () => this.socket.destroy(),
        () => this.#answered(stream),
      ),
    )
    this.#lastRequest = request
    const owner = open(this.record, stream, head, route)
    stream.owner = owner
    this.streams.add(owner)
    owner.start()
    if (!stream.isClosed) stream.begin()
    else if (stream.remoteEnded) request.resume()
  }

  #remove(owner: StreamOwner): void {
    this.streams.delete(owner)
    this.#idleSinceMs = this.options.context.clock.now()
    this.#endIfDrained()
  }

  /** A response is out, or never will be. */
  #answered(stream: Http1Stream): void {
    this.#answering.delete(stream)
    if (this.isAnswering) return
    const waiting = this.#waiting.shift()
    const next = this.#next
    if (!this.socket.writable) return
    if (waiting !== undefined) this.#begin(waiting.request, waiting.response)
    else if (next !== null) {
      this.#next = null
      next()
    } else this.#endIfDrained()
  }

  #endIfDrained(): void {
    if (this.#isDraining && !this.isAnswering && this.streams.size === 0) this.socket.end()
  }

  /** Responses are under way. Nothing else can be written before them. */
  get isAnswering(): boolean {
    return this.#answering.size > 0
  }

  /** Calls back when the answers under way are out, unless the connection ends with them. No request is looked at then. */
  afterAnswers(run: () => void): void {
    if (!this.isAnswering && this.#waiting.length === 0) return run()
    this.#isLastAnswering = true
    this.#next ??= run
  }

  // ---- Refusals -----------------------------------------------------------------------------------------------

  /** Whatever waits behind it goes unserved. */
  #refuseAndEnd(request: IncomingMessage, { status, reason }: Refusal): void {
    this.#waiting.length = 0
    this.refuseRequest(request, status, reason)
  }

  /** Answers a request that becomes no stream, in its turn, and closes. */
  refuseRequest(request: IncomingMessage, status: number, reason: string): void {
    const { method = "", url = "", headers } = request
    this.#refuse(headOfMalformed(method, url, this.#scheme, headers["content-type"]), { status, reason })
  }

  #refuse(head: RequestHead, { status, reason }: Refusal): void {
    this.#headSinceMs = -1
    this.socket.stopListening()
    this.afterAnswers(() => {
      const fallback = this.openListener.router.fallback(head.authority)
      const route = withFailure(fallback, { ...failure("bad_request", reason, true), ...httpOnly(status) })
      this.#openCall(this.record, new RefusalStream(this.socket), head, route).start()
    })
  }

  onLimit(counter: CounterName): void {
    this.options.context.counters.add(counterIds[counter])
    this.#logOnce.warn(counter, `limit reached: ${counter}`)
  }

  /** The parser gave up. */
  onClientError(error: Error & { code?: string; rawPacket?: Buffer }): void {
    if (this.#isLastAnswering) return this.socket.stopListening()
    if (error.code?.startsWith("HPE_") !== true) return void this.socket.destroy()
    // It was refused before the parser came to say so: what it is told is on its way.
    if (!this.socket.writable) return this.socket.stopListening()
    this.socket.stopListening()
    // The answers under way are the last that this client asked for.
    if (error.code === "HPE_CLOSED_CONNECTION") return this.afterAnswers(() => this.socket.end())
    const isTooLarge = error.code === "HPE_HEADER_OVERFLOW"
    const isOfOtherVersion =
      error.code === "HPE_INVALID_VERSION" && OTHER_VERSION.test(error.rawPacket?.toString("latin1") ?? "")
    this.onLimit(isTooLarge ? "http1_head_too_large" : "header_malformed")
    this.#logOnce.warn("fault", "connection ended for the client's fault", { reason: error.message })
    const cut = [...this.#answering].find((stream) => stream.isRequestUnderWay)
    if (cut !== undefined) {
      this.afterAnswers(() => this.socket.end())
      return cut.owner!.fail(failure("bad_request", `the request's body is malformed: ${error.message}`))
    }
    this.record.requests++
    this.#refuse(
      headOfOctets(error.rawPacket, this.#scheme),
      isTooLarge
        ? { status: 494, reason: "the head is too large" }
        : {
            status: isOfOtherVersion ? 505 : 400,
            reason: `not a request of HTTP/1.1: ${error.message}`,
          },
    )
  }

  // ---- Time and ending ----------------------------------------------------------------------------------------

  tick(nowMs: number): void {
    const { context, listener } = this.options
    if (this.streams.size > 0) return
    if (this.#headSinceMs >= 0) {
      if (nowMs - this.#headSinceMs <= headerTimeoutMsOf(listener, context.limits)) return
      this.onLimit("header_block_timeout")
      this.record.requests++
      return this.#refuse(headOfMalformed("", "", this.#scheme), {
        status: 408,
        reason: "the head did not end in time",
      })
    }
    if (this.record.requests === 0) {
      // As before any protocol is known: a client that says nothing is not waited for as one that has asked something.
      if (nowMs - this.options.sinceMs <= context.limits.prefaceTimeoutMs) return
      this.onLimit("preface_timeout")
      this.socket.destroy()
    } else if (nowMs - this.#idleSinceMs > idleTimeoutMsOf(listener, context.limits, this.record.requests))
      this.socket.end()
  }

  drain(): void {
    this.#isDraining = true
    // A request whose head has begun is answered first.
    if (this.streams.size === 0 && !this.isAnswering && this.#headSinceMs < 0) this.socket.end()
  }

  get openListener(): OpenListener {
    return this.options.openListener
  }

  get overflowOctets(): number {
    return this.socket.heldOctets
  }

  cut(): void {
    this.socket.destroy()
  }

  abort(reason: string): void {
    for (const stream of [...this.streams]) stream.fail(failure("shutdown", reason))
    this.socket.end()
  }

  get #isLast(): boolean {
    return this.#isDraining || isLastRequest(this.options.listener, this.record.requests)
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.socket.destroy()
    // Node tells only those that it still knows of: none that waits for its turn, once there was an upgrade.
    for (const stream of this.#answering) stream.gone()
    this.options.onClosed(this)
  }
}

/** It is served as any other, and Node's parser reads nothing behind it. */
function asksToSwitch({ headers }: IncomingMessage): boolean {
  return headers.upgrade !== undefined && /\bupgrade\b/i.test(headers.connection ?? "")
}

/** Of a request line: a version that is none of HTTP/1. */
const OTHER_VERSION = /^[^\r\n]* HTTP\/(?!1\.)\d+\.\d+\r?$/m

/** What gRPC is told follows from it. */
const httpOnly = (httpStatus: number) => ({ httpStatus, grpcStatus: -1 })
