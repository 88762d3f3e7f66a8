import type { Socket } from "node:net"
import { type CounterName, counterIds } from "../../base/counters.ts"
import { Keepalive } from "../../base/keepalive.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool, PooledConnection } from "../../cluster/pool.ts"
import type { ClusterConfig } from "../../config/model.ts"
import { Http2Connection } from "../../http2/connection.ts"
import { ErrorCode, errorCodeName, type Fault, fault } from "../../http2/error-code.ts"
import type { ConnectionEvents, StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead, ResponseHead } from "../../http2/message-head.ts"
import type { Http2Stream } from "../../http2/stream.ts"
import { SaidOnce } from "../../log/said-once.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import type { Exchange } from "../call/call.ts"
import type { RelayContext } from "../context.ts"
import { shedConnectionLater } from "../overload/reset-largest.ts"
import { HastenedPing } from "./hastened-ping.ts"
import { ResetMeter } from "./reset-meter.ts"

type OnOctets = (octets: Buffer, length: number) => void

/** What an upstream connection is made from. */
export interface UpstreamOptions {
  context: RelayContext
  endpoint: Endpoint
  pool: Pool<UpstreamConnection>
  cluster: ClusterConfig
  /** Starts the socket. */
  dial: (onOctets: OnOctets) => Socket
  link: (socket: Socket) => Link
  onClosed: (connection: UpstreamConnection) => void
}

/** A PING this late makes new streams go elsewhere, where there is an elsewhere. */
const LATE_PING_MS = 2000

/** What came first was no HTTP/2: an HTTP/1.1 server says so with this. */
const HTTP1_ANSWER = Buffer.from("HTTP/1.", "latin1")

/** One connection to an endpoint: the client's role of HTTP/2, a member of the endpoint's pool. */
export class UpstreamConnection implements ConnectionEvents<Exchange>, PooledConnection, LinkUser {
  streamsOpen = 0
  readonly endpoint: Endpoint
  readonly http2: Http2Connection<Exchange>
  readonly #context: RelayContext
  readonly #pool: Pool<UpstreamConnection>
  readonly #cluster: ClusterConfig
  readonly #link: Link
  readonly #onClosed: (connection: UpstreamConnection) => void
  readonly #said: SaidOnce
  readonly #keepalive: Keepalive
  readonly #hastenedPing: HastenedPing
  /** Counted in the endpoint's `silentConnections`. */
  #isSilent = false
  readonly startedMs: number
  hasServed = false
  #isRetired = false
  #isGone = false
  #requests = 0
  readonly #resets: ResetMeter
  #idleSinceMs: number
  /** The socket, and TLS on it, is there. */
  #isUp = false
  /** Something has come. */
  #hasHeard = false

  constructor(options: UpstreamOptions) {
    const { context, endpoint, cluster } = options
    const nowMs = context.clock.now()
    this.#context = context
    this.#pool = options.pool
    this.#cluster = cluster
    this.endpoint = endpoint
    this.#onClosed = options.onClosed
    this.startedMs = nowMs
    this.#idleSinceMs = nowMs
    this.#said = new SaidOnce(context.log, { cluster: cluster.name, endpoint: endpoint.address })
    this.#keepalive = new Keepalive(endpoint.keepalive ?? cluster.keepalive, nowMs)
    this.#hastenedPing = new HastenedPing(context.limits, nowMs)
    this.#resets = new ResetMeter(context.limits, nowMs)
    this.http2 = new Http2Connection<Exchange>({
      role: "client",
      limits: context.limits,
      events: this,
      nowMs,
      budget: context.budget,
    })
    const socket = options.dial((octets, length) => this.#link.received(octets, 0, length))
    this.#link = options.link(socket)
    this.#link.use(this)
    this.http2.start()
  }

  // ---- PooledConnection ---------------------------------------------------------------------------------------

  get isReady(): boolean {
    return this.http2.isReady
  }

  get isUsable(): boolean {
    const { http2 } = this
    return (
      !this.#isRetired && !this.#isGone && !http2.isDraining && http2.streamIdsLeft > 0 && !this.#isClogged
    )
  }

  /** No window holds heads back, so an endpoint that reads nothing is sent no more of them. */
  get #isClogged(): boolean {
    return this.http2.output.unsentOctets >= 2 * this.#context.limits.unsentOctetsMax
  }

  get capacity(): number {
    const own = this.#cluster.maxStreamsPerConnection ?? this.#context.limits.streamsMax
    return Math.min(own, this.http2.peerMaxConcurrentStreams)
  }

  /** Gives a lease back. */
  release(): void {
    this.#requests++
    const { maxRequestsPerConnection } = this.#cluster
    if (maxRequestsPerConnection !== null && this.#requests >= maxRequestsPerConnection) this.retire()
    this.#retireIfManyWereReset()
    this.#pool.release(this)
    if (this.streamsOpen === 0) this.#idleSinceMs = this.#context.clock.now()
  }

  #retireIfManyWereReset(): void {
    const nowMs = this.#context.clock.now()
    if (this.#isRetired || !this.#resets.isFull(this.http2.sender.resetsSent, nowMs)) return
    this.onLimit("upstream_resets_exceeded")
    this.retire()
  }

  /** With all the time of a keepalive's PING: some servers read none before their first answer. */
  prove(): boolean {
    const nowMs = this.#context.clock.now()
    if (!this.#hastenedPing.isPermitted(nowMs)) return false
    this.#ping(nowMs, this.#keepalive.timeoutMs)
    return true
  }

  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.#pool.retired(this)
    this.http2.drain("no longer needed")
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
    this.#hastenedPing.received(this.http2.streamIdsLeft)
    if (this.#isSilent) this.#silent(false)
    const isFirst = !this.#hasHeard
    this.#hasHeard = true
    if (isFirst && isHttp1(octets, start, end)) {
      return this.http2.receiveEnd("it answered in HTTP/1.1, not HTTP/2")
    }
    this.http2.receive(octets, start, end, nowMs)
  }

  receiveEnd(reason: string): void {
    this.http2.receiveEnd(reason)
  }

  drained(): void {
    this.http2.drained()
    if (this.#pool.waiting > 0 || this.#pool.isSaturated) this.#pool.changed()
  }

  // ---- ConnectionEvents ---------------------------------------------------------------------------------------

  onRequest(_stream: Http2Stream<Exchange>, _head: RequestHead, _endStream: boolean): void {}

  onOversizedRequest(): void {}

  onResponse(stream: Http2Stream<Exchange>, head: ResponseHead, endStream: boolean): void {
    this.hasServed = true
    this.#hastenedPing.answered()
    stream.owner!.onResponse(head, endStream)
  }

  onInformational(stream: Http2Stream<Exchange>, head: ResponseHead): void {
    stream.owner!.onInformational(head)
  }

  onData(
    stream: Http2Stream<Exchange>,
    octets: Buffer,
    start: number,
    end: number,
    endStream: boolean,
  ): void {
    this.#hastenedPing.answered()
    stream.owner!.onResponseData(octets, start, end, endStream)
  }

  onTrailers(stream: Http2Stream<Exchange>, trailers: HeaderList): void {
    this.#hastenedPing.answered()
    stream.owner!.onResponseTrailers(trailers)
  }

  onReset(stream: Http2Stream<Exchange>, end: StreamEnd): void {
    stream.owner!.onUpstreamReset(end)
  }

  onTaken(stream: Http2Stream<Exchange>, octets: number): void {
    stream.owner!.onUpstreamTaken(octets)
  }

  onOutput(): void {
    // Before the constructor is through there is no link yet; it looks at the output when it is used first.
    this.#link?.schedule()
  }

  onQueueExceeded(): void {
    const endpoint = this.endpoint.address
    shedConnectionLater(this.#context, this.http2, { endpoint }, (reason) => this.#cut(reason))
  }

  onMuchOutput(): void {
    this.#link.flush()
  }

  onSettings(): void {
    this.#pool.settingsReceived(this)
  }

  onPaused(): void {
    const tooManyFrames = this.http2.output.controlFrames >= this.#context.limits.controlFramesQueuedMax
    this.onLimit(tooManyFrames ? "control_frames_queued" : "unsent_octets_paused")
  }

  onPong(): void {
    this.#hastenedPing.acknowledged()
    this.#pool.proven(this)
  }

  onLimit(counter: string): void {
    this.#context.counters.add(counterIds[counter as CounterName])
    this.#said.warn(counter, `limit reached: ${counter}`)
  }

  onGoaway(code: number, debug: string): void {
    if (code === ErrorCode.ENHANCE_YOUR_CALM) {
      this.endpoint.keepalive = this.#keepalive.calmed(this.#context.limits.pingIntervalMaxMs)
      this.#context.counters.add(counterIds.keepalive_calmed)
    }
    if (code !== ErrorCode.NO_ERROR)
      this.#said.warn("goaway", "GOAWAY from endpoint", {
        code: errorCodeName(code),
        debug: debug.slice(0, 100),
      })
    this.#pool.lost(this)
  }

  onEnd(because: Fault | null): void {
    this.#close(because)
  }

  // ---- Time and ending ----------------------------------------------------------------------------------------

  /** Once a second. */
  tick(nowMs: number): void {
    const { http2 } = this
    if (!this.#isUp && !this.#lookIfUp(nowMs)) return
    http2.tick(nowMs, this.#link.isPaused)
    if (http2.isClosed) return
    const hasStreams = this.streamsOpen > 0
    const wish = this.#keepalive.check(nowMs, hasStreams, this.#link.isPaused)
    if (wish === "dead") return this.#dead(nowMs)
    if (wish === "ping") {
      this.#hastenedPing.sent(nowMs, hasStreams)
      http2.ping()
    } else if (this.#hastenedPing.isDue(nowMs, http2.streamIdsLeft)) this.#hasten(nowMs)
    if (!this.#isSilent && this.#keepalive.isUnansweredFor(LATE_PING_MS, nowMs)) this.#silent(true)
    const { idleTimeoutMs, maxConnectionAgeMs } = this.#cluster
    const isIdleTooLong =
      idleTimeoutMs !== null && this.streamsOpen === 0 && nowMs - this.#idleSinceMs > idleTimeoutMs
    const isTooOld = maxConnectionAgeMs !== null && nowMs - this.startedMs > maxConnectionAgeMs
    if (http2.isReady && (isIdleTooLong || isTooOld)) this.retire()
  }

  /**
   * Asks after a peer that may be frozen. One that has not acknowledged SETTINGS is not judged: it may be one that does so
   * with its first answer. Nor is one that we do not read.
   */
  #hasten(nowMs: number): void {
    const { limits, counters } = this.#context
    if (!this.http2.isSettingsAcked || this.#link.isPaused || this.http2.isClosed) return
    if (this.#keepalive.isUnansweredFor(0, nowMs) || !this.#hastenedPing.isPermitted(nowMs)) return
    counters.add(counterIds.ping_hastened)
    this.#ping(nowMs, limits.hastenedPingTimeoutMs)
  }

  #ping(nowMs: number, withinMs: number): void {
    this.#keepalive.asked(nowMs, withinMs)
    this.#hastenedPing.sent(nowMs, this.streamsOpen > 0)
    this.http2.ping()
  }

  /** The other connections to the endpoint are asked at once: they may be as dead as this one. */
  #dead(nowMs: number): void {
    this.#context.counters.add(counterIds.ping_timeout)
    for (const other of this.#pool.connections) if (other !== this && other.isReady) other.#hasten(nowMs)
    this.http2.receiveEnd(`no answer to PING within ${this.#keepalive.answerWithinMs} ms`)
  }

  #silent(is: boolean): void {
    this.#isSilent = is
    this.endpoint.silentConnections += is ? 1 : -1
  }

  /** HTTP/2 counts its time from when it can be heard. Until then it may take as long as somebody is willing to wait. */
  #lookIfUp(nowMs: number): boolean {
    this.#isUp = this.#link.isUp
    if (this.#isUp) this.http2.connected(nowMs)
    else {
      const mostMs = Math.max(this.#context.limits.prefaceTimeoutMs, this.#pool.waitTimeoutMs)
      if (nowMs - this.startedMs > mostMs) this.http2.receiveEnd(`no connection within ${mostMs} ms`)
    }
    return this.#isUp
  }

  /** Ends it now; its streams are told. */
  abort(reason: string): void {
    this.http2.fail(fault(ErrorCode.CANCEL, reason))
  }

  #cut(reason: string): void {
    this.http2.fail(fault(ErrorCode.ENHANCE_YOUR_CALM, reason))
    this.#link.destroy()
  }

  /** `reason` of the last `receiveEnd` came to the streams already; here the endpoint's part is settled. */
  #close(because: Fault | null): void {
    if (this.#isGone) return
    this.#isGone = true
    if (this.#isSilent) this.#silent(false)
    const wasReady = this.http2.isReady
    const { reason, streamsLost } = this.http2.ending
    // Retired before it was established: not a failure.
    if (!wasReady && !this.#isRetired) this.#pool.connectFailed(this, reason)
    else this.#pool.lost(this, streamsLost > 0 ? reason : null)
    if (because !== null)
      this.#said.warn("fault", "connection to endpoint failed", { code: errorCodeName(because.code), reason })
    const { limits, counters } = this.#context
    this.#link.end(limits.drainTimeoutMs, () => counters.add(counterIds.drain_timeout))
    this.#onClosed(this)
  }
}

function isHttp1(octets: Buffer, start: number, end: number): boolean {
  const length = Math.min(HTTP1_ANSWER.length, end - start)
  return octets.compare(HTTP1_ANSWER, 0, length, start, start + length) === 0
}
