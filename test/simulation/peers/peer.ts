import type { Limits } from "../../../src/base/limits.ts"
import { resolveLimits } from "../../../src/base/resolve-limits.ts"
import { Http2Connection } from "../../../src/http2/connection.ts"
import type { Fault } from "../../../src/http2/error-code.ts"
import type { ConnectionEvents, StreamEnd } from "../../../src/http2/events.ts"
import { Setting } from "../../../src/http2/frame/settings.ts"
import { CLIENT_PREFACE, Flag, FrameType } from "../../../src/http2/frame/types.ts"
import type { HeaderList } from "../../../src/http2/header-list.ts"
import type { RequestHead, ResponseHead } from "../../../src/http2/message-head.ts"
import { recycleChunk } from "../../../src/http2/output.ts"
import type { Http2Stream } from "../../../src/http2/stream.ts"
import { DEFAULT_WINDOW } from "../../../src/http2/window.ts"
import type { Scheduler } from "../network/scheduler.ts"
import type { LineUser, VirtualLink } from "../network/virtual-link.ts"
import type { PeerPlan, SettingsChange } from "../plan.ts"
import { Violation } from "../violation.ts"

const MANY = 2 ** 31 - 1

/** A peer holds the balancer to nothing but the protocol itself and its own table; its streams' credit it gives by hand. */
function limitsOf({ headerTableOctets }: PeerPlan): Limits {
  const known = limitsByTable.get(headerTableOctets)
  if (known !== undefined) return known
  const resolved = resolveLimits({
    headerTableOctets,
    streamWindowOctets: MANY,
    upstreamStreamWindowOctets: MANY,
    connectionWindowOctets: MANY,
    abuseBurst: 1_000_000,
    overheadOctetsMax: 2 ** 30,
    windowUpdatesPerDataMax: 100_000,
    unsentOctetsMax: 64 * 1024 * 1024,
    bufferedOctetsMax: 2 ** 33,
    pingIntervalMs: 0,
  })
  // Its connections keep to the window that all start with.
  const limits = { ...resolved.limits, connectionWindowOctets: DEFAULT_WINDOW }
  limitsByTable.set(headerTableOctets, limits)
  return limits
}

const limitsByTable = new Map<number, Limits>()

/** The handler of one stream of a peer. */
export interface PeerStreamOwner {
  /** A body may follow. */
  readonly hasSentHead: boolean
  /** Its peer breaks the protocol on its connection: what its body holds from now on says nothing. */
  spoil(): void
  onHead(list: HeaderList, endStream: boolean): void
  onData(octets: Buffer, start: number, end: number, endStream: boolean): void
  onTrailers(list: HeaderList): void
  onReset(end: StreamEnd): void
}

type Stream = Http2Stream<PeerStreamOwner>

/**
 * One end of a virtual connection that speaks HTTP/2 with the project's own core, from an unchanged copy of it, and
 * gives credit as its plan says: at once or late, for the stream and for the connection.
 */
export abstract class Peer implements ConnectionEvents<PeerStreamOwner>, LineUser {
  readonly http2: Http2Connection<PeerStreamOwner>
  readonly link: VirtualLink
  protected readonly scheduler: Scheduler
  readonly #plan: PeerPlan
  readonly #isServer: boolean
  #isFlushing = false
  /** The balancer may end it for the peer's own fault. */
  isForgiven = false

  constructor(role: "server" | "client", plan: PeerPlan, link: VirtualLink, scheduler: Scheduler) {
    this.#plan = plan
    this.#isServer = role === "server"
    this.link = link
    this.scheduler = scheduler
    const nowMs = scheduler.now()
    this.http2 = new Http2Connection<PeerStreamOwner>({ role, limits: limitsOf(plan), events: this, nowMs })
    this.#delayConnectionCredit()
    this.#delayAcknowledgement()
    this.#answerPings()
  }

  /** The connection is over, for whatever reason. Called once. */
  protected abstract onOver(): void

  // ---- LineUser -----------------------------------------------------------------------------------------------

  onConnected(): void {
    const { sender } = this.http2
    if (!this.#isServer) sender.output.raw(CLIENT_PREFACE)
    const { windowOctets, maxConcurrentStreams, headerTableOctets } = this.#plan
    const entries: [number, number][] = [
      [Setting.INITIAL_WINDOW_SIZE, windowOctets],
      [Setting.HEADER_TABLE_SIZE, headerTableOctets],
    ]
    if (maxConcurrentStreams !== null) entries.push([Setting.MAX_CONCURRENT_STREAMS, maxConcurrentStreams])
    if (!this.#isServer) entries.push([Setting.ENABLE_PUSH, 0])
    sender.settings(entries)
  }

  onOctets(octets: Buffer, length: number): void {
    this.http2.receive(octets, 0, length, this.scheduler.now())
  }

  onGone(): void {
    this.http2.receiveEnd("the connection is gone")
  }

  // ---- What a plan may have it do -----------------------------------------------------------------------------

  change(change: SettingsChange): void {
    if (this.http2.isClosed) return
    const { sender } = this.http2
    if (change.setting === "window") sender.settings([[Setting.INITIAL_WINDOW_SIZE, change.octets]])
    else if (change.setting === "table")
      sender.settings([[Setting.HEADER_TABLE_SIZE, Math.min(change.octets, this.#plan.headerTableOctets)]])
    else if (change.setting === "frame") sender.settings([[Setting.MAX_FRAME_SIZE, change.octets]])
    else sender.settings([[Setting.MAX_CONCURRENT_STREAMS, change.streams]])
  }

  /** The setting as it was before any change. */
  restore({ setting }: SettingsChange): void {
    const { windowOctets, headerTableOctets, maxConcurrentStreams } = this.#plan
    if (setting === "window") this.change({ setting, octets: windowOctets })
    else if (setting === "table") this.change({ setting, octets: headerTableOctets })
    else if (setting === "frame") this.change({ setting, octets: 16_384 })
    else this.change({ setting, streams: maxConcurrentStreams ?? 100 })
  }

  /** GOAWAY: in two steps with nothing lost, or in one. */
  goAway(manner: "drain" | "at once"): void {
    if (manner === "drain") this.http2.drain("the plan says so")
    else if (!this.http2.isClosed) this.goAwayAtOnce()
  }

  protected goAwayAtOnce(): void {
    this.http2.drain("the plan says so")
  }

  /** DATA with padding where the stream's credit has room for it all; without where not. */
  sendData(stream: Stream, octets: Buffer, padding: number, endStream: boolean): void {
    const { sender } = this.http2
    const flowOctets = octets.length + 1 + padding
    const room = Math.min(stream.sendWindow, sender.window, sender.peer.maxFrameSize)
    if (padding === 0 || stream.isClosed || stream.localEnded || stream.queue !== null || flowOctets > room) {
      stream.sendData(octets, 0, octets.length, endStream)
      return
    }
    stream.sendWindow -= flowOctets
    sender.window -= flowOctets
    const payload = Buffer.alloc(flowOctets)
    payload[0] = padding
    octets.copy(payload, 1)
    sender.output.frame(FrameType.DATA, Flag.PADDED, stream.id, payload)
    if (endStream) stream.sendData(octets, 0, 0, true)
  }

  /** Octets that have no place in HTTP/2, or should not have. */
  sendRaw(octets: Buffer): void {
    this.http2.output.raw(octets)
  }

  /** An answer to no PING, where the plan has one; before a head, so that it comes just when streams do. */
  sendStrayPong(): void {
    const { strayPong } = this.#plan
    if (strayPong !== null && !this.http2.isClosed)
      this.http2.output.frame(FrameType.PING, Flag.ACK, 0, Buffer.from(strayPong, "latin1"))
  }

  // ---- ConnectionEvents ---------------------------------------------------------------------------------------

  onRequest(_stream: Stream, _head: RequestHead, _endStream: boolean): void {}

  onResponse(stream: Stream, head: ResponseHead, endStream: boolean): void {
    stream.owner!.onHead(head.list, endStream)
  }

  onRefusedRequest(): void {}
  onRequestFault(): void {}

  onInformational(stream: Stream, head: ResponseHead): void {
    if (head.list.get("x-hint") === undefined)
      throw new Violation("head", `stream ${stream.id} of ${this.link.name}: an interim head lost its field`)
  }

  onData(stream: Stream, octets: Buffer, start: number, end: number, endStream: boolean): void {
    stream.owner!.onData(octets, start, end, endStream)
    this.#taken(stream, end - start)
  }

  onTrailers(stream: Stream, trailers: HeaderList): void {
    stream.owner!.onTrailers(trailers)
  }

  onReset(stream: Stream, end: StreamEnd): void {
    if (end.origin === "local") this.#foundFault(`stream ${stream.id}: ${end.reason}`)
    stream.owner!.onReset(end)
  }

  onSent(): void {}

  onOutput(): void {
    if (this.#isFlushing) return
    this.#isFlushing = true
    this.scheduler.soon(() => this.#flush())
  }

  onMuchOutput(): void {}
  onQueueExceeded(): void {}

  onSettings(): void {
    const { sender } = this.http2
    sender.peer.maxFrameSize = Math.min(sender.peer.maxFrameSize, this.#plan.frameOctets)
  }

  onGoaway(_code: number, _debug: string): void {}

  onPong(): void {}

  onLimit(): void {}

  onEnd(because: Fault | null): void {
    if (because !== null) this.#foundFault(because.reason)
    this.onOutput()
    this.onOver()
  }

  #foundFault(what: string): void {
    if (!this.isForgiven) throw new Violation("peer found fault", `${this.link.name}: ${what}`)
  }

  // ---- Credit and output --------------------------------------------------------------------------------------

  /** The connection gives its own credit back, also for streams that are gone; here it comes late. */
  #delayConnectionCredit(): void {
    const { sender } = this.http2
    const { connectionDelayMs } = this.#plan
    const give = sender.windowUpdate.bind(sender)
    if (connectionDelayMs === 0) return
    sender.windowUpdate = (id, increment) => {
      if (id !== 0) give(id, increment)
      else this.scheduler.in(connectionDelayMs, () => void (this.http2.isClosed || give(0, increment)))
    }
  }

  /** What the balancer asks for holds at once; only it is told late. */
  #delayAcknowledgement(): void {
    const { sender } = this.http2
    const { ackDelayMs } = this.#plan
    const acknowledge = sender.settingsAck.bind(sender)
    if (ackDelayMs === 0) return
    sender.settingsAck = () => {
      if (ackDelayMs !== null)
        this.scheduler.in(ackDelayMs, () => void (this.http2.isClosed || acknowledge()))
    }
  }

  /** The connection answers PINGs by itself; here it does so late, or twice. */
  #answerPings(): void {
    const { sender } = this.http2
    const { pongDelayMs, pongsTwice } = this.#plan
    if (pongDelayMs === 0 && !pongsTwice) return
    const send = sender.ping.bind(sender)
    sender.ping = (payload, isAck) => {
      if (!isAck) return send(payload, false)
      const copy = Buffer.from(payload)
      this.scheduler.in(pongDelayMs, () => {
        if (this.http2.isClosed) return
        send(copy, true)
        if (pongsTwice) send(copy, true)
      })
    }
  }

  /** Gives a stream the credit for `octets` back, when late in two pieces. */
  #taken(stream: Stream, octets: number): void {
    const { readDelayMs } = this.#plan
    if (readDelayMs === 0) return this.#giveStream(stream, octets)
    const first = octets >> 1
    this.scheduler.in(readDelayMs >> 1, () => this.#giveStream(stream, first))
    this.scheduler.in(readDelayMs, () => this.#giveStream(stream, octets - first))
  }

  #giveStream(stream: Stream, octets: number): void {
    if (octets > 0 && !stream.isClosed && !stream.remoteEnded)
      this.http2.sender.windowUpdate(stream.id, octets)
  }

  #flush(): void {
    this.#isFlushing = false
    const { output } = this.http2
    let octets = 0
    for (const { buffer, length } of output.take()) {
      octets += length
      this.link.write(Buffer.from(buffer.subarray(0, length)))
      recycleChunk(buffer)
    }
    output.sent(octets)
    this.http2.drained()
    if (this.http2.isClosed) this.link.end()
  }
}
