import { type CounterName, counterIds } from "../../base/counters.ts"
import type { HeadFault, HeadReaderOptions } from "../../http1/head-reader.ts"
import { readRequestLine } from "../../http1/request-line.ts"
import type { RequestHead } from "../../http2/message-head.ts"
import { Output } from "../../http2/output.ts"
import { guarded } from "../../log/guarded.ts"
import { LogOnce } from "../../log/log-once.ts"
import type { LinkUser } from "../../net/link.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { StreamOwner } from "../../relay/call/stream-owner.ts"
import type { ClientConnection } from "../../relay/downstream/client-connection.ts"
import type { DownstreamOptions, OpenStream } from "../../relay/downstream/downstream.ts"
import { headerTimeoutMsOf, idleTimeoutMsOf, isLastRequest } from "../../relay/downstream/listener-limits.ts"
import type { OpenListener } from "../../relay/downstream/listener-view.ts"
import { HeldOctets } from "../../relay/overload/held-octets.ts"
import { withFailure } from "../../relay/route/compile.ts"
import type { Route } from "../../relay/route/route.ts"
import type { Refusal } from "../shared/refusal.ts"
import { abortLink } from "./abort-link.ts"
import { headOfMalformed, readHttp1Head } from "./head.ts"
import { type Http1Request, readHttp1Request } from "./request.ts"
import { type RequestEvents, RequestInput } from "./request-input.ts"
import { Http1Socket } from "./socket.ts"
import { type AnsweredRequest, Http1Stream, type Http1StreamHost } from "./stream.ts"
import { UNSENT_OCTETS_MAX } from "./unsent-octets.ts"

/** How often TCP asks whether the peer is there: HTTP/1 itself has no PING. */
const TCP_KEEPALIVE_MS = 60_000

/** What follows a switch of protocols. */
export type OnUpgrade = (upgrade: Upgrade) => void

/** A request that asks for another protocol, and where it goes. */
export interface Upgrade {
  readonly connection: Http1Connection
  readonly request: Http1Request
  readonly head: RequestHead
  readonly route: Route
}

/** What all connections of a balancer have in common. */
export interface Http1Options {
  readonly head: HeadReaderOptions
  /** Makes a call of gRPC's or HTTP's own, whatever bridges the route has. */
  readonly openCall: OpenStream
  readonly onUpgrade: OnUpgrade
}

/** One client's HTTP/1 connection: requests, one after the other, as in nginx. */
export class Http1Connection implements ClientConnection, LinkUser, RequestEvents, Http1StreamHost {
  place = -1
  readonly record: ConnectionRecord
  readonly streams = new Set<StreamOwner>()
  readonly output: Output
  readonly options: DownstreamOptions
  readonly #http1: Http1Options
  readonly #input: RequestInput
  readonly #held: HeldOctets
  /** Made once there is something to say. */
  #saidOnce: LogOnce | null = null
  /** Its answer is not whole, or its client has not taken it; null: there is none. */
  #stream: Http1Stream | null = null
  /** Once another protocol was asked for. */
  #socket: Http1Socket | null = null
  /** Octets of a body that came after its answer was whole. */
  #discarded = 0
  #isClosed = false
  #isDraining = false
  /** The next request is the last. */
  #isRetired = false
  /** No answer follows. */
  #isEnding = false
  #idleSinceMs: number
  /** Octets of a head have come and the head has not ended; -1: none have. */
  #headSinceMs: number
  /** The clock's tick that has found the request in its trailers; -1: none has. */
  #trailersSinceMs = -1
  /** Clients ask the same again, and what is the same is not judged anew. */
  #last: KnownRequest | null = null

  constructor(options: DownstreamOptions, http1: Http1Options) {
    const { context, record, link } = options
    this.options = options
    this.#http1 = http1
    this.record = record
    record.protocol = "HTTP/1.1"
    this.#idleSinceMs = context.clock.now()
    this.#headSinceMs = options.firstOctetMs
    this.#input = new RequestInput(http1.head, this)
    this.#held = new HeldOctets(context.budget)
    this.output = new Output({ onOutput: () => link.schedule(), onMuchOutput: () => link.flush() })
    link.socket.setKeepAlive(true, TCP_KEEPALIVE_MS)
    link.socket.allowHalfOpen = true
    link.use(this)
  }

  // ---- LinkUser -----------------------------------------------------------------------------------------------

  get shouldPauseReading(): boolean {
    return this.#socket?.isFull ?? this.#input.isFull
  }

  receive(octets: Buffer, start: number, end: number): void {
    if (this.#socket !== null) return this.#socket.receive(octets, start, end)
    this.#input.receive(octets, start, end)
    this.#count()
  }

  receiveEnd(_reason: string): void {
    this.#close()
  }

  /** As nginx has it: what is answered here is answered yet; what a backend is asked for is given up. */
  receiveHalfClose(): boolean {
    const stream = this.#stream
    if (this.#socket !== null || this.#isClosed) return false
    const isAnswered =
      stream === null
        ? this.#headSinceMs < 0 && this.output.unsentOctets > 0
        : stream.remoteEnded && stream.owner?.cluster === null
    if (!isAnswered) return false
    this.record.isHalfClosed = true
    this.drain()
    return true
  }

  drained(): void {
    if (this.#socket !== null) return this.#socket.drained()
    if (this.output.unsentOctets <= UNSENT_OCTETS_MAX) {
      this.#stream?.drained()
      this.#input.goOn()
    }
    this.#count()
  }

  #count(): void {
    if (this.#socket !== null) return
    this.#held.add(this.#input.heldOctets + this.output.unsentOctets - this.#held.octets)
  }

  // ---- RequestEvents ------------------------------------------------------------------------------------------

  /** Answers without a body are behind no stream: what is written bounds those that are not read, as in nginx. */
  get mayBeginRequest(): boolean {
    return this.#stream === null && !this.#isEnding && this.output.unsentOctets <= UNSENT_OCTETS_MAX
  }

  onHeadBegun(): void {
    if (this.#headSinceMs < 0) this.#headSinceMs = this.options.context.clock.now()
  }

  onHead(startLine: string, fields: readonly string[]): void {
    const { record } = this
    this.#discarded = 0
    this.#trailersSinceMs = -1
    record.requests++
    const isKnown = this.#last?.request.fields === fields
    const line = isKnown ? this.#last!.request : readRequestLine(startLine)
    if ("reason" in line) throw new Error("a request line was judged twice, in two ways")
    record.protocol = line.minorVersion === 0 ? "HTTP/1.0" : "HTTP/1.1"
    const request = isKnown ? this.#last!.request : readHttp1Request(line, fields)
    const found = "reason" in request ? this.#malformed(request) : this.#findRoute(request)
    if ("reason" in request || "reason" in found) return this.#refuse(line, fields, found as HeadRefusal)
    const { head, route } = found
    this.#last = { request, head }
    this.#headSinceMs = -1
    if (request.upgrade !== null) return this.#http1.onUpgrade({ connection: this, request, head, route })
    if (request.hasBody) this.#input.beginBody(request.contentLength)
    const isLast =
      this.#isDraining || this.#isRetired || isLastRequest(this.options.listener, record.requests)
    this.serve(this.options.openStream, head, route, request, isLast)
  }

  /** Says where a request goes, or why it is refused. */
  #findRoute(request: Http1Request): { head: RequestHead; route: Route } | HeadRefusal {
    if (request.method === "CONNECT") return { status: 405, reason: "CONNECT is not served" }
    const head = this.#last?.request === request ? this.#last.head : readHttp1Head(request, this.#scheme)
    if (typeof head === "string")
      return this.#malformed({ status: 400, reason: head, isOfLine: !IS_TARGET.test(request.target) })
    const route = this.options.openListener.router.match(head.authority, head.path)
    if (route !== null) return { head, route }
    this.onLimit("path_refused")
    return { status: 400, reason: "the path has no meaning", isOfLine: true }
  }

  #malformed(refusal: HeadRefusal): HeadRefusal {
    if (refusal.status === 400) this.onLimit("header_malformed")
    return refusal
  }

  onHeadFault({ kind, reason }: HeadFault, startLine: string, fields: readonly string[]): void {
    const line = readRequestLine(startLine)
    this.record.requests++
    this.onLimit(FAULT_COUNTERS[kind])
    this.#logOnce.warn("fault", FAULT_MESSAGE, { reason })
    const isWithinLine = "status" in line
    const tooLarge = isWithinLine ? TARGET_TOO_LONG : HEAD_TOO_LARGE
    const status = kind !== "malformed" ? tooLarge : isWithinLine ? line.status : 400
    const refusal = {
      status,
      reason: `not a request of HTTP/1.1: ${reason}`,
      isOfLine: !fields.includes("host"),
    }
    // Of one with too many fields it is known what it asks for.
    this.#refuse(line, fields, refusal, kind === "too_many_fields")
  }

  onBody(octets: Buffer, start: number, end: number, isEnd: boolean): void {
    if (this.#stream !== null) return this.#stream.receive(octets, start, end, isEnd)
    // A client that goes on and on with a request that was answered is not read without end.
    this.#discarded += end - start
    if (this.#discarded > this.streamWindowOctets) this.destroy()
  }

  onBodyFault(reason: string): void {
    this.onLimit("header_malformed")
    this.#logOnce.warn("fault", FAULT_MESSAGE, { reason })
    this.#failBody(failure("bad_request", `the request's body is malformed: ${reason}`))
  }

  /** Nothing is read behind a body without an end. */
  #failBody(why: Failure): void {
    const stream = this.#stream
    if (stream === null) return this.#end()
    this.#input.stop()
    stream.endConnection()
    stream.owner!.fail(why)
  }

  later(run: () => void): void {
    process.nextTick(
      guarded(
        this.options.context,
        () => this.destroy(),
        () => {
          run()
          this.#count()
        },
      ),
    )
  }

  resumeReading(): void {
    this.options.link.resumeReading()
  }

  // ---- Requests -----------------------------------------------------------------------------------------------

  get #scheme(): string {
    return this.record.tls === null ? "http" : "https"
  }

  /** Hands a request to what `open` makes for it. `isLast`: no other is served. */
  serve(open: OpenStream, head: RequestHead, route: Route, request: AnsweredRequest, isLast: boolean): void {
    const stream = new Http1Stream(this, request, !isLast)
    this.#stream = stream
    const owner = open(this.record, stream, head, route)
    stream.owner = owner
    this.streams.add(owner)
    owner.start()
    if (!stream.isClosed) stream.begin()
  }

  /**
   * Answers a request that goes nowhere, and closes. As in nginx it is one of the server that its host names, and before
   * that is read, of the one that the client said by SNI.
   */
  #refuse(
    { method, target, minorVersion = 0 }: { method: string; target: string; minorVersion?: 0 | 1 },
    fields: readonly string[],
    { status, reason, isOfLine = false }: HeadRefusal,
    isTypeKnown = true,
  ): void {
    this.#headSinceMs = -1
    this.#input.stop()
    const contentType = isTypeKnown ? fieldOf(fields, "content-type") : undefined
    const head = headOfMalformed(method, target, this.#scheme, contentType)
    const host = isOfLine ? this.record.tls?.serverName : fieldOf(fields, "host")
    const fallback = this.openListener.router.fallback(host ?? "")
    const what = { ...failure("bad_request", reason, true), httpStatus: status, grpcStatus: -1 }
    const answered = { method, minorVersion, contentType, ...NOT_READ }
    this.serve(this.#http1.openCall, head, withFailure(fallback, what), answered, true)
  }

  onLimit(counter: CounterName): void {
    this.options.context.counters.add(counterIds[counter])
    this.#logOnce.warn(counter, `limit reached: ${counter}`)
  }

  get #logOnce(): LogOnce {
    const { remoteAddress, remotePort } = this.record
    return (this.#saidOnce ??= new LogOnce(this.options.context.log, {
      client: `${remoteAddress}:${remotePort}`,
    }))
  }

  /** From here on what comes is no request: the socket that it is written to and read from. */
  switchProtocol(): Http1Socket {
    const { link, context } = this.options
    const { budget, limits } = context
    const socket = new Http1Socket({ link, output: this.output, budget, graceMs: limits.drainTimeoutMs })
    this.#held.release()
    this.#socket = socket
    this.#input.passOn((octets, start, end) => socket.receive(octets, start, end))
    return socket
  }

  // ---- Http1StreamHost ----------------------------------------------------------------------------------------

  get streamWindowOctets(): number {
    return this.options.context.limits.streamWindowOctets
  }

  onWritten(): void {
    this.#count()
  }

  hold(): void {
    this.#input.hold()
  }

  release(): void {
    this.#input.release()
  }

  onStreamClosed({ owner }: Http1Stream, isReusable: boolean): void {
    this.#stream = null
    if (owner !== null) this.streams.delete(owner)
    this.#idleSinceMs = this.options.context.clock.now()
    if (isReusable && (!this.#isDraining || this.#input.hasAhead)) this.#input.goOn()
    else this.#end()
  }

  // ---- Time and ending ----------------------------------------------------------------------------------------

  tick(nowMs: number): void {
    const { context, listener, sinceMs } = this.options
    if (this.#isEnding) return
    if (this.#input.isInTrailers) return this.#tickInTrailers(nowMs)
    if (this.streams.size > 0) return
    if (this.#headSinceMs >= 0) {
      if (nowMs - this.#headSinceMs <= headerTimeoutMsOf(listener, context.limits)) return
      this.onLimit("header_block_timeout")
      this.record.requests++
      this.#refuse(NO_LINE, [], { status: 408, reason: "the head did not end in time", isOfLine: true })
    } else if (this.record.requests === 0) {
      // As before any protocol is known: a client that says nothing is not waited for as one that has asked something.
      if (nowMs - sinceMs <= context.limits.prefaceTimeoutMs) return
      this.onLimit("preface_timeout")
      this.destroy()
    } else if (nowMs - this.#idleSinceMs > idleTimeoutMsOf(listener, context.limits, this.record.requests))
      this.#end()
  }

  /** They have the time of a head, as trailers of HTTP/2 have. */
  #tickInTrailers(nowMs: number): void {
    const { context, listener } = this.options
    if (this.#trailersSinceMs < 0) this.#trailersSinceMs = nowMs
    if (nowMs - this.#trailersSinceMs <= headerTimeoutMsOf(listener, context.limits)) return
    this.onLimit("header_block_timeout")
    this.#failBody(failure("body_timeout", "the request's trailers did not end in time"))
  }

  drain(): void {
    this.#isDraining = true
    // What was sent before anybody was told is served: the next request is the last then.
    if (!this.#input.hasAhead) this.#stream?.drain()
    // A request whose head has begun, or that waits for the answers before it to be read, is answered first.
    if (this.streams.size === 0 && this.#headSinceMs < 0 && !this.#input.hasAhead) this.#end()
  }

  /** As nginx has it: a request that is on its way to an idle connection would be lost if that were ended. */
  retire(): void {
    this.#isRetired = true
    if (!this.#input.hasAhead) this.#stream?.drain()
  }

  get openListener(): OpenListener {
    return this.options.openListener
  }

  get overflowOctets(): number {
    return this.#socket?.heldOctets ?? this.#held.octets - (this.#stream?.queuedOctets ?? 0)
  }

  cut(): void {
    this.destroy()
  }

  abort(reason: string): void {
    for (const stream of [...this.streams]) stream.fail(failure("shutdown", reason))
    this.#end()
  }

  /** Closes behind what was written. The client has time to close its side. */
  #end(): void {
    if (this.#isEnding) return
    this.#isEnding = true
    this.#input.stop()
    if (this.#socket !== null) this.#socket.end()
    else this.options.link.end(this.options.context.limits.drainTimeoutMs)
  }

  destroy(): void {
    this.#isEnding = true
    this.#input.stop()
    if (this.#socket !== null) return void this.#socket.destroy()
    this.options.link.flush()
    this.options.link.destroy()
  }

  abortOutput(): void {
    this.#isEnding = true
    this.#input.stop()
    const { link } = this.options
    abortLink(link, () => link.destroy())
  }

  #close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.destroy()
    this.#held.release()
    this.#stream?.gone()
    this.options.onClosed(this)
  }
}

interface KnownRequest {
  readonly request: Http1Request
  readonly head: RequestHead
}

interface HeadRefusal extends Refusal {
  /** No field was looked at. */
  readonly isOfLine?: boolean
}

/** In origin form or absolute form. */
const IS_TARGET = /^(?:\/|https?:\/\/)/i
const FAULT_MESSAGE = "connection ended for the client's fault"
const FAULT_COUNTERS: Readonly<Record<HeadFault["kind"], CounterName>> = {
  malformed: "header_malformed",
  too_large: "http1_head_too_large",
  too_many_fields: "header_fields_exceeded",
}
const TARGET_TOO_LONG = 414
/** nginx's own number, which `error_page` may name. */
const HEAD_TOO_LARGE = 494
const NO_LINE = { method: "", target: "" }
/** Of a refused request no body is read. */
const NOT_READ = { isPersistent: false, hasBody: false, expectsContinue: false, isRefused: true } as const

function fieldOf(fields: readonly string[], name: string): string | undefined {
  const at = fields.indexOf(name)
  return at >= 0 && at % 2 === 0 ? fields[at + 1] : undefined
}
