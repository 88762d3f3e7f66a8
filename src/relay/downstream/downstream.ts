import { type CounterName, counterIds, isLimitReached } from "../../base/counters.ts"
import { Keepalive, type KeepaliveSettings } from "../../base/keepalive.ts"
import type { ListenerConfig } from "../../config/model.ts"
import { Http2Connection } from "../../http2/connection.ts"
import { ErrorCode, errorCodeName, type Fault, fault } from "../../http2/error-code.ts"
import type { ConnectionEvents, Refusal, StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import { headAsFarAsKnown, type RequestHead, type ResponseHead } from "../../http2/message-head.ts"
import type { Http2Stream } from "../../http2/stream.ts"
import { LogOnce } from "../../log/log-once.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import { type Failure, failure } from "../../record/failure.ts"
import type { ConnectionRecord } from "../../record/record.ts"
import type { DownstreamStream, StreamOwner } from "../call/stream-owner.ts"
import { resetLargestLater } from "../overload/reset-largest.ts"
import type { Route } from "../route/route.ts"
import type { ClientConnection } from "./client-connection.ts"
import type { DownstreamContext } from "./downstream-context.ts"
import {
  headerTimeoutMsOf,
  idleTimeoutMsOf,
  isLastRequest,
  maxConcurrentStreamsOf,
} from "./listener-limits.ts"
import type { OpenListener } from "./listener-view.ts"

/** Something that can own a stream, to be started once it does; `isRefused`: to fail, and never to be started. */
export type OpenStream = (
  connection: ConnectionRecord,
  stream: DownstreamStream,
  head: RequestHead,
  route: Route,
  isRefused?: boolean,
) => StreamOwner & { start(): void }

type Stream = Http2Stream<StreamOwner>

/** nginx's own number, which `error_page` may name. */
const HEADER_TOO_LARGE = 494

/** How dead clients are found. gRPC clients put up with PINGs from a server as often as this. */
const DOWNSTREAM_KEEPALIVE: KeepaliveSettings = { intervalMs: 60_000, timeoutMs: 20_000 }

export interface DownstreamOptions {
  context: DownstreamContext
  openListener: OpenListener
  /** Its configuration when the client came. */
  listener: ListenerConfig
  record: ConnectionRecord
  link: Link
  /** When the client came; what it sent may have been waited for. */
  sinceMs: number
  /** When the first of what it sent came, where that was before its protocol was known; else -1. */
  firstOctetMs: number
  /** Makes the call of a stream, or the bridge to one. It is not under way before `start`. */
  openStream: OpenStream
  onClosed: (connection: ClientConnection) => void
  /** The client speaks another protocol from here on: `next` goes on in the place of `before`. */
  onReplaced: (before: ClientConnection, next: ClientConnection) => void
}

/** One client's connection: the server's role of HTTP/2. Every stream becomes a call. */
export class DownstreamConnection implements ConnectionEvents<StreamOwner>, ClientConnection, LinkUser {
  place = -1
  readonly record: ConnectionRecord
  readonly openListener: OpenListener
  readonly http2: Http2Connection<StreamOwner>
  readonly #context: DownstreamContext
  readonly #listener: ListenerConfig
  readonly #link: Link
  readonly #openStream: OpenStream
  readonly #onClosed: (connection: ClientConnection) => void
  /** Made once there is something to say. */
  #saidOnce: LogOnce | null = null
  readonly #keepalive: Keepalive
  #idleSinceMs: number
  #requestsAtTick = 0

  constructor(options: DownstreamOptions) {
    const { context, listener, record, link } = options
    const nowMs = context.clock.now()
    this.#context = context
    this.openListener = options.openListener
    this.#listener = listener
    this.record = record
    this.#link = link
    this.#openStream = options.openStream
    this.#onClosed = options.onClosed
    this.#idleSinceMs = nowMs
    this.#keepalive = new Keepalive(DOWNSTREAM_KEEPALIVE, nowMs)
    this.http2 = new Http2Connection<StreamOwner>({
      role: "server",
      limits: context.limits,
      events: this,
      nowMs: options.sinceMs,
      budget: context.budget,
      maxConcurrentStreams: maxConcurrentStreamsOf(listener, context.limits),
      headerBlockTimeoutMs: headerTimeoutMsOf(listener, context.limits),
    })
    link.use(this)
    this.http2.start()
  }

  get #logOnce(): LogOnce {
    const { remoteAddress, remotePort } = this.record
    return (this.#saidOnce ??= new LogOnce(this.#context.log, { client: `${remoteAddress}:${remotePort}` }))
  }

  // ---- LinkUser -----------------------------------------------------------------------------------------------

  get output() {
    return this.http2.output
  }

  get shouldPauseReading(): boolean {
    return this.http2.shouldPauseReading
  }

  receive(octets: Buffer, start: number, end: number): void {
    const nowMs = this.#context.clock.now()
    this.#keepalive.received(nowMs)
    this.http2.receive(octets, start, end, nowMs)
  }

  receiveEnd(reason: string): void {
    this.http2.receiveEnd(reason)
  }

  drained(): void {
    this.http2.drained()
  }

  // ---- ConnectionEvents ---------------------------------------------------------------------------------------

  onRequest(stream: Stream, head: RequestHead, _endStream: boolean): void {
    const { record } = this
    record.requests++
    const route = this.openListener.router.match(head.authority, head.path)
    if (route === null) {
      this.onLimit("path_refused")
      const what = failure("bad_request", "malformed request: the path has no meaning", true)
      return this.#refuse(stream, head, what)
    }
    const owner = this.#openStream(record, stream, head, route)
    stream.owner = owner
    owner.start()
    if (isLastRequest(this.#listener, record.requests)) this.http2.drain("keepalive_requests")
  }

  onRefusedRequest(stream: Stream, list: HeaderList, { counter, reason }: Refusal): void {
    this.record.requests++
    const what =
      counter === "header_malformed" || counter === "content_length_mismatch"
        ? failure("bad_request", `malformed request: ${reason}`, true)
        : { ...failure("headers_too_large", reason, true), httpStatus: HEADER_TOO_LARGE }
    this.#refuse(stream, headAsFarAsKnown(list), what)
  }

  onRequestFault(stream: Stream, code: number, reason: string): void {
    const kind = code === ErrorCode.ENHANCE_YOUR_CALM ? "headers_too_large" : "bad_request"
    stream.owner!.fail(failure(kind, `malformed request: ${reason}`))
  }

  /** Answers a request that goes nowhere, in the terms of its client's protocol. It is logged as any other is. */
  #refuse(stream: Stream, head: RequestHead, what: Failure): void {
    const { router } = this.openListener
    const route = router.match(head.authority, head.path) ?? router.fallback(head.authority)
    const owner = this.#openStream(this.record, stream, head, route, true)
    stream.owner = owner
    owner.fail(what)
  }

  onData(stream: Stream, octets: Buffer, start: number, end: number, endStream: boolean): void {
    stream.owner!.onRequestData(octets, start, end, endStream)
  }

  onTrailers(stream: Stream, trailers: HeaderList): void {
    stream.owner!.onRequestTrailers(trailers)
  }

  onReset(stream: Stream, end: StreamEnd): void {
    stream.owner!.onDownstreamReset(end)
  }

  excusesReset({ owner }: Stream): boolean {
    const { cutCalls, clock } = this.#context
    return cutCalls.excuses(owner!.record, clock.now())
  }

  onSent(stream: Stream, octets: number): void {
    stream.owner!.onDownstreamSent(octets)
  }

  onResponse(_stream: Stream, _head: ResponseHead, _endStream: boolean): void {}

  onInformational(_stream: Stream, _head: ResponseHead): void {}

  onOutput(): void {
    this.#link.schedule()
  }

  onQueueExceeded(): void {
    const client = `${this.record.remoteAddress}:${this.record.remotePort}`
    resetLargestLater(this.#context, this.http2, { client }, (reason) => this.cut(reason))
  }

  onMuchOutput(): void {
    this.#link.flush()
  }

  onSettings(): void {
    // Not an error: counted, not logged.
    const { counters, limits } = this.#context
    const isReduced = this.http2.sender.peer.headerTableSize > limits.encoderTableOctets
    if (isReduced) counters.add(counterIds.header_table_reduced)
  }

  onPaused(): void {
    const tooManyFrames = this.http2.output.controlFrames >= this.#context.limits.controlFramesQueuedMax
    this.onLimit(tooManyFrames ? "control_frames_queued" : "unsent_octets_paused")
  }

  onPong(): void {}

  onGoaway(code: number, debug: string): void {
    if (code === ErrorCode.NO_ERROR) return
    this.#logOnce.info("goaway", "GOAWAY from client", {
      code: errorCodeName(code),
      debug: debug.slice(0, 100),
    })
  }

  onLimit(counter: string): void {
    this.#context.counters.add(counterIds[counter as CounterName])
    if (isLimitReached(counter)) this.#logOnce.warn(counter, `limit reached: ${counter}`)
  }

  onEnd(because: Fault | null): void {
    // Our own order, as `abort`, ends it without one.
    if (because !== null && because.code !== ErrorCode.NO_ERROR)
      this.#logOnce.warn("fault", "connection ended for the client's fault", {
        code: errorCodeName(because.code),
        reason: because.reason,
      })
    const { limits, counters } = this.#context
    this.#link.end(limits.drainTimeoutMs, () => counters.add(counterIds.drain_timeout))
    this.#onClosed(this)
  }

  get overflowOctets(): number {
    return this.http2.sender.overflowOctets
  }

  get streams(): Iterable<StreamOwner> {
    return [...this.http2.streams.values()].flatMap(({ owner }) => owner ?? [])
  }

  // ---- Time and ending ----------------------------------------------------------------------------------------

  /** Once a second. */
  tick(nowMs: number): void {
    const { http2 } = this
    http2.tick(nowMs, this.#link.isPaused)
    if (http2.isClosed) return
    const hasStreams = http2.streams.size > 0
    const wish = this.#keepalive.check(nowMs, hasStreams, this.#link.isPaused)
    if (wish === "ping") http2.ping()
    else if (wish === "dead") {
      this.#context.counters.add(counterIds.ping_timeout)
      http2.receiveEnd("no answer to PING")
      this.#link.destroy()
      return
    }
    const { requests } = this.record
    // Calls that are over within a second are never open at a tick.
    if (hasStreams || requests !== this.#requestsAtTick) this.#idleSinceMs = nowMs
    this.#requestsAtTick = requests
    const idleTimeoutMs = idleTimeoutMsOf(this.#listener, this.#context.limits, requests)
    if (nowMs - this.#idleSinceMs > idleTimeoutMs) http2.drain("idle")
  }

  /** Takes no new streams and ends once the last is over. */
  drain(): void {
    this.http2.drain("shutting down")
  }

  /** Ends what is still open, each stream with UNAVAILABLE, then the connection. */
  abort(reason: string): void {
    const what: Failure = failure("shutdown", reason)
    for (const stream of [...this.http2.streams.values()]) stream.owner?.fail(what)
    this.http2.fail(fault(ErrorCode.NO_ERROR, reason))
  }

  cut(reason: string): void {
    this.http2.fail(fault(ErrorCode.ENHANCE_YOUR_CALM, reason))
    this.#link.destroy()
  }
}
