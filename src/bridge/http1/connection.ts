import type { IncomingMessage, ServerResponse } from "node:http"
import { type CounterName, counterIds } from "../../base/counters.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { NO_OUTPUT } from "../../http2/output.ts"
import { SaidOnce } from "../../log/said-once.ts"
import type { LinkUser } from "../../net/link.ts"
import { failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import type { ClientConnection } from "../../relay/downstream/client-connection.ts"
import type { DownstreamOptions } from "../../relay/downstream/downstream.ts"
import {
  headerTimeoutMsOf,
  idleTimeoutMsOf,
  isLastRequest,
  maxConcurrentStreamsOf,
} from "../../relay/downstream/listener-limits.ts"
import type { OpenListener } from "../../relay/downstream/listener-view.ts"
import type { Route } from "../../relay/route/route.ts"
import type { Refusal } from "../web-socket/handshake.ts"
import { readHttp1Head } from "./head.ts"
import { Http1Socket } from "./socket.ts"
import { Http1Stream } from "./stream.ts"

/** How often TCP asks whether the peer is there: HTTP/1 itself has no PING. */
const TCP_KEEPALIVE_MS = 60_000

/** Of a client's control frame, the mask included: RFC 6455 §5.2. */
const CONTROL_HEAD_OCTETS = 6

/** A stream owner that wants to know the time, once a second. */
export interface Ticking {
  tick(nowMs: number): void
}

/** One client's HTTP/1 connection: requests in turn, or one WebSocket. Node's parser reads it. */
export class Http1Connection implements ClientConnection, LinkUser {
  readonly record: ConnectionRecord
  readonly streams = new Set<StreamOwner & Partial<Ticking>>()
  readonly output = NO_OUTPUT
  readonly socket: Http1Socket
  readonly options: DownstreamOptions
  readonly #said: SaidOnce
  /** Requests whose response is not out, in turn; a stream may be over sooner. */
  readonly #answering = new Set<Http1Stream>()
  #isClosed = false
  #isDraining = false
  #isUpgraded = false
  /** No answer follows those under way, so no request is looked at any more. */
  #isLastAnswering = false
  /** Nothing is read any more. */
  #isDeaf = false
  #heldOctets = 0
  #onHeld: ((octets: number) => void) | null = null
  #idleSinceMs: number
  /** Octets of a head have come and the head has not ended. */
  #headSinceMs = -1

  constructor(options: DownstreamOptions) {
    const { context, record, link } = options
    this.options = options
    this.record = record
    record.protocol = "HTTP/1.1"
    this.#idleSinceMs = context.clock.now()
    this.#said = new SaidOnce(context.log, { client: `${record.remoteAddress}:${record.remotePort}` })
    this.socket = new Http1Socket(this, link, context.limits.drainTimeoutMs)
    link.socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
    link.use(this)
  }

  // ---- LinkUser -----------------------------------------------------------------------------------------------

  get shouldPauseReading(): boolean {
    return this.socket.isFull
  }

  receive(octets: Buffer, start: number, end: number): void {
    if (this.#isDeaf) return
    if (this.#headSinceMs < 0 && this.streams.size === 0 && !this.#isUpgraded)
      this.#headSinceMs = this.options.context.clock.now()
    if (this.#isUpgraded) this.#hold(end - start)
    this.socket.receive(octets, start, end)
  }

  /** Of a WebSocket: `octets` more of a message that is not whole, as far as is known yet. */
  #hold(octets: number): void {
    this.#heldOctets += octets
    this.#onHeld?.(this.#heldOctets)
    const isOpening = this.#headSinceMs >= 0
    if (!isOpening || this.#heldOctets <= 4 * this.options.context.limits.http1HeadOctets) return
    this.onLimit("http1_head_too_large")
    this.socket.destroy()
  }

  /** Of a WebSocket: tells how many octets of messages that are not whole are held, whenever more came. */
  watchHeld(onHeld: ((octets: number) => void) | null): void {
    this.#onHeld = onHeld
  }

  /** A WebSocket message was whole. */
  messageCame(): void {
    this.#heldOctets = 0
    this.#onHeld?.(0)
  }

  /** A ping or a pong was whole; one may come in the midst of a message. */
  controlFrameCame(payloadOctets: number): void {
    const octets = CONTROL_HEAD_OCTETS + payloadOctets
    this.#heldOctets = Math.max(0, this.#heldOctets - octets)
    this.#onHeld?.(this.#heldOctets)
  }

  receiveEnd(_reason: string): void {
    this.#close()
  }

  drained(): void {}

  // ---- Requests -----------------------------------------------------------------------------------------------

  onRequest(request: IncomingMessage, response: ServerResponse): void {
    const { context, openStream, listener } = this.options
    if (this.#isLastAnswering) {
      // The one before it has been read to its end.
      this.#isDeaf = true
      return
    }
    this.#headSinceMs = -1
    const found = this.findRoute(request)
    if ("status" in found) return this.refuse(found.status, found.reason)
    if (this.streams.size >= maxConcurrentStreamsOf(listener, context.limits)) {
      this.onLimit("streams_refused")
      return this.refuse(503, "too many requests at once on one connection")
    }
    if (this.#isLast) {
      response.shouldKeepAlive = false
      this.#isLastAnswering = true
    }
    this.serve(openStream, found.head, found.route, request, response)
  }

  /** Counts a request and says where it goes, or why it is malformed. */
  findRoute(request: IncomingMessage): { head: RequestHead; route: Route } | Refusal {
    const { record } = this
    this.#headSinceMs = -1
    record.protocol = request.httpVersionMinor === 0 ? "HTTP/1.0" : "HTTP/1.1"
    record.requests++
    const { limits } = this.options.context
    if (request.rawHeaders.length / 2 > limits.headerFieldsMax) {
      this.onLimit("header_fields_exceeded")
      return { status: 431, reason: `more than ${limits.headerFieldsMax} header fields` }
    }
    const head = readHttp1Head(request, record.tls === null ? "http" : "https")
    if (typeof head === "string") {
      this.onLimit("header_malformed")
      return { status: 400, reason: head }
    }
    // What is taken off on the way cannot be sent on as something else: RFC 9112 §6.1.
    const coding = request.headers["transfer-encoding"]
    if (coding !== undefined && coding.trim().toLowerCase() !== "chunked")
      return { status: 501, reason: "of transfer codings chunked alone is known" }
    const route = this.options.openListener.router.match(head.authority, head.path)
    if (route !== null) return { head, route }
    this.onLimit("path_refused")
    return { status: 400, reason: "the path has no meaning" }
  }

  /** Hands a request to whoever `open` makes for it. */
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
      context: this.options.context,
      onClosed: ({ owner }, isReusable) => {
        if (owner !== null) this.remove(owner)
        if (!isReusable) response.once("finish", () => this.socket.end())
        if (!isReusable && response.writableFinished) this.socket.end()
      },
    })
    this.#answering.add(stream)
    response.once("close", () => {
      this.#answering.delete(stream)
      this.#endIfDrained()
    })
    const owner = open(this.record, stream, head, route)
    stream.owner = owner
    this.streams.add(owner)
    owner.start()
    if (!stream.isClosed) stream.begin()
    else if (stream.remoteEnded) request.resume()
  }

  /** The connection is a WebSocket from here on, and its head may go on in a first message. */
  upgraded(): void {
    this.#isUpgraded = true
    this.#headSinceMs = this.options.context.clock.now()
  }

  /** The head has ended. */
  headCame(): void {
    this.#headSinceMs = -1
  }

  add(owner: StreamOwner & Partial<Ticking>): void {
    this.headCame()
    this.streams.add(owner)
  }

  remove(owner: StreamOwner): void {
    this.streams.delete(owner)
    this.#idleSinceMs = this.options.context.clock.now()
    this.#endIfDrained()
  }

  #endIfDrained(): void {
    if (this.#isDraining && !this.#isUpgraded && !this.isAnswering && this.streams.size === 0)
      this.socket.end()
  }

  /** Responses are under way. Nothing else can be written before them. */
  get isAnswering(): boolean {
    return this.#answering.size > 0
  }

  /** Answers what never became a stream, and closes. */
  refuse(status: number, reason: string): void {
    // Answers go out in turn. With the connection gone after those before it, a client knows that it was not served.
    if (this.isAnswering) {
      this.#isLastAnswering = true
      this.#isDeaf = true
      return this.drain()
    }
    const body = `${reason}\n`
    this.socket.end(
      `HTTP/1.1 ${status} ${REASONS[status] ?? ""}\r\nconnection: close\r\ncontent-type: text/plain\r\n` +
        `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
  }

  onLimit(counter: CounterName): void {
    this.options.context.counters.add(counterIds[counter])
    this.#said.warn(counter, `limit reached: ${counter}`)
  }

  /** The parser gave up. */
  onClientError(error: Error & { code?: string }): void {
    if (this.#isDeaf) return
    const isTooLarge = error.code === "HPE_HEADER_OVERFLOW"
    if (error.code?.startsWith("HPE_") === true) {
      this.onLimit(isTooLarge ? "http1_head_too_large" : "header_malformed")
      this.#said.warn("fault", "connection ended for the client's fault", { reason: error.message })
    }
    if (!this.socket.writable || this.streams.size > 0) this.socket.destroy()
    else if (isTooLarge) this.refuse(431, "the head is too large")
    else this.refuse(400, "not a request of HTTP/1.1")
  }

  // ---- Time and ending ----------------------------------------------------------------------------------------

  tick(nowMs: number): void {
    const { context, listener } = this.options
    for (const stream of this.streams) stream.tick?.(nowMs)
    if (this.streams.size > 0) return
    if (this.#headSinceMs >= 0 && nowMs - this.#headSinceMs > headerTimeoutMsOf(listener, context.limits)) {
      this.onLimit("header_block_timeout")
      this.#headSinceMs = -1
      return this.#isUpgraded ? void this.socket.destroy() : this.refuse(408, "the head did not end in time")
    }
    // `ws` sees to it that a WebSocket without a call ends.
    if (this.#isUpgraded) return
    if (nowMs - this.#idleSinceMs > idleTimeoutMsOf(listener, context.limits, this.record.requests))
      this.socket.end()
  }

  drain(): void {
    this.#isDraining = true
    // A WebSocket without a call ends at once; a request whose head has begun is answered first.
    if (this.streams.size === 0 && !this.isAnswering && this.#headSinceMs < 0) this.socket.end()
  }

  get openListener(): OpenListener {
    return this.options.openListener
  }

  get overflowOctets(): number {
    return 0
  }

  cut(): void {
    this.socket.destroy()
  }

  abort(reason: string): void {
    for (const stream of [...this.streams]) stream.fail(failure("shutdown", reason))
    // A WebSocket's Close goes out behind its call's status, and ends the connection.
    if (!this.#isUpgraded || this.streams.size === 0) this.socket.end()
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

const REASONS: Record<number, string> = {
  400: "Bad Request",
  405: "Method Not Allowed",
  408: "Request Timeout",
  417: "Expectation Failed",
  431: "Request Header Fields Too Large",
  501: "Not Implemented",
  503: "Service Unavailable",
}
