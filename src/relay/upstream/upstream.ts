import { counterIds } from "../../base/counters.ts"
import type { Endpoint } from "../../cluster/endpoint.ts"
import type { Pool } from "../../cluster/pool.ts"
import type { ClusterConfig } from "../../config/model.ts"
import { Http2Connection } from "../../http2/connection.ts"
import { ErrorCode, type Fault, fault } from "../../http2/error-code.ts"
import type { ConnectionEvents, StreamEnd } from "../../http2/events.ts"
import type { HeaderList } from "../../http2/header-list.ts"
import type { RequestHead, ResponseHead } from "../../http2/message-head.ts"
import type { Http2Stream } from "../../http2/stream.ts"
import type { Link, LinkUser } from "../../net/link.ts"
import { resetLargestLater } from "../overload/reset-largest.ts"
import { lookIfUp } from "./establishing.ts"
import { isHttp1Answer } from "./http1-answer.ts"
import type { LegConnection } from "./leg-connection.ts"
import { Liveness, type LivenessHost } from "./liveness.ts"
import { Retirement } from "./retirement.ts"
import type { UpstreamStreamOwner } from "./stream-owner.ts"
import type { UpstreamContext } from "./upstream-context.ts"
import { UpstreamLog } from "./upstream-log.ts"
import type { UpstreamOptions } from "./upstream-options.ts"

type Stream = Http2Stream<UpstreamStreamOwner>

/** One connection to an endpoint: the client's role of HTTP/2, a member of the endpoint's pool. */
export class UpstreamConnection
  implements ConnectionEvents<UpstreamStreamOwner>, LegConnection, LinkUser, LivenessHost
{
  streamsOpen = 0
  readonly endpoint: Endpoint
  readonly http2: Http2Connection<UpstreamStreamOwner>
  readonly #context: UpstreamContext
  readonly #pool: Pool<LegConnection>
  readonly #cluster: ClusterConfig
  readonly #link: Link
  readonly #onClosed: (connection: UpstreamConnection) => void
  readonly #log: UpstreamLog
  readonly #liveness: Liveness
  readonly startedMs: number
  hasServed = false
  /** Either end has said that it goes, and not for a fault: what ends with it is no failure of the endpoint's. */
  isLeaving = false
  #isRetired = false
  #isGone = false
  readonly #retirement: Retirement
  /** The socket, and TLS on it, is there. */
  #isUp = false
  #hasHeard = false

  constructor(options: UpstreamOptions<UpstreamConnection>) {
    const { context, endpoint, cluster } = options
    const nowMs = context.clock.now()
    this.#context = context
    this.#pool = options.pool
    this.#cluster = cluster
    this.endpoint = endpoint
    this.#onClosed = options.onClosed
    this.startedMs = nowMs
    this.#log = new UpstreamLog(context.log, context.counters, cluster.name, endpoint.address)
    this.#liveness = new Liveness(this, endpoint.keepalive ?? cluster.keepalive, context, nowMs)
    this.#retirement = new Retirement(cluster, context.limits, nowMs)
    this.http2 = new Http2Connection<UpstreamStreamOwner>({
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

  get clusterName(): string {
    return this.#cluster.name
  }

  get pacedStreams(): UpstreamStreamOwner[] {
    return this.http2.streams.values().flatMap(({ owner }) => owner ?? [])
  }

  get isReady(): boolean {
    return this.http2.isReady
  }

  get isUsable(): boolean {
    const { isDraining, streamIdsLeft, output } = this.http2
    if (this.#isRetired || this.#isGone || isDraining || streamIdsLeft === 0) return false
    // Flow control does not cover HEADERS: no stream is opened while the endpoint is not reading.
    return output.unsentOctets < 2 * this.#context.limits.unsentOctetsMax
  }

  get capacity(): number {
    const own = this.#cluster.maxStreamsPerConnection ?? this.#context.limits.streamsMax
    return Math.min(own, this.http2.peerMaxConcurrentStreams)
  }

  get headerListMax(): number {
    return this.http2.sender.peer.maxHeaderListSize
  }

  open(list: HeaderList, endStream: boolean, isHead: boolean, owner: UpstreamStreamOwner): Stream {
    return this.http2.open(list, endStream, isHead, owner)
  }

  /** Gives a lease back. */
  release(): void {
    const nowMs = this.#context.clock.now()
    if (this.#retirement.streamEnded(nowMs)) this.retire()
    if (!this.#isRetired && this.#retirement.hasManyResets(this.http2.sender.resetsSent, nowMs)) {
      this.#log.manyResets(this.#context.limits.upstreamResetsMax)
      this.retire()
    }
    this.#pool.release(this)
  }

  prove(): boolean {
    return this.#liveness.prove(this.#context.clock.now())
  }

  retire(): void {
    if (this.#isRetired) return
    this.#isRetired = true
    this.isLeaving = true
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
    this.#liveness.received(nowMs)
    if (!this.#hasHeard && isHttp1Answer(octets, start, end))
      return this.http2.receiveEnd("it answered in HTTP/1.1, not HTTP/2")
    this.#hasHeard = true
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

  onRequest(_stream: Stream, _head: RequestHead, _endStream: boolean): void {}

  onRefusedRequest(): void {}

  onRequestFault(): void {}

  onResponse(stream: Stream, head: ResponseHead, endStream: boolean): void {
    this.hasServed = true
    this.#liveness.answered()
    stream.owner!.onResponse(head, endStream)
  }

  onInformational(stream: Stream, head: ResponseHead): void {
    stream.owner!.onInformational(head)
  }

  onData(stream: Stream, octets: Buffer, start: number, end: number, endStream: boolean): void {
    this.#liveness.answered()
    stream.owner!.onResponseData(octets, start, end, endStream)
  }

  onTrailers(stream: Stream, trailers: HeaderList): void {
    this.#liveness.answered()
    stream.owner!.onResponseTrailers(trailers)
  }

  onReset(stream: Stream, end: StreamEnd): void {
    stream.owner!.onUpstreamReset(end)
  }

  onSent(stream: Stream, octets: number): void {
    stream.owner!.onUpstreamSent(octets)
  }

  onOutput(): void {
    // Before the constructor is through there is no link yet; it looks at the output when it is used first.
    this.#link?.schedule()
  }

  onQueueExceeded(): void {
    const endpoint = this.endpoint.address
    resetLargestLater(this.#context, this.http2, { endpoint }, (reason) => this.#cut(reason))
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
    this.#liveness.acknowledged()
    this.#pool.proven(this)
  }

  onLimit(counter: string): void {
    this.#log.limit(counter)
  }

  onGoaway(code: number, debug: string): void {
    // PINGs that come too often for it are ours.
    const isForPings = code === ErrorCode.ENHANCE_YOUR_CALM && debug === "too_many_pings"
    this.isLeaving = this.#isRetired || isForPings || code === ErrorCode.NO_ERROR
    if (code === ErrorCode.ENHANCE_YOUR_CALM) {
      this.#liveness.backOff()
    }
    if (code !== ErrorCode.NO_ERROR) this.#log.goaway(code, debug)
    this.#pool.lost(this)
  }

  // ---- Time and ending ----------------------------------------------------------------------------------------

  /** Once a second. */
  tick(nowMs: number): void {
    const { http2 } = this
    // A stream may wait so long for it, and a handshake may take so long.
    const mostMs = Math.max(this.#context.limits.prefaceTimeoutMs, this.#pool.waitTimeoutMs)
    this.#isUp ||= lookIfUp(http2, this.#link, nowMs, this.startedMs, mostMs)
    if (!this.#isUp) return
    http2.tick(nowMs, this.#link.isPaused)
    if (http2.isClosed) return
    const death = this.#liveness.check(nowMs)
    if (death !== null) return this.#dead(death, nowMs)
    if (http2.isReady && this.#retirement.isIdleOrOld(nowMs, this.streamsOpen)) this.retire()
  }

  /** The other connections to the endpoint are asked at once: they may be as dead as this one. */
  #dead(reason: string, nowMs: number): void {
    for (const other of this.#pool.connections)
      if (other instanceof UpstreamConnection && other !== this && other.isReady)
        other.#liveness.hasten(nowMs)
    this.http2.receiveEnd(reason)
  }

  get isReadingPaused(): boolean {
    return this.#link.isPaused
  }

  /** Ends it now, by CANCEL, which no fault of the endpoint's is; its streams are told. */
  abort(reason: string): void {
    this.isLeaving = true
    this.http2.fail(fault(ErrorCode.CANCEL, reason))
  }

  #cut(reason: string): void {
    this.http2.fail(fault(ErrorCode.ENHANCE_YOUR_CALM, reason))
    this.#link.destroy()
  }

  /** Its streams know already; here the endpoint's part is settled. */
  onEnd(because: Fault | null): void {
    this.#isGone = true
    this.#liveness.end()
    const wasReady = this.http2.isReady
    const { reason, streamsLost } = this.http2.ending
    // Retired before it was established: not a failure.
    if (!wasReady && !this.#isRetired) {
      const { lacksDescriptor } = this.#link
      const limit = lacksDescriptor
        ? this.#context.descriptors.refused({ endpoint: this.endpoint.address })
        : ""
      this.#pool.connectFailed(this, reason + limit, lacksDescriptor)
    } else this.#pool.lost(this, streamsLost > 0 && !this.isLeaving ? reason : null)
    if (because !== null && because.code !== ErrorCode.CANCEL) this.#log.fault(because, reason)
    const { limits, counters } = this.#context
    this.#link.end(limits.drainTimeoutMs, () => counters.add(counterIds.drain_timeout))
    this.#onClosed(this)
  }
}
